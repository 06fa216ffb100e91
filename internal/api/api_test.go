package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const (
	readKey   = "read-key-0123456789-0123456789"
	ingestKey = "ingest-key-0123456789-0123456789"
	adminKey  = "admin-key-0123456789-0123456789"
	trace1    = "4bf92f3577b34da6a3ce929d0e0e4736"
)

// fixture is the API over a memory with one key of each scope.
type fixture struct {
	t      *testing.T
	mem    *memory
	ready  error
	engine *gin.Engine
	five   []*fault.Fault // what OnServerError was told
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, mem: &memory{events: sampleEvents(), rejections: sampleRejections()}}
	for _, k := range []struct {
		scope  auth.Scope
		secret string
	}{{auth.Read, readKey}, {auth.Ingest, ingestKey}, {auth.Support, supportKey}, {auth.Admin, adminKey}} {
		f.mem.keys = append(f.mem.keys, auth.Key{
			ID: string(k.scope), Workspace: 1, Name: "the " + string(k.scope) + " key", Prefix: auth.Prefix(k.secret),
			Scopes: []auth.Scope{k.scope}, Hash: auth.Hash(k.secret), CreatedAt: noon,
		})
	}
	f.engine = engine(Deps{
		Store: f.mem, Keys: auth.NewKeyring(f.mem.KeyByHash, time.Nanosecond), Version: "test", Logger: slog.New(slog.DiscardHandler),
		Now:   func() time.Time { return noon.Add(10 * time.Minute) },
		Ready: func(context.Context) error { return f.ready },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, err := w.Write([]byte("up 1\n"))
			assert.NoError(t, err)
		}),
		OnServerError: func(_ *gin.Context, fl *fault.Fault) { f.five = append(f.five, fl) },
	})
	return f
}

func sampleEvents() []event.Event {
	duration, limit, remaining := 41.5, int64(60), int64(0)
	return []event.Event{
		{
			ID: "01970000-0000-7000-8000-000000000001", OccurredAt: noon.Add(123 * time.Millisecond), ReceivedAt: noon.Add(time.Second),
			Role: event.Primary, Family: event.FamilyLimits, Sources: []event.Source{event.FromHTTP}, RequestID: "req_abc123xyz", TraceID: trace1,
			SpanID: "00f067aa0ba902b7", Service: "billing", Environment: "production", Release: "2026.11.20-3", Method: "POST",
			Endpoint: "/v1/charges/{id}", Path: "/v1/charges/42", Customer: "acme", Status: 429, RawCode: "RateLimitExceeded",
			Code: "rate_limit_exceeded", Message: "limit < 60 & more", DurationMS: &duration, Details: json.RawMessage(`{"limit":60}`),
			FieldErrors: []event.FieldError{{Field: "amount", Code: "required"}}, RetryAfter: &event.RetryAfter{Seconds: 45, Source: "header"},
			RateLimit: &event.RateLimit{Limit: &limit, Remaining: &remaining, Window: "1 minute"}, Headers: map[string]string{"retry-after": "45"},
			Aliases: []event.Alias{{Kind: "ray", Value: "8a1b2c3d4e5f6a7b"}}, IssueID: "01970000-0000-7000-8000-0000000000aa",
			Dialect: "nested", Raw: json.RawMessage(`{"error":{"code":"RateLimitExceeded"}}`), Notes: []string{"redacted:1"},
		},
		{
			ID: "01970000-0000-7000-8000-000000000002", OccurredAt: noon, ReceivedAt: noon, Role: event.Upstream, Family: event.FamilyUpstream,
			Sources: []event.Source{event.FromSpan}, TraceID: trace1, Service: "prompts", Status: 502, Code: "provider_error",
			Upstream:  &event.UpstreamInfo{Provider: "openai", Code: "rate_limit_exceeded"},
			Exception: &event.Exception{Type: "IOError", Message: "reset", Stacktrace: "at main"},
		},
		{
			ID: "01970000-0000-7000-8000-000000000003", OccurredAt: noon, ReceivedAt: noon, Role: event.Primary, Family: event.FamilyUs,
			Sources: []event.Source{event.FromLog}, RequestID: "a/b+ü==", Service: "files", Status: 500, Code: "internal_error",
		},
	}
}

