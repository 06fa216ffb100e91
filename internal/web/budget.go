package web

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strconv"
	"time"

	"errata/internal/chart"
	"errata/internal/event"
	"errata/internal/rollup"
	"errata/internal/stats"
)

// budgetPeriods are the objective's period, and those over which its burn is
// given.
var budgetPeriods = []time.Duration{28 * 24 * time.Hour, time.Hour, 6 * time.Hour}

const (
	// DefaultSLO is the share of requests, in percent, that must not fail on our
	// side where the installation sets no other.
	DefaultSLO = 99.9
	maxBudgets = 5
	// littleLeft is when a budget has the colour of trouble.
	littleLeft = .25
)

// budget is how much of their error budgets services have left.
type budget struct {
	Objective string
	Rows      []budgetRow
	More      int
	Empty     string
}

type budgetRow struct {
	Service, Path  string
	Left           template.HTML
	Hour, SixHours cell // how fast it burns: 1x uses it up in the period
	Low            string
}

// budgetQuestion is the share of each service's requests that failed on our
// side in the time up to now. Only service and environment narrow it: an
// objective is about all of a service.
func (v *view) budgetQuestion(length time.Duration) stats.Question {
	f := event.Filter{Service: v.filter.Service, Environment: v.filter.Environment, Query: ours, From: v.now.Add(-length), To: v.now}
	return stats.Question{Measure: stats.Rate, By: []rollup.Dim{rollup.Service}, Whole: true, Limit: 10_000, Filter: f}
}

func (d *dashboard) budget(replies []*reply, slo float64) budget {
	b := budget{Objective: strconv.FormatFloat(slo, 'f', -1, 64) + "%"}
	allowed := 1 - slo/100
	burn := func(r *reply, service string) cell {
		for _, s := range r.Series {
			if s.Labels[0] == service {
				f := s.Total / allowed
				return cell{Text: factor(f), Num: true, Warn: f >= 10 && s.Errors >= 10, Title: count(s.Errors) + " of " + count(s.Requests) + " requests failed"}
			}
		}
		return num(none)
	}
	var counted []stats.Series
	for _, s := range replies[0].Series {
		if s.Requests > 0 && !math.IsNaN(s.Total) {
			counted = append(counted, s)
		}
	}
	slices.SortStableFunc(counted, func(x, y stats.Series) int {
		return cmp.Or(cmp.Compare(min(y.Requests, lowTraffic), min(x.Requests, lowTraffic)), cmp.Compare(y.Total, x.Total))
	})
	for _, s := range counted[:min(maxBudgets, len(counted))] {
		name := s.Labels[0]
		row := budgetRow{Service: name, Path: d.servicePath(name), Hour: burn(replies[1], name), SixHours: burn(replies[2], name),
			Left: chart.Budget(chart.Gauge{Title: "Error budget of " + name, Left: 1 - s.Total/allowed, Low: littleLeft})}
		if s.Requests < lowTraffic {
			row.Low = "Fewer than 100 requests in 28 days"
		}
		b.Rows = append(b.Rows, row)
	}
	b.More = len(counted) - len(b.Rows)
	switch {
	case replies[0].Why != "":
		b.Empty = absent(replies[0], "")
	case len(b.Rows) == 0:
		b.Empty = "An error budget needs to know how many requests there are. No service of this filter has them counted in the last 28 days."
	}
	return b
}
