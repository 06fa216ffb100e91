package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/ruleset"
	"errata/internal/silence"
	"errata/internal/store"
)

var quiet = now.Add(30 * time.Second)

func newSilence(change ...func(s *silence.Silence)) silence.Silence {
	s := silence.Silence{Service: "billing", Reason: "we know", EndsAt: event.Time{Time: quiet.Add(time.Hour)}}
	for _, c := range change {
		c(&s)
	}
	return s
}

func (f *fixture) saveSilence(t testing.TB, s silence.Silence) silence.Silence {
	t.Helper()
	saved, err := f.SaveSilence(t.Context(), ada, store.DefaultWorkspace, quiet, s)
	require.NoError(t, err)
	return saved
}

func TestSilences(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		rule := f.saveRule(t, newRule("payments"))
		first := f.saveSilence(t, newSilence(func(s *silence.Silence) { s.RuleID = rule.ID }))
		assert.Equal(t, []any{"ada", rule.ID, quiet, "UTC"}, []any{first.CreatedBy, first.RuleID, first.StartsAt.Time, first.TimeZone})
		window := f.saveSilence(t, newSilence(func(s *silence.Silence) {
			s.Cron, s.Minutes, s.TimeZone, s.EndsAt.Time = "0 2 * * *", 60, "Europe/Berlin", quiet.Add(300*24*time.Hour)
		}))
		later := f.saveSilence(t, newSilence(func(s *silence.Silence) {
			s.StartsAt.Time, s.EndsAt.Time = quiet.Add(time.Minute), quiet.Add(2*time.Hour)
		}))

		list, err := f.WorkspaceSilences(ctx, ws, quiet)
		require.NoError(t, err)
		assert.Equal(t, []silence.Silence{first, later, window}, list)
		_, err = f.SaveSilence(ctx, ada, 2, quiet, newSilence())
		require.NoError(t, err)
		list, err = f.WorkspaceSilences(ctx, 2, quiet)
		require.NoError(t, err)
		assert.Len(t, list, 1, "workspaces share no silences")

		changed := first
		changed.Reason, changed.RuleID = "for another reason", ""
		leo := store.Actor{Kind: "session", ID: "link", Label: "leo"}
		second, err := f.SaveSilence(ctx, leo, ws, quiet, changed)
		require.NoError(t, err)
		assert.Equal(t, []any{first.ID, "for another reason", "ada", ""}, []any{second.ID, second.Reason, second.CreatedBy, second.RuleID})

		ended, err := f.EndSilence(ctx, leo, ws, quiet.Add(time.Second), first.ID)
		require.NoError(t, err)
		assert.Equal(t, quiet.Add(time.Second), ended.EndsAt.Time)
		ended, err = f.EndSilence(ctx, leo, ws, quiet.Add(time.Second), later.ID)
		require.NoError(t, err, "one that has not begun")
		assert.False(t, ended.InForce(quiet.Add(time.Hour)))
		past, err := f.PastSilences(ctx, ws, quiet.Add(time.Minute), 10)
		require.NoError(t, err)
		assert.Len(t, past, 2)
		_, again := f.EndSilence(ctx, ada, ws, quiet.Add(time.Minute), first.ID)
		_, edited := f.SaveSilence(ctx, ada, ws, quiet.Add(time.Minute), second)
		for _, err := range []error{again, edited} {
			assert.Equal(t, "silence_ended", fault.Of(err).Code)
		}
		_, notEnded := f.EndSilence(ctx, ada, 2, quiet, window.ID)
		_, notChanged := f.SaveSilence(ctx, ada, 2, quiet, window)
		_, nonsense := f.EndSilence(ctx, ada, ws, quiet, "nonsense")
		for _, err := range []error{notEnded, notChanged, nonsense} {
			assert.Equal(t, "silence_not_found", fault.Of(err).Code)
		}
		for field, s := range map[string]silence.Silence{
			"rule_id": newSilence(func(s *silence.Silence) { s.RuleID = window.ID }), "reason": newSilence(func(s *silence.Silence) { s.Reason = "" }),
		} {
			_, err := f.SaveSilence(ctx, ada, ws, quiet, s)
			assert.Equal(t, field, fault.Of(err).Details["field"])
		}
		_, err = f.SaveSilence(ctx, ada, ws, quiet, newSilence(func(s *silence.Silence) { s.RuleID = ruleset.DefaultID }))
		require.NoError(t, err, "the rule that is no row")
		assert.Equal(t, []string{"ada silence.save", "leo silence.save", "leo silence.end"}, f.audited(t, first.ID))
	}
}

