package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/incident"
	"errata/internal/store"
)

// incidentShelf has one incident, and keeps what is done to it.
type incidentShelf struct {
	*shelf
	filter store.IncidentFilter
	one    incident.Record
}

func newIncidentShelf(keys *shelf) *incidentShelf {
	at := event.Time{Time: noon}
	return &incidentShelf{shelf: keys, one: incident.Record{ID: "01970000-0000-7000-8000-0000000000aa", Number: 12, Title: "chec\x1bkout 5xx", Family: "5xx", Service: "checkout", State: detect.Firing,
		Level: detect.Page, Why: detect.Why{Rule: detect.Spike, Window: 5, Errors: 412, Requests: 5282, Rate: .078, Normal: .002}, StartedAt: at, OpenedAt: at, FiredAt: at, Peak: .091, Errors: 1922,
		Facts: incident.Facts{Customers: 37}}}
}

func (s *incidentShelf) Incidents(_ context.Context, _ int32, f store.IncidentFilter, _ int, _ string) (store.IncidentPage, error) {
	if s.filter = f; f.Service == "none" {
		return store.IncidentPage{}, nil
	}
	return store.IncidentPage{Incidents: []incident.Record{s.one}, Next: "more"}, nil
}

func (s *incidentShelf) Incident(_ context.Context, _ int32, ref string) (incident.Detail, error) {
	if ref != "INC-12" {
		return incident.Detail{}, fault.New(fault.NotFound, "incident_not_found", "There is none.")
	}
	return incident.Detail{Record: s.one, Members: []incident.Part{{Name: "POST /v1/ch\x1barges", State: detect.Firing, Level: detect.Page, Errors: 1900}},
		Events: []incident.Happened{{At: s.one.FiredAt, Kind: "acknowledged", Actor: "mi\x1ba"}}, Similar: []incident.Record{{Number: 9, Title: "checkout 5xx", StartedAt: s.one.StartedAt, ResolvedAt: &s.one.FiredAt}}}, nil
}

func (s *incidentShelf) AckIncident(_ context.Context, actor store.Actor, _ int32, _ string, now time.Time) error {
	s.one.AckedAt, s.one.AckedBy = &event.Time{Time: now}, actor.Label
	return nil
}

func (s *incidentShelf) ResolveIncident(_ context.Context, actor store.Actor, _ int32, _ string, how store.Resolution) error {
	if how.AcceptAsNormal {
		return fault.New(fault.Conflict, "incident_too_young", "Not yet.")
	}
	s.one.State, s.one.ResolvedAt, s.one.ResolvedBy = detect.Resolved, &event.Time{Time: how.At}, actor.Label
	return nil
}

func (s *incidentShelf) VoteIncident(_ context.Context, _ store.Actor, _ int32, _ string, vote incident.Vote, _ time.Time) error {
	s.one.Useful = vote
	return nil
}

func TestIncidents(t *testing.T) {
	keys, _ := newServer(t)
	s := newIncidentShelf(keys)
	var out strings.Builder
	opt, ctx := Options{Server: serve(t, s, keys).URL, Key: secret, Out: &out}, t.Context()
	require.NoError(t, ListIncidents(ctx, opt, IncidentList{State: "open", Service: "checkout", Family: "5xx", Level: "page", Limit: 10}))
	assert.Equal(t, store.IncidentFilter{Service: "checkout", Family: "5xx", Level: "page", States: []string{"firing", "recovering", "stale"}}, s.filter)
	lines := strings.Split(out.String(), "\n")
	assert.Contains(t, lines[1], "INC-12")
	assert.Contains(t, lines[1], "9.1%")
	assert.Contains(t, lines[2], "There are more")
	out.Reset()
	require.NoError(t, ListIncidents(ctx, opt, IncidentList{Service: "none", Limit: 10}))
	assert.Equal(t, "No incident matches.\n", out.String())

	out.Reset()
	require.NoError(t, ShowIncident(ctx, opt, "INC-12"))
	for _, want := range []string{"firing, page. Started ", "Rule A (spike): 7.8% of 5282 requests", "POST /v1/charges", "acknowledged by mia", "INC-9", "For customers: Since "} {
		assert.Contains(t, out.String(), want)
	}
	require.ErrorContains(t, ShowIncident(ctx, opt, "13"), "incident_not_found")
	require.ErrorContains(t, DecideIncident(ctx, opt, "INC-12", "resolve", map[string]bool{"accept_as_normal": true}), "incident_too_young")
	out.Reset()
	require.NoError(t, DecideIncident(ctx, opt, "INC-12", "ack", nil))
	require.NoError(t, DecideIncident(ctx, opt, "INC-12", "vote", map[string]string{"vote": "late"}))
	require.NoError(t, DecideIncident(ctx, opt, "INC-12", "resolve", nil))
	assert.Contains(t, out.String(), "INC-12 checkout 5xx: resolved, ")
	assert.Contains(t, out.String(), "useful: late")
	out.Reset()
	opt.JSON = true
	require.NoError(t, ListIncidents(ctx, opt, IncidentList{Limit: 1}))
	assert.Contains(t, out.String(), `"number":12`)
	assert.NotContains(t, out.String(), "\x1b")
}
