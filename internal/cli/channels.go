package cli

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"errata/internal/alert"
)

// ChannelsOptions say whose channels. Changing and testing need the admin scope.
type ChannelsOptions struct {
	Server, Key string
	JSON        bool
	In          io.Reader // where a secret may come from
	Out, Err    io.Writer
}

// channel is one as the API shows it, and with what is set in it, as it takes it.
type channel struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Kind         string            `json:"kind"`
	Settings     map[string]string `json:"settings"`
	Level        alert.Level       `json:"level"`
	Fallback     *string           `json:"fallback"`
	Hourly       int               `json:"hourly"`
	Enabled      bool              `json:"enabled"`
	DisabledWhy  string            `json:"disabled_why"`
	FailingSince *time.Time        `json:"failing_since"`
	LastError    string            `json:"last_error"`
	LastSentAt   *time.Time        `json:"last_sent_at"`
	Waiting      int               `json:"waiting"`
	Dead         int               `json:"dead"`
}

// ChannelChange is what somebody wants of a channel; what is nil stays, or is as
// the server has it. An empty setting or secret goes.
type ChannelChange struct {
	Name, Kind, Level, Fallback *string // Fallback is a name or an ID; "" for none
	Hourly                      *int
	Enabled                     *bool
	Settings                    map[string]string
	Secrets                     SecretSources
}

// SecretSources say where secrets are, by name.
type SecretSources struct {
	Files     map[string]string
	Variables map[string]string
	Stdin     string            // the one that is read from standard input
	Plain     map[string]string // given as arguments: with a warning
}

// read fetches the secrets.
func (s SecretSources) read(opt ChannelsOptions) (map[string]string, error) {
	out := map[string]string{}
	for name, file := range s.Files {
		raw, err := os.ReadFile(file) //nolint:gosec // whoever runs this names it
		if err != nil {
			return nil, exitf("The secret %s cannot be read: %v", safe(name), err)
		}
		out[name] = strings.TrimSpace(string(raw))
	}
	for name, variable := range s.Variables {
		value, ok := os.LookupEnv(variable)
		if !ok {
			return nil, exitf("The environment variable %s, for the secret %s, is not set.", safe(variable), safe(name))
		}
		out[name] = strings.TrimSpace(value)
	}
	if s.Stdin != "" {
		raw, err := io.ReadAll(io.LimitReader(opt.In, 64<<10))
		if err != nil {
			return nil, err
		}
		out[s.Stdin] = strings.TrimSpace(string(raw))
	}
	shown := false
	for name, value := range s.Plain {
		out[name], shown = value, shown || value != ""
	}
	if shown {
		p := printer{out: opt.Err}
		p.line("Warning: --secret shows what it is given to everybody who can list processes, and in the shell's history. Use --secret-file, --secret-env or --secret-stdin.")
	}
	return out, nil
}

func (c *client) channels(ctx context.Context) (list []channel, raw json.RawMessage, err error) {
	if err := c.call(ctx, http.MethodGet, "/v1/alerts/channels", nil, &raw); err != nil {
		return nil, nil, err
	}
	var in struct {
		Channels []channel `json:"channels"`
	}
	err = c.decode(answer{body: raw}, &in)
	return in.Channels, raw, err
}

// channelOf finds a channel by its name or ID.
func (c *client) channelOf(ctx context.Context, nameOrID string) (channel, error) {
	list, _, err := c.channels(ctx)
	if err != nil {
		return channel{}, err
	}
	for _, found := range list {
		if found.Name == nameOrID || found.ID == nameOrID {
			return found, nil
		}
	}
	return channel{}, exitf("There is no channel with the name or ID %q; 'errata channels list' shows all.", safe(nameOrID))
}

// ListChannels prints all channels, one on a line, and how they are doing.
func ListChannels(ctx context.Context, opt ChannelsOptions) error {
	list, raw, err := newClient(opt.Server, opt.Key).channels(ctx)
	if err != nil {
		return err
	}
	p := printer{out: opt.Out}
	switch {
	case opt.JSON:
		p.line("%s", raw)
		return p.err
	case len(list) == 0:
		p.line("There is no channel: nobody is told about incidents. Add one with 'errata channels add'.")
		return p.err
	}
	names := map[string]string{}
	for _, c := range list {
		names[c.ID] = c.Name
	}
	rows := [][]string{{"ID", "NAME", "KIND", "LEVEL", "FALLBACK", "LAST SENT", "WAITING", "DEAD", "STATE"}}
	for _, c := range list {
		fallback, sent := "-", "never"
		if c.Fallback != nil {
			fallback = names[*c.Fallback]
		}
		if c.LastSentAt != nil {
			sent = ago(*c.LastSentAt, time.Now())
		}
		rows = append(rows, []string{safe(c.ID), safe(c.Name), safe(c.Kind), safe(string(c.Level)), safe(fallback), sent, strconv.Itoa(c.Waiting), strconv.Itoa(c.Dead), c.state()})
	}
	p.table(rows)
	return p.err
}

