package brief_test

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/brief"
	"errata/internal/customer"
	"errata/internal/event"
)

var at = time.Date(2026, 11, 20, 14, 2, 35, 0, time.UTC)

func failure() event.Trail {
	return event.NewTrail("req_9f3a21", []event.Event{{
		ID: "0199", RequestID: "req_9f3a21", OccurredAt: at, Role: event.Primary, Service: "prompts-api", Environment: "production", Method: "POST", Endpoint: "/v1/run",
		Status: 429, Code: "rate_limit_exceeded", RawCode: "rate_limit_exceeded", Family: event.FamilyLimits, Customer: "acme", Message: "what the answer said about mia@acme.example",
		RetryAfter: &event.RetryAfter{Seconds: 45, Source: "header"},
	}})
}

func TestOf(t *testing.T) {
	trail := failure()
	c := brief.Of("req_9f3a21", &trail, nil, at.Add(time.Hour), false)
	assert.Equal(t, []string{"req_9f3a21", "/r/req_9f3a21", "429 rate_limit_exceeded", "POST /v1/run", "ac…", "0199"}, []string{c.ID, c.Path, c.Heading, c.Endpoint, c.Customer, c.EventID})
	assert.Contains(t, c.Verdict, "limit")
	assert.Contains(t, c.Todo, "retry")
	assert.NotEmpty(t, c.Reply)
	assert.LessOrEqual(t, len(c.Fixes), 3)
	for _, text := range append(c.Fixes, c.Verdict, c.Todo, c.Reply, c.Began) {
		assert.NotContains(t, text, "acme")
	}
	assert.Equal(t, "acme", brief.Of("req_9f3a21", &trail, nil, at, true).Customer)
}

func TestCalled(t *testing.T) {
	assert.Equal(t, []brief.Customer{{Customer: "a/b", Name: "Acme", Path: "/customers/a%2Fb"}, {Customer: "..", Name: "Dots", Path: "/customers/~.."}}, brief.Called([]customer.Named{{Customer: "a/b", Name: "Acme"}, {Customer: "..", Name: "Dots"}}))
	assert.NotNil(t, brief.Called(nil))
}

func TestMask(t *testing.T) {
	for name, want := range map[string]string{"": "", "a": "a…", "ab": "a…", "abc": "a…", "acme": "ac…", "mia@acme.example": "mi…", "äöüß": "äö…"} {
		assert.Equal(t, want, brief.Mask(name), name)
		assert.True(t, utf8.ValidString(brief.Mask(name)))
	}
}

func TestWhy(t *testing.T) {
	assert.Equal(t, "It was probably reported on 2026-10-01, and has expired since.", brief.Why("probably_expired", "", "2026-10-01"))
	assert.Equal(t, "as it was said", brief.Why("rejected", "as it was said", ""))
	assert.Equal(t, "what the rule does", brief.Why("thinned", "what the rule does", "2026-10-01"))
	assert.Contains(t, brief.Why("never_seen", "", ""), "has been reported")
}

// A limit that a provider put on us, and that was passed on as 429, is not the
// customer's: a card that said so would have them buy a larger plan.
func TestOfALimitThatWasPassedOn(t *testing.T) {
	trail := event.NewTrail("req_9f3a21", []event.Event{
		{ID: "1", RequestID: "req_9f3a21", TraceID: "a1", SpanID: "01", OccurredAt: at, Role: event.Primary, Service: "prompts-api", Status: 429, Code: "rate_limit_exceeded", Family: event.FamilyLimits},
		{ID: "2", TraceID: "a1", SpanID: "02", ParentSpanID: "01", OccurredAt: at.Add(-time.Millisecond), Role: event.Upstream, Service: "prompts-api", Status: 429, Code: "rate_limit_exceeded", Family: event.FamilyUpstream,
			Upstream: &event.UpstreamInfo{Provider: "openai"}},
	})
	c := brief.Of("req_9f3a21", &trail, nil, at.Add(time.Hour), false)
	assert.Equal(t, event.FamilyUpstream, c.Family)
	assert.NotContains(t, c.Verdict, "customer hit")
	assert.Contains(t, c.Verdict, "openai")
	own := failure()
	assert.NotEqual(t, brief.Of("req_9f3a21", &own, nil, at, false).Side, c.Side)
}

// What is told outside holds no exception, not even as a code, and nothing that a
// service said.
func TestACardHoldsNothingOfTheInside(t *testing.T) {
	seen := event.Event{ID: "1", OccurredAt: at, Role: event.Primary, Family: event.FamilyUs, Service: "shop", Status: 500, Code: "internal_error", Message: "inner", RequestID: "req_1", TraceID: "t", SpanID: "a", Raw: []byte(`"inner"`)}
	root := event.Event{ID: "2", OccurredAt: at.Add(-1), Role: event.Primary, Family: event.FamilyUs, Service: "ledger", Status: 500, RawCode: "inner.Error", Code: event.CanonicalCode("inner.Error", 500), TraceID: "t", SpanID: "b", ParentSpanID: "a",
		Message: "inner", Exception: &event.Exception{Type: "inner.Error", Message: "inner", Stacktrace: "inner"}, FieldErrors: []event.FieldError{{Field: "inner"}}}
	trail := event.NewTrail("req_1", []event.Event{seen, root})
	c := brief.Of("req_1", &trail, nil, at, true)
	assert.Equal(t, "It began in ledger: 500 Internal Server Error", c.Began)
	raw, err := json.Marshal(c)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "inner")
}
