package api

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"errata/internal/auth"
	"errata/internal/catalog"
	"errata/internal/customer"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

// memory is a Reader over a slice: enough of the store to test the API's own
// decisions. How the real one answers is the store's tests' business.
type memory struct {
	mu         sync.Mutex
	events     []event.Event
	rejections []event.Rejection
	keys       []auth.Key
	jobs       []store.JobRun
	pulse      store.Pulse
	deploys    []store.Deploy
	broken     error
	filter     event.Filter // the last one that Events was asked for
	actor      store.Actor  // the last one that changed a key
	looked     []string
	noIssues   // their tests have a real store
	noSLOs     // and so have theirs
	noThinning
	noRules
	noSilences
	noChannels
	noIncidents
	noCatalogue
	noRequests
	noIntegrations
	noTeam
	noCustomers
}

type (
	noIssues    = Issues
	noSLOs      = SLOs
	noThinning  = Thinning
	noRules     = Rules
	noSilences  = Silences
	noChannels  = Channels
	noIncidents = Incidents
	noCatalogue = Catalogue
	noRequests  = Requests

	noIntegrations = Integrations
	noTeam         = Team
	noCustomers    = Customers
)

// Catalog is one in which nothing is written.
// Nobody has a name here.
func (m *memory) NameTrails(context.Context, int32, ...*event.Trail) error { return nil }
func (m *memory) CustomersCalled(context.Context, int32, string) ([]customer.Named, error) {
	return nil, nil
}

func (m *memory) Catalog(context.Context, int32) (*catalog.Book, error) {
	return catalog.NewBook(nil), m.broken
}

func (m *memory) Looked(_ context.Context, _ store.Actor, _ int32, events ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looked = append(m.looked, events...)
}

func (m *memory) Reach(context.Context, int32) ([]store.Reach, error) {
	lag := 1.5
	return []store.Reach{{Environment: "production", NewestAt: event.Time{Time: noon}, LagSeconds: &lag}}, m.broken
}

func (m *memory) Trail(_ context.Context, _ int32, id string) (event.Trail, error) {
	if m.broken != nil {
		return event.Trail{}, m.broken
	}
	traces := map[string]bool{}
	for _, e := range m.events {
		traces[e.TraceID] = traces[e.TraceID] || e.RequestID == id || e.TraceID == id || e.ID == id
	}
	var found []event.Event
	for _, e := range m.events {
		if e.ID == id || e.RequestID == id || e.TraceID != "" && traces[e.TraceID] {
			found = append(found, e)
		}
	}
	if len(found) > 0 {
		return event.NewTrail(id, found), nil
	}
	return event.Trail{}, m.absence(id).Fault()
}

func (m *memory) absence(id string) store.Absence {
	a := store.Absence{ID: id, Reason: store.NeverSeen, RetentionDays: 30}
	for _, r := range m.rejections {
		if r.RequestID == id {
			a.Reason, a.Because, a.Message = store.Rejected, r.Reason, r.Message
		}
	}
	return a
}

func (m *memory) Absences(_ context.Context, _ int32, ids []string) (map[string]store.Absence, error) {
	out := map[string]store.Absence{}
	for _, id := range ids {
		out[id] = m.absence(id)
	}
	return out, m.broken
}

func (m *memory) Lookup(_ context.Context, _ int32, ids []string) (map[string][]store.Hit, error) {
	hits := map[string][]store.Hit{}
	for _, e := range m.events {
		for _, id := range []string{e.RequestID, e.TraceID, e.ID} {
			if id != "" && slices.Contains(ids, id) {
				hits[id] = append(hits[id], hitOf(&e, id))
			}
		}
	}
	return hits, m.broken
}

func hitOf(e *event.Event, value string) store.Hit {
	return store.Hit{
		EventID: e.ID, Kind: "event", Value: value, RequestID: e.RequestID, TraceID: e.TraceID, OccurredAt: e.OccurredAt,
		Service: e.Service, Status: e.Status, Code: e.Code, Family: e.Family, Role: e.Role, Customer: e.Customer,
	}
}

func (m *memory) matching(match func(id string) bool) (hits []store.Hit) {
	for _, e := range m.events {
		if match(e.RequestID) {
			hits = append(hits, hitOf(&e, e.RequestID))
		}
	}
	return hits
}

