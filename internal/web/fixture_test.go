package web

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/pgtest"
	"errata/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	readKey  = "read-key-for-the-web-tests-1"
	adminKey = "admin-key-for-the-web-tests-"

	supportKey = "support-key-for-the-web-tests"
	ingestKey  = "ingest-key-for-the-web-tests"
	trace1     = "4bf92f3577b34da6a3ce929d0e0e4736"
)

// fixture is the pages on a real store, and a browser-like client.
type fixture struct {
	*store.Store
	t      testing.TB
	server *httptest.Server
	client *http.Client
	now    time.Time
	url    string // of the database, for what only its owner sees
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return newFixtureWith(t, store.Options{}, func(s *store.Store) Reader { return s })
}

// newFixtureWith is newFixture with a watch over what is asked of the store.
func newFixtureWith(t testing.TB, opt store.Options, reader func(*store.Store) Reader) *fixture {
	t.Helper()
	db := pgtest.New(t)
	opt.URL = db.AppURL
	s, err := store.Open(t.Context(), opt)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.NoError(t, s.EnsureKey(t.Context(), store.DefaultWorkspace, "mia", []auth.Scope{auth.Read}, readKey))
	require.NoError(t, s.EnsureKey(t.Context(), store.DefaultWorkspace, "ada", []auth.Scope{auth.Admin}, adminKey))
	require.NoError(t, s.EnsureKey(t.Context(), store.DefaultWorkspace, "sam", []auth.Scope{auth.Support}, supportKey))
	require.NoError(t, s.EnsureKey(t.Context(), store.DefaultWorkspace, "billing", []auth.Scope{auth.Ingest}, ingestKey))
	f := &fixture{Store: s, t: t, now: time.Now().UTC(), url: db.URL}
	f.server = httptest.NewServer(New(Deps{
		Store: reader(s), Courier: courierOf(t, s), Desk: deskOf(s), Keys: auth.NewKeyring(s.KeyByHash, 0), Sessions: s.Sessions(), Version: "1.2.3", CollectorURL: "http://collector.test:4318",
	}))
	t.Cleanup(f.server.Close)
	f.client = f.newClient()
	return f
}

// newClient keeps cookies and stops at redirects.
func (f *fixture) newClient() *http.Client {
	jar, err := cookiejar.New(nil)
	require.NoError(f.t, err)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type page struct {
	*goquery.Document
	code   int
	header http.Header
	body   string
}

func (f *fixture) do(req *http.Request) page {
	f.t.Helper()
	res, err := f.client.Do(req)
	require.NoError(f.t, err)
	defer res.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(res.Body)
	require.NoError(f.t, err)
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(body)))
	require.NoError(f.t, err)
	return page{doc, res.StatusCode, res.Header, string(body)}
}

func (f *fixture) get(path string) page {
	f.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, f.server.URL+path, nil)
	require.NoError(f.t, err)
	return f.do(req)
}

func (f *fixture) post(path string, headers map[string]string, pairs ...string) page {
	f.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, f.server.URL+path, strings.NewReader(form.Encode()))
	require.NoError(f.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	return f.do(req)
}

func (f *fixture) signIn() *fixture {
	f.t.Helper()
	res := f.post("/login", nil, "key", readKey)
	require.Equal(f.t, http.StatusSeeOther, res.code, res.body)
	return f
}

// decides signs somebody in who may decide about issues.
func (f *fixture) decides() *fixture {
	f.t.Helper()
	res := f.post("/login", nil, "key", adminKey)
	require.Equal(f.t, http.StatusSeeOther, res.code, res.body)
	return f
}

// write stores Events, completing what the test does not care for.
func (f *fixture) write(events ...event.Event) {
	f.t.Helper()
	parts := make([]identity.Part, len(events))
	for i, e := range events {
		complete(&e, f.now)
		sum := sha256.Sum256(fmt.Appendf(nil, "%d|%s|%s|%s|%s", i, e.RequestID, e.SpanID, e.Code, e.OccurredAt))
		issue := sha256.Sum256([]byte(e.Service + e.Code))
		p := identity.Part{Workspace: store.DefaultWorkspace, Source: event.FromHTTP, Own: [16]byte(sum[:16]), Idempotent: true, HasOccurredAt: true, Event: e}
		p.Event.ID = identity.NewID(e.OccurredAt, p.Own, true)
		p.Event.IssueID, p.Event.FingerprintVersion = identity.FormatUUID([16]byte(issue[:16])), 1
		parts[i] = p
	}
	_, err := f.Write(context.Background(), parts)
	require.NoError(f.t, err)
}

func complete(e *event.Event, now time.Time) {
	if e.OccurredAt.IsZero() {
		e.OccurredAt = now.Add(-12 * time.Minute)
	}
	if e.ReceivedAt.IsZero() {
		e.ReceivedAt = now
	}
	if e.Role == "" {
		e.Role = event.Primary
	}
	if e.Service == "" {
		e.Service = "billing"
	}
	if e.Environment == "" {
		e.Environment = "production"
	}
	if e.RawCode == "" {
		e.RawCode = e.Code
	}
	e.Code = event.CanonicalCode(e.RawCode, e.Status)
	e.Family = event.FamilyOf(e.Status, e.Code)
}

