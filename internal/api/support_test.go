package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
)

const supportKey = "support-key-0123456789-0123456789"

// Every route has a decision, and every scope gets exactly what was decided.
func TestEveryRouteByEveryScope(t *testing.T) {
	f := newIssueFixture(t)
	f.engine = engine(Deps{Store: f.store, Keys: auth.NewKeyring(f.store.KeyByHash, 0), Logger: slog.New(slog.DiscardHandler)})
	keys := map[auth.Scope]string{auth.Ingest: ingestKey, auth.Support: supportKey, auth.Read: readKey, auth.Admin: adminKey}
	doors, checked := auth.Doors(), 0
	for _, r := range f.engine.Routes() {
		least, decided := doors[r.Method+" "+r.Path]
		if !assert.True(t, decided, "decide in internal/auth/doors.go who may ask %s %s", r.Method, r.Path) || least == auth.Anyone {
			assert.False(t, decided && strings.HasPrefix(r.Path, "/v1/"), "%s is for anybody", r.Path)
			continue
		}
		target := strings.NewReplacer(":request_id", "req_nobody_knows", ":service", "billing", ":code", "nothing", ":note", trace1, ":customer", "acme", ":id", "01970000-0000-7000-8000-00000000ffff").Replace(r.Path)
		body := ""
		if r.Method != http.MethodGet && r.Method != http.MethodDelete {
			body = "{}"
		}
		assert.Equal(t, http.StatusUnauthorized, f.call(r.Method, target, "", body).Code, "%s %s without a key", r.Method, r.Path)
		for scope, key := range keys {
			checked++
			res := f.call(r.Method, target, key, body)
			if (auth.Key{Scopes: []auth.Scope{scope}}).Allows(least) {
				assert.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, res.Code, "%s %s with the scope %s: %s", r.Method, r.Path, scope, res.Body)
				continue
			}
			if assert.Equal(t, http.StatusForbidden, res.Code, "%s %s with the scope %s", r.Method, r.Path, scope) {
				_, details := errorOf(t, res)
				assert.Equal(t, string(least), details["required_scope"], r.Path)
			}
		}
	}
	assert.Greater(t, checked, 300)
}

// inside is a Trail with something in every field that is for engineers. Everything
// that must not come out has "inner" in it.
func inside() []event.Event {
	limit := int64(60)
	return []event.Event{
		{
			ID: "01970000-0000-7000-8000-0000000000a1", OccurredAt: noon, ReceivedAt: noon, Role: event.Primary, Family: event.FamilyUpstream,
			Sources: []event.Source{event.FromSpan}, RequestID: "req_front", TraceID: strings.Repeat("a", 32), SpanID: "00000000000000a1", ParentSpanID: "00000000000000a0",
			Service: "shop", Environment: "production", Release: "inner-release-1", Method: "POST", Endpoint: "/v1/orders", Path: "/v1/orders/inner-path", Customer: "acme",
			Status: 502, RawCode: "PROVIDER_ERROR", Code: "provider_error", Message: "The provider failed", Details: json.RawMessage(`{"inner":"inner-details"}`),
			FieldErrors: []event.FieldError{{Field: "amount", Message: "is too large"}}, RetryAfter: &event.RetryAfter{Seconds: 5, Source: "header"}, RateLimit: &event.RateLimit{Limit: &limit},
			Exception: &event.Exception{Type: "InnerError", Message: "inner-exception", Stacktrace: "inner-stack"}, Headers: map[string]string{"x-inner": "inner-header"},
			Aliases: []event.Alias{{Kind: "ray", Value: "inner-alias"}}, IssueID: "01970000-0000-7000-8000-0000000000aa", Dialect: "nested", GRPCCode: "INNER",
			Namespace: "inner-namespace", Instance: "inner-instance", Attempt: 2, Notes: []string{"inner-note"},
			Raw: json.RawMessage(`{"error":{"code":"PROVIDER_ERROR","message":"The provider failed","trace":"inner-body"}}`),
		},
		{
			ID: "01970000-0000-7000-8000-0000000000a2", OccurredAt: noon.Add(-1e6), ReceivedAt: noon, Role: event.Primary, Family: event.FamilyUs,
			Sources: []event.Source{event.FromSpan}, RequestID: "inner-request", TraceID: strings.Repeat("a", 32), SpanID: "00000000000000a2", ParentSpanID: "00000000000000a1",
			Service: "inner-middle", Status: 500, RawCode: "inner_middle_failed", Code: "inner_middle_failed", Message: "inner-message",
			Exception: &event.Exception{Type: "InnerMiddle", Message: "inner-middle-exception", Stacktrace: "inner-middle-stack"},
		},
		{
			ID: "01970000-0000-7000-8000-0000000000a3", OccurredAt: noon.Add(-2e6), ReceivedAt: noon, Role: event.Upstream, Family: event.FamilyUpstream,
			Sources: []event.Source{event.FromSpan}, TraceID: strings.Repeat("a", 32), SpanID: "00000000000000a3", ParentSpanID: "00000000000000a2",
			Service: "prompts", Status: 429, RawCode: "org.inner.RateError", Code: "rate_error", Message: "inner-upstream-message", Details: json.RawMessage(`"inner"`),
			FieldErrors: []event.FieldError{{Field: "inner-field", Message: "inner-field-message"}}, Upstream: &event.UpstreamInfo{Provider: "openai", Code: "rate_limit_exceeded", RequestID: "inner-upstream-id"},
			Exception: &event.Exception{Type: "org.inner.RateError", Message: "inner-cause", Stacktrace: "inner-trace"}, Raw: json.RawMessage(`{"message":"inner-upstream-message"}`),
		},
	}
}