func (m *memory) Near(_ context.Context, _ int32, id string, _ int) ([]store.Hit, error) {
	return m.matching(func(other string) bool {
		return other != id && (event.Fold(other) == event.Fold(id) || len(id) >= store.MinPrefix && strings.HasPrefix(other, id))
	}), nil
}

func (m *memory) Events(_ context.Context, _ int32, f event.Filter, limit int, cursor string) (store.Page, error) {
	m.filter = f
	start := 0
	if cursor != "" {
		n, err := strconv.Atoi(cursor)
		if err != nil {
			return store.Page{}, invalid("cursor", "is not one that this API gave out")
		}
		start = n
	}
	if m.broken != nil || start >= len(m.events) {
		return store.Page{}, m.broken
	}
	end := min(start+limit, len(m.events))
	page := store.Page{Events: m.events[start:end]}
	if end < len(m.events) {
		page.Next = strconv.Itoa(end)
	}
	return page, nil
}

func (m *memory) AddDeploy(_ context.Context, _ store.Actor, _ int32, d store.Deploy) error {
	m.deploys = append(m.deploys, d)
	return m.broken
}

func (m *memory) Deploys(_ context.Context, _ int32, f store.DeployFilter) (out []store.Deploy, err error) {
	for _, d := range m.deploys {
		if !d.At.Before(f.From) && d.At.Before(f.To) && (f.Service == "" || f.Service == d.Service) {
			out = append(out, d)
		}
	}
	return out, m.broken
}

func (m *memory) ReleaseReport(_ context.Context, _ int32, service, environment, release string, now time.Time) (store.ReleaseReport, error) {
	for _, d := range m.deploys {
		if d.Service == service && d.Environment == environment && d.Release == release {
			return store.ReleaseReport{Deploy: d, Until: now, All: stats.CompareStretches(nil, nil), Server: stats.CompareStretches(nil, nil)}, m.broken
		}
	}
	return store.ReleaseReport{}, fault.New(fault.NotFound, "release_not_found", "No such release.")
}

// Stats are made of the same events by the same code that the store uses.
func (m *memory) Stats(_ context.Context, _ int32, now time.Time, questions ...stats.Question) (out []stats.Answer, err error) {
	if m.broken != nil {
		return nil, m.broken
	}
	hours := map[time.Time]*rollup.Counted{}
	for _, e := range m.events {
		hour := e.OccurredAt.UTC().Truncate(time.Hour)
		if hours[hour] == nil {
			hours[hour] = &rollup.Counted{}
		}
		hours[hour].SetAll(map[rollup.Dim]string{rollup.Environment: e.Environment, rollup.Role: string(e.Role), rollup.Service: e.Service, rollup.Method: e.Method,
			rollup.Endpoint: e.Endpoint, rollup.Family: string(e.Family), rollup.Status: strconv.Itoa(e.Status), rollup.Code: e.Code, rollup.Release: e.Release})
		hours[hour].Errors(e.OccurredAt.Minute(), 1)
		hours[hour].Requests(e.OccurredAt.Minute(), event.TotalsRequests, 4)
	}
	b := stats.Blocks{Upto: now}
	for hour, c := range hours {
		b.Blocks = append(b.Blocks, rollup.BuildHour(hour, c)...)
		b.Fine = append(b.Fine, rollup.BuildMinutes(hour, c, rollup.SourcesOf(c))...)
	}
	for _, q := range questions {
		p, err := stats.NewPlan(q, now)
		if err != nil {
			return nil, err
		}
		out = append(out, p.Answer(b))
	}
	return out, nil
}

func (m *memory) Event(_ context.Context, _ int32, id string) (event.Event, error) {
	for _, e := range m.events {
		if e.ID == id {
			return e, nil
		}
	}
	return event.Event{}, fault.New(fault.NotFound, "event_not_found", "There is no Event with this ID.")
}

func (m *memory) Rejections(_ context.Context, _ int32, limit int, _ string) ([]event.Rejection, string, error) {
	if limit < len(m.rejections) {
		return m.rejections[:limit], strconv.Itoa(limit), nil
	}
	return m.rejections, "", nil
}

