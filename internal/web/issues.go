package web

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/fault"
	ql "errata/internal/query"
	"errata/internal/store"
)

// issueNames are the fields of the filter of issues, in the form and in the
// address.
var issueNames = []string{"q", "state", "assignee", "service", "status", "family", "sort", "from", "to"}

type issuesPage struct {
	frame
	Form    issueForm
	Active  []row
	Rows    []issueRow
	Counted string // what the numbers are of
	Older   string
	Problem string
	Mistake *mistake
	Done    string // what has just been changed
	Empty   bool   // nothing has ever been reported
	Decides bool
	Back    string // this list, for the way back
	Fields  []string
	Refused *refusedMany
}

// refusedMany is a decision about several issues that was not carried out, with what
// was typed.
type refusedMany struct {
	Why, Assignee string
	Missing       string // how many of those that were ticked are not listed any more
	ticked        map[string]bool
}

type issueForm struct {
	Q, Assignee, Service, Status, From, To string
	States, Families, Sorts                []choice
}

// issueRow is an issue in a list.
type issueRow struct {
	ID, Path, Heading string
	State             string // "" for one that is open
	Ticked            bool
	Status            int
	Code, Service     string
	Operation         string
	Assignee          string
	Family            event.Family
	Events            int64
	Customers         string // "–" where that is not known
	Estimated         bool
	Spark             template.HTML
	First, Last       moment
}

// states in words; "" shows what wants somebody's attention.
var stateChoices = []string{
	"", "unresolved", "open", "open", "regressed", "came back", "acknowledged", "acknowledged", "ignored", "ignored", "resolved", "resolved", "all", "all",
}

func (w *web) issues(c *gin.Context) error { return w.showIssues(c, c.Request.URL, nil) }

// showIssues shows the list that an address is of, with what stood against a decision
// about some of them.
func (w *web) showIssues(c *gin.Context, address *url.URL, refused *refusedMany) error {
	asked, values, status := address.Query(), map[string]string{}, http.StatusOK
	for _, name := range issueNames {
		values[name] = strings.TrimSpace(asked.Get(name))
	}
	page := issuesPage{
		frame: w.frame(c, "Issues", "issues"), Form: newIssueForm(values), Decides: member(c).Decides, Fields: ql.Issues.Fields(),
		Back: address.RequestURI(), Done: done(asked.Get("changed"), asked.Get("failed")), Refused: refused,
	}
	if refused != nil {
		page.Done, status = "", http.StatusUnprocessableEntity
	}
	found, err := w.listIssues(c, values, asked.Get("cursor"))
	if f := fault.Of(err); err != nil {
		if f.Kind != fault.Unprocessable {
			return err
		}
		status = http.StatusUnprocessableEntity
		if page.Mistake = newMistake(f, "/issues", values); page.Mistake == nil {
			page.Problem = f.Message
		}
	}
	page.Active = active(issueNames, values, ql.Issues)
	page.Counted = "in the last 24 h"
	if values["from"]+values["to"] != "" {
		page.Counted = "from " + found.From.Format("2 Jan 15:04") + " to " + found.To.Format("2 Jan 15:04") + " UTC"
	}
	page.Rows = w.issueRows(found.Issues, page.Counted)
	refused.tick(page.Rows)
	if found.Next != "" {
		page.Older = listPath("/issues", values, "cursor", found.Next)
	}
	if len(page.Rows) == 0 && len(page.Active) == 0 {
		all, err := w.Store.Issues(c.Request.Context(), member(c).Workspace, event.IssueFilter{}, 1, "")
		if err != nil {
			return err
		}
		page.Empty = len(all.Issues) == 0
	}
	return w.render(c, status, "issues", page)
}

// tick ticks what was ticked.
func (r *refusedMany) tick(rows []issueRow) {
	if r == nil {
		return
	}
	delete(r.ticked, "") // nobody's
	listed := 0
	for i := range rows {
		if rows[i].Ticked = r.ticked[rows[i].ID]; rows[i].Ticked {
			listed++
		}
	}
	if n := len(r.ticked) - listed; n > 0 {
		r.Missing = plural(n, "issue that was ticked is", "issues that were ticked are")
	}
}

func (w *web) listIssues(c *gin.Context, values map[string]string, cursor string) (store.IssuePage, error) {
	f, err := newIssueFilter(values, w.Now())
	if err != nil {
		return store.IssuePage{}, err
	}
	return w.Store.Issues(c.Request.Context(), member(c).Workspace, f, pageSize, cursor)
}

