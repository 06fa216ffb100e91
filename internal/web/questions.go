package web

import (
	"time"

	"errata/internal/event"
	"errata/internal/rollup"
	"errata/internal/stats"
)

// dashboard are its questions, and what they were answered.
type dashboard struct {
	*view
	asked
	requests, failures, rate          *reply
	serverRate, serverErrors          *reply
	limitedRate, limited              *reply
	customers                         *reply
	families, familyRates             *reply
	codes, codeCustomers, codesBefore *reply
	endpoints, callers, heatmap       *reply
	rated                             *reply // endpoints by their rates; nil unless asked for
	services, environments            *reply
	budgets                           []*reply
	aims                              aims
	held                              map[string]bool // services that somebody set an objective for
}

// ours are the families that are not the caller's doing.
const ours = "family:us,upstream"

func (v *view) dashboard() *dashboard {
	d := &dashboard{view: v}
	over := func(m stats.Measure, by ...rollup.Dim) stats.Question {
		q := v.question(m)
		q.By, q.Compare = by, v.compare
		return q
	}
	whole := func(q stats.Question, limit int) stats.Question {
		q.Whole, q.Limit = true, limit
		return q
	}
	alone := func(q stats.Question) stats.Question {
		q.Compare = stats.NoCompare
		return q
	}
	d.requests, d.failures, d.rate = d.ask(over(stats.Requests)), d.ask(over(stats.Errors)), d.ask(over(stats.Rate))
	d.serverRate, d.serverErrors = d.ask(narrow(over(stats.Rate), "status:5xx")), d.ask(narrow(over(stats.Errors), "status:5xx"))
	d.limitedRate, d.limited = d.ask(narrow(over(stats.Rate), "status:429")), d.ask(narrow(over(stats.Errors), "status:429"))
	d.customers = d.ask(over(stats.Customers))
	d.families, d.familyRates = d.ask(alone(over(stats.Errors, rollup.Family))), d.ask(alone(over(stats.Rate, rollup.Family)))

	codes := []rollup.Dim{rollup.Family, rollup.Code} // with a filter on a service, those of the service
	d.codes = d.ask(whole(over(stats.Errors, codes...), 2000))
	d.codeCustomers = d.ask(whole(alone(over(stats.Customers, codes...)), 2000))
	before := whole(alone(over(stats.Errors, codes...)), 10_000)
	before.Filter.To = v.filter.From.UTC().Truncate(time.Hour)
	before.Filter.From = before.Filter.To.Add(-newAfter)
	d.codesBefore = d.ask(before)

	endpoint := []rollup.Dim{rollup.Service, rollup.Method, rollup.Endpoint}
	top := narrow(alone(over(stats.Errors, endpoint...)), ours)
	top.Limit, top.Rates = maxRows, true
	d.endpoints = d.ask(top)
	if v.values["top"] == byRate {
		top.Measure, top.Rates, top.Least = stats.Rate, false, lowTraffic
		d.rated = d.ask(top)
	}
	d.callers = d.ask(whole(narrow(alone(over(stats.Errors, rollup.Customer)), "family:limits"), maxRows))
	heat := alone(over(stats.Errors, endpoint...))
	heat.Step, heat.Limit = heatStep(v.filter.To.Sub(v.filter.From)), 12
	d.heatmap = d.ask(heat)

	list := stats.Question{Measure: stats.Errors, Whole: true, Limit: 10_000, By: []rollup.Dim{rollup.Service}}
	list.Filter = event.Filter{From: v.filter.From, To: v.filter.To}
	d.services = d.aside(list)
	list.By = []rollup.Dim{rollup.Environment}
	d.environments = d.aside(list)
	for _, length := range budgetPeriods {
		d.budgets = append(d.budgets, d.aside(v.budgetQuestion(length)))
	}
	return d
}

// heatStep is how wide the columns of the heat map are: about two dozen.
func heatStep(length time.Duration) time.Duration {
	switch {
	case length <= 20*time.Minute:
		return time.Minute
	case length <= 2*time.Hour:
		return 5 * time.Minute
	case length <= 26*time.Hour:
		return time.Hour
	case length <= 8*24*time.Hour:
		return 6 * time.Hour
	}
	return 24 * time.Hour
}
