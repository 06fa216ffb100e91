package catalog_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/event"
)

var at = time.Date(2026, 11, 20, 14, 2, 35, 0, time.UTC)

func failure(status int, raw string) event.Event {
	code := event.CanonicalCode(raw, status)
	return event.Event{
		OccurredAt: at, RequestID: "req_9f3a21", Service: "prompts-api", Role: event.Primary,
		Status: status, RawCode: raw, Code: code, Family: event.FamilyOf(status, code),
	}
}

func ptr[T any](v T) *T { return &v }

func TestExplainKnowsTheReferenceCodes(t *testing.T) {
	for _, tc := range []struct {
		status int
		code   string
		title  string
		class  string
	}{
		{401, "unauthorized", "The caller was not recognised", catalog.Access},
		{401, "UNAUTHORIZED", "The caller was not recognised", catalog.Access},
		{401, "invalid_api_key", "The API key is not valid", catalog.Access},
		{403, "forbidden", "Not allowed", catalog.Access},
		{403, "insufficient_quota", "The allowance is used up", catalog.Quota},
		{404, "not_found", "Not found", catalog.Fix},
		{404, "session_not_found", "There is no such session", catalog.Fix},
		{404, "prompt_version_not_found", "There is no such prompt or version", catalog.Fix},
		{400, "validation_error", "The input was refused", catalog.Fix},
		{400, "VALIDATION_FAILED", "The input was refused", catalog.Fix},
		{400, "invalid_parameters", "The input was refused", catalog.Fix},
		{422, "validation_error", "The input was refused", catalog.Fix},
		{409, "CONFLICT", "It conflicts with what is there", catalog.Fix},
		{429, "rate_limit_exceeded", "Too many requests", catalog.Wait},
		{429, "ThrottlingException", "Too many requests", catalog.Wait},
		{500, "internal_error", "Something broke on our side", catalog.Once},
		{500, "INTERNAL_ERROR", "Something broke on our side", catalog.Once},
		{502, "provider_error", "A provider behind us failed", catalog.Backoff},
		{502, "rate_limit_exceeded", "A provider behind us failed", catalog.Backoff},
		{503, "service_unavailable", "Not available for the moment", catalog.Backoff},
		{504, "timeout", "It took too long", catalog.Backoff},
	} {
		e := catalog.Explain(failure(tc.status, tc.code))
		assert.Equal(t, tc.title, e.Title, tc.code)
		assert.Equal(t, "code", e.Source, tc.code)
		assert.Equal(t, tc.class, e.RetryClass, tc.code)
	}
}

func TestExplainFallsBack(t *testing.T) {
	e := catalog.Explain(failure(404, "wombat_not_found"))
	assert.Equal(t, "pattern", e.Source)
	assert.Equal(t, "Not found", e.Title)
	e = catalog.Explain(failure(409, "wombat"))
	assert.Equal(t, "status", e.Source)
	assert.Equal(t, "It conflicts with what is there", e.Title)
	for _, f := range []event.Family{event.FamilyCaller, event.FamilyLimits, event.FamilyUs, event.FamilyUpstream, ""} {
		e := catalog.Explain(event.Event{Code: "wombat", Family: f})
		assert.Equal(t, "family", e.Source)
		assert.NotEmpty(t, e.Title)
	}
}

// Whatever comes in, every part of the answer says something.
func TestEveryStatusIsExplained(t *testing.T) {
	for status := range 600 {
		for _, role := range []event.Role{event.Primary, event.Upstream, event.Context} {
			ev := failure(status, "")
			ev.Role = role
			e, r := catalog.Explain(ev), catalog.Advise(ev, at.Add(time.Minute))
			require.NotEmpty(t, e.Title, status)
			require.NotEmpty(t, e.Plain, status)
			require.NotEmpty(t, e.Verdict, status)
			require.NotEmpty(t, e.Causes, status)
			require.NotEmpty(t, e.Fixes, status)
			require.NotEmpty(t, e.Side, status)
			require.NotEmpty(t, r.Text, status)
			require.Equal(t, e.RetryClass, r.Class, status)
			require.Contains(t, catalog.Compose(ev, at), "req_9f3a21", status)
		}
	}
}

