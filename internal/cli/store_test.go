package cli

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/api"
	"errata/internal/auth"
	"errata/internal/customer"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/retries"
	"errata/internal/store"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const (
	secret        = "admin-key-0123456789-0123456789"
	supportSecret = "support-key-0123456789-0123456789"
)

// shelf is a store behind the real API: what the API does with it is the API's
// business, what the command line makes of the answers is tested here.
type shelf struct {
	api.Reader // what the tests do not need
	mu         sync.Mutex
	events     []event.Event
	keys       []auth.Key
	job        store.JobRun
	runs       []func() // what becomes of the job, plan by plan
}

// NameTrails calls one customer by a name.
func (s *shelf) NameTrails(_ context.Context, _ int32, trails ...*event.Trail) error {
	for _, t := range trails {
		if t.Summary.Customer == "acme" {
			t.Summary.CustomerName = "Acme Ltd"
		}
	}
	return nil
}

// CustomersCalled knows the one that has a name.
func (s *shelf) CustomersCalled(_ context.Context, _ int32, text string) ([]customer.Named, error) {
	if text = customer.Fold(text); text == "acme ltd" || text == "acme" {
		return []customer.Named{{Customer: "acme", Name: "Acme Ltd"}}, nil
	}
	return nil, nil
}

// Plan answers like a store in which a run that was asked for goes on.
func (s *shelf) Plan(_ context.Context, _ int32, now time.Time, within time.Duration) (store.RetentionPlan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	plan := store.RetentionPlan{Retention: store.Retention{Events: 30, Bodies: 7}, NextRunAt: &event.Time{Time: noon}, Days: []store.PlannedDay{}}
	if len(s.runs) > 0 {
		s.runs[0]()
		s.runs = s.runs[1:]
		plan.Days = append(plan.Days, store.PlannedDay{Table: "events", Day: "2026-10-20", Due: true, Bytes: 2_500_000, Rows: 1000},
			store.PlannedDay{Table: "stacks", Day: "2026-10-21", DueAt: event.Time{Time: noon.Add(within)}})
		plan.Bytes = 2_500_000
		kept := 30
		plan.Tables = []store.PlannedTable{{Table: "goose", Why: "migrations"}, {Table: "events", Days: &kept, Why: "failures", Bytes: 3_000_000, Rows: 9}}
	}
	job := s.job
	plan.Job = &job
	return plan, nil
}

func (s *shelf) JobRuns(context.Context) ([]store.JobRun, error) { return nil, nil }

func (s *shelf) Pulse(context.Context) (store.Pulse, error) { return store.Pulse{}, nil }

func (s *shelf) AskJob(context.Context, store.Actor, int32, string) error { return nil }

func (s *shelf) Trail(_ context.Context, _ int32, id string) (event.Trail, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []event.Event
	for _, e := range s.events {
		if e.RequestID == id || e.TraceID == id {
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		return event.Trail{}, absent(id).Fault()
	}
	return event.NewTrail(id, found), nil
}

// absent is why an ID is not there, which is told from its beginning.
func absent(id string) store.Absence {
	a := store.Absence{ID: id, Reason: store.NeverSeen, RetentionDays: 30}
	switch {
	case strings.HasPrefix(id, "req_rejected"):
		a.Reason, a.Message = store.Rejected, "There is none."
	case strings.HasPrefix(id, "req_expired"):
		a.Reason, a.Day = store.ProbablyExpired, "2026-10-01"
	}
	return a
}

func (s *shelf) Absences(_ context.Context, _ int32, ids []string) (map[string]store.Absence, error) {
	out := map[string]store.Absence{}
	for _, id := range ids {
		out[id] = absent(id)
	}
	return out, nil
}

func (s *shelf) Attempts(_ context.Context, _ int32, e *event.Event, now time.Time) (*retries.Answer, error) {
	if e.RequestID != "req_abc123xyz" {
		return nil, nil
	}
	before := *e
	before.ID, before.TraceID, before.OccurredAt, before.RetryAfter = "before", "", e.OccurredAt.Add(-4*time.Second), &event.RetryAfter{Seconds: 45}
	return retries.Judge(e, retries.Found{Basis: retries.ByKey, Events: []event.Event{before}}, now), nil
}

func (s *shelf) Looked(context.Context, store.Actor, int32, ...string) {}

func (s *shelf) Reach(context.Context, int32) ([]store.Reach, error) {
	lag := 1.5
	return []store.Reach{{Environment: "production", NewestAt: event.Time{Time: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)}, LagSeconds: &lag}, {NewestAt: event.Time{Time: time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)}}}, nil
}

func (s *shelf) Lookup(_ context.Context, _ int32, ids []string) (map[string][]store.Hit, error) {
	hits := map[string][]store.Hit{}
	for _, e := range s.events {
		if slices.Contains(ids, e.RequestID) {
			hits[e.RequestID] = append(hits[e.RequestID], store.Hit{
				EventID: e.ID, Value: e.RequestID, OccurredAt: e.OccurredAt, Service: e.Service, Status: e.Status, Code: e.Code, Family: e.Family, Role: e.Role,
			})
		}
	}
	return hits, nil
}