func ptr[T any](v T) *T { return &v }

// samples are a small morning at the support desk.
func (f *fixture) samples() {
	at := f.now.Add(-12 * time.Minute)
	f.write(
		event.Event{
			RequestID: "req_9f3a21", OccurredAt: at, Status: 429, Code: "rate_limit_exceeded", Service: "prompts-api", Method: "POST", Endpoint: "/v1/prompts/{id}/run",
			Customer: "acme", Message: "Rate limit exceeded. Try again in 45 seconds.", RetryAfter: &event.RetryAfter{Seconds: 45, Source: "header"},
			RateLimit: &event.RateLimit{Limit: ptr(int64(60)), Remaining: ptr(int64(0)), Window: "1 minute"}, Release: "2026.11.20-3",
			RawBody: []byte(`{"error":"rate_limit_exceeded","message":"Rate limit exceeded. Try again in 45 seconds.","retry_after":45}`),
			Headers: map[string]string{"retry-after": "45", "x-request-id": "req_9f3a21"},
		},
		event.Event{
			RequestID: "req_edge1", TraceID: trace1, SpanID: "00f067aa0ba902b1", OccurredAt: at.Add(20 * time.Millisecond), Status: 502, Code: "provider_error",
			Service: "edge-gateway", Method: "POST", Endpoint: "/api/v1/{endpoint}", Customer: "globex", Message: "LLM provider returned an error", Release: "edge-81",
			Upstream: &event.UpstreamInfo{Provider: "openai", Code: "rate_limit_exceeded", RequestID: "chatcmpl-77"}, DurationMS: ptr(1312.0),
			RawBody: []byte(`{"error":"provider_error","message":"LLM provider returned an error","details":{"provider":"openai","code":"rate_limit_exceeded"}}`),
		},
		event.Event{
			TraceID: trace1, SpanID: "00f067aa0ba902b2", ParentSpanID: "00f067aa0ba902b1", OccurredAt: at.Add(12 * time.Millisecond), Status: 500,
			Code: "internal_error", Service: "prompts-api", Method: "POST", Endpoint: "/internal/run", Message: "provider refused",
			Exception: &event.Exception{Type: "ProviderError", Message: "429 from openai", Stacktrace: "goroutine 1 [running]:\nmain.run()\n\t/src/run.go:83"},
		},
		event.Event{
			TraceID: trace1, SpanID: "00f067aa0ba902b3", ParentSpanID: "00f067aa0ba902b2", OccurredAt: at.Add(9 * time.Millisecond), Status: 429, Role: event.Upstream,
			Code: "rate_limit_exceeded", Service: "prompts-api", Method: "POST", Endpoint: "/v1/chat/completions", Upstream: &event.UpstreamInfo{Provider: "openai"},
		},
		event.Event{
			RequestID: "req/odd+id 1", OccurredAt: at.Add(-time.Hour), Status: 422, Code: "VALIDATION_FAILED", Service: "billing", Method: "POST", Endpoint: "/v1/charges",
			Customer: "acme", Message: "Field 'text' is required", FieldErrors: []event.FieldError{{Field: "text", Code: "required", Message: "is required"}, {Field: "amount", Message: "must be positive"}},
			Details: []byte(`{"text":["is required"]}`),
		},
		event.Event{OccurredAt: at.Add(-2 * time.Hour), Status: 503, Code: "service_unavailable", Service: "search-api", Method: "GET", Endpoint: "/v1/search"},
	)
}

// trouble is what an owner should see: a full spool, refused items, and
// rejected ones.
func (f *fixture) trouble() {
	f.t.Helper()
	ctx := context.Background()
	require.NoError(f.t, f.ReportCollector(ctx, store.Collector{
		ID: identity.FormatUUID([16]byte{1}), Host: "collector-1", Version: "1.2.3", StartedAt: event.Time{Time: f.now.Add(-time.Hour)},
		SpoolBytes: 3 << 20, SpoolMax: 1 << 30, SpoolItems: 4812, SpoolOldest: &event.Time{Time: f.now.Add(-7 * time.Minute)},
	}, map[event.Refusal]int64{
		{Workspace: store.DefaultWorkspace, KeyID: "key_1", Key: "billing", Service: "billing", Reason: "rate_limit_exceeded"}:            1204,
		{Workspace: store.DefaultWorkspace, KeyID: "key_1", Key: "billing", Service: "<script>x</script>", Reason: "service_unavailable"}: 3,
	}))
	require.NoError(f.t, f.Reject(ctx, store.DefaultWorkspace, []event.Rejection{
		{Source: event.FromHTTP, Reason: "validation_failed", Message: "The 'status' field must be between 100 and 599; it is 1000.", RequestID: "req_bad1", Service: "billing", Preview: `{"status":1000}`},
		{Source: event.FromSpan, Reason: "not_storable", Message: "PostgreSQL refused the item.", Service: "search-api", Item: []byte("x")},
	}))
}