func sampleRejections() []event.Rejection {
	return []event.Rejection{
		{ID: "r2", ReceivedAt: noon, Source: event.FromHTTP, Reason: "validation_failed", Message: "no service", RequestID: "req_rejected1", Preview: `{"status":`, Replayable: true},
		{ID: "r1", ReceivedAt: noon, Source: event.FromSpan, Reason: "expired_on_arrival", Message: "too old", Details: json.RawMessage(`{"field":"occurred_at"}`)},
	}
}

// call sends one request and holds the answer against openapi.yaml.
func (f *fixture) call(method, target, key, body string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.engine.ServeHTTP(w, r)
	assert.NotEmpty(f.t, w.Header().Get("X-Request-Id"))
	holdAgainstSpec(f.t, f.engine, r, w)
	return w
}

func (f *fixture) get(target string) *httptest.ResponseRecorder {
	f.t.Helper()
	return f.call(http.MethodGet, target, readKey, "")
}

// errorOf reads Errata's error envelope.
func errorOf(t *testing.T, w *httptest.ResponseRecorder) (code string, details map[string]any) {
	t.Helper()
	var e struct {
		Error struct {
			Code    string
			Details map[string]any
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e), w.Body.String())
	return e.Error.Code, e.Error.Details
}

func decode[T any](t *testing.T, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	require.Less(t, w.Code, 300, w.Body.String())
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v), w.Body.String())
	return v
}

func TestTrail(t *testing.T) {
	f := newFixture(t)
	w := f.get("/v1/requests/req_abc123xyz")
	require.Equal(t, 200, w.Code, w.Body.String())
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Contains(t, w.Body.String(), `"last_at":"2026-11-20T12:00:00.123Z"`)
	assert.Contains(t, w.Body.String(), `"message":"limit < 60 & more"`)
	trail := decode[event.Trail](t, w)
	assert.Equal(t, 429, trail.Summary.Status)
	assert.NotEmpty(t, trail.Explanation)
	retry, ok := trail.Retry.(map[string]any)
	require.True(t, ok)
	assert.Equal(t, "2026-11-20T12:00:46.000Z", retry["at"])
	assert.Len(t, decode[event.Trail](t, f.get("/v1/requests/"+trace1)).Events, 2)
}

func TestTrailOfAnIDThatNeedsEscapes(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/v1/requests/a%2Fb+%C3%BC==", "/v1/requests/a%2Fb%2B%C3%BC%3D%3D"} {
		assert.Equal(t, "files", decode[event.Trail](t, f.get(path)).Summary.Service)
	}
	code, _ := errorOf(t, f.get("/v1/requests/%ff"))
	assert.Equal(t, "invalid_request", code)
}

func TestRequestNotFound(t *testing.T) {
	f := newFixture(t)
	w := f.get("/v1/requests/req_abcI23xyz")
	code, details := errorOf(t, w)
	assert.Equal(t, 404, w.Code)
	assert.Equal(t, "request_not_found", code)
	assert.Equal(t, "never_seen", details["reason"])
	assert.EqualValues(t, 30, details["retention_days"])
	assert.Equal(t, []any{"req_abc123xyz"}, details["did_you_mean"])

	_, details = errorOf(t, f.get("/v1/requests/req_abc12"))
	assert.Equal(t, []any{"req_abc123xyz"}, details["did_you_mean"], "cut off on a screenshot")

	_, details = errorOf(t, f.get("/v1/requests/req_rejected1"))
	assert.Equal(t, "rejected", details["reason"])
	assert.Equal(t, []any{}, details["did_you_mean"])
}

