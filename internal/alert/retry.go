package alert

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Outcome is what an attempt came to.
type Outcome string

// The outcomes of an attempt.
const (
	Done    Outcome = "done"
	Later   Outcome = "later"   // trying again may help
	GiveUp  Outcome = "give_up" // trying the same again cannot help
	Disable Outcome = "disable" // the receiver wants no more from us, ever
)

// The waits before each attempt. What is older than their sum, sixteen hours,
// is no alert any more but history, and the page has it.
var schedule = [...]time.Duration{
	0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute,
	30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour,
}

// MaxAttempts is how often a Delivery is tried before it is dead.
const MaxAttempts = len(schedule)

// maxRetryAfter bounds what a receiver may ask for: an hour's silence is long
// for an alert.
const maxRetryAfter = time.Hour

// Wait tells how long to wait before the next attempt after so many of them,
// or that there is none. random is in [0,1) and spreads the waits by a fifth
// either way, so that what failed together does not come back together. The
// receiver's own wish lengthens a wait and never shortens it.
func Wait(attempts int, retryAfter time.Duration, random float64) (time.Duration, bool) {
	if attempts < 0 || attempts >= len(schedule) {
		return 0, false
	}
	wait := time.Duration(float64(schedule[attempts]) * (0.8 + 0.4*min(max(random, 0), 1)))
	if attempts == 0 {
		return 0, true
	}
	return max(wait, min(retryAfter, maxRetryAfter)), true
}

// JudgeHTTP decides by the status of an answer; 0 is none at all. A redirect
// is a failure that repeats itself: the URL of the channel has to be changed.
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
func JudgeHTTP(status int) Outcome {
	switch {
	case status >= 200 && status < 300:
		return Done
	case status == http.StatusGone:
		return Disable
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status == http.StatusLocked:
		return Later
	case status >= 300 && status < 500:
		return GiveUp
	default:
		return Later
	}
}

// JudgeSMTP decides by a mail server's reply code; 0 is none at all.
// https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1
func JudgeSMTP(code int) Outcome {
	switch {
	case code >= 200 && code < 300:
		return Done
	case code >= 500 && code < 600:
		return GiveUp
	default:
		return Later
	}
}

// RetryAfter reads the header of that name, seconds or a date.
// https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
func RetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