func TestVerdict(t *testing.T) {
	limited := failure(429, "rate_limit_exceeded")
	limited.RateLimit = &event.RateLimit{Limit: ptr(int64(60)), Window: "1 minute"}
	upstream := failure(502, "provider_error")
	upstream.Upstream = &event.UpstreamInfo{Provider: "openai", Code: "rate_limit_exceeded"}
	down := failure(502, "provider_error")
	down.Upstream = &event.UpstreamInfo{Provider: "anthropic", Code: "overloaded_error"}
	fields := failure(422, "validation_error")
	fields.FieldErrors = []event.FieldError{{Field: "text"}, {Field: "role_id"}, {Field: "text"}}
	call := failure(429, "rate_limit_exceeded")
	call.Role, call.Upstream = event.Upstream, &event.UpstreamInfo{Provider: "stripe"}
	for _, tc := range []struct {
		ev   event.Event
		want string
	}{
		{limited, "The customer went over their limit of 60 requests per minute. Nothing is broken on our side."},
		{upstream, "Our upstream openai refused us (rate_limit_exceeded); the customer was not rate-limited. Nothing is wrong with their request."},
		{down, "Our upstream anthropic failed us (overloaded_error). Nothing is wrong with the customer's request."},
		{fields, "The caller's request was refused because of the fields 'text' and 'role_id'. They have to correct it."},
		{call, "A call that prompts-api made to stripe failed: 429 rate_limit_exceeded."},
		{failure(403, "insufficient_quota"), "The customer's account has used up its quota. Nothing is broken on our side; retrying will not help."},
		{failure(504, "timeout"), "Our upstream did not answer prompts-api in time. The customer's request may have been large, but is not wrong."},
		{failure(500, ""), "prompts-api failed unexpectedly. This is on our side; nothing is known to be wrong with the customer's request."},
		{failure(418, "teapot"), "prompts-api refused the caller's request (418 teapot). They have to change it."},
	} {
		assert.Equal(t, tc.want, catalog.Explain(tc.ev).Verdict)
	}
}

func TestRate(t *testing.T) {
	for window, want := range map[string]string{"": "100 requests", "60": "100 requests per minute", "1 minute": "100 requests per minute", "3600": "100 requests per hour", "10": "100 requests per 10 s", "5 minutes": "100 requests per 5 minutes"} {
		assert.Equal(t, want, catalog.Rate(&event.RateLimit{Limit: ptr(int64(100)), Window: window}))
	}
	assert.Empty(t, catalog.Rate(nil))
}

func TestAdvise(t *testing.T) {
	limited := failure(429, "rate_limit_exceeded")
	limited.RetryAfter = &event.RetryAfter{Seconds: 45, Source: "header"}
	reset := failure(429, "rate_limit_exceeded")
	reset.RateLimit = &event.RateLimit{Reset: ptr(at.Add(30 * time.Second).Unix())}
	message := failure(429, "rate_limit_exceeded")
	message.RetryAfter = &event.RetryAfter{Seconds: 20, Source: "message"}
	resetFirst := message // a header says more than prose
	resetFirst.RateLimit = reset.RateLimit
	unlimited := failure(500, "internal_error") // it has the header, but the limit is not why it failed
	unlimited.RateLimit = &event.RateLimit{Reset: reset.RateLimit.Reset, Remaining: ptr(int64(7))}
	passed := failure(429, "rate_limit_exceeded")
	passed.RateLimit = &event.RateLimit{Reset: ptr(at.Add(-30 * time.Second).Unix())}
	absurd := failure(429, "rate_limit_exceeded")
	absurd.RetryAfter = &event.RetryAfter{Seconds: math.Inf(1), Source: "body"}
	fields := failure(400, "validation_error")
	fields.FieldErrors = []event.FieldError{{Field: "text"}}
	get := failure(500, "internal_error")
	get.Method = "GET"
	down := failure(503, "service_unavailable")
	down.RetryAfter = &event.RetryAfter{Seconds: 120, Source: "header"}
	for name, tc := range map[string]struct {
		ev     event.Event
		after  time.Duration // from the error to now
		safe   bool
		at     time.Time
		source string
		text   string
	}{
		"past":         {limited, 12*time.Minute + 45*time.Second, true, at.Add(45 * time.Second), "header", "Safe to retry since 14:03:20 UTC (45 s after the error; that was 12 min ago)."},
		"future":       {limited, 15 * time.Second, false, at.Add(45 * time.Second), "header", "Safe to retry at 14:03:20 UTC (45 s after the error; that is in 30 s)."},
		"long ago":     {limited, 72 * time.Hour, true, at.Add(45 * time.Second), "header", "since 20 Nov 2026 14:03:20 UTC (45 s after the error; that was 3 d ago)."},
		"reset":        {reset, time.Second, false, at.Add(30 * time.Second), "ratelimit_reset", "Safe to retry at 14:03:05 UTC"},
		"message":      {message, time.Second, false, at.Add(20 * time.Second), "message", "Safe to retry at 14:02:55 UTC"},
		"reset first":  {resetFirst, time.Second, false, at.Add(30 * time.Second), "ratelimit_reset", "Safe to retry at 14:03:05 UTC"},
		"not limited":  {unlimited, 0, false, time.Time{}, "default", "If it comes again, escalate."},
		"reset passed": {passed, time.Second, false, time.Time{}, "default", "A minute is a careful guess."},
		"absurd":       {absurd, time.Hour, true, time.Time{}, "default", "A minute is a careful guess, and the failure was 60 min ago."},
		"unsaid":       {failure(429, ""), time.Second, false, time.Time{}, "default", "did not say how long"},
		"validation":   {fields, 0, false, time.Time{}, "default", "Do not retry unchanged. Fix the field 'text' first."},
		"auth":         {failure(401, ""), 0, false, time.Time{}, "default", "Do not retry. Check the key"},
		"quota":        {failure(403, "quota_exceeded"), 0, false, time.Time{}, "default", "Retrying will not help."},
		"read":         {get, 0, true, time.Time{}, "default", "Retry once after a short delay."},
		"write":        {failure(500, ""), 0, false, time.Time{}, "default", "If it comes again, escalate."},
		"503":          {down, 0, false, at.Add(2 * time.Minute), "header", "Safe to retry at 14:04:35 UTC (2 min after the error"},
		"504":          {failure(504, ""), 0, false, time.Time{}, "default", "1, 2, 4, 8, 16 s. Make the request smaller"},
	} {
		got := catalog.Advise(tc.ev, at.Add(tc.after))
		assert.Equal(t, tc.safe, got.Safe, name)
		assert.Equal(t, tc.source, got.Source, name)
		assert.Contains(t, got.Text, tc.text, name)
		if tc.at.IsZero() {
			assert.Nil(t, got.At, name)
		} else if assert.NotNil(t, got.At, name) {
			assert.Equal(t, tc.at, *got.At, name)
		}
	}
}