func TestLookup(t *testing.T) {
	f := newFixture(t)
	text := "Hi, since lunch:\nX-Request-Id: req_abc123xyz\ntrace_id=" + trace1 + "\nand req_nowhere99 too"
	body, err := json.Marshal(map[string]string{"text": text})
	require.NoError(t, err)
	out := decode[found](t, f.call(http.MethodPost, "/v1/lookup", readKey, string(body)))
	require.Len(t, out.Trails, 1, "the ID and its trace are one Trail")
	assert.Equal(t, "req_abc123xyz", out.Trails[0].RequestID)
	require.Len(t, out.NotFound, 1)
	assert.Equal(t, "req_nowhere99", out.NotFound[0].ID)
	assert.Equal(t, "never_seen", out.NotFound[0].Reason)

	out = decode[found](t, f.get("/v1/lookup?q=req_abc123xyZ"))
	require.Len(t, out.DidYouMean, 1)
	assert.Equal(t, "req_abc123xyZ", out.DidYouMean[0].ID)
	assert.Equal(t, "req_abc123xyz", out.DidYouMean[0].RequestID)

	out = decode[found](t, f.get("/v1/lookup?q=hello"))
	require.Len(t, out.NotFound, 1, "one word is an ID")
	out = decode[found](t, f.get("/v1/lookup?q=hello+order12345+and+order67890"))
	assert.Empty(t, out.NotFound, "words are only guesses")
	assert.Empty(t, out.IDs)
}

func TestLookupFollowsLinksToEvents(t *testing.T) {
	f := newFixture(t)
	const link = "/v1/lookup?q=https://errata.example/events/01970000-0000-7000-8000-00000000000"
	assert.Equal(t, "req_abc123xyz", decode[found](t, f.get(link+"1")).Trails[0].RequestID)
	assert.Len(t, decode[found](t, f.get(link+"9")).NotFound, 1)
	f.mem.events[1].TraceID = ""
	out := decode[found](t, f.get(link+"2"))
	require.Len(t, out.Trails, 1, "an Event without any other ID")
	assert.Equal(t, "provider_error", out.Trails[0].Summary.Code)
	assert.NotEmpty(t, out.Trails[0].Explanation)
}

func TestLookupOfManyShowsTwentyInFull(t *testing.T) {
	f := newFixture(t)
	var text strings.Builder
	f.mem.events = nil
	for i := range 30 {
		id := "req_many" + strconv.Itoa(1000+i)
		f.mem.events = append(f.mem.events, event.Event{
			ID: "event-" + id, RequestID: id, OccurredAt: noon, ReceivedAt: noon, Role: event.Primary, Family: event.FamilyUs, Service: "s", Code: "c",
		})
		text.WriteString(id + `\n`)
	}
	out := decode[found](t, f.call(http.MethodPost, "/v1/lookup", readKey, `{"text":"`+text.String()+`"}`))
	assert.Len(t, out.IDs, 30)
	assert.Len(t, out.Trails, 20)
	assert.Len(t, out.Hits, 10)
	assert.Len(t, f.mem.looked, 30, "what is shown in short was looked at, too")
	assert.False(t, out.Truncated)
}

func TestLookupRefuses(t *testing.T) {
	f := newFixture(t)
	for body, want := range map[string]int{
		`{"text":"` + strings.Repeat("a", maxText+1) + `"}`: 413,
		`{"text":"` + strings.Repeat("a", maxLookupBody):    413,
		`{"text":" "}`:       422,
		`{"text":7}`:         422,
		`{"txt":"x"}`:        422,
		`{"text":"x"} {}`:    400,
		`{"text":`:           400,
		`["req_abc123xyz"]`:  400,
		`{"text":"x"}trash{`: 400,
	} {
		assert.Equal(t, want, f.call(http.MethodPost, "/v1/lookup", readKey, body).Code, body[:min(20, len(body))])
	}
	assert.Equal(t, 415, f.call(http.MethodPost, "/v1/lookup", readKey, "text", "Content-Type", "text/html").Code)
	assert.Equal(t, 422, f.get("/v1/lookup").Code)
}

func TestEvent(t *testing.T) {
	f := newFixture(t)
	e := decode[event.Event](t, f.get("/v1/events/01970000-0000-7000-8000-000000000001"))
	assert.JSONEq(t, `{"error":{"code":"RateLimitExceeded"}}`, string(e.Raw))
	code, _ := errorOf(t, f.get("/v1/events/nope"))
	assert.Equal(t, "event_not_found", code)
}

