package web

import (
	"fmt"
	"time"

	"errata/internal/chart"
	"errata/internal/event"
	"errata/internal/stats"
)

const maxRows = 10

// topCodes are the codes that failed most, against the time before.
func (d *dashboard) topCodes() ranking {
	t := ranking{ID: "codes", Title: "Top codes", Empty: absent(d.codes, "No failures in this time."),
		Columns: []column{{Name: "Code"}, {Name: "n", Num: true}, {Name: "vs " + d.against(), Num: true, Title: "How many times as often as " + d.against()}, {Name: "customers", Num: true}}}
	customers := map[string]string{}
	for _, s := range d.codeCustomers.Series {
		customers[s.Labels[0]+" "+s.Labels[1]] = count(s.Total)
	}
	for i := range d.codes.Series[:min(maxRows, len(d.codes.Series))] {
		s := &d.codes.Series[i]
		who, ok := customers[s.Labels[0]+" "+s.Labels[1]]
		if !ok {
			who = none
		}
		t.Rows = append(t.Rows, rank{Label: s.Labels[1], Path: d.codePath(s.Labels[1]), Tone: event.Family(s.Labels[0]),
			Cells: []cell{num(count(s.Total)), {Text: d.change(s), Num: true, Warn: worse(s)}, num(who)}})
	}
	if !d.codeCustomers.Exact && d.codeCustomers.Why == "" {
		t.Notes = append(t.Notes, "Customers are estimated within 2 % where there are many.")
	}
	return t
}

// topEndpoints are those where most failed on our side, or the largest share of
// their requests did.
func (d *dashboard) topEndpoints() ranking {
	t := ranking{ID: "endpoints", Title: "Top endpoints, failures on our side", Empty: absent(d.endpoints, "None on our side: neither us nor a provider."),
		Columns: []column{{Name: "Endpoint"}, {Name: "rate", Num: true, Title: "Failures of us and upstream per request"}, {Name: "n", Num: true}, {Spoken: "Trend"}}}
	rated, why := d.rated.rated()
	t.Views = ranked(d.view, d.endpoints.Why == "" && (d.rated != nil || !d.endpoints.NoTotals && len(d.endpoints.Series) > 0))
	grey, of := false, d.endpoints
	if rated {
		of = d.rated
	}
	for _, s := range of.Series {
		row, ok := d.topEndpoint(&s, rated)
		if ok {
			grey = grey || row.Low != ""
			t.Rows = append(t.Rows, row)
		}
	}
	t.Notes = []string{why, greyNote(grey, rated)}
	if len(t.Rows) > 0 {
		t.Notes = append(t.Notes, of.uncovered())
	}
	t.Notes = said(t.Notes)
	return t
}

// topEndpoint is a row of it; rated says that its series is of a rate.
func (d *dashboard) topEndpoint(s *stats.Series, rated bool) (r rank, ok bool) {
	n, share := s.Total, s.Rate
	if rated {
		n, share = s.Errors, s.Total
	}
	if n <= 0 {
		return r, false
	}
	r = rank{Label: joined(s.Labels[1], s.Labels[2]), Detail: s.Labels[0], Path: d.endpointPath(s.Labels[0], s.Labels[1], s.Labels[2])}
	if r.Label == "" {
		r.Label = "(no endpoint named)"
	}
	rate := num(none)
	if s.Requests > 0 {
		rate.Text, rate.Title = percent(share), "of "+count(s.Requests)+" requests"
		if s.Requests < lowTraffic {
			r.Low = lowTrafficWhy
		}
	}
	line := spark(r.Label, chart.Count, chart.Us, d.endpoints.over(s.Values))
	if rated {
		line = spark(r.Label, chart.Percent, chart.Us, d.rated.over(s.Values))
	}
	r.Cells = []cell{rate, num(count(n)), {Drawn: line}}
	return r, true
}

// limitsByCustomer says who runs into limits.
func (d *dashboard) limitsByCustomer() ranking {
	t := ranking{ID: "limits", Title: "Limits, by customer", Empty: absent(d.callers, "Nobody ran into a limit or quota."),
		Columns: []column{{Name: "Customer"}, {Name: "n", Num: true}, {Name: "share", Num: true, Title: "of all failures of limits"}}}
	all := 0.0
	for _, s := range d.families.Series {
		if s.Labels[0] == string(chart.Limits) {
			all = s.Total
		}
	}
	for _, s := range d.callers.Series {
		if s.Total <= 0 {
			continue
		}
		r := rank{Label: s.Labels[0], Cells: []cell{num(count(s.Total)), num(percent(share(s.Total, all)))}, Path: d.customerPath(s.Labels[0]), Customer: s.Labels[0]}
		if r.Label == "" {
			r.Label, r.Path = "(no customer named)", ""
		}
		t.Rows = append(t.Rows, r)
	}
	if !d.callers.Exact && len(t.Rows) > 0 {
		t.Notes = append(t.Notes, "Customers beyond those that are counted apart are “(other)”.")
	}
	return t
}

// heat is where failures are, and since when.
func (d *dashboard) heat() panel {
	h := chart.Heat{ID: "heat", Title: "A column is " + stepWords(max(d.heatmap.Step, time.Minute)), Tone: chart.Us, From: d.heatmap.From, Step: d.heatmap.Step, Location: d.zone}
	if d.heatmap.Why != "" || len(d.heatmap.Series) == 0 {
		return panel{ID: h.ID, Title: "Failures by endpoint and time", Empty: absent(d.heatmap, "No failures in this time.")}
	}
	for _, s := range d.heatmap.Series {
		h.Rows = append(h.Rows, chart.HeatRow{Label: joined(joined(s.Labels[0], s.Labels[1]), s.Labels[2]), Values: s.Values, Href: d.endpointPath(s.Labels[0], s.Labels[1], s.Labels[2])})
	}
	h.Cell = func(row int, from, to time.Time) string {
		l := d.heatmap.Series[row].Labels
		return d.bucket(from, to, "service", l[0], "method", l[1], "endpoint", l[2])
	}
	var notes []string
	if d.heatmap.More > 0 {
		notes = append(notes, fmt.Sprintf("%d more endpoints had failures.", d.heatmap.More))
	}
	p := heated(h, notes...)
	p.Title = "Failures by endpoint and time"
	return p
}

// absent is why a panel is empty: its question cannot be answered with this
// filter, or there is nothing.
func absent(r *reply, otherwise string) string {
	if r.Why != "" {
		return r.Why
	}
	return otherwise
}