func (c channel) state() string {
	switch {
	case !c.Enabled && c.DisabledWhy != "":
		return "disabled: " + safe(cutText(c.DisabledWhy, 80))
	case !c.Enabled:
		return "disabled"
	case c.FailingSince != nil:
		return "failing since " + c.FailingSince.UTC().Format(time.DateTime) + ": " + safe(cutText(c.LastError, 80))
	}
	return "ok"
}

// AddChannel adds one.
func AddChannel(ctx context.Context, opt ChannelsOptions, change ChannelChange) error {
	c := newClient(opt.Server, opt.Key)
	in, err := change.document(ctx, c, opt, map[string]any{}, map[string]string{})
	if err != nil {
		return err
	}
	return sendChannel(ctx, c, opt, http.MethodPost, "/v1/alerts/channels", in, "added. See whether it works: errata channels test ")
}

// SetChannel changes what is named of one.
func SetChannel(ctx context.Context, opt ChannelsOptions, nameOrID string, change ChannelChange) error {
	c := newClient(opt.Server, opt.Key)
	had, err := c.channelOf(ctx, nameOrID)
	if err != nil {
		return err
	}
	in, err := change.document(ctx, c, opt, map[string]any{"name": had.Name, "kind": had.Kind, "level": had.Level, "fallback": had.Fallback, "hourly": had.Hourly, "enabled": had.Enabled}, had.Settings)
	if err != nil {
		return err
	}
	return sendChannel(ctx, c, opt, http.MethodPut, "/v1/alerts/channels/"+url.PathEscape(had.ID), in, "changed. See whether it works: errata channels test ")
}

// document is what the API takes, over what there was.
func (ch ChannelChange) document(ctx context.Context, c *client, opt ChannelsOptions, in map[string]any, had map[string]string) (map[string]any, error) {
	settings := map[string]string{}
	maps.Copy(settings, had)
	maps.Copy(settings, ch.Settings)
	maps.DeleteFunc(settings, func(_, v string) bool { return v == "" })
	secrets, err := ch.Secrets.read(opt)
	if err != nil {
		return nil, err
	}
	in["settings"], in["secrets"] = settings, secrets
	for name, v := range map[string]*string{"name": ch.Name, "kind": ch.Kind, "level": ch.Level} {
		if v != nil {
			in[name] = *v
		}
	}
	if ch.Hourly != nil {
		in["hourly"] = *ch.Hourly
	}
	if ch.Enabled != nil {
		in["enabled"] = *ch.Enabled
	}
	switch {
	case ch.Fallback == nil:
	case *ch.Fallback == "":
		in["fallback"] = nil
	default:
		other, err := c.channelOf(ctx, *ch.Fallback)
		if err != nil {
			return nil, err
		}
		in["fallback"] = other.ID
	}
	return in, nil
}

func sendChannel(ctx context.Context, c *client, opt ChannelsOptions, method, path string, in map[string]any, what string) error {
	var raw json.RawMessage
	if err := c.call(ctx, method, path, in, &raw); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	var set channel
	if err := c.decode(answer{body: raw}, &set); err != nil {
		return err
	}
	p.line("%s: %s%s", safe(set.Name), what, safe(set.ID))
	return p.err
}

// RemoveChannels takes channels away, in the order given, up to the first that
// cannot be.
func RemoveChannels(ctx context.Context, opt ChannelsOptions, namesOrIDs []string) error {
	c := newClient(opt.Server, opt.Key)
	p := printer{out: opt.Out}
	for _, name := range namesOrIDs {
		found, err := c.channelOf(ctx, name)
		if err != nil {
			return err
		}
		if err := c.call(ctx, http.MethodDelete, "/v1/alerts/channels/"+url.PathEscape(found.ID), nil, nil); err != nil {
			return err
		}
		p.line("%s: removed", safe(found.Name))
	}
	return p.err
}

// testTimeout is longer than the server tries.
const testTimeout = 40 * time.Second

// TestChannel sends a test message, prints what was said, and fails when it did
// not arrive.
func TestChannel(ctx context.Context, opt ChannelsOptions, nameOrID string) error {
	c := newClient(opt.Server, opt.Key)
	found, err := c.channelOf(ctx, nameOrID)
	if err != nil {
		return err
	}
	c.http.Timeout = testTimeout
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodPost, "/v1/alerts/channels/"+url.PathEscape(found.ID)+"/test", nil, &raw); err != nil {
		return err
	}
	var d deliveryDetail
	if err := c.decode(answer{body: raw}, &d); err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", raw)
	} else {
		p.tries(d.Tries)
	}
	if p.err == nil && d.State != "sent" {
		return exitf("The test did not arrive: %s", safe(d.Error))
	}
	if !opt.JSON {
		p.line("Sent. Look whether it arrived.")
	}
	return p.err
}

// names of settings and secrets are shown in order.
func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
