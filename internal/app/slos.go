package app

import (
	"context"

	"github.com/alecthomas/kong"

	"errata/internal/cli"
	"errata/internal/slo"
)

type slosCmd struct {
	List struct {
		client
		Service string `help:"Only those of one service."`
		JSON    bool   `help:"Print JSON."`
	} `cmd:"" help:"List the objectives that were set, and what is left of their error budgets."`
	Set struct {
		client
		Service     string  `arg:"" help:"The service, as it reports."`
		Objective   float64 `arg:"" help:"Percent of requests that do not fail on our side, such as 99.5."`
		Environment string  `help:"One environment; without it all of them together."`
		Method      string  `help:"The endpoint's HTTP method; without it all methods."`
		Endpoint    string  `help:"One endpoint, such as /v1/charges/{id}; without it the whole service."`
		Days        int     `default:"28" help:"Over how many days, 1 to 90."`
		JSON        bool    `help:"Print JSON."`
	} `cmd:"" help:"Set the objective of a service or one of its endpoints, in place of the one that it had."`
	Remove struct {
		client
		IDs []string `arg:"" name:"id" help:"The objectives' IDs, as 'list' shows them."`
	} `cmd:"" help:"Take objectives away; their services are held to the default again."`
}

func (c *slosCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "list":
		return cli.ListSLOs(ctx, c.List.options(c.List.JSON), c.List.Service)
	case "set":
		opt := c.Set.options(c.Set.JSON)
		return cli.SetSLO(ctx, opt, slo.SLO{Service: c.Set.Service, Environment: c.Set.Environment, Method: c.Set.Method, Endpoint: c.Set.Endpoint, Objective: c.Set.Objective, WindowDays: c.Set.Days})
	default:
		return cli.RemoveSLOs(ctx, c.Remove.options(false), c.Remove.IDs)
	}
}
