package web

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/fault"
)

// issuePage is one problem: how bad it is, why its failures are together, some
// of them, and what people decided.
type issuePage struct {
	frame
	Issue    *event.IssueDetail
	Heading  string
	Example  string // what one of them said, where it differs from the heading
	Verdict  string
	State    string
	Decision string // what was decided, in a sentence
	Spark    template.HTML
	Reasons  []row
	Samples  []sampleRow
	Tickets  []ticketRow
	Merged   []refRow
	Similar  []refRow
	Activity []act
	All      string // the list of its failures
	Decides  bool
	Problem  string
	Comment  string // what was typed, where it could not be taken
	Ticket   string
	Unsent   string // the form that was sent after the session had ended
}

type sampleRow struct {
	Path, ID          string
	Time              moment
	Status            int
	Customer, Release string
	Called            string // what people call the customer
	Message           string
}

// ticketRow is a ticket, and the failure that came up in it.
type ticketRow struct {
	event.Ticket
	About string
}

type refRow struct {
	ID, Path, Heading, Service, Code, State string
	Status                                  int
}

type act struct {
	Time              moment
	Who, What, Quoted string
}

func (w *web) issue(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	return w.showIssue(c, http.StatusOK, id, nil)
}

// showIssue shows the issue, with what stood against a change of it.
func (w *web) showIssue(c *gin.Context, status int, id string, problem *fault.Fault) error {
	d, err := w.Store.Issue(c.Request.Context(), member(c).Workspace, id)
	if err != nil {
		return err
	}
	if d.ID != id && problem == nil { // it was merged into another
		c.Redirect(http.StatusSeeOther, issuePath(d.ID))
		return nil
	}
	var customers []string
	for _, s := range d.Samples {
		customers = append(customers, s.Customer)
	}
	names, err := w.Store.CustomerNames(c.Request.Context(), member(c).Workspace, customers)
	if err != nil {
		return err
	}
	page := w.issuePage(&d, names)
	page.frame, page.Decides = w.frame(c, page.Heading, "issues"), member(c).Decides
	draft := w.draftFor(c, issuePath(d.ID))
	switch page.Unsent = draft.Do; draft.Do {
	case "comment":
		page.Comment = draft.Text
	case "ticket":
		page.Ticket = draft.Text
	}
	if problem != nil {
		page.Problem, page.Comment, page.Unsent = problem.Message, c.PostForm("body"), ""
		if page.Ticket = ""; c.PostForm("do") == "ticket" {
			page.Ticket = c.PostForm("url")
		}
	}
	return w.render(c, status, "issue", page)
}

// issuePage is an issue in words; names are what customers are called.
func (w *web) issuePage(d *event.IssueDetail, names map[string]string) issuePage {
	p := issuePage{
		Issue: d, Heading: issueHeading(d.Template, d.Title, d.Code), State: stateWord(d.State), Decision: w.decision(&d.Issue),
		Spark:   bucketed(times(d.Counts.Week)+" in the last 7 days, by hour", d.Family, d.Hours),
		Verdict: times(d.Counts.Day) + " in the last 24 h. First seen " + w.moment(d.FirstAt.Time).Ago + ", last " + w.moment(d.LastAt.Time).Ago + ".",
		// There is no index of Events by issue: the days before it need not be read.
		All: "/events?" + query("issue", d.ID, "from", d.FirstAt.UTC().Format("2006-01-02T15:04:05")),
	}
	if d.Title != p.Heading {
		p.Example = d.Title
	}
	for _, r := range d.Reasons {
		p.Reasons = append(p.Reasons, row{reasonWord(r.Name), r.Value})
	}
	for _, s := range d.Samples {
		id := s.RequestID
		if id == "" {
			id = s.EventID
		}
		p.Samples = append(p.Samples, sampleRow{eventPath(s.RequestID, s.EventID), id, w.moment(s.OccurredAt.Time), s.Status, s.Customer, s.Release, names[s.Customer], s.Message})
	}
	for _, t := range d.Tickets {
		p.Tickets = append(p.Tickets, ticketRow{t, eventPath(t.RequestID, t.EventID)})
	}
	p.Merged, p.Similar = refRows(d.Merged), refRows(d.Similar)
	for i := range d.Activity {
		a := &d.Activity[i]
		p.Activity = append(p.Activity, act{w.moment(a.At.Time), a.Actor, deedWords(a), a.Text})
	}
	return p
}

