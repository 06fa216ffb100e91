package dialect

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"errata/internal/event"
)

// epochFrom tells a reset time from a number of seconds to wait.
const epochFrom = 1_000_000_000

// readLimits reads the limiter's headers: X-RateLimit-*, RateLimit-*, and the
// structured RateLimit and RateLimit-Policy of the IETF draft.
func (in *input) readLimits(r *Reading) {
	limit := in.count("x-ratelimit-limit", "ratelimit-limit", "x-rate-limit-limit", "x-ratelimit-limit-requests")
	left := in.count("x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining", "x-ratelimit-remaining-requests")
	reset, source := in.count("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset"), "ratelimit_reset"
	window := ""
	if fields := params(in.header("ratelimit")); fields != nil {
		limit, left = orElse(limit, fields, "limit"), orElse(orElse(left, fields, "r"), fields, "remaining")
		if t := orElse(orElse(nil, fields, "t"), fields, "reset"); t != nil { // it is a wait, where the others may be either
			in.resetAt(r, reset)
			reset, source = t, "ratelimit_header"
		}
	}
	if fields := params(in.header("ratelimit-policy")); fields != nil {
		limit = orElse(limit, fields, "q")
		window = fields["w"]
	}
	if limit == nil && left == nil && reset == nil {
		return
	}
	if r.RateLimit == nil {
		r.RateLimit = &event.RateLimit{}
	}
	rl := r.RateLimit
	if limit != nil {
		rl.Limit = limit
	}
	if left != nil {
		rl.Remaining = left
	}
	if rl.Window == "" {
		rl.Window = window
	}
	in.readReset(r, reset, source)
}

// resetAt keeps a time at which the limit resets, though another header says for how
// long to wait.
func (in *input) resetAt(r *Reading, reset *int64) {
	if reset == nil || *reset < epochFrom {
		return
	}
	if r.RateLimit == nil {
		r.RateLimit = &event.RateLimit{}
	}
	at := seconds(*reset)
	r.RateLimit.Reset = &at
}

// seconds makes one of a Unix time that may be in milliseconds.
func seconds(at int64) int64 {
	if at > epochFrom*1000 {
		return at / 1000
	}
	return at
}

// readReset turns a reset, which may be a time or a wait, into both.
func (in *input) readReset(r *Reading, reset *int64, source string) {
	if reset == nil {
		return
	}
	sent, known := in.date()
	wait, at := *reset, *reset
	if *reset >= epochFrom {
		at = seconds(at)
		r.RateLimit.Reset = &at
		if !known {
			return
		}
		wait = at - sent.Unix()
	} else if known {
		at = sent.Unix() + wait
		r.RateLimit.Reset = &at
	}
	exhausted := r.RateLimit.Remaining != nil && *r.RateLimit.Remaining == 0
	if r.RetryAfter == nil && wait >= 0 && (in.status == http.StatusTooManyRequests || exhausted) {
		r.RetryAfter = &event.RetryAfter{Seconds: float64(wait), Source: source}
	}
}

func (in *input) date() (time.Time, bool) {
	t, err := http.ParseTime(in.header("date"))
	return t, err == nil
}

// count reads the first of the headers that starts with a whole number.
func (in *input) count(names ...string) *int64 {
	for _, name := range names {
		if n := leadingInt(in.header(name)); n != nil {
			return n
		}
	}
	return nil
}

func leadingInt(s string) *int64 {
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	if end == 0 {
		return nil
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// params reads `"default";r=50;t=30` and `limit=100, remaining=0, reset=5`.
func params(s string) map[string]string {
	if s == "" || len(s) > 1024 {
		return nil
	}
	out := map[string]string{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == ',' }) {
		if k, v, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
			if _, seen := out[strings.ToLower(k)]; !seen { // the first policy is the one that counts
				out[strings.ToLower(k)] = strings.Trim(v, `" `)
			}
		}
	}
	return out
}

func orElse(n *int64, fields map[string]string, key string) *int64 {
	if n != nil {
		return n
	}
	return leadingInt(fields[key])
}
