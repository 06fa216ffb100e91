package app

import (
	"context"
	"strings"

	"github.com/alecthomas/kong"

	"errata/internal/cli"
)

// several are issues that the same is done to.
type several struct {
	client
	IDs []string `arg:"" name:"id" help:"The issues' IDs, as 'list' shows them."`
}

type issuesCmd struct {
	List struct {
		client
		Search []string `arg:"" optional:"" help:"A search, such as: is:new service:billing timeout"`
		State  string   `default:"unresolved" help:"States with commas between them; 'unresolved', or '' for all."`
		Sort   string   `default:"last_seen" enum:"last_seen,first_seen,events" help:"Order: last_seen, first_seen, events."`
		Limit  int      `default:"50" help:"How many, up to 200."`
		JSON   bool     `help:"Print JSON."`
	} `cmd:"" help:"List the problems behind failures."`
	Show struct {
		client
		ID   string `arg:"" help:"The issue's ID."`
		JSON bool   `help:"Print JSON."`
	} `cmd:"" help:"Print what is known about an issue."`
	Acknowledge several `cmd:"" help:"Say that somebody knows about them."`
	Open        several `cmd:"" help:"Open them again."`
	Resolve     struct {
		several
		InRelease string `placeholder:"RELEASE" help:"The release that has the fix; older ones may go on failing."`
	} `cmd:"" help:"Say that they are fixed; they come back if they happen again."`
	Ignore struct {
		several
		Until     string `placeholder:"TIME" help:"Until a time, such as now+3d."`
		Events    int64  `help:"Until so many more Events."`
		Customers int    `help:"Until so many customers met it."`
	} `cmd:"" help:"Leave them alone, for good or until something."`
	Assign struct {
		several
		To string `required:"" help:"Who sees to them; '' for nobody."`
	} `cmd:"" help:"Say whose they are."`
	Merge struct {
		several
		Into string `required:"" help:"The issue that they are to count for."`
	} `cmd:"" help:"Make several issues one."`
	Split   several `cmd:"" help:"Undo a merge."`
	Comment struct {
		client
		ID   string   `arg:"" help:"The issue's ID."`
		Text []string `arg:"" help:"What to say."`
	} `cmd:"" help:"Say something about an issue."`
}

func (c *issuesCmd) Run(ctx context.Context, k *kong.Context) error {
	change := func(s several, what map[string]any) error {
		return cli.ChangeIssues(ctx, s.options(false), s.IDs, what)
	}
	switch k.Selected().Name {
	case "list":
		opt := c.List.options(c.List.JSON)
		return cli.ListIssues(ctx, opt, cli.IssueList{Query: strings.Join(c.List.Search, " "), State: c.List.State, Sort: c.List.Sort, Limit: c.List.Limit})
	case "show":
		return cli.ShowIssue(ctx, c.Show.options(c.Show.JSON), c.Show.ID)
	case "acknowledge":
		return change(c.Acknowledge, map[string]any{"state": "acknowledged"})
	case "open":
		return change(c.Open, map[string]any{"state": "open"})
	case "resolve":
		return change(c.Resolve.several, map[string]any{"state": "resolved", "resolved_in": c.Resolve.InRelease})
	case "ignore":
		what := map[string]any{"state": "ignored", "ignore_events": c.Ignore.Events, "ignore_customers": c.Ignore.Customers}
		if c.Ignore.Until != "" {
			what["ignore_until"] = c.Ignore.Until
		}
		return change(c.Ignore.several, what)
	case "assign":
		return change(c.Assign.several, map[string]any{"assignee": c.Assign.To})
	case "merge":
		return change(c.Merge.several, map[string]any{"merged_into": c.Merge.Into})
	case "split":
		return change(c.Split, map[string]any{"merged_into": nil})
	default:
		return cli.CommentIssue(ctx, c.Comment.options(false), c.Comment.ID, strings.Join(c.Comment.Text, " "))
	}
}