func TestRejections(t *testing.T) {
	f := newFixture(t)
	res := f.get("/v1/rejections?limit=1")
	require.Len(t, decode[[]event.Rejection](t, res), 1)
	assert.Regexp(t, `^</v1/rejections\?cursor=[^>]+&limit=1>; rel="next"$`, res.Header().Get("Link"))
	res = f.get("/v1/rejections")
	assert.Len(t, decode[[]event.Rejection](t, res), 2)
	assert.Empty(t, res.Header().Get("Link"))
	assert.Equal(t, 422, f.get("/v1/rejections?service=x").Code)
}

func TestReplayAndIntake(t *testing.T) {
	f := newFixture(t)
	assert.Equal(t, 403, f.call(http.MethodPost, "/v1/rejections/r2/replay", readKey, "").Code)
	assert.Equal(t, 200, f.call(http.MethodPost, "/v1/rejections/r2/replay", adminKey, "").Code)
	assert.Equal(t, 409, f.call(http.MethodPost, "/v1/rejections/r1/replay", adminKey, "").Code)
	assert.Equal(t, 404, f.call(http.MethodPost, "/v1/rejections/nope/replay", adminKey, "").Code)
	assert.Contains(t, f.get("/v1/refusals").Body.String(), `"n":7`)
	assert.Contains(t, f.get("/v1/collectors").Body.String(), `"alive":true`)
}

func TestScopes(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		method, target, key string
		want                int
	}{
		{"GET", "/v1/events", "", 401},
		{"GET", "/v1/events", "some-unknown-key-0123456789", 401},
		{"GET", "/v1/events", ingestKey, 403},
		{"GET", "/v1/events", readKey, 200},
		{"GET", "/v1/events", adminKey, 200},
		{"GET", "/v1/keys", readKey, 403},
		{"POST", "/v1/keys", readKey, 403},
		{"DELETE", "/v1/keys/read", readKey, 403},
		{"GET", "/v1/keys", adminKey, 200},
	} {
		w := f.call(c.method, c.target, c.key, "")
		assert.Equal(t, c.want, w.Code, "%s %s", c.method, c.target)
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
}

func TestKeys(t *testing.T) {
	f := newFixture(t)
	made := decode[newKey](t, f.call("POST", "/v1/keys", adminKey, `{"name":" ci ","scopes":["read","ingest","read"]}`))
	assert.Equal(t, "ci", made.Name)
	assert.Equal(t, []auth.Scope{auth.Ingest, auth.Read}, made.Scopes)
	assert.True(t, auth.WellFormed(made.Secret))
	assert.Equal(t, "the admin key", f.mem.actor.Label)
	assert.Equal(t, 200, f.call("GET", "/v1/events", made.Secret, "").Code)

	w := f.call("GET", "/v1/keys", adminKey, "")
	assert.NotContains(t, w.Body.String(), made.Secret)
	assert.Contains(t, w.Body.String(), `"created_at":"2026-11-20T12:00:00.000Z"`)

	assert.Equal(t, 204, f.call("DELETE", "/v1/keys/"+made.ID, adminKey, "").Code)
	assert.Equal(t, 401, f.call("GET", "/v1/events", made.Secret, "").Code)
	code, _ := errorOf(t, f.call("DELETE", "/v1/keys/nope", adminKey, ""))
	assert.Equal(t, "key_not_found", code)

	for body, field := range map[string]string{
		`{"name":"","scopes":["read"]}`:        "name",
		`{"name":"x","scopes":[]}`:             "scopes",
		`{"name":"x","scopes":["root"]}`:       "scopes",
		`{"name":"x\u0000","scopes":["read"]}`: "name",
		`{"name":"x","secret":"mine"}`:         "secret",
	} {
		code, details := errorOf(t, f.call("POST", "/v1/keys", adminKey, body))
		assert.Equal(t, "validation_failed", code)
		assert.Equal(t, field, details["field"], body)
	}
}