func (s *shelf) Near(_ context.Context, _ int32, id string, _ int) (hits []store.Hit, _ error) {
	for _, e := range s.events {
		if e.RequestID != id && event.Fold(e.RequestID) == event.Fold(id) {
			hits = append(hits, store.Hit{Value: e.RequestID})
		}
	}
	return hits, nil
}

func (s *shelf) Events(context.Context, int32, event.Filter, int, string) (store.Page, error) {
	return store.Page{}, nil
}

func (s *shelf) Keys(context.Context, int32) ([]auth.Key, error) { return s.keys, nil }

func (s *shelf) CreateKey(_ context.Context, _ store.Actor, _ int32, name string, scopes []auth.Scope, secret string) (auth.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, auth.Key{ID: "k-" + name, Name: name, Scopes: scopes, Hash: auth.Hash(secret), Prefix: auth.Prefix(secret), CreatedAt: noon})
	return s.keys[len(s.keys)-1], nil
}

func (s *shelf) RevokeKey(_ context.Context, _ store.Actor, _ int32, id string) error {
	for i := range s.keys {
		if s.keys[i].ID == id {
			at := noon
			s.keys[i].RevokedAt = &at
			return nil
		}
	}
	return fault.New(fault.NotFound, "key_not_found", "There is no such key.")
}

func (s *shelf) byHash(_ context.Context, hash []byte) (auth.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		if string(k.Hash) == string(hash) {
			return k, nil
		}
	}
	return auth.Key{}, fault.New(fault.NotFound, "key_not_found", "There is no such key.")
}

// newServer is the real API over a shelf with one request of two services.
func newServer(t *testing.T) (*shelf, *httptest.Server) {
	s := &shelf{
		keys: []auth.Key{{ID: "k-admin", Name: "admin", Scopes: []auth.Scope{auth.Admin}, Hash: auth.Hash(secret), Prefix: "admin-ke…", CreatedAt: noon},
			{ID: "k-support", Name: "mia", Scopes: []auth.Scope{auth.Support}, Hash: auth.Hash(supportSecret), Prefix: "support-…", CreatedAt: noon}},
		events: []event.Event{
			{
				ID: "e1", RequestID: "req_abc123xyz", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", OccurredAt: noon.Add(10 * time.Millisecond),
				Role: event.Primary, Family: event.FamilyLimits, Service: "billing", Environment: "production", Method: "POST",
				Endpoint: "/v1/charges", Customer: "acme", Status: 429, Code: "rate_limit_exceeded", Message: "Too many \x1b[31mrequests",
				RetryAfter: &event.RetryAfter{Seconds: 45, Source: "header"},
			},
			{
				ID: "e0", RequestID: "req_abc123xyz", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", OccurredAt: noon, Role: event.Upstream,
				Family: event.FamilyUpstream, Service: "billing", Status: 502, Code: "provider_error",
				Upstream: &event.UpstreamInfo{Provider: "openai", Code: "overloaded"},
			},
			{ID: "e2", RequestID: "a/b c+d", OccurredAt: noon, Role: event.Primary, Family: event.FamilyUs, Service: "files", Status: 500, Code: "internal_error"},
		},
	}
	return s, serve(t, s, s)
}

// serve is the real API over a store.
func serve(t *testing.T, s api.Reader, keys *shelf) *httptest.Server {
	server := httptest.NewServer(api.New(api.Deps{
		Store: s, Keys: auth.NewKeyring(keys.byHash, time.Nanosecond), Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon.Add(time.Hour) },
	}))
	t.Cleanup(server.Close)
	return server
}

// newCollector takes reports as the real one does, as far as these tests can
// tell, and puts them on the shelf.
func newCollector(t *testing.T, s *shelf, answer string) (*httptest.Server, *[]*http.Request, *[]string) {
	var requests []*http.Request
	var bodies []string
	mux := http.NewServeMux()
	fine := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	mux.HandleFunc("GET /healthz", fine)
	mux.HandleFunc("GET /readyz", fine)
	mux.HandleFunc("POST /v1/errors", func(w http.ResponseWriter, r *http.Request) {
		var raw json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
			raw = json.RawMessage(`"not JSON"`)
		}
		requests, bodies = append(requests, r), append(bodies, string(raw))
		if key := auth.FromHeaders(r.Header.Get); key == "" {
			w.WriteHeader(http.StatusUnauthorized)
			_, err := w.Write([]byte(`{"error":{"code":"unauthorized","message":"No API key.","request_id":"req_1"}}`))
			assert.NoError(t, err)
			return
		}
		var report struct {
			RequestID string `json:"request_id"`
		}
		if s != nil && json.Unmarshal(raw, &report) == nil {
			s.mu.Lock()
			s.events = append(s.events, event.Event{ID: "new", RequestID: report.RequestID, OccurredAt: time.Now(), Code: "c", Family: event.FamilyCaller})
			s.mu.Unlock()
		}
		_, err := w.Write([]byte(answer))
		assert.NoError(t, err)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server, &requests, &bodies
}

// exitCode is what the process would exit with.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var exit *Exit
	require.ErrorAs(t, err, &exit)
	return exit.ExitCode()
}
