package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	ql "errata/internal/query"
	"errata/internal/store"
)

// Issues is what the API needs of the store for issues.
type Issues interface {
	Issues(ctx context.Context, ws int32, f event.IssueFilter, limit int, cursor string) (store.IssuePage, error)
	Issue(ctx context.Context, ws int32, id string) (event.IssueDetail, error)
	ChangeIssue(ctx context.Context, actor store.Actor, ws int32, id string, c store.IssueChange) error
	CommentIssue(ctx context.Context, actor store.Actor, ws int32, id, body string) error
	LinkTicket(ctx context.Context, actor store.Actor, ws int32, id, url string) error
	UnlinkTicket(ctx context.Context, actor store.Actor, ws int32, id, url string) error
}

// issueParams are the parameters of the shared filter that an issue has
// something for, and its own.
var issueParams = []string{
	"service", "endpoint", "method", "code", "status", "family", "role", "provider", "from", "to", "q", "state", "assignee", "sort",
}

// issues lists problems, those first that happened last.
func (a *api) issues(c *gin.Context) error {
	p, err := query(c, append([]string{"limit", "cursor"}, issueParams...)...)
	if err != nil {
		return err
	}
	filter, err := p.issueFilter(a)
	if err != nil {
		return err
	}
	limit, cursor, err := p.page()
	if err != nil {
		return err
	}
	page, err := a.Store.Issues(c.Request.Context(), workspace(c), filter, limit, cursor)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Issues []event.Issue `json:"issues"`
		From   event.Time    `json:"counted_from"`
		To     event.Time    `json:"counted_to"`
		Next   *string       `json:"next"`
	}{orEmpty(page.Issues), event.Time{Time: page.From}, event.Time{Time: page.To}, orNull(page.Next)})
}

func (p params) issueFilter(a *api) (f event.IssueFilter, err error) {
	search := p["q"]
	if len(search) <= maxValue {
		if _, err := ql.Issues.Parse(search); err != nil {
			return f, err
		}
		delete(p, "q") // the shared filter would take it for a search of failures
	}
	if f.Filter, err = p.filter(a.Now()); err != nil {
		return f, err
	}
	f.Query = search
	for _, name := range strings.FieldsFunc(p["state"], func(r rune) bool { return r == ',' }) {
		state := event.IssueState(name)
		switch {
		case name == "unresolved":
			f.States = append(f.States, event.Open, event.Acknowledged, event.Regressed)
		case slices.Contains(event.IssueStates, state):
			f.States = append(f.States, state)
		default:
			return f, invalid("state", "must be one or several, with commas, of: open, acknowledged, resolved, regressed, ignored, unresolved")
		}
	}
	f.Assignee, f.Sort = p["assignee"], event.IssueSort(p["sort"])
	return f, oneOf("sort", f.Sort, "", event.ByLastSeen, event.ByFirstSeen, event.ByEvents)
}

func (a *api) issue(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	return a.replyIssue(c, http.StatusOK, id)
}

func (a *api) replyIssue(c *gin.Context, status int, id string) error {
	d, err := a.Store.Issue(c.Request.Context(), workspace(c), id)
	if err != nil {
		return err
	}
	d.Hours, d.Trend, d.Samples, d.Releases = orEmpty(d.Hours), orEmpty(d.Trend), orEmpty(d.Samples), orEmpty(d.Releases)
	d.Merged, d.Similar, d.Tickets, d.Activity = orEmpty(d.Merged), orEmpty(d.Similar), orEmpty(d.Tickets), orEmpty(d.Activity)
	return reply(c, status, d)
}
