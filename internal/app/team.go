package app

import (
	"context"
	"strings"

	"github.com/alecthomas/kong"

	"errata/internal/cli"
)

// aboutRequest is a request that something is done about.
type aboutRequest struct {
	client
	ID   string `arg:"" name:"request" help:"Its request ID, or any other ID that leads to it."`
	JSON bool   `help:"Print JSON."`
}

func (c *aboutRequest) options() cli.Options { return c.client.options(c.JSON) }

type notesCmd struct {
	List aboutRequest `cmd:"" help:"Print what people wrote about a request."`
	Add  struct {
		aboutRequest
		Text []string `arg:"" help:"What to write; '-' reads it from standard input."`
	} `cmd:"" help:"Write a note about a request. Tickets that it links to are linked to the request."`
	Remove struct {
		client
		ID   string `arg:"" name:"request" help:"The request's ID."`
		Note string `arg:"" help:"The note's ID, as 'list' shows it."`
	} `cmd:"" help:"Remove a note: one's own, or with an admin key anybody's."`
}

func (c *notesCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "list":
		return cli.ListNotes(ctx, c.List.options(), c.List.ID)
	case "add":
		return cli.AddNote(ctx, c.Add.options(), c.Add.ID, strings.Join(c.Add.Text, " "))
	default:
		return cli.RemoveNote(ctx, c.Remove.options(false), c.Remove.ID, c.Remove.Note)
	}
}

type ticketsCmd struct {
	List aboutRequest `cmd:"" help:"List the tickets that a request came up in, and those of its issue."`
	Add  struct {
		aboutRequest
		URL string `arg:"" help:"The ticket's address, in Zendesk, Intercom, Jira (atlassian.net), Linear or GitHub."`
	} `cmd:"" help:"Link a request to a ticket."`
	Remove struct {
		client
		ID  string `arg:"" name:"request" help:"The request's ID."`
		URL string `arg:"" help:"The ticket's address, as 'list' shows it."`
	} `cmd:"" help:"Take the link to a ticket away."`
}

func (c *ticketsCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "list":
		return cli.ListTickets(ctx, c.List.options(), c.List.ID)
	case "add":
		return cli.AddTicket(ctx, c.Add.options(), c.Add.ID, c.Add.URL)
	default:
		return cli.RemoveTicket(ctx, c.Remove.options(false), c.Remove.ID, c.Remove.URL)
	}
}

type statusCmd struct {
	Show aboutRequest `cmd:"" help:"Print how far the team has come with a request."`
	Set  struct {
		aboutRequest
		Status string `arg:"" help:"new, investigating, answered, escalated or known-issue."`
	} `cmd:"" help:"Say how far the team has come with a request."`
}

func (c *statusCmd) Run(ctx context.Context, k *kong.Context) error {
	if k.Selected().Name == "show" {
		return cli.ShowStatus(ctx, c.Show.options(), c.Show.ID)
	}
	return cli.SetStatus(ctx, c.Set.options(), c.Set.ID, c.Set.Status)
}

type watchesCmd struct {
	List struct {
		client
		JSON bool `help:"Print JSON."`
	} `cmd:"" help:"List the IDs that somebody waits for."`
	Add struct {
		aboutRequest
		Channel string `placeholder:"ID" help:"Also tell this channel, an e-mail or webhook one; 'errata channels list' has IDs."`
	} `cmd:"" help:"Wait for an ID for 24 hours, and tell when a failure with it arrives."`
	Remove struct {
		client
		Watch string `arg:"" help:"The watch's ID, as 'list' shows it."`
	} `cmd:"" help:"Wait no longer."`
}

func (c *watchesCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "list":
		opt := c.List.options(false)
		opt.JSON = c.List.JSON
		return cli.ListWatches(ctx, opt)
	case "add":
		return cli.AddWatch(ctx, c.Add.options(), c.Add.ID, c.Add.Channel)
	default:
		return cli.RemoveWatch(ctx, c.Remove.options(false), c.Remove.Watch)
	}
}

type sharesCmd struct {
	List struct {
		client
		JSON bool `help:"Print JSON."`
	} `cmd:"" help:"List the public links that are good, and how often each was opened."`
	Add struct {
		aboutRequest
		Days int `default:"7" help:"For how many days it is good, 1 to 30."`
	} `cmd:"" help:"Make a public link of a request: time, status and code, and nothing of the customer. It is shown once."`
	Revoke struct {
		client
		Share string `arg:"" name:"link" help:"The link's ID, as 'list' shows it."`
	} `cmd:"" help:"End a public link at once."`
	Allow struct {
		client
	} `cmd:"" help:"Turn public links on for the workspace."`
	Forbid struct {
		client
	} `cmd:"" help:"Turn public links off; those that there are end at once."`
}

func (c *sharesCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "list":
		opt := c.List.options(false)
		opt.JSON = c.List.JSON
		return cli.ListShares(ctx, opt)
	case "add":
		return cli.AddShare(ctx, c.Add.options(), c.Add.ID, c.Add.Days)
	case "revoke":
		return cli.RevokeShare(ctx, c.Revoke.options(false), c.Revoke.Share)
	case "allow":
		return cli.AllowShares(ctx, c.Allow.options(false), cli.LinksOn)
	default:
		return cli.AllowShares(ctx, c.Forbid.options(false), cli.LinksOff)
	}
}
