package retries

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// words are the answer in sentences. lasts says that the window is not over yet.
func (a *Answer) words(lasts bool) string {
	if a.Total == 1 {
		return "No other failure with its idempotency key was reported" + within(lasts, " within 10 minutes of it") + "."
	}
	which := "attempt " + count(a.This) + " of " + count(a.Total)
	if a.Basis == ByKey {
		which = "This was " + which
	} else {
		which = "This was perhaps " + which
	}
	if d := span(a.Seconds); d != "" {
		which += " in " + d
	}
	said := []string{which + a.waited() + "."}
	if a.Basis == ByLikeness {
		said = append(said, "The same customer met the same code at the same endpoint; no idempotency key shows that it was one request.")
	}
	if a.hasty() {
		said = append(said, "No attempt waited for as long as was asked.")
	}
	return strings.Join(append(said, a.end(lasts)), " ")
}

// waited says how long the customer waited before this attempt, or after the first.
func (a *Answer) waited() string {
	at, where := a.This-1, ""
	if at == 0 {
		at, where = 1, " before the next"
	}
	gap := a.Attempts[at]
	if gap.Gap == nil || gap.inner {
		return ""
	}
	out := "; the customer waited " + orMoment(*gap.Gap) + where
	switch {
	case gap.Asked == nil || *gap.Asked < 1:
	case gap.Early():
		out += " where " + wereAsked(*gap.Asked)
	default:
		out += ", and " + wereAsked(*gap.Asked)
	}
	return out
}

func wereAsked(seconds float64) string {
	if seconds < 1.5 {
		return "1 s was asked for"
	}
	return span(seconds) + " were asked for"
}

// hasty: of several attempts that were told how long to wait, none did.
func (a *Answer) hasty() bool {
	told := 0
	for i := range a.Attempts {
		g := &a.Attempts[i]
		if g.Asked == nil || g.inner {
			continue
		}
		if !g.Early() {
			return false
		}
		told++
	}
	return told > 1
}

// end says what became of it, as far as that was reported.
func (a *Answer) end(lasts bool) string {
	if n := a.SucceededOn; n > 0 {
		status := strconv.Itoa(a.Attempts[n-1].Status)
		if n == a.This {
			return "This attempt succeeded (" + status + ")."
		}
		return "Attempt " + count(n) + " succeeded (" + status + ")."
	}
	no := "No further failure was reported"
	if a.This < a.Total {
		no = "After attempt " + count(a.Total) + " no further failure was reported"
	}
	return no + within(lasts, " within 10 minutes of this one") + "."
}

func within(lasts bool, window string) string {
	if lasts {
		return " so far"
	}
	return window
}

func count(n int) string { return strconv.Itoa(n) }

func orMoment(seconds float64) string {
	if s := span(seconds); s != "" {
		return s
	}
	return "less than 1 s"
}

// span is a stretch of time to the second, "" below half of one.
func span(seconds float64) string {
	s := int(math.Round(seconds))
	switch {
	case s < 1:
		return ""
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s >= 100*60:
		return fmt.Sprintf("%.0f h", math.Round(seconds/3600))
	case s%60 == 0:
		return fmt.Sprintf("%d min", s/60)
	}
	return fmt.Sprintf("%d min %d s", s/60, s%60)
}

// Waited is the gap before an attempt in short, "" where it is not known.
func (a *Attempt) Waited() string {
	if a.Gap == nil {
		return ""
	}
	out := "after " + orMoment(*a.Gap)
	if a.Asked != nil && *a.Asked >= 1 {
		out += " (" + span(*a.Asked) + " asked for)"
	}
	return out
}
