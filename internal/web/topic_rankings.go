package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"errata/internal/chart"
	"errata/internal/event"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

const topRows = 10

// partOf is a share; NaN where there is nothing to have a share of.
func partOf(part, whole float64) float64 {
	if whole <= 0 {
		return math.NaN()
	}
	return part / whole
}

// instead is why there is no answer, or what to say where it is empty.
func (r *reply) instead(empty string) string {
	if r.Why != "" {
		return r.Why
	}
	return empty
}

// totals are an answer's numbers by the values of its dimensions.
func (r *reply) totals() map[string]*stats.Series {
	out := map[string]*stats.Series{}
	for i := range r.Series {
		out[strings.Join(r.Series[i].Labels, "\x00")] = &r.Series[i]
	}
	return out
}

func labelled(r map[string]*stats.Series, labels ...string) *stats.Series {
	return r[strings.Join(labels, "\x00")]
}

// vs is the column that compares.
func (t *topic) vs() column {
	return column{Name: "vs " + t.against(), Num: true, Title: "How many times as often as " + t.against()}
}

func (t *topic) changed(s *stats.Series) cell {
	return cell{Text: t.change(s), Num: true, Warn: worse(s)}
}

// codeRanking is of answers by family and code.
func (t *topic) codeRanking(errors, customers *reply, service string) ranking {
	out := ranking{ID: "codes", Title: "Codes", Empty: errors.instead("No failures in this time."),
		Columns: []column{{Name: "Code"}, {Name: "failures", Num: true}, {Name: "share", Num: true, Title: "of all failures here"}, t.vs()}}
	if customers != nil {
		out.Columns = append(out.Columns, column{Name: "customers", Num: true})
	}
	all := errors.sum()
	for i := range errors.Series[:min(topRows, len(errors.Series))] {
		s := &errors.Series[i]
		r := rank{Label: s.Labels[1], Tone: event.Family(s.Labels[0]), Path: t.about(pathOfCode(service, s.Labels[1])),
			Cells: []cell{t.failed(s.Total, "code", s.Labels[1]), num(percent(partOf(s.Total, all))), t.changed(s)}}
		if customers != nil {
			who := num(none)
			if n := labelled(customers.totals(), s.Labels...); n != nil {
				who.Text = count(n.Total)
			}
			r.Cells = append(r.Cells, who)
		}
		out.Rows = append(out.Rows, r)
	}
	out.Notes = said([]string{t.further(errors, len(out.Rows), "codes"), customers.estimated()})
	return out
}

// failed is how many, leading to the list of them.
func (t *topic) failed(n float64, pairs ...string) cell {
	return linked(count(n), t.failures(pairs...))
}

// linked is a number that leads to what it counts.
func linked(text, path string) cell {
	return cell{Num: true, Drawn: template.HTML(`<a href="` + template.HTMLEscapeString(path) + `">` + template.HTMLEscapeString(text) + `</a>`)} //nolint:gosec // escaped
}

func (t *topic) further(r *reply, shown int, what string) string {
	if n := len(r.Series) - shown + r.More; n > 0 {
		return fmt.Sprintf("And %s more %s.", grouped(int64(n)), what)
	}
	return ""
}

func (r *reply) estimated() string {
	if r == nil || r.Why != "" || r.Exact {
		return ""
	}
	return "Customers are estimated within 2 % where there are many."
}

// customerRanking is of an answer by customer, of those failures that name one.
func (t *topic) customerRanking(errors *reply, all float64) ranking {
	out := ranking{ID: "customers", Title: "Customers", Empty: errors.instead("No failure here names a customer. Services can send it as customer."),
		Columns: []column{{Name: "Customer"}, {Name: "failures", Num: true}, {Name: "share", Num: true, Title: "of all failures here"}}}
	for _, s := range errors.Series {
		if len(out.Rows) == topRows || s.Total <= 0 {
			continue
		}
		r := rank{Label: s.Labels[0], Cells: []cell{num(count(s.Total)), num(percent(partOf(s.Total, all)))}}
		if s.Labels[0] != rollup.Other {
			r.Path, r.Cells[0], r.Customer = t.about(pathOfCustomer(s.Labels[0])), t.failed(s.Total, "customer", s.Labels[0]), s.Labels[0]
		}
		out.Rows = append(out.Rows, r)
	}
	out.Notes = said([]string{t.further(errors, len(out.Rows), "customers")})
	return out
}

// plainRanking is of an answer by one dimension that has a filter of the same
// name; path may be nil.
func (t *topic) plainRanking(id, title, name, missing string, errors *reply, all float64, path func(value string) string) ranking {
	out := ranking{ID: id, Title: title, Empty: errors.instead("None in this time."), Columns: []column{{Name: strings.ToUpper(name[:1]) + name[1:]}, {Name: "failures", Num: true}, {Name: "share", Num: true, Title: "of all failures here"}}}
	for _, s := range errors.Series {
		if len(out.Rows) == topRows || s.Total <= 0 {
			continue
		}
		r := rank{Label: s.Labels[0], Cells: []cell{t.failed(s.Total, name, s.Labels[0]), num(percent(partOf(s.Total, all)))}}
		switch {
		case r.Label == "":
			r.Label, r.Cells[0] = missing, t.failed(s.Total, "q", joined("-"+name+":*", t.values["q"]))
		case path != nil:
			r.Path = path(r.Label)
		}
		out.Rows = append(out.Rows, r)
	}
	out.Notes = said([]string{t.further(errors, len(out.Rows), "")})
	return out
}

// familiesPanel is failures by side over time, with the time before as a line.
func (t *topic) familiesPanel(id, title string, families, all *reply, deploys []store.Deploy) panel {
	if families.Why != "" {
		return panel{ID: id, Title: title, Empty: families.Why}
	}
	p := t.plot(id, title, families, familyName)
	byFamily(&p)
	if all != nil {
		t.compared(&p, all)
	}
	p.Marks = t.marks(deploys)
	return stacked(p)
}

// codeTone shows series by family and code.
func codeTone(labels []string) (string, chart.Tone) { return labels[1], toneOf(labels[0]) }

// tookTile is how long failures took: those that say so, and not all requests.
func (t *topic) tookTile(p95, p50 *reply) tile {
	out := tile{Name: "Failures took, p95", Value: none}
	s := p95.one()
	switch {
	case s == nil:
		out.Note = "not with this filter"
	case s.Errors == 0:
		out.Note = "no failure says how long it took"
	default:
		out.Value, out.Spark, out.Path = milliseconds(s.Total), spark(out.Name, chart.Milliseconds, chart.Other, s.Values), t.failures()
		out.Note = "of the " + count(s.Errors) + " failures that say so, not of all requests"
		if half := p50.one(); half != nil && !math.IsNaN(half.Total) {
			out.Note = "p50 " + milliseconds(half.Total) + ", " + out.Note
		}
		if out.compare(t.view, s); s.Errors < lowTraffic {
			out.Worse = false // a few slow ones
		}
	}
	return out
}