func supportFixture(t *testing.T) *fixture {
	f := newFixture(t)
	f.mem.events = append(f.mem.events, inside()...)
	return f
}

// keysOf are all names in a JSON document, with their paths.
func keysOf(v any, path string, out map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			out[strings.TrimPrefix(path+"."+k, ".")] = true
			keysOf(e, path+"."+k, out)
		}
	case []any:
		for _, e := range v {
			keysOf(e, path, out)
		}
	}
}

func TestSupportGetsARequestWithoutItsInside(t *testing.T) {
	f := supportFixture(t)
	whole := f.get("/v1/requests/req_front").Body.String()
	for _, word := range []string{"inner-stack", "inner-exception", "inner-header", "inner-body", "inner-middle", "inner-message", "inner-release-1", "inner-cause"} {
		require.Contains(t, whole, word, "engineers see it")
	}
	for _, target := range []string{"/v1/requests/req_front?include=links", "/v1/requests/" + strings.Repeat("a", 32), "/v1/requests/inner-request", "/v1/lookup?q=req_front"} {
		res := f.call(http.MethodGet, target, supportKey, "")
		require.Equal(t, http.StatusOK, res.Code, res.Body)
		said := strings.ReplaceAll(strings.ReplaceAll(res.Body.String(), `"inner-request"`, ""), "inner-request", "")
		if target == "/v1/requests/inner-request" { // whoever asks for it by its ID is told whose it is, and no more
			said = strings.ReplaceAll(strings.ReplaceAll(said, "inner-middle", ""), "inner_middle_failed", "")
		}
		assert.NotContains(t, strings.ToLower(said), "inner", target)
		assert.NotContains(t, said, strings.Repeat("a", 32), target)
	}

	res := f.call(http.MethodGet, "/v1/requests/req_front?include=links", supportKey, "")
	names := map[string]bool{}
	keysOf(decode[any](t, res), "", names)
	for _, gone := range []string{"trace_ids", "services", "first_at", "last_at", "links", "truncated", "summary.root_cause_event_id", "story.through", "story.attempts",
		"explanation.source_refs", "explanation.also_seen_as", "events.raw", "events.headers", "events.exception", "events.details", "events.release", "events.path", "events.trace_id", "events.issue_id", "events.upstream"} {
		assert.False(t, names[gone], "%s is left out, and not blank", gone)
	}
	for _, there := range []string{"request_id", "summary.status", "summary.customer", "summary.environment", "explanation.verdict", "explanation.causes", "retry.text", "replies.text",
		"story.root_cause", "story.not_their_limit", "events.occurred_at", "events.message", "events.field_errors.field"} {
		assert.True(t, names[there], there)
	}
	out := decode[struct {
		Summary struct{ Message, Service string }
		Story   struct {
			RootCause     string `json:"root_cause"`
			NotTheirLimit bool   `json:"not_their_limit"`
		}
		Events []struct{ ID string }
	}](t, res)
	assert.Equal(t, "The provider failed", out.Summary.Message, "the customer has it as well")
	assert.True(t, out.Story.NotTheirLimit)
	assert.Equal(t, "The failure began in prompts, in a call that it made to openai: 429 Too Many Requests. The customer was not rate-limited: our provider openai limited us.", out.Story.RootCause)
	assert.Len(t, out.Events, 1)
}

