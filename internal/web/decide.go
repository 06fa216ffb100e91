package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

const (
	maxDecisionBody = 128 << 10 // 10,000 characters of four bytes each, three letters a byte
	maxMany         = 100
)

// decide does what a form of the issue's page asks for, and leads back to it.
func (w *web) decide(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := mayDecide(c); err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	err = w.carryOut(c, id, c.PostForm("do"))
	if f := fault.Of(err); err != nil {
		switch f.Kind {
		case fault.Unprocessable:
			return w.showIssue(c, http.StatusUnprocessableEntity, id, f)
		case fault.Conflict:
			return w.showIssue(c, http.StatusConflict, id, f)
		}
		return err
	}
	c.Redirect(http.StatusSeeOther, issuePath(id))
	return nil
}

// carryOut does one thing to one issue.
func (w *web) carryOut(c *gin.Context, id, what string) error {
	ctx, login := c.Request.Context(), member(c)
	switch what {
	case "comment":
		return w.Store.CommentIssue(ctx, login.Actor, login.Workspace, id, c.PostForm("body"))
	case "ticket":
		return w.Store.LinkTicket(ctx, login.Actor, login.Workspace, id, strings.TrimSpace(c.PostForm("url")))
	case "untick":
		return w.Store.UnlinkTicket(ctx, login.Actor, login.Workspace, id, c.PostForm("url"))
	case "take": // another issue into this one
		return w.Store.ChangeIssue(ctx, login.Actor, login.Workspace, issueIn(c.PostForm("issue")), store.IssueChange{MergedInto: &id})
	case "split":
		return w.Store.ChangeIssue(ctx, login.Actor, login.Workspace, issueIn(c.PostForm("issue")), store.IssueChange{MergedInto: new(string)})
	}
	change, err := w.change(c, what)
	if err != nil {
		return err
	}
	return w.Store.ChangeIssue(ctx, login.Actor, login.Workspace, id, change)
}

// change reads a decision that one issue takes like many.
func (w *web) change(c *gin.Context, what string) (change store.IssueChange, err error) {
	state := func(s event.IssueState) *event.IssueState { return &s }
	switch what {
	case "open":
		change.State = state(event.Open)
	case "acknowledge":
		change.State = state(event.Acknowledged)
	case "resolve":
		change.State, change.ResolvedIn = state(event.Resolved), strings.TrimSpace(c.PostForm("release"))
	case "ignore":
		change.State = state(event.Ignored)
		days, err1 := number("days", c.PostForm("days"))
		events, err2 := number("number of failures", c.PostForm("events"))
		customers, err3 := number("number of customers", c.PostForm("customers"))
		for _, err := range []error{err1, err2, err3} {
			if err != nil {
				return change, err
			}
		}
		change.IgnoreUntil, change.IgnoreEvents, change.IgnoreCustomers = inDays(w.Now(), days), int64(events), customers
	case "assign":
		who := strings.TrimSpace(c.PostForm("assignee"))
		change.Assignee = &who
	case "merge":
		into := issueIn(c.PostForm("into"))
		if into == "" {
			return change, invalid("Say which issue to merge into: its ID, or its address.")
		}
		change.MergedInto = &into
	default:
		return change, invalid("Choose what to do.")
	}
	return change, nil
}

func number(name, s string) (int, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || len(s) > 9 {
		return 0, invalid("The %s must be a number.", name)
	}
	return n, nil
}

// issueIn takes an issue's ID out of what somebody pasted: the ID, or its
// address.
func issueIn(s string) string {
	s = strings.TrimSpace(s)
	if u, err := url.Parse(s); err == nil && strings.Contains(s, "/") {
		s = strings.TrimSuffix(u.Path, "/")
	}
	return s[strings.LastIndexByte(s, '/')+1:]
}

// decideMany does the same to all issues that are ticked, and leads back to the
// list. Where that cannot be, it shows the list again, with what was ticked and typed.
func (w *web) decideMany(c *gin.Context) error {
	if err := mayDecide(c); err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	ids := c.PostFormArray("id")
	changed, failed, err := w.carryOutMany(c, ids, c.PostForm("do"))
	if f := fault.Of(err); err != nil && f.Kind == fault.Unprocessable {
		refused := &refusedMany{Why: f.Message, Assignee: c.PostForm("assignee"), ticked: map[string]bool{}}
		for _, id := range ids[:min(len(ids), maxMany)] {
			refused.ticked[id] = true
		}
		return w.showIssues(c, listOf(c.PostForm("back")), refused)
	}
	if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, backTo(c.PostForm("back"), changed, failed))
	return nil
}

// carryOutMany does one thing to several issues. What only some of them stand against
// is done to the others.
func (w *web) carryOutMany(c *gin.Context, ids []string, what string) (changed, failed int, err error) {
	if len(ids) == 0 || len(ids) > maxMany {
		return 0, 0, invalid("Tick 1 to %d issues first.", maxMany)
	}
	var change store.IssueChange
	if what == "merge" { // into the one that is listed last, which was there first
		into := ids[len(ids)-1]
		if ids = ids[:len(ids)-1]; len(ids) == 0 || into == "" {
			return 0, 0, invalid("Tick at least two issues to merge.")
		}
		change.MergedInto = &into
	} else if change, err = w.change(c, what); err != nil {
		return 0, 0, err
	}
	login := member(c)
	for _, id := range ids {
		err := w.Store.ChangeIssue(c.Request.Context(), login.Actor, login.Workspace, id, change)
		switch f := fault.Of(err); {
		case err == nil:
			changed++
		case f.Kind == fault.NotFound || f.Kind == fault.Conflict:
			failed++
		default:
			return changed, failed, err
		}
	}
	return changed, failed, nil
}

// listOf is the address of the list that somebody came from.
func listOf(back string) *url.URL {
	u, err := url.Parse(localPath(back))
	if err != nil || u.Path != "/issues" {
		return &url.URL{Path: "/issues"}
	}
	return &url.URL{Path: u.Path, RawQuery: u.RawQuery}
}

// backTo is the list that somebody came from, with what became of their wish.
func backTo(back string, changed, failed int) string {
	u := listOf(back)
	q := u.Query()
	q.Del("cursor")
	q.Set("changed", strconv.Itoa(changed))
	q.Set("failed", strconv.Itoa(failed))
	u.RawQuery = q.Encode()
	return u.String()
}

func mayDecide(c *gin.Context) error { return may(c, auth.Admin) }
