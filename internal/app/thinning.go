package app

import (
	"context"

	"github.com/alecthomas/kong"

	"errata/internal/cli"
	"errata/internal/thin"
)

type thinningCmd struct {
	List struct {
		client
		JSON bool `help:"Print JSON."`
	} `cmd:"" help:"List the rules, in the order in which they go."`
	Set struct {
		client
		Name  string `arg:"" help:"The rule's name, such as bots. One of that name is replaced."`
		Match string `arg:"" help:"Which failures, in the language of searches, such as 'service:edge status:429'; 'service:*' are all."`
		Keep  int    `default:"100" help:"How many failures of each issue and hour stay."`
		After int    `default:"3" help:"For how many days a day must have been over; at least 3."`
		Off   bool   `help:"Keep the rule, and let it do nothing."`
		JSON  bool   `help:"Print JSON."`
	} `cmd:"" help:"Set a rule. Nothing goes before the next run of retention."`
	Remove struct {
		client
		Names []string `arg:"" name:"name" help:"The rules' names."`
	} `cmd:"" help:"Take rules away. What they have let go stays gone."`
	Plan struct {
		client
		Name  string `arg:"" optional:"" help:"The rule; all of them without it."`
		Match string `help:"Try one that is not there yet: which failures."`
		Keep  int    `default:"100" help:"With --match: how many failures of each issue and hour stay."`
		After int    `default:"3" help:"With --match: for how many days a day must have been over."`
		JSON  bool   `help:"Print JSON."`
	} `cmd:"" help:"Say what rules would let go now. It changes nothing."`
}

func (c *thinningCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "list":
		return cli.ListThinning(ctx, c.List.options(c.List.JSON))
	case "set":
		r := thin.Rule{Name: c.Set.Name, Match: c.Set.Match, Keep: c.Set.Keep, AfterDays: c.Set.After, Enabled: !c.Set.Off}
		return cli.SetThinning(ctx, c.Set.options(c.Set.JSON), r)
	case "remove":
		return cli.RemoveThinning(ctx, c.Remove.options(false), c.Remove.Names)
	default:
		r := thin.Rule{Name: c.Plan.Name, Match: c.Plan.Match, Keep: c.Plan.Keep, AfterDays: c.Plan.After, Enabled: true}
		return cli.PlanThinning(ctx, c.Plan.options(c.Plan.JSON), r)
	}
}
