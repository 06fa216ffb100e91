package dialect

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

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

// waitPhrases come before a number in sentences that ask to wait.
var waitPhrases = []string{"try again in ", "retry in ", "retry after ", "try again after ", "wait ", "retrying in "}

// proseWait reads "Try again in 45 seconds", "wait 60 seconds", "in 1m30s".
func proseWait(message string) (float64, bool) {
	m := asciiLower(message[:min(len(message), 4096)])
	for _, phrase := range waitPhrases {
		if i := strings.Index(m, phrase); i >= 0 {
			rest := strings.TrimPrefix(m[i+len(phrase):], "for ")
			rest = strings.TrimPrefix(rest, "at least ")
			if s, ok := leadingWait(rest); ok {
				return s, true
			}
		}
	}
	return 0, false
}

func leadingWait(s string) (float64, bool) {
	end := 0
	for end < len(s) && end < 16 && (s[end] >= '0' && s[end] <= '9' || s[end] == '.') {
		end++
	}
	n, err := strconv.ParseFloat(strings.TrimRight(s[:end], "."), 64)
	if err != nil {
		return 0, false
	}
	unit := strings.TrimLeft(s[end:], " ")
	if end < len(s) && s[end] != ' ' { // "6m0s", "20ms", "1.2s"
		word := strings.TrimRight(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' })[0], ".)")
		if d, err := time.ParseDuration(word); err == nil && d >= 0 {
			return d.Seconds(), true
		}
	}
	switch {
	case strings.HasPrefix(unit, "ms"), strings.HasPrefix(unit, "milli"):
		return n / 1000, true
	case strings.HasPrefix(unit, "min"):
		return n * 60, true
	case strings.HasPrefix(unit, "hour"):
		return n * 3600, true
	case strings.HasPrefix(unit, "s"):
		return n, true
	}
	return 0, false
}
