package app

import (
	"context"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"errata/internal/cli"
)

type rulesCmd struct {
	List struct {
		client
		JSON bool `help:"Print JSON."`
	} `cmd:"" help:"List the rules by which alerts are raised."`
	Export struct {
		client
	} `cmd:"" help:"Print the rules as YAML, as 'apply' takes them."`
	Lint struct {
		Files []string `arg:"" name:"file" help:"Files of rules; '-' is standard input."`
	} `cmd:"" help:"Say everything that is wrong with files of rules, with its line."`
	Diff struct {
		client
		File  string `arg:"" help:"A file of rules; '-' is standard input."`
		Prune bool   `help:"Also remove rules that are not in the file."`
	} `cmd:"" help:"Show what 'apply' would change; exits with 1 where that is anything."`
	Apply struct {
		client
		File  string `arg:"" help:"A file of rules; '-' is standard input."`
		Prune bool   `help:"Also remove rules that are not in the file."`
		Yes   bool   `help:"Do not ask."`
	} `cmd:"" help:"Make the rules those of a file, after showing what that changes. Needs an admin key."`
	Replay struct {
		client
		File string `arg:"" help:"A file of rules; '-' is standard input."`
		Days int    `default:"14" help:"How many days to look back, at most 14."`
		JSON bool   `help:"Print JSON, a line for each rule."`
	} `cmd:"" help:"Say how often the rules of a file would have fired in the last 14 days. Changes nothing."`
}

func (c *rulesCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "list":
		return cli.ListRules(ctx, c.List.options(c.List.JSON))
	case "export":
		return cli.ExportRules(ctx, c.Export.options(false))
	case "lint":
		return cli.LintRules((&client{}).options(false), c.Lint.Files)
	case "diff":
		differ, err := cli.DiffRules(ctx, c.Diff.options(false), c.Diff.File, c.Diff.Prune)
		if err == nil && differ {
			err = &cli.Exit{Code: 1, Message: "The file and what is there differ."}
		}
		return err
	case "replay":
		o := c.Replay.options(false)
		o.JSON = c.Replay.JSON
		return cli.ReplayRules(ctx, o, c.Replay.File, c.Replay.Days)
	default:
		return cli.ApplyRules(ctx, c.Apply.options(false), c.Apply.File, c.Apply.Prune, asking(c.Apply.Yes))
	}
}

// asking is how somebody agrees, who may have said so already.
func asking(yes bool) cli.Ask {
	switch {
	case yes:
		return cli.AskNobody
	case isTerminal(os.Stdin):
		return cli.AskPerson
	}
	return cli.AskRefuse
}

// isTerminal reports whether somebody may be sitting there; /dev/null is a
// device as well.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	null, nullErr := os.Stat(os.DevNull)
	return err == nil && nullErr == nil && info.Mode()&os.ModeCharDevice != 0 && !os.SameFile(null, info)
}

// silenced is what a silence is about, and when.
type silenced struct {
	client
	Service     string `help:"One service; without it, and so on for the others, any."`
	Environment string `help:"One environment."`
	Method      string `help:"One HTTP method."`
	Endpoint    string `help:"One endpoint, such as /v1/charges/{id}."`
	Code        string `help:"One code."`
	Customer    string `help:"One customer."`
	Family      string `enum:",5xx,429" default:"" help:"5xx or 429."`
	Rule        string `placeholder:"ID" help:"What this rule finds, by its ID."`
	From        string `placeholder:"TIME" help:"When it begins; without it now."`
	Until       string `placeholder:"TIME" help:"When it ends, such as now+2h."`
	Cron        string `help:"Begin again and again: minute, hour, day of the month, month, day of the week, such as '30 2 * * SUN'."`
	Minutes     int    `help:"For how long then."`
	TimeZone    string `default:"UTC" help:"On whose clock, such as Europe/Berlin."`
	JSON        bool   `help:"Print JSON."`
}

func (s *silenced) silence() cli.NewSilence {
	return cli.NewSilence{Environment: s.Environment, Service: s.Service, Method: s.Method, Endpoint: s.Endpoint, Code: s.Code, Customer: s.Customer, Family: s.Family, RuleID: s.Rule,
		Cron: s.Cron, Minutes: s.Minutes, TimeZone: s.TimeZone, StartsAt: s.From, EndsAt: s.Until}
}

type silenceCmd struct {
	List struct {
		client
		Ended bool `help:"The last that ended, rather than those in force or to come."`
		JSON  bool `help:"Print JSON."`
	} `cmd:"" help:"List who is not told about what."`
	Add struct {
		silenced
		Reason []string `arg:"" help:"Why."`
	} `cmd:"" help:"Silence something for a time, or have a maintenance window. Needs an admin key."`
	End struct {
		client
		IDs []string `arg:"" name:"id" help:"The silences' IDs, as 'list' shows them."`
	} `cmd:"" help:"End silences now. Needs an admin key."`
	Preview silenced `cmd:"" help:"See which messages of the last 14 days a silence would have muted."`
}

func (c *silenceCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "list":
		return cli.ListSilences(ctx, c.List.options(c.List.JSON), c.List.Ended)
	case "add":
		s := c.Add.silence()
		s.Reason = strings.Join(c.Add.Reason, " ")
		return cli.AddSilence(ctx, c.Add.options(c.Add.JSON), s)
	case "end":
		return cli.EndSilences(ctx, c.End.options(false), c.End.IDs)
	default:
		return cli.PreviewSilence(ctx, c.Preview.options(c.Preview.JSON), c.Preview.silence())
	}
}
