package dialect

import (
	"math"
	"net/http"
	"strings"

	"errata/internal/event"
)

// readBodyRetry reads retry_after at the top, in the error, or in details.
func readBodyRetry(r *Reading, top, e, details object) {
	if r.RetryAfter != nil {
		return
	}
	for _, place := range []struct {
		o      object
		source string
	}{{top, "body"}, {e, "body"}, {details, "details"}} {
		for _, key := range []string{"retry_after", "retryAfter", "retry_after_seconds"} {
			if s, ok := number(place.o[key]); ok {
				r.RetryAfter = &event.RetryAfter{Seconds: s, Source: place.source}
				return
			}
		}
		if ms, ok := number(place.o["retry_after_ms"]); ok {
			r.RetryAfter = &event.RetryAfter{Seconds: ms / 1000, Source: place.source}
			return
		}
	}
}

// readRetry lets the Retry-After header win, and falls back to the prose.
func (in *input) readRetry(r *Reading) {
	if s, ok := RetrySeconds(in.header("retry-after"), in.header("date")); ok {
		r.RetryAfter = &event.RetryAfter{Seconds: s, Source: "header"}
		return
	}
	if r.RetryAfter != nil {
		return
	}
	if s, ok := proseWait(r.Message); ok {
		r.RetryAfter = &event.RetryAfter{Seconds: s, Source: "message"}
	}
}

// RetrySeconds reads a Retry-After value: seconds, or an HTTP date, which says
// something only together with the answer's own Date.
func RetrySeconds(value, date string) (float64, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if s, ok := number(value); ok {
		return s, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	sent, err := http.ParseTime(strings.TrimSpace(date))
	if err != nil {
		return 0, false
	}
	return math.Max(0, at.Sub(sent).Seconds()), true
}
