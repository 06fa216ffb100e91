package web

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"errata/internal/chart"
	"errata/internal/slo"
	"errata/internal/stats"
)

const (
	// DefaultSLO is the share of requests, in percent, that must not fail on our
	// side where neither somebody set an objective nor the installation another
	// default.
	DefaultSLO = slo.Default
	maxBudgets = 5
	// littleLeft is when a budget has the colour of trouble.
	littleLeft = .25
	// fastBurn uses a budget of four weeks up in less than five days.
	fastBurn = 6
)

// budget is how much of their error budgets services have left.
type budget struct {
	Rows   []budgetRow
	More   int
	Empty  string
	AtRisk []*slo.Status // the worst first
	Counted,
	Uncounted int
}

// budgetRow is one objective and how it fares.
type budgetRow struct {
	Name, Path, Detail string
	ID                 string // "" of the default
	Left               template.HTML
	Hour, SixHours     cell // how fast it burns: 1x uses it up in the window
	Low                string
	Why                string // in place of numbers
}

// budgetPeriods are the default objective's window, and those over which its
// burn is given.
var budgetPeriods = []time.Duration{slo.SLO{WindowDays: slo.DefaultDays}.Window(), slo.Hour, slo.SixHours}

// budgetQuestion is about the default objective. Only service and environment
// narrow it: an objective is about all of a service.
func (v *view) budgetQuestion(length time.Duration) stats.Question {
	q := slo.Question(length, v.now)
	q.Filter.Service, q.Filter.Environment = v.filter.Service, v.filter.Environment
	return q
}

// defaults are how services fare that nobody set an objective for.
func (d *dashboard) defaults(replies []*reply, objective float64) []slo.Status {
	part := func(r *reply, service string) slo.Part {
		for i := range r.Series {
			if s := &r.Series[i]; s.Labels[0] == service {
				return slo.Part{From: r.From, To: r.To, Failures: s.Errors, Requests: s.Requests}
			}
		}
		return slo.Part{From: r.From, To: r.To}
	}
	var out []slo.Status
	for _, s := range replies[0].Series {
		name := s.Labels[0]
		if s.Requests > 0 && !d.held[name] {
			o := slo.SLO{Service: name, Environment: d.filter.Environment, Objective: objective, WindowDays: slo.DefaultDays}
			out = append(out, slo.Status{SLO: o, Window: part(replies[0], name), Hour: part(replies[1], name), SixHours: part(replies[2], name)})
		}
	}
	return out
}

// budget shows those objectives that have the least left.
func (d *dashboard) budget(replies []*reply, objective float64) budget {
	all := append(d.aims.read(), d.defaults(replies, objective)...)
	slices.SortStableFunc(all, func(x, y slo.Status) int {
		return cmp.Or(cmp.Compare(min(y.Window.Requests, lowTraffic), min(x.Window.Requests, lowTraffic)), cmp.Compare(spent(&y), spent(&x)))
	})
	var b budget
	for i := range all {
		s := &all[i]
		if s.Counted() {
			b.Counted++
		} else {
			b.Uncounted++
		}
		if atRisk(s) {
			b.AtRisk = append(b.AtRisk, s)
		}
		if s.Counted() && b.Counted > maxBudgets || !s.Counted() && b.Uncounted > maxBudgets {
			b.More++
			continue
		}
		row := budgetOf(s)
		if row.Name, row.Path = s.Service, d.servicePath(s.Service); !s.Whole() && s.Method != "" {
			row.Path = d.endpointPath(s.Service, s.Method, s.Endpoint)
		}
		row.Detail = joinedWith(" · ", strings.TrimSpace(s.Method+" "+s.Endpoint), environmentOf(s), objectiveWords(s.SLO))
		b.Rows = append(b.Rows, row)
	}
	switch {
	case replies[0].Why != "":
		b.Empty = absent(replies[0], "")
	case len(b.Rows) == 0:
		b.Empty = "An error budget needs to know how many requests there are. No service of this filter has them counted in the last 28 days."
	}
	return b
}

// environmentOf is the environment that an objective was set for; what the
// default is narrowed by stands in the page's controls.
func environmentOf(s *slo.Status) string {
	if s.ID == "" {
		return ""
	}
	return s.Environment
}

func spent(s *slo.Status) float64 {
	if v := -s.Left(); !math.IsNaN(v) {
		return v
	}
	return math.Inf(-1)
}

// atRisk: little is left, or it will not be for long.
func atRisk(s *slo.Status) bool {
	burn := s.Burn(s.SixHours)
	return s.Window.Requests >= lowTraffic && (s.Left() < littleLeft || burn >= fastBurn && s.SixHours.Failures >= 10)
}

// objectiveWords tells an objective that somebody set from the default.
func objectiveWords(o slo.SLO) string {
	if o.ID == "" {
		return "default " + slo.Percent(o.Objective) + ", not set"
	}
	if o.WindowDays != slo.DefaultDays {
		return slo.Percent(o.Objective) + " in " + plural(o.WindowDays, "day", "days")
	}
	return slo.Percent(o.Objective)
}

// budgetOf is all of a row but its name.
func budgetOf(s *slo.Status) budgetRow {
	row := budgetRow{ID: s.ID, Hour: burnCell(s, s.Hour), SixHours: burnCell(s, s.SixHours), Why: s.Why()}
	if row.Why == "" {
		row.Left = chart.Budget(chart.Gauge{Title: "Error budget of " + s.Scope(), Left: s.Left(), Low: littleLeft})
		if s.Window.Requests < lowTraffic {
			row.Low = "Fewer than 100 requests in " + plural(s.WindowDays, "day", "days")
		}
	}
	return row
}

func burnCell(s *slo.Status, p slo.Part) cell {
	if p.Requests <= 0 {
		return cell{Text: none, Num: true, Title: "No requests are counted in this time"}
	}
	f := s.Burn(p)
	return cell{Text: factor(f), Num: true, Warn: f >= 10 && p.Failures >= 10, Title: count(p.Failures) + " of " + count(p.Requests) + " requests failed"}
}

// budgetTile is how many objectives are in danger.
func (b *budget) tile() tile {
	t := tile{Name: "Error budgets", Value: none, Path: "#budget-h"}
	if b.Counted == 0 {
		t.Note = "requests are not counted"
		return t
	}
	t.Value, t.Unit, t.Worse = itoa(len(b.AtRisk)), "of "+itoa(b.Counted)+" at risk", len(b.AtRisk) > 0
	if len(b.AtRisk) > 0 {
		worst := b.AtRisk[0]
		if t.Note = worst.Service; worst.Hour.Requests > 0 {
			t.Note += " burns " + factor(worst.Burn(worst.Hour))
		}
	}
	return t
}