func refRows(refs []event.IssueRef) (out []refRow) {
	for _, r := range refs {
		out = append(out, refRow{r.ID, issuePath(r.ID), issueHeading(r.Template, r.Title, r.Code), joined(r.Service, r.Endpoint), r.Code, stateWord(r.State), r.Status})
	}
	return out
}

// decision says what was decided about an issue, and until when.
func (w *web) decision(i *event.Issue) string {
	switch i.State {
	case event.Resolved:
		if i.ResolvedIn != "" {
			return "Resolved in release " + i.ResolvedIn + ". It comes back if it happens in that release or a later one."
		}
		return "Resolved " + w.moment(i.ResolvedAt.Time).Ago + ". It comes back if it happens again."
	case event.Regressed:
		return "It was resolved, and happened again " + w.moment(i.RegressedAt.Time).Ago + "."
	case event.Ignored:
		var ends []string
		if i.IgnoreUntil != nil {
			ends = append(ends, "until "+w.moment(i.IgnoreUntil.Time).Human)
		}
		if i.IgnoreEvents > 0 {
			ends = append(ends, "until it has happened "+grouped(i.IgnoreEvents)+" more times")
		}
		if i.IgnoreCustomers > 0 {
			ends = append(ends, "until "+strconv.Itoa(i.IgnoreCustomers)+" customers have met it")
		}
		if len(ends) == 0 {
			return "Ignored for good."
		}
		return "Ignored " + strings.Join(ends, ", or ") + "."
	case event.Acknowledged:
		return "Somebody knows about it."
	}
	return ""
}

// reasonWord names an ingredient for people.
func reasonWord(name string) string {
	switch name {
	case "fingerprint":
		return "Fingerprint sent by the client"
	case "frame":
		return "Own code"
	case "message":
		return "Message"
	case "exception":
		return "Exception"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// deedWords tells what somebody did.
func deedWords(a *event.Activity) string {
	var d struct {
		From, To, Issue, Into, URL, Release string
		ResolvedIn                          string     `json:"resolved_in"`
		IgnoreUntil                         event.Time `json:"ignore_until"`
		IgnoreEvents                        int64      `json:"ignore_events"`
		IgnoreCustomers                     int64      `json:"ignore_customers"`
	}
	if len(a.Details) > 0 && json.Unmarshal(a.Details, &d) != nil {
		return a.Action
	}
	switch a.Action {
	case "comment":
		return "wrote"
	case "state":
		what := map[string]string{
			"open": "opened it", "acknowledged": "acknowledged it", "resolved": "resolved it", "ignored": "ignored it", "regressed": "saw it come back",
		}[d.To]
		what = joined(what, prefixed("in release ", d.ResolvedIn+d.Release))
		if !d.IgnoreUntil.IsZero() {
			what += " until " + d.IgnoreUntil.Format(humanTime) + " UTC"
		}
		if d.IgnoreEvents > 0 {
			what += " for " + grouped(d.IgnoreEvents) + " more failures"
		}
		if d.IgnoreCustomers > 0 {
			what += " until " + grouped(d.IgnoreCustomers) + " customers"
		}
		return what
	case "assign":
		if d.To == "" {
			return "took it from " + d.From
		}
		return "gave it to " + d.To
	case "merge":
		if d.Into != "" {
			return "merged it into another issue"
		}
		return "merged another issue into it"
	case "unmerge":
		return "undid a merge"
	case "ticket":
		return "linked " + d.URL
	case "untick":
		return "unlinked " + d.URL
	}
	return a.Action
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