// A wait of part of a second must not make the clock time too early.
func TestAdviseRoundsUp(t *testing.T) {
	ev := failure(429, "")
	ev.OccurredAt = at.Add(700 * time.Millisecond)
	ev.RetryAfter = &event.RetryAfter{Seconds: 0.5, Source: "body"}
	assert.Equal(t, at.Add(2*time.Second), *catalog.Advise(ev, at).At)
}

func TestReplyTellsNoSecrets(t *testing.T) {
	for _, ev := range []event.Event{failure(500, "internal_error"), failure(502, "provider_error"), failure(504, "timeout"), failure(429, "rate_limited"), failure(403, "forbidden")} {
		ev.Customer, ev.Message, ev.Instance, ev.Release = "cus_secret", "pq: password authentication failed", "pod-secret", "v-secret"
		ev.Upstream = &event.UpstreamInfo{Provider: "openai-secret", Code: "rate_limit_exceeded"}
		ev.Exception = &event.Exception{Type: "SecretError", Message: "secret", Stacktrace: "secret.go:1"}
		ev.Service, ev.Endpoint = "secret-api", "/secret"
		reply := catalog.Compose(ev, at)
		assert.NotContains(t, strings.ToLower(reply), "secret")
		assert.NotContains(t, reply, "password")
		assert.Contains(t, reply, "req_9f3a21")
	}
}

func TestReply(t *testing.T) {
	ev := failure(429, "rate_limit_exceeded")
	ev.RateLimit, ev.RetryAfter = &event.RateLimit{Limit: ptr(int64(60)), Window: "60"}, &event.RetryAfter{Seconds: 45, Source: "header"}
	assert.Equal(t, `Hello,

We looked into your request req_9f3a21 of 20 November 2026, 14:02:35 UTC. It was not carried out because your key went over its limit of 60 requests per minute.

You can send it again from 14:03:20 UTC on. Please pause a little longer after each refusal; if you need a higher limit, tell us.

If it happens again, please send us the new request ID.`, catalog.Compose(ev, at))

	fields := failure(422, "validation_error")
	fields.FieldErrors = []event.FieldError{{Field: "text", Message: "is required"}}
	assert.Contains(t, catalog.Compose(fields, at), "because of the field 'text'.\n- text: is required")
	assert.Contains(t, catalog.Compose(failure(502, ""), at), "not about your own limits")
}

func TestAnswersAreJSON(t *testing.T) {
	ev := failure(429, "rate_limit_exceeded")
	ev.RetryAfter = &event.RetryAfter{Seconds: 45, Source: "header"}
	b, err := json.Marshal([]any{catalog.Explain(ev), catalog.Advise(ev, at)})
	require.NoError(t, err)
	for _, key := range []string{`"retry_class":"wait"`, `"at":"2026-11-20T14:03:20Z"`, `"seconds":45`, `"source":"header"`, `"safe":false`} {
		assert.Contains(t, string(b), key)
	}
}
