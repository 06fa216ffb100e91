package slo

import (
	"math"
	"strings"
	"time"

	"errata/internal/event"
	"errata/internal/rollup"
	"errata/internal/stats"
)

// Over which times burn is given, beside what is left of the window.
const (
	Hour     = time.Hour
	SixHours = 6 * time.Hour
)

// maxSeries is how many series an answer may have; stats takes no more.
const maxSeries = 10_000

// Status is how an objective fares.
type Status struct {
	SLO
	Window, Hour, SixHours Part
}

// Part is what was counted in one stretch of time.
type Part struct {
	From, To           time.Time
	Failures, Requests float64
}

// Rate is the share of requests that failed; NaN where none are counted.
// Sources that count a failure and its request in different minutes make more
// than one of it now and then.
func (p Part) Rate() float64 {
	if p.Requests <= 0 {
		return math.NaN()
	}
	return min(p.Failures/p.Requests, 1)
}

// Counted reports whether there is anything to say of the objective.
func (s *Status) Counted() bool { return s.Window.Requests > 0 }

// Why says why there is no budget; "" where there is one.
func (s *Status) Why() string {
	switch {
	case s.Counted():
		return ""
	case s.Whole():
		return "no request totals from " + s.Scope()
	}
	return "no request totals for " + strings.TrimSpace(s.Method+" "+s.Endpoint) + " from " + SLO{Service: s.Service, Environment: s.Environment}.Scope()
}

// Left is what is left of the budget: 1 for all of it, below 0 where more was
// used than there was, NaN where requests are not counted.
func (s *Status) Left() float64 { return 1 - s.Burn(s.Window) }

// Burn is how fast a budget is used up: at 1 it lasts for the window.
func (s *Status) Burn(p Part) float64 { return p.Rate() / s.Allowed() }

// Survey asks about many objectives with few questions: one for all whole
// services with the same window, and one for those endpoints of a service that
// share environment and window, each over the window, an hour, and six.
type Survey struct {
	slos  []SLO
	of    []int // the group of each objective
	group []group
}

type group struct {
	service, environment string // of endpoints
	days                 int
}

// NewSurvey plans how to ask about objectives.
func NewSurvey(slos []SLO) *Survey {
	s := &Survey{slos: slos}
	known := map[group]int{}
	for _, o := range slos {
		g := group{days: o.WindowDays}
		if !o.Whole() {
			g.service, g.environment = o.Service, o.Environment
		}
		at, ok := known[g]
		if !ok {
			at = len(s.group)
			known[g], s.group = at, append(s.group, g)
		}
		s.of = append(s.of, at)
	}
	return s
}

// periods are what every group is asked about, in this order.
func (g group) periods() [3]time.Duration {
	return [3]time.Duration{SLO{WindowDays: g.days}.Window(), Hour, SixHours}
}

// Questions are to be answered in this order, as of one moment.
func (s *Survey) Questions(now time.Time) []stats.Question {
	var out []stats.Question
	for _, g := range s.group {
		for _, length := range g.periods() {
			q := Question(length, now)
			if q.By = []rollup.Dim{rollup.Service, rollup.Environment}; g.service != "" {
				q.Filter.Service, q.Filter.Environment = g.service, g.environment
				q.By = []rollup.Dim{rollup.Method, rollup.Endpoint}
			}
			out = append(out, q)
		}
	}
	return out
}

// Question is about the share of each service's requests that failed on its own
// side in the time up to now.
func Question(length time.Duration, now time.Time) stats.Question {
	f := event.Filter{Query: Ours, From: now.Add(-length), To: now}
	return stats.Question{Measure: stats.Rate, By: []rollup.Dim{rollup.Service}, Whole: true, Limit: maxSeries, Filter: f}
}

// Read says how each objective fares, in the order in which they were given.
func (s *Survey) Read(answers []stats.Answer) []Status {
	out := make([]Status, len(s.slos))
	for i, o := range s.slos {
		at := 3 * s.of[i]
		out[i] = Status{SLO: o, Window: o.part(&answers[at]), Hour: o.part(&answers[at+1]), SixHours: o.part(&answers[at+2])}
	}
	return out
}

// part adds up what belongs to the objective.
func (o SLO) part(a *stats.Answer) Part {
	p := Part{From: a.From, To: a.To}
	for i := range a.Series {
		s := &a.Series[i]
		first, second := s.Labels[0], s.Labels[1]
		mine := first == o.Service && (o.Environment == "" || second == o.Environment)
		if !o.Whole() {
			mine = second == o.Endpoint && (o.Method == "" || first == o.Method)
		}
		if mine {
			p.Failures, p.Requests = p.Failures+s.Errors, p.Requests+s.Requests
		}
	}
	return p
}
