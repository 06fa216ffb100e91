package dialect

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

// The first that says how long to wait counts, and is named.
func TestRetryPrecedence(t *testing.T) {
	const body = `{"error":{"code":"rate_limit_exceeded","message":"Try again in 7 seconds","details":{"retry_after":3}},"retry_after":2}`
	const details = `{"error":{"code":"rate_limit_exceeded","message":"Try again in 7 seconds","details":{"retry_after":3}}}`
	const prose = `{"error":{"code":"rate_limit_exceeded","message":"Try again in 7 seconds"}}`
	const date = "Fri, 20 Nov 2026 14:02:35 GMT" // = 1795183355
	for name, tc := range map[string]struct {
		body    string
		headers map[string]string
		want    event.RetryAfter
	}{
		"seconds":          {body, map[string]string{"retry-after": "1", "ratelimit": `"default";r=0;t=4`, "x-ratelimit-reset": "5"}, event.RetryAfter{Seconds: 1, Source: "header"}},
		"a date":           {body, map[string]string{"retry-after": "Fri, 20 Nov 2026 14:03:20 GMT", "date": date}, event.RetryAfter{Seconds: 45, Source: "header"}},
		"a date that was":  {body, map[string]string{"retry-after": "Fri, 20 Nov 2026 14:00:00 GMT", "date": date}, event.RetryAfter{Seconds: 0, Source: "header"}},
		"no such header":   {body, map[string]string{"retry-after": "soon"}, event.RetryAfter{Seconds: 2, Source: "body"}},
		"body":             {body, map[string]string{"ratelimit": `"default";r=0;t=4`}, event.RetryAfter{Seconds: 2, Source: "body"}},
		"details":          {details, map[string]string{"ratelimit": `"default";r=0;t=4`}, event.RetryAfter{Seconds: 3, Source: "details"}},
		"RateLimit":        {prose, map[string]string{"ratelimit": `"default";r=0;t=4`, "x-ratelimit-reset": "5"}, event.RetryAfter{Seconds: 4, Source: "ratelimit_header"}},
		"an older draft":   {prose, map[string]string{"ratelimit": `limit=100, remaining=0, reset=4`}, event.RetryAfter{Seconds: 4, Source: "ratelimit_header"}},
		"no t":             {prose, map[string]string{"ratelimit": `"default";r=0`, "x-ratelimit-reset": "5"}, event.RetryAfter{Seconds: 5, Source: "ratelimit_reset"}},
		"a wait":           {prose, map[string]string{"x-ratelimit-reset": "5"}, event.RetryAfter{Seconds: 5, Source: "ratelimit_reset"}},
		"a time":           {prose, map[string]string{"x-ratelimit-reset": "1795183361", "date": date}, event.RetryAfter{Seconds: 6, Source: "ratelimit_reset"}},
		"a time in ms":     {prose, map[string]string{"x-ratelimit-reset": "1795183361000", "date": date}, event.RetryAfter{Seconds: 6, Source: "ratelimit_reset"}},
		"message":          {prose, nil, event.RetryAfter{Seconds: 7, Source: "message"}},
		"a time, no clock": {prose, map[string]string{"x-ratelimit-reset": "1795183361"}, event.RetryAfter{Seconds: 7, Source: "message"}}, // what it resets at is kept, and comes first
	} {
		r := Read([]byte(tc.body), tc.headers, 429)
		if assert.NotNil(t, r.RetryAfter, name) {
			assert.Equal(t, tc.want, *r.RetryAfter, name)
		}
	}
	r := Read([]byte(prose), map[string]string{"x-ratelimit-reset": "1795183361", "ratelimit": `"default";r=0;t=4`}, 429)
	require.NotNil(t, r.RateLimit.Reset)
	assert.EqualValues(t, 1795183361, *r.RateLimit.Reset, "the time is kept beside the wait")
	assert.Nil(t, Read([]byte(`{"error":{"code":"rate_limit_exceeded","message":"Slow down"}}`), nil, 429).RetryAfter)
}

func TestProseWait(t *testing.T) {
	for text, want := range map[string]float64{
		"Rate limit exceeded. Try again in 45 seconds.": 45, "Please wait 60 seconds before retrying.": 60,
		"Please try again in 1.2s.": 1.2, "try again in 6m0s": 360, "retry after 2 minutes": 120, "try again in 20ms": 0.02,
		"Retry after 2m": 120, "Please retry your request in 1 minute": 60, "Too many requests, retry in 1m30s": 90, "RETRY AFTER 30 SECONDS": 30,
		"Try again in 1 minute and 30 seconds": 90, "Try again in 1 minute 5 seconds": 65, "You can try again in 2 hours": 7200, "Limit resets in 45sec": 45,
		"Your quota will reset in about 3 hours.": 10800, "retrying in 500 ms": 0.5, "Rate limit reached (limit 3 / min). Please try again in 20s. Contact us": 20,
		"wait at least 10 seconds": 10, "Service is available again in 15 min": 900, "wait for 5 s": 5, "A 45-second pause: wait 45 seconds": 45,
		"In 30 seconds retry": 30, "60 seconds before retrying": 60, "Limit of 60 requests in 1 minute exceeded; try again in 12 seconds": 12,
		"Bitte in 45 Sekunden erneut versuchen": 45, "Versuchen Sie es nach 2 Minuten wieder": 0, "Inténtelo de nuevo en 30 segundos": 30,
		"Réessayez dans 10 secondes": 10, "Veuillez réessayer dans environ 2 minutes": 120, "Tente novamente em 5 minutos": 300, "Riprova tra 30 secondi": 30, "Probeer het over 10 seconden opnieuw": 10,
	} {
		got, ok := proseWait(text)
		if want == 0 { // it reads like "timed out after": better nothing than a wrong time
			assert.False(t, ok, text)
			continue
		}
		assert.True(t, ok, text)
		assert.InDelta(t, want, got, 1e-9, text)
	}
	for _, text := range []string{
		"Request timed out after 60 seconds", "wait a moment", "wait 5 apples", "", "Try again later", "Try again in a few minutes", "retry 3", "Error 45: try again",
		"Limit of 60 requests in 1 minute exceeded, try again later", "The request timed out after 30 seconds, please retry", "gave up after 30 seconds retrying", "retry failed after 30 seconds",
		"retried 3 times in 10 seconds", "The upstream took 30 seconds. Try again.", "Try again. It failed in 3 seconds", "request aborted after 5s; wait", "rate of 10 per 60 seconds; wait",
		"Available disk: 45 seconds of log", "wait 9999999999999999999999999 s", "try again in 12345678901 seconds",
	} {
		got, ok := proseWait(text)
		assert.False(t, ok, "%s: %v", text, got)
	}
}
