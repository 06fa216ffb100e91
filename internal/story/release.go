package story

import (
	"strconv"
	"time"

	"errata/internal/catalog"
	"errata/internal/event"
)

// Release is what is known of the deploy that a failure followed.
type Release struct {
	Release  string
	At       time.Time
	Reported bool // else it was first seen failing then
	// Before is how often the code came in the 24 h before; First is when it came
	// since, to the minute where Exact, else to the hour. They are known where Counted.
	Counted bool
	Before  int64
	First   time.Time
	Exact   bool
}

// Correlated is for how long after a deploy it is asked whether that brought a failure.
const Correlated = 24 * time.Hour

// Text says what the deploy may have to do with the failure. That a code is new is
// said only where it was not there in the 24 h before: what comes every day came
// after the last deploy as well.
func (r *Release) Text(e *event.Event) string {
	after := catalog.Span(max(e.OccurredAt.Sub(r.At), 0))
	what := "Version " + r.Release + ", deployed " + after + " before."
	switch {
	case !r.Reported:
		what = "Version " + r.Release + ", first seen " + after + " before; nobody reported its deploy."
	case e.Release == "":
		what = "It names no version. The last deploy was " + r.Release + ", " + after + " before."
	}
	switch {
	case !r.Counted:
		return what
	case r.Before > 0:
		return what + " This code came in the 24 h before that, too: " + times(r.Before) + "."
	case !r.Reported || r.First.IsZero():
		return what + " This code was not seen in the 24 h before that."
	}
	return what + " First error " + r.since() + " " + r.Release + " was deployed; this code was not seen in the 24 h before."
}

func (r *Release) since() string {
	d := r.First.Sub(r.At)
	switch {
	case d < time.Minute && r.Exact:
		return "within a minute after"
	case r.Exact:
		return catalog.Span(d) + " after"
	default:
		return "about " + catalog.Span(max(d, time.Hour)) + " after"
	}
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return strconv.FormatInt(n, 10) + " times"
}
