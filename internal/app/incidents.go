package app

import (
	"context"

	"github.com/alecthomas/kong"

	"errata/internal/cli"
)

// oneIncident is an incident that something is done to.
type oneIncident struct {
	client
	ID   string `arg:"" name:"incident" help:"Its number, such as 12 or INC-12, or its ID."`
	JSON bool   `help:"Print JSON."`
}

func (c *oneIncident) options() cli.Options { return c.client.options(c.JSON) }

type incidentsCmd struct {
	List struct {
		client
		State       string `default:"" placeholder:"STATES" help:"open, firing, recovering, stale or resolved, with commas between them; all without it."`
		Service     string `help:"Only those of one service."`
		Environment string `help:"Only those in one environment."`
		Family      string `default:"" enum:",5xx,429" help:"5xx or 429."`
		Level       string `default:"" enum:",page,ticket,notify" help:"page, ticket or notify."`
		From        string `placeholder:"TIME" help:"Those that lasted then or later, such as now-7d."`
		Limit       int    `default:"50" help:"How many, up to 200."`
		JSON        bool   `help:"Print JSON."`
	} `cmd:"" help:"List incidents, those that last first."`
	Show    oneIncident `cmd:"" help:"Print what is known about an incident."`
	Ack     oneIncident `cmd:"" help:"Say that somebody sees to it."`
	Resolve struct {
		oneIncident
		AcceptAsNormal bool `help:"Say that this is how it is now; possible once it has lasted 24 h."`
	} `cmd:"" help:"Say that it is over."`
	Vote struct {
		oneIncident
		Vote string `arg:"" enum:"yes,noisy,late" help:"Was it useful? yes, noisy or late."`
	} `cmd:"" help:"Say whether it was worth its message."`
}

func (c *incidentsCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "list":
		l := &c.List
		opt := l.options(l.JSON)
		return cli.ListIncidents(ctx, opt, cli.IncidentList{State: l.State, Service: l.Service, Environment: l.Environment, Family: l.Family, Level: l.Level, From: l.From, Limit: l.Limit})
	case "show":
		return cli.ShowIncident(ctx, c.Show.options(), c.Show.ID)
	case "ack":
		return cli.DecideIncident(ctx, c.Ack.options(), c.Ack.ID, "ack", nil)
	case "resolve":
		return cli.DecideIncident(ctx, c.Resolve.options(), c.Resolve.ID, "resolve", map[string]bool{"accept_as_normal": c.Resolve.AcceptAsNormal})
	default:
		return cli.DecideIncident(ctx, c.Vote.options(), c.Vote.ID, "vote", map[string]string{"vote": c.Vote.Vote})
	}
}