func TestSilencesAreBounded(t *testing.T) {
	f := open(t, store.Options{})
	_, err := f.db.Exec(t.Context(), `INSERT INTO silences (workspace_id, id, environment, service, method, endpoint, code, customer, family, reason, starts_at, ends_at, created_by)
		SELECT 1, gen_random_uuid(), '', 'service-' || n, '', '', '', '', '', 'x', $2::timestamptz, $2::timestamptz + CASE WHEN n <= 3 THEN interval '1 second' ELSE interval '1 day' END, 'ada'
		FROM generate_series(1, $1::int) AS n`, store.MaxSilences+1, quiet.Add(-time.Hour))
	require.NoError(t, err)
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = f.SaveSilence(context.Background(), ada, store.DefaultWorkspace, quiet, newSilence())
		})
	}
	wg.Wait()
	refused := 0
	for _, err := range errs {
		if err != nil {
			require.Equal(t, "too_many_silences", fault.Of(err).Code, err)
			refused++
		}
	}
	assert.Equal(t, 4, refused, "three have ended; there was room for two")
	list, err := f.WorkspaceSilences(t.Context(), store.DefaultWorkspace, quiet)
	require.NoError(t, err)
	require.Len(t, list, store.MaxSilences)
	f.saveSilence(t, list[0]) // what is there can be changed
}

// told is a message that was sent about an incident.
type told struct {
	ws        int32
	incident  int
	age       time.Duration
	state     string
	kind      string
	environ   string
	service   string
	provider  string
	family    int16
	rules     []string
	said      alert.Incident
	unreadble bool
}

func (f *fixture) tellOf(t testing.TB, all ...told) {
	t.Helper()
	channel := uuid.NewString()
	for n, m := range all {
		at := quiet.Add(-m.age)
		if m.ws == 0 {
			m.ws = store.DefaultWorkspace
		}
		if m.state == "" {
			m.state, m.kind = "sent", "firing"
		}
		incident := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, m.ws, m.incident)).String()
		_, err := f.db.Exec(t.Context(), `INSERT INTO incidents (workspace_id, id, number, family, environment, service, provider, phase, level, rule_id, why, started_at, opened_at, fired_at, facts)
			VALUES ($1, $2, $3, $4, $5, $6, $9, 'firing', 'page', $7, '{}', $8, $8, $8, '{}') ON CONFLICT DO NOTHING`, m.ws, incident, m.incident, m.family, m.environ, m.service, ruleset.DefaultID, at, m.provider)
		require.NoError(t, err)
		for _, r := range m.rules {
			_, err = f.db.Exec(t.Context(), `INSERT INTO incident_members (workspace_id, incident_id, rule_id, family, environment, service, method, endpoint, code, n, phase, level, why, peak, errors, mask_from, started_at, fired_at)
				VALUES ($1, $2, $3, $4, $5, $6, '', '', '', 0, 'firing', 'page', '{}', 0, 0, $7, $7, $7) ON CONFLICT DO NOTHING`, m.ws, incident, r, m.family, m.environ, m.service, at)
			require.NoError(t, err)
		}
		message, err := json.Marshal(alert.Message{Kind: alert.Kind(m.kind), Incidents: []alert.Incident{m.said}})
		require.NoError(t, err)
		if m.unreadble {
			message = []byte(`"a form of before"`)
		}
		id := uuid.Must(uuid.NewV7())
		for b := range 6 {
			id[b] = byte(at.UnixMilli() >> (40 - 8*b))
		}
		_, err = f.db.Exec(t.Context(), `INSERT INTO deliveries (workspace_id, id, channel_id, incident_id, seq, kind, dedup_key, message, state, created_at, next_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)`, m.ws, id.String(), channel, incident, n, m.kind, fmt.Sprint(n), message, m.state, at)
		require.NoError(t, err)
	}
}

