package catalog

import (
	"fmt"
	"math"
	"time"

	"errata/internal/event"
)

// Retry says whether and when it makes sense to try again.
type Retry struct {
	// Safe reports that a retry, as it was sent, may be made by now and does
	// no harm.
	Safe bool `json:"safe"`
	// At is the clock time from which on a retry makes sense, where one is known.
	At      *time.Time `json:"at,omitempty"`
	Seconds *float64   `json:"seconds,omitempty"` // from the error to At
	// Source says where the time comes from: a source of event.RetryAfter,
	// "ratelimit_reset", or "default".
	Source string `json:"source"`
	Text   string `json:"text"`
	Class  string `json:"class"`
}

const (
	fromDefault, fromReset, fromMessage = "default", "ratelimit_reset", "message"
	// defaultWait is advised where a limiter does not say how long.
	defaultWait = time.Minute
	// longest is the longest wait that is believed.
	longest = 366 * 24 * time.Hour
)

// adviseAs says what a retry of ev would do, seen at now.
func adviseAs(class string, ev event.Event, now time.Time) Retry {
	r := Retry{Class: class, Source: fromDefault}
	switch r.Class {
	case Fix:
		r.Text = "Do not retry unchanged: the answer will be the same."
		if names := FieldNames(ev); names != "" {
			r.Text = "Do not retry unchanged. Fix " + names + " first."
		}
	case Access:
		r.Text = "Do not retry. Check the key and its permissions first."
	case Quota:
		r.Text = "Retrying will not help. The quota has to reset or be raised."
	case Wait:
		r.wait(ev, now)
		r.Text += " Go on with growing, slightly random pauses."
	case Once:
		r.soon(ev, now)
		r.Text += " Only if repeating does no harm (a read, or an idempotency key). If it comes again, escalate."
	default:
		r.soon(ev, now)
		if topicOf(ev) == "timeout" {
			r.Text += " Make the request smaller or raise the client's time limit; the work may have been done after all."
		}
	}
	return r
}

// wait is for limits: there is a moment before which a retry is pointless.
func (r *Retry) wait(ev event.Event, now time.Time) {
	if after, known := r.asked(ev); known {
		r.set(ev, after, now)
		return
	}
	// A guess is no clock time: somebody would promise it.
	over := now.Sub(ev.OccurredAt)
	if r.Safe = over >= defaultWait; r.Safe {
		r.Text = "The answer did not say how long to wait. A minute is a careful guess, and the failure was " + Span(over) + " ago."
		return
	}
	r.Text = "The answer did not say how long to wait. A minute is a careful guess."
}

// soon is for failures that pass: a retry makes sense after a pause.
func (r *Retry) soon(ev event.Event, now time.Time) {
	if after, known := r.asked(ev); known {
		r.set(ev, after, now)
		r.Safe = r.Safe && repeatable(ev)
		return
	}
	r.Safe = repeatable(ev)
	r.Text = "Retry with growing pauses: 1, 2, 4, 8, 16 s."
	if r.Class == Once {
		r.Text = "Retry once after a short delay."
	}
}

// asked is how long the answer asked its caller to wait: what a header, the body or
// its details say, else when the limit resets, else what the message says.
func (r *Retry) asked(ev event.Event) (time.Duration, bool) {
	ra := ev.RetryAfter
	said := ra != nil && ra.Seconds >= 0 && ra.Seconds <= longest.Seconds()
	if !said || ra.Source == fromMessage {
		if after, ok := r.reset(ev); ok {
			r.Source = fromReset
			return after, true
		}
	}
	if said {
		r.Source = ra.Source
		return time.Duration(math.Ceil(ra.Seconds*1000)) * time.Millisecond, true
	}
	return 0, false
}

// reset is when the limit resets. Answers name that whether or not it stood in the
// way of this request.
func (r *Retry) reset(ev event.Event) (time.Duration, bool) {
	rl := ev.RateLimit
	if rl == nil || rl.Reset == nil || r.Class != Wait && (rl.Remaining == nil || *rl.Remaining > 0) {
		return 0, false
	}
	after := time.Unix(*rl.Reset, 0).Sub(ev.OccurredAt)
	return after, after >= 0 && after <= longest
}

func (r *Retry) set(ev event.Event, after time.Duration, now time.Time) {
	// Up to the next second: earlier than asked would be refused.
	at := ev.OccurredAt.UTC().Add(after + time.Second - 1).Truncate(time.Second)
	seconds := after.Seconds()
	r.At, r.Seconds, r.Safe = &at, &seconds, !now.Before(at)
	if r.Safe {
		r.Text = fmt.Sprintf("Safe to retry since %s (%s after the error; that was %s ago).", Clock(at, now), Span(after), Span(now.Sub(at)))
		return
	}
	r.Text = fmt.Sprintf("Safe to retry at %s (%s after the error; that is in %s).", Clock(at, now), Span(after), Span(at.Sub(now)))
}

// repeatable reports that doing it twice does no harm: by the method's
// promise, or because the service turned it away before any work.
func repeatable(ev event.Event) bool {
	switch ev.Method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return ev.Status == 503
}

// Clock shows a time of day in UTC, with its date unless that is today's.
func Clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04:05") + " UTC"
	}
	return t.Format("2 Jan 2006 15:04:05") + " UTC"
}

// Span shows a duration as people say it, in one unit.
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 100*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	default:
		return fmt.Sprintf("%.0f d", d.Hours()/24)
	}
}