func newIssueForm(v map[string]string) issueForm {
	return issueForm{
		Q: v["q"], Assignee: v["assignee"], Service: v["service"], Status: v["status"], From: v["from"], To: v["to"],
		States:   choices(v["state"], stateChoices...),
		Families: choices(v["family"], "", "anyone's side", "caller", "the caller's request", "limits", "a limit or quota", "us", "our service", "upstream", "a provider"),
		Sorts:    choices(v["sort"], "", "seen last", "events", "most frequent", "first_seen", "newest"),
	}
}

func newIssueFilter(v map[string]string, now time.Time) (f event.IssueFilter, err error) {
	search := v["q"]
	shared := map[string]string{"service": v["service"], "status": v["status"], "family": v["family"], "from": v["from"], "to": v["to"]}
	if f.Filter, err = newFilter(shared, now, time.UTC); err != nil {
		return f, err
	}
	if _, err := newFilter(map[string]string{"search": search, "assignee": v["assignee"]}, now, time.UTC); err != nil { // what texts may be
		return f, err
	}
	f.Query, f.Assignee, f.Sort = search, v["assignee"], event.IssueSort(v["sort"])
	switch state := event.IssueState(v["state"]); {
	case state == "" && !decidesState(search):
		f.States = []event.IssueState{event.Open, event.Acknowledged, event.Regressed}
	case state == "", state == "all":
	case slices.Contains(event.IssueStates, state):
		f.States = []event.IssueState{state}
	default:
		return f, invalid("The state must be open, regressed, acknowledged, ignored, resolved or all.")
	}
	return f, nil
}

// decidesState: a search that asks for states is not narrowed to those that
// want attention.
func decidesState(search string) bool {
	parsed, err := ql.Issues.Parse(search)
	return err == nil && slices.ContainsFunc(parsed.Terms, func(t ql.Term) bool { return t.Field == ql.State || t.Field == ql.Is })
}

func (w *web) issueRows(issues []event.Issue, counted string) []issueRow {
	rows := make([]issueRow, 0, len(issues))
	for i := range issues {
		x := &issues[i]
		rows = append(rows, issueRow{
			ID: x.ID, Path: issuePath(x.ID), Heading: issueHeading(x.Template, x.Title, x.Code), State: stateWord(x.State), Status: x.Status, Code: x.Code,
			Service: x.Service, Operation: joined(x.Method, x.Endpoint), Assignee: x.Assignee, Family: x.Family, Events: x.Events,
			Customers: metBy(x), Estimated: x.Customers != nil && !x.CustomersExact, Spark: bucketed(times(x.Events)+" "+counted, x.Family, x.Trend), First: w.moment(x.FirstAt.Time), Last: w.moment(x.LastAt.Time),
		})
	}
	return rows
}

// metBy is how many customers an issue concerns; none that says so is not nobody.
func metBy(x *event.Issue) string {
	switch {
	case x.Customers == nil || *x.Customers == 0:
		return none
	case x.CustomersExact:
		return grouped(*x.Customers)
	}
	return "≈ " + grouped(*x.Customers)
}

func times(n int64) string {
	if n == 1 {
		return "1 failure"
	}
	return grouped(n) + " failures"
}

// issueHeading names an issue: its message without what differs, else as it
// was said, else its code.
func issueHeading(template, title, code string) string {
	switch {
	case strings.Trim(template, "<*> .,:;-") != "":
		return strings.ReplaceAll(template, "<*>", "…")
	case title != "":
		return title
	}
	return code
}

func stateWord(s event.IssueState) string {
	switch s {
	case event.Open:
		return ""
	case event.Regressed:
		return "came back"
	default:
		return string(s)
	}
}

func issuePath(id string) string { return "/issues/" + url.PathEscape(id) }

func (w *web) completeIssues(c *gin.Context) error { return w.offer(c, ql.Issues) }

// done says what has just happened to how many.
func done(changed, failed string) string {
	switch {
	case !small(changed) || !small(failed):
		return ""
	case failed == "0" && changed == "1":
		return "1 issue was changed."
	case failed == "0":
		return changed + " issues were changed."
	}
	return changed + " changed; " + failed + " could not be: they may have been merged meanwhile."
}

func small(n string) bool { return n != "" && len(n) <= 3 && strings.Trim(n, "0123456789") == "" }

// inDays is a time so many days ahead, or none.
func inDays(now time.Time, days int) time.Time {
	if days <= 0 {
		return time.Time{}
	}
	return now.AddDate(0, 0, days)
}
