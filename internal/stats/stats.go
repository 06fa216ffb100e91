// Package stats answers questions about rates and counts from roll-ups: which
// blocks a question needs (Plan), and what they say (Plan.Answer). It is pure;
// the store fetches the blocks.
//
// A question that the roll-ups cannot answer is refused with those that they
// can. Nothing here ever looks at single Events, so that a page costs the same
// however many there are, and a rate is given only where requests are counted.
package stats

import (
	"math"
	"time"

	"errata/internal/event"
	"errata/internal/rollup"
)

// Measure is what is asked for.
type Measure string

// The measures. Errors and Requests are counts, Rate is failures per request
// (0..1, primary role), Customers are distinct; P50 and P95 are quantiles of how
// long failures took (milliseconds, off by 5 % at most), of those that say so.
const (
	Errors    Measure = "errors"
	Requests  Measure = "requests"
	Rate      Measure = "rate"
	Customers Measure = "customers"
	P50       Measure = "p50"
	P95       Measure = "p95"
)

// Measures are all of them.
var Measures = []Measure{Errors, Requests, Rate, Customers, P50, P95}

// most is how many dimensions it can be asked for by: rates and durations take
// one of those of a scan for themselves.
func (m Measure) most() int {
	if m == Rate || m.quantile() > 0 {
		return rollup.MaxBy - 1
	}
	return rollup.MaxBy
}

// quantile is the share that a measure of durations asks for; 0 for others.
func (m Measure) quantile() float64 {
	switch m {
	case P50:
		return 0.5
	case P95:
		return 0.95
	}
	return 0
}

// Compare is the period that a question is compared with.
type Compare string

// The comparisons: none, the period of the same length just before, and the
// same time a week earlier.
const (
	NoCompare Compare = ""
	Previous  Compare = "previous"
	Week      Compare = "week"
)

// Question is what somebody wants to know. Filter needs From and To; its Query
// may use fields only, no text. Without a role, it is about primary failures:
// the services' own answers.
type Question struct {
	Measure Measure
	By      []rollup.Dim
	Filter  event.Filter
	// Services: of these only, where there are any. They are apart from the Filter's
	// Query, which has room for what somebody types.
	Services []string
	// Step is the width of a point; 0 chooses one that fits. Whole asks for one
	// number over the whole period instead.
	Step  time.Duration
	Whole bool
	// Hours widens the period to whole hours, neither more nor less, however short
	// or long it is: lists that count by the hour agree with it.
	Hours   bool
	Compare Compare
	// Rates: each series of Errors also says its rate over the whole period.
	Rates bool
	// Least: of Rate, series with fewer requests come after those with as many, and
	// what never failed after both. A single failure makes the largest rate of few.
	Least float64
	// Limit is how many series there are at most, largest first; 0 = 20.
	Limit int
	// MinutesFrom is from when on single minutes are kept. What begins before is
	// read by the hour, however short it is.
	MinutesFrom time.Time
}

// maxLimit bounds the series of an answer.
const maxLimit = 10_000

// Answer is what the roll-ups say. Times are UTC.
type Answer struct {
	// From and To are what was answered: widened to whole hours beyond two
	// hours or where minutes are gone, to whole days beyond eight days.
	From, To time.Time
	Step     time.Duration // 0 where Whole was asked
	// CompleteUntil is up to when everything that has arrived is counted.
	CompleteUntil time.Time
	Series        []Series
	// More is how many series there were beyond Limit.
	More int
	// Exact: distinct customers were counted one by one; else they are an
	// estimate with a standard error below 2 %. Nor is a number by customer exact
	// where those with the fewest failures are counted as rollup.Other.
	Exact bool
	// Covered is the share (0..1) of the failures whose requests are counted.
	// Rates are about these: of Question.Rates, those of the series in the answer.
	// NaN where there are no failures.
	Covered float64
	// NoTotals: nothing in the period has requests counted, so that there are no
	// rates.
	NoTotals bool
}

// Points gives the time at which each point begins.
func (a *Answer) Points() []time.Time {
	if a.Step == 0 {
		return []time.Time{a.From}
	}
	out := make([]time.Time, 0, steps(a.From, a.To, a.Step))
	for t := a.From; t.Before(a.To); t = t.Add(a.Step) {
		out = append(out, t)
	}
	return out
}

// Series is one combination of values of the question's By, in its order. NaN
// is no data: a rate without requests, a time that has not come.
type Series struct {
	Labels []string
	Values []float64 // by point
	Before []float64 // by point of the period compared with; nil without one
	// Total is the measure over the whole period. Same and TotalBefore are over
	// that part of the period which the one compared with has as well.
	Total, Same, TotalBefore float64
	// Errors and Requests are what a rate is made of, over the whole period.
	Errors, Requests float64
	// Rate is the one over the whole period, of a measure that is none; NaN where it
	// was not asked for, or no requests are counted.
	Rate float64
}

// Change is by which factor the total differs from the period before; NaN
// without one.
func (s *Series) Change() float64 {
	if s.Before == nil || s.TotalBefore == 0 {
		return math.NaN()
	}
	return s.Same / s.TotalBefore
}
