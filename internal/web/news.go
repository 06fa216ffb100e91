package web

import (
	"fmt"
	"slices"
	"time"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/store"
)

const (
	// newAfter is how long a code must have been absent to be new; newFor is how
	// long an issue is.
	newAfter = 7 * 24 * time.Hour
	newFor   = 24 * time.Hour
)

// newCodes are codes of this period that the week before it did not have.
func (d *dashboard) newCodes() ranking {
	t := ranking{ID: "newcodes", Title: "Codes not seen in the 7 days before", Empty: absent(d.codes, absent(d.codesBefore, "None: every code of this period is known.")),
		Columns: []column{{Name: "Code"}, {Name: "n", Num: true}, {Name: "customers", Num: true}}}
	if d.codesBefore.Why == "" && len(d.codesBefore.Series) == 0 && !d.narrowed() {
		t.Empty = "No failures are known from the 7 days before, so that nothing can be called new."
		return t
	}
	known, customers := map[string]bool{}, map[string]string{}
	for _, s := range d.codesBefore.Series {
		known[s.Labels[1]] = true
	}
	for _, s := range d.codeCustomers.Series {
		customers[s.Labels[0]+" "+s.Labels[1]] = count(s.Total)
	}
	more := 0
	for _, s := range d.codes.Series {
		if known[s.Labels[1]] || d.codesBefore.Why != "" || s.Total <= 0 {
			continue
		}
		if len(t.Rows) == maxRows {
			more++
			continue
		}
		who := customers[s.Labels[0]+" "+s.Labels[1]]
		if who == "" {
			who = none
		}
		t.Rows = append(t.Rows, rank{Label: s.Labels[1], Path: d.codePath(s.Labels[1]), Tone: event.Family(s.Labels[0]), Cells: []cell{num(count(s.Total)), num(who)}})
	}
	if more > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("And %d more.", more))
	}
	return t
}

// newIssues are problems that nobody has seen before, and after which deploy
// they began.
func (d *dashboard) newIssues(issues []store.NewIssue, deploys []store.Deploy) ranking {
	t := ranking{ID: "new", Title: "New in 24 h", Empty: "Nothing new: every problem of the last 24 h was known before.",
		Columns: []column{{Name: "Problem"}, {Name: "first seen"}, {Name: "n", Num: true, Title: "since then"}}}
	if !d.moving() {
		t.Title = "New in the last 24 h of this period"
	}
	f := &d.filter
	for _, i := range issues {
		if f.Code != "" && f.Code != i.Code || f.Method != "" && f.Method != i.Method || f.Endpoint != "" && f.Endpoint != i.Endpoint ||
			f.Family != "" && f.Family != i.Family || len(t.Rows) == maxRows {
			continue
		}
		r := rank{Label: i.Code, Tone: i.Family, Detail: i.Service, Path: d.address("/events", map[string]string{
			"service": i.Service, "method": i.Method, "endpoint": i.Endpoint, "code": i.Code, "from": i.FirstAt.Truncate(time.Minute).Format(time.RFC3339)}, nil)}
		if where := joined(i.Method, i.Endpoint); where != "" {
			r.Detail += " · " + where
		}
		at := slices.IndexFunc(deploys, func(p store.Deploy) bool {
			return p.Service == i.Service && !p.At.After(i.FirstAt) && i.FirstAt.Sub(p.At.Time) < newFor
		})
		if at >= 0 { // the newest before it
			r.Detail += fmt.Sprintf(" · %s after %s", catalog.Span(i.FirstAt.Sub(deploys[at].At.Time)), deploys[at].Release)
		}
		t.Rows = append(t.Rows, r)
		t.Rows[len(t.Rows)-1].Cells = []cell{{Text: d.clock(i.FirstAt)}, num(count(float64(i.N)))}
	}
	if (f.Environment+f.Customer+f.Release+f.Status+f.Query) != "" && len(t.Rows) > 0 {
		t.Notes = append(t.Notes, "Narrowed by service, endpoint, code and side only.")
	}
	return t
}
