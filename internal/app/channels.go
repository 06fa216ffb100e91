package app

import (
	"context"
	"os"

	"github.com/alecthomas/kong"

	"errata/internal/cli"
)

// secretFlags are the ways in which a secret can be given.
type secretFlags struct {
	SecretFile  map[string]string `mapsep:"none" placeholder:"NAME=FILE" help:"A secret, in a file."`
	SecretEnv   map[string]string `mapsep:"none" placeholder:"NAME=VARIABLE" help:"A secret, in an environment variable."`
	SecretStdin string            `placeholder:"NAME" help:"The secret that is read from standard input."`
	Secret      map[string]string `mapsep:"none" placeholder:"NAME=VALUE" help:"A secret, for all to see who can list processes: use one of the others. NAME= takes it away."`
}

func (f secretFlags) sources() cli.SecretSources {
	return cli.SecretSources{Files: f.SecretFile, Variables: f.SecretEnv, Stdin: f.SecretStdin, Plain: f.Secret}
}

type channelsCmd struct {
	List struct {
		client
		JSON bool `help:"Print JSON."`
	} `cmd:"" help:"List where messages about incidents go, and how that goes."`
	Add struct {
		client
		Name     string            `arg:"" help:"What to call it."`
		Kind     string            `required:"" help:"What it is: webhook, slack_bot, slack_webhook, pagerduty, opsgenie, teams, email, alertmanager, alertmanager_webhook."`
		Set      map[string]string `mapsep:"none" placeholder:"NAME=VALUE" help:"A setting, such as url=https://hooks.example.com/errata; docs/alerts-channels.md has those of each kind."`
		Level    string            `default:"notify" enum:"page,ticket,notify" help:"The quietest incidents that it is told about: page, ticket, notify."`
		Fallback *string           `placeholder:"CHANNEL" help:"The channel that is told what this one cannot be: its name or ID."`
		Hourly   int               `default:"20" help:"Messages in an hour; more are one digest."`
		secretFlags
		JSON bool `help:"Print JSON."`
	} `cmd:"" help:"Add a channel."`
	Set struct {
		client
		Channel  string            `arg:"" help:"The channel: its name or ID."`
		Name     *string           `help:"What to call it from now on."`
		Set      map[string]string `mapsep:"none" placeholder:"NAME=VALUE" help:"A setting; NAME= takes it away."`
		Level    *string           `help:"The quietest incidents that it is told about: page, ticket, notify."`
		Fallback *string           `placeholder:"CHANNEL" help:"The channel that is told what this one cannot be: its name or ID; '' for none."`
		Hourly   *int              `help:"Messages in an hour; more are one digest."`
		Enabled  *bool             `negatable:"" help:"Whether it gets messages. What waits for a channel that is disabled is dropped."`
		secretFlags
		JSON bool `help:"Print JSON."`
	} `cmd:"" help:"Change what is named of a channel."`
	Remove struct {
		client
		Channels []string `arg:"" name:"channel" help:"The channels: their names or IDs."`
	} `cmd:"" help:"Take channels away. What waits for them is dropped."`
	Test struct {
		client
		Channel string `arg:"" help:"The channel: its name or ID."`
		JSON    bool   `help:"Print JSON."`
	} `cmd:"" help:"Send a test message now, and print what was said on both sides."`
}

func (c *channelsCmd) Run(ctx context.Context, k *kong.Context) error {
	opt := func(at client, json bool) cli.ChannelsOptions {
		return cli.ChannelsOptions{Server: at.Server, Key: at.Key, JSON: json, In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	}
	switch k.Selected().Name {
	case "list":
		return cli.ListChannels(ctx, opt(c.List.client, c.List.JSON))
	case "add":
		a := &c.Add
		return cli.AddChannel(ctx, opt(a.client, a.JSON), cli.ChannelChange{Name: &a.Name, Kind: &a.Kind, Level: &a.Level, Fallback: a.Fallback, Hourly: &a.Hourly,
			Settings: a.Set, Secrets: a.sources()})
	case "set":
		s := &c.Set
		return cli.SetChannel(ctx, opt(s.client, s.JSON), s.Channel, cli.ChannelChange{Name: s.Name, Level: s.Level, Fallback: s.Fallback, Hourly: s.Hourly, Enabled: s.Enabled,
			Settings: s.Set, Secrets: s.sources()})
	case "remove":
		return cli.RemoveChannels(ctx, opt(c.Remove.client, false), c.Remove.Channels)
	default:
		return cli.TestChannel(ctx, opt(c.Test.client, c.Test.JSON), c.Test.Channel)
	}
}

type deliveriesCmd struct {
	List struct {
		client
		Channel  string `help:"Only those to one channel: its name or ID."`
		Incident string `placeholder:"ID" help:"Only those about one incident."`
		State    string `help:"Only waiting, sent, dead or dropped ones."`
		Limit    int    `default:"50" help:"How many, up to 200."`
		JSON     bool   `help:"Print JSON."`
	} `cmd:"" help:"List messages to channels, newest first."`
	Show struct {
		client
		ID   string `arg:"" help:"The message's ID, as 'list' shows it."`
		JSON bool   `help:"Print JSON."`
	} `cmd:"" help:"Print a message, and what was said on both sides of each attempt."`
	Redeliver struct {
		client
		IDs []string `arg:"" name:"id" help:"The messages' IDs, as 'list' shows them."`
	} `cmd:"" help:"Send messages again, now."`
}

func (c *deliveriesCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "list":
		l := &c.List
		return cli.ListDeliveries(ctx, cli.ChannelsOptions{Server: l.Server, Key: l.Key, JSON: l.JSON, Out: os.Stdout},
			cli.DeliveryList{Channel: l.Channel, Incident: l.Incident, State: l.State, Limit: l.Limit})
	case "show":
		return cli.ShowDelivery(ctx, cli.ChannelsOptions{Server: c.Show.Server, Key: c.Show.Key, JSON: c.Show.JSON, Out: os.Stdout}, c.Show.ID)
	default:
		return cli.Redeliver(ctx, cli.ChannelsOptions{Server: c.Redeliver.Server, Key: c.Redeliver.Key, Out: os.Stdout}, c.Redeliver.IDs)
	}
}