func (m *memory) Keys(context.Context, int32) ([]auth.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.keys), nil
}

func (m *memory) CreateKey(_ context.Context, actor store.Actor, ws int32, name string, scopes []auth.Scope, secret string) (auth.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := auth.Key{
		ID: "key-" + strconv.Itoa(len(m.keys)+1), Workspace: ws, Name: name, Prefix: auth.Prefix(secret), Scopes: scopes,
		Hash: auth.Hash(secret), CreatedAt: noon,
	}
	m.keys, m.actor = append(m.keys, key), actor
	return key, nil
}

func (m *memory) RevokeKey(_ context.Context, actor store.Actor, _ int32, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.keys {
		if m.keys[i].ID == id {
			at := noon.Add(time.Hour)
			m.keys[i].RevokedAt, m.actor = &at, actor
			return nil
		}
	}
	return fault.New(fault.NotFound, "key_not_found", "There is no such key.")
}

// KeyByHash makes memory an auth.Lookup.
func (m *memory) KeyByHash(_ context.Context, hash []byte) (auth.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.keys {
		if string(k.Hash) == string(hash) {
			return k, nil
		}
	}
	return auth.Key{}, fault.New(fault.NotFound, "key_not_found", "There is no such key.")
}

func (m *memory) Replay(_ context.Context, _ store.Actor, _ int32, id string) (identity.Outcome, error) {
	for _, r := range m.rejections {
		switch {
		case r.ID != id:
		case !r.Replayable:
			return identity.Outcome{}, fault.New(fault.Conflict, "not_replayable", "This item was refused before it could be kept.")
		default:
			return identity.Outcome{Verdict: identity.Accepted, EventID: "0199"}, nil
		}
	}
	return identity.Outcome{}, fault.New(fault.NotFound, "rejection_not_found", "There is no rejection with this ID.")
}

func (m *memory) Endpoints(_ context.Context, _ int32, service string) ([]store.Endpoint, error) {
	var list []store.Endpoint
	for _, e := range m.events {
		if e.Service == service {
			list = append(list, store.Endpoint{Method: e.Method, Endpoint: e.Endpoint, FirstSeen: event.Time{Time: e.OccurredAt}})
		}
	}
	return list, nil
}

func (m *memory) Collectors(context.Context) ([]store.Collector, error) {
	return []store.Collector{{ID: "c", Host: "h", Version: "v", StartedAt: event.Time{Time: noon}, SeenAt: event.Time{Time: noon}, Alive: true, SpoolOldest: &event.Time{Time: noon}}}, nil
}

func (m *memory) AskJob(_ context.Context, actor store.Actor, _ int32, name string) error {
	m.actor = actor
	for i := range m.jobs {
		if m.jobs[i].Name == name {
			m.jobs[i].Failures++
		}
	}
	return m.broken
}

func (m *memory) Plan(_ context.Context, _ int32, now time.Time, within time.Duration) (store.RetentionPlan, error) {
	at := event.Time{Time: now.Add(within)}
	plan := store.RetentionPlan{At: event.Time{Time: now}, Retention: store.Retention{Events: 30}, Days: []store.PlannedDay{
		{Table: "events", Day: "2026-10-20", DueAt: at, Due: true, Bytes: 1 << 20, Rows: 1000}, {Table: "events", Day: "2026-11-01", DueAt: at, Rows: 7, Partly: true},
	}, Bytes: 1 << 20, Tables: []store.PlannedTable{{Table: "events", Days: new(int), Why: "failures", Bytes: 7, Rows: 9}, {Table: "slos", Why: "a setting"}}}
	if len(m.jobs) > 0 {
		plan.Job, plan.NextRunAt = &m.jobs[0], &at
	}
	return plan, m.broken
}

func (m *memory) JobRuns(context.Context) ([]store.JobRun, error) { return m.jobs, m.broken }

func (m *memory) Pulse(context.Context) (store.Pulse, error) { return m.pulse, m.broken }

func (m *memory) Refusals(context.Context, int32, int) ([]store.Refused, error) {
	return []store.Refused{{Hour: event.Time{Time: noon}, KeyID: "k", Key: "gateway", Service: "billing", Reason: "rate_limit_exceeded", N: 7}}, nil
}