func TestSupportLooksUpWithoutTheInside(t *testing.T) {
	f := supportFixture(t)
	paste := func(key, text string) *httptest.ResponseRecorder {
		body, err := json.Marshal(map[string]string{"text": text})
		require.NoError(t, err)
		return f.call(http.MethodPost, "/v1/lookup", key, string(body))
	}
	res := paste(supportKey, "Hello, we got req_front and req_fronT and req_rejected1.")
	require.Equal(t, http.StatusOK, res.Code, res.Body)
	assert.NotContains(t, strings.ToLower(res.Body.String()), "inner")
	out := decode[foundOutside](t, res)
	assert.Len(t, out.Trails, 1)
	assert.Contains(t, out.Rows, idRow{ID: "req_front", Found: true, RequestID: "req_front", OccurredAt: &event.Time{Time: noon}, Service: "shop", Status: 502, Code: "provider_error",
		Family: event.FamilyUpstream, Verdict: "Our upstream failed shop. Nothing is wrong with the customer's request.", Customer: "acme"})
	assert.Equal(t, http.StatusOK, paste(readKey, "req_front").Code)
	assert.Contains(t, paste(readKey, "req_front").Body.String(), "inner-stack", "engineers see it")

	refused := f.call(http.MethodGet, "/v1/requests/req_rejected1", supportKey, "")
	assert.Equal(t, http.StatusNotFound, refused.Code)
	assert.Contains(t, refused.Body.String(), "was rejected (validation_failed).")
	assert.NotContains(t, refused.Body.String(), "no service", "what was said against it")
	assert.Contains(t, f.get("/v1/requests/req_rejected1").Body.String(), "no service")
}

func TestSupportOnARealStore(t *testing.T) {
	f := newIssueFixture(t)
	f.outage("billing")
	const path = "/v1/requests/req_billing_1"
	res := f.call(http.MethodGet, path+"?include=blast_radius,links", supportKey, "")
	require.Equal(t, http.StatusOK, res.Code, res.Body)
	got := decode[map[string]any](t, res)
	assert.Equal(t, "known_incident", got["blast_radius"].(map[string]any)["verdict"])
	assert.NotContains(t, got, "links")

	res = f.call(http.MethodPost, path+"/notes", supportKey, `{"body":"told them"}`)
	require.Equal(t, http.StatusCreated, res.Code, res.Body)
	d := decode[map[string]any](t, res)
	assert.Len(t, d["notes"], 1)
	assert.NotContains(t, d, "issue_id")
	assert.Contains(t, decode[map[string]any](t, f.call(http.MethodGet, path+"/desk", readKey, "")), "issue_id")
	assert.Equal(t, http.StatusOK, f.call(http.MethodPut, path+"/status", supportKey, `{"status":"answered"}`).Code)

	made := f.call(http.MethodPost, "/v1/keys", adminKey, `{"name":"mia","scopes":["support"]}`)
	require.Equal(t, http.StatusCreated, made.Code, made.Body)
	key := decode[struct{ Secret string }](t, made).Secret
	assert.Equal(t, http.StatusOK, f.call(http.MethodGet, path, key, "").Code)
	assert.Equal(t, http.StatusForbidden, f.call(http.MethodGet, "/v1/events", key, "").Code)
	bad := f.call(http.MethodPost, "/v1/keys", adminKey, `{"name":"mia","scopes":["owner"]}`)
	assert.Contains(t, bad.Body.String(), "ingest, support, read, admin")
}