func TestSilencePreview(t *testing.T) {
	f := open(t, store.Options{})
	ws := store.DefaultWorkspace
	rule := f.saveRule(t, newRule("payments")).ID
	half := alert.Incident{Codes: []alert.Share{{Name: "boom", Share: .5}}}
	mostly := alert.Incident{Codes: []alert.Share{{Name: "boom", Share: .97}}, Members: []alert.Member{{Method: "POST", Endpoint: "/v1/charges", Share: 1}}, TopCustomer: "acme", TopCustomerShare: 1}
	f.tellOf(t,
		told{incident: 1, age: 20 * time.Hour, environ: "production", service: "billing", rules: []string{ruleset.DefaultID, rule}, said: half},
		told{incident: 1, age: 19 * time.Hour, environ: "production", service: "billing", said: mostly},
		told{incident: 2, age: time.Hour, environ: "staging", service: "billing", rules: []string{rule}, said: mostly},
		told{incident: 3, age: 3 * time.Hour, environ: "production", service: "billing", family: 1, rules: []string{ruleset.DefaultID}, unreadble: true},
		told{incident: 4, age: 2 * time.Hour, environ: "production", service: "auth", rules: []string{ruleset.DefaultID}},
		told{incident: 5, age: 15 * 24 * time.Hour, environ: "production", service: "billing", said: mostly},
		told{incident: 6, age: time.Hour, environ: "production", service: "billing", state: "dropped", kind: "firing", said: mostly},
		told{incident: 6, age: time.Hour, environ: "production", service: "billing", state: "sent", kind: "digest", said: mostly},
		told{incident: 8, age: 4 * time.Hour, environ: "production", provider: "openai", rules: []string{ruleset.DefaultID}},
		told{incident: 7, ws: 2, age: time.Hour, environ: "production", service: "billing", rules: []string{rule}, said: mostly},
	)
	first := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, ws, 1)).String()
	elsewhere := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, 2, 7)).String()
	rules, err := f.IncidentRules(t.Context(), ws, []string{first, elsewhere, uuid.NewString()})
	require.NoError(t, err)
	require.Len(t, rules, 1, "of this workspace")
	assert.ElementsMatch(t, []string{ruleset.DefaultID, rule}, rules[first])
	for name, c := range map[string]struct {
		change    func(s *silence.Silence)
		messages  int
		incidents []int
	}{
		"a service":       {func(*silence.Silence) {}, 4, []int{2, 3, 1}},
		"everything":      {func(s *silence.Silence) { s.Service = "" }, 6, []int{2, 4, 3, 8, 1}},
		"a provider":      {func(s *silence.Silence) { s.Service = "openai" }, 1, []int{8}},
		"an environment":  {func(s *silence.Silence) { s.Environment = "staging" }, 1, []int{2}},
		"a family":        {func(s *silence.Silence) { s.Family = "429" }, 1, []int{3}},
		"a code":          {func(s *silence.Silence) { s.Code = "boom" }, 2, []int{2, 1}},
		"an endpoint":     {func(s *silence.Silence) { s.Endpoint = "/v1/charges" }, 2, []int{2, 1}},
		"a customer":      {func(s *silence.Silence) { s.Customer = "acme" }, 2, []int{2, 1}},
		"a rule":          {func(s *silence.Silence) { s.RuleID = rule }, 1, []int{2}},
		"what nobody has": {func(s *silence.Silence) { s.Service = "search" }, 0, nil},
		"a window": {func(s *silence.Silence) { // from an hour and ten minutes ago, of each day
			s.Cron, s.Minutes, s.EndsAt.Time = quiet.Add(-70*time.Minute).Format("4 15")+" * * *", 30, quiet.Add(90*24*time.Hour)
		}, 1, []int{2}},
	} {
		s, err := newSilence(c.change).Check(quiet)
		require.NoError(t, err, name)
		p, err := f.SilencePreview(t.Context(), ws, quiet, s)
		require.NoError(t, err, name)
		var numbers []int
		for _, i := range p.Incidents {
			numbers = append(numbers, i.Number)
		}
		assert.Equal(t, c.incidents, numbers, name)
		assert.Equal(t, c.messages, p.Messages, name)
		assert.Equal(t, len(c.incidents), p.Count, name)
		assert.False(t, p.Truncated)
	}
	s, err := newSilence(func(s *silence.Silence) { s.Code = "boom" }).Check(quiet)
	require.NoError(t, err)
	p, err := f.SilencePreview(t.Context(), ws, quiet, s)
	require.NoError(t, err)
	assert.Equal(t, 4, p.Looked)
	last := p.Incidents[1]
	assert.Equal(t, []any{1, "production", "billing", "5xx", "page", 1, 1}, []any{last.Number, last.Environment, last.Service, last.Family, last.Level, last.Messages, last.Told})
}
