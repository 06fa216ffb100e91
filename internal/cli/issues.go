package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"errata/internal/event"
)

// IssueList says which issues: Query in the language of the search, the others
// as the API takes them.
type IssueList struct {
	Query, State, Sort string
	Limit              int
}

// ListIssues prints issues, one on a line.
func ListIssues(ctx context.Context, opt Options, list IssueList) error {
	return listing[event.Issue]{
		path: "/v1/issues", query: map[string]string{"q": list.Query, "state": list.State, "sort": list.Sort}, limit: list.Limit, field: "issues", none: "No issue matches.",
		head: []string{"ID", "STATE", "EVENTS", "CUSTOMERS", "LAST SEEN", "SERVICE", "STATUS", "CODE", "PROBLEM"},
		row: func(i *event.Issue) []string {
			return []string{i.ID, safe(string(i.State)), strconv.FormatInt(i.Events, 10), customersText(*i), ago(i.LastAt.Time, time.Now()), safe(i.Service),
				statusText(i.Status), safe(i.Code), safe(cutText(problem(i.Template, i.Title), 60))}
		},
	}.print(ctx, newClient(opt.Server, opt.Key), &printer{out: opt.Out}, opt.JSON)
}

// customersText marks an estimate.
func customersText(i event.Issue) string {
	switch {
	case i.Customers == nil:
		return "-"
	case i.CustomersExact:
		return strconv.FormatInt(*i.Customers, 10)
	}
	return "~" + strconv.FormatInt(*i.Customers, 10)
}

func statusText(status int) string {
	if status == 0 {
		return "-"
	}
	return strconv.Itoa(status)
}

func problem(template, title string) string {
	if template != "" {
		return template
	}
	return title
}

func cutText(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}

// ShowIssue prints what is known about an issue.
func ShowIssue(ctx context.Context, opt Options, id string) error {
	var raw json.RawMessage
	c := newClient(opt.Server, opt.Key)
	if err := c.call(ctx, http.MethodGet, "/v1/issues/"+url.PathEscape(id), nil, &raw); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	var d event.IssueDetail
	if err := c.decode(answer{body: raw}, &d); err != nil {
		return err
	}
	p.issue(&d, time.Now())
	return p.err
}

func (p *printer) issue(d *event.IssueDetail, now time.Time) {
	p.line("%s", safe(problem(d.Template, d.Title)))
	p.line("%s  %s %s  %s %s %s", d.ID, statusText(d.Status), safe(d.Code), safe(d.Service), safe(d.Method), safe(d.Endpoint))
	who := ""
	if d.Assignee != "" {
		who = ", " + safe(d.Assignee) + " sees to it"
	}
	p.line("%s%s. %d Events in 24 h, %d in 7 days, %d in 30 days; first %s, last %s.", safe(string(d.State)), who,
		d.Counts.Day, d.Counts.Week, d.Counts.Month, ago(d.FirstAt.Time, now), ago(d.LastAt.Time, now))
	p.line("")
	p.line("Together because of")
	for _, r := range d.Reasons {
		p.line("  %s: %s", safe(r.Name), safe(r.Value))
	}
	if len(d.Samples) > 0 {
		p.line("")
		p.line("Newest")
		var rows [][]string
		for _, s := range d.Samples {
			rows = append(rows, []string{"  " + s.OccurredAt.UTC().Format(time.DateTime), safe(problem(s.RequestID, s.EventID)), safe(s.Customer), safe(s.Release)})
		}
		p.table(rows)
	}
	if len(d.Activity) > 0 {
		p.line("")
		p.line("Activity")
		for _, a := range d.Activity {
			p.line("  %s %s %s %s", a.At.UTC().Format(time.DateTime), safe(a.Actor), safe(a.Action), strings.TrimSpace(safe(a.Text+" "+string(a.Details))))
		}
	}
}

// ChangeIssues makes the same change to every issue, and fails at the end when
// one could not be changed. The change is what the API takes.
func ChangeIssues(ctx context.Context, opt Options, ids []string, change map[string]any) error {
	body := map[string]any{"ids": ids}
	for k, v := range change {
		body[k] = v
	}
	var out struct {
		Results []struct {
			ID    string    `json:"id"`
			Error *APIError `json:"error"`
		} `json:"results"`
	}
	if err := newClient(opt.Server, opt.Key).call(ctx, http.MethodPatch, "/v1/issues", body, &out); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	failed := 0
	for _, r := range out.Results {
		if r.Error == nil {
			p.line("%s: done", safe(r.ID))
			continue
		}
		failed++
		p.line("%s: %s: %s", safe(r.ID), safe(r.Error.Code), safe(r.Error.Message))
	}
	if p.err == nil && failed > 0 {
		return exitf("%d of %d could not be changed.", failed, len(ids))
	}
	return p.err
}

// CommentIssue says something about an issue.
func CommentIssue(ctx context.Context, opt Options, id, text string) error {
	return newClient(opt.Server, opt.Key).call(ctx, http.MethodPost, "/v1/issues/"+url.PathEscape(id)+"/comments", map[string]string{"body": text}, nil)
}