func TestSystemRoutes(t *testing.T) {
	f := newFixture(t)
	assert.Equal(t, "ok", decode[state](t, f.call("GET", "/healthz", "", "")).Status)
	assert.Equal(t, "ready", decode[state](t, f.call("GET", "/readyz", "", "")).Status)
	assert.Equal(t, "up 1\n", f.call("GET", "/metrics", "", "").Body.String())
	assert.Equal(t, "3.1.0", decode[map[string]any](t, f.call("GET", "/openapi.json", "", ""))["openapi"])

	f.ready = errors.New("dial tcp db.internal:5432: password of errata_app wrong")
	w := f.call("GET", "/readyz", "", "")
	assert.Equal(t, 503, w.Code)
	assert.NotEmpty(t, w.Header().Get("Retry-After"))
	assert.NotContains(t, w.Body.String(), "db.internal")
	f.ready = fault.New(fault.Unavailable, "service_unavailable", "The disk is nearly full.")
	assert.Contains(t, f.call("GET", "/readyz", "", "").Body.String(), "The disk is nearly full.")
	assert.Equal(t, 200, f.call("GET", "/healthz", "", "").Code)
}

func TestErrorsHaveOneShape(t *testing.T) {
	f := newFixture(t)
	for target, want := range map[string]int{"/v1/nothing": 404, "/v1/events/a/b": 404} {
		w := f.get(target)
		assert.Equal(t, want, w.Code)
		code, _ := errorOf(t, w)
		assert.Equal(t, "route_not_found", code)
	}
	w := f.call("POST", "/v1/events", readKey, "{}")
	assert.Equal(t, 405, w.Code)

	f.mem.broken = errors.New("relation events is gone")
	w = f.get("/v1/requests/req_abc123xyz")
	assert.Equal(t, 500, w.Code)
	assert.NotContains(t, w.Body.String(), "relation")
	assert.Len(t, f.five, 1)

	w = f.call("GET", "/v1/events?limit=0", readKey, "", "Accept", "application/problem+json")
	assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
}

func TestEndpoints(t *testing.T) {
	f := newFixture(t)
	w := f.get("/v1/endpoints?service=billing")
	assert.JSONEq(t, `{"service":"billing","limit":500,"full":false,"endpoints":[{"method":"POST","endpoint":"/v1/charges/{id}","first_seen":"2026-11-20T12:00:00.123Z"}]}`, w.Body.String())
	assert.JSONEq(t, `{"service":"x","limit":500,"full":false,"endpoints":[]}`, f.get("/v1/endpoints?service=x").Body.String())
	for range 500 {
		f.mem.events = append(f.mem.events, event.Event{Service: "billing"})
	}
	assert.Contains(t, f.get("/v1/endpoints?service=billing").Body.String(), `"full":true`)
	for _, query := range []string{"", "?service=", "?service=" + strings.Repeat("x", 501), "?service=a&x=1"} {
		w := f.get("/v1/endpoints" + query)
		assert.Equal(t, 422, w.Code, query)
	}
	assert.Equal(t, 403, f.call(http.MethodGet, "/v1/endpoints?service=x", ingestKey, "").Code)
}

// That minutes are not judged is said, and keeps nobody from asking.
func TestReadySaysWhetherMinutesAreJudged(t *testing.T) {
	f := newFixture(t)
	for want, p := range map[string]store.Pulse{
		`"alerts":"ok"`: {At: noon, Judged: noon.Add(-time.Minute)},
		`"alerts":"stalled: no minute was judged since 2`:          {At: noon, Judged: noon.Add(-6 * time.Minute), Late: noon.Add(-4 * time.Minute)},
		`"alerts":"paused: a collector holds back reports since 2`: {At: noon, Judged: noon.Add(-time.Minute), Late: noon.Add(-4 * time.Minute)},
	} {
		f.mem.pulse = p
		w := f.call(http.MethodGet, "/readyz", "", "")
		require.Equal(t, http.StatusOK, w.Code)
		assert.Contains(t, w.Body.String(), want)
	}
}

// A job that is behind is said, and keeps nobody from asking.
func TestReadyNamesJobsThatAreBehind(t *testing.T) {
	f := newFixture(t)
	f.mem.jobs = []store.JobRun{{Name: "partitions"}, {Name: "retention", Behind: true}}
	w := f.call(http.MethodGet, "/readyz", "", "")
	require.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), `"jobs":"behind: retention"`)
	f.mem.jobs[1].Behind = false
	assert.Contains(t, f.call(http.MethodGet, "/readyz", "", "").Body.String(), `"jobs":"ok"`)
}
