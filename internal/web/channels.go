package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/alert"
	"errata/internal/notify"
	"errata/internal/ruleset"
	"errata/internal/store"
)

// Channels is what the pages need of the store for channels and deliveries.
type Channels interface {
	Channels(ctx context.Context, ws int32) ([]store.Channel, error)
	Channel(ctx context.Context, ws int32, id string) (store.Channel, error)
	AddChannel(ctx context.Context, actor store.Actor, ws int32, spec store.ChannelSpec, check store.CheckChannel) (store.Channel, error)
	SetChannel(ctx context.Context, actor store.Actor, ws int32, id string, spec store.ChannelSpec, check store.CheckChannel) (store.Channel, error)
	RotateChannel(ctx context.Context, actor store.Actor, ws int32, id, secret string, check store.CheckChannel) (store.Channel, error)
	RemoveChannel(ctx context.Context, actor store.Actor, ws int32, id string) error
	DismissChannel(ctx context.Context, actor store.Actor, ws int32, id string) error
	DeadChannels(ctx context.Context, ws int32) ([]store.DeadChannel, error)
	Deliveries(ctx context.Context, ws int32, f store.DeliveryFilter, limit int, cursor string) ([]store.Delivery, string, error)
	Delivery(ctx context.Context, ws int32, id string) (store.DeliveryDetail, error)
	Redeliver(ctx context.Context, actor store.Actor, ws int32, id string) (store.DeliveryDetail, error)
	Rules(ctx context.Context, ws int32) ([]ruleset.Rule, error)
}

// Courier knows what the kinds of channel need, and reaches them.
type Courier interface {
	Check(spec store.ChannelSpec) error
	Test(ctx context.Context, actor store.Actor, ws int32, channel string) (store.DeliveryDetail, error)
}

// channelNames are the templates of the pages about channels.
var channelNames = []string{"channels", "newchannel", "channel", "deliveries", "delivery"}

type channelsPage struct {
	frame
	Tabs    []link
	Done    string
	Rows    []channelRow
	Kinds   []channelKind
	Decides bool
	Full    bool
}

// channelRow is a channel in the list.
type channelRow struct {
	Name, Path, Kind string
	Gets             string
	Fallback         string
	Health           health
}

// health is how deliveries to a channel go.
type health struct {
	Tone    string // "bad" or "off"; "" where all is well, or nothing is known yet
	Word    string
	Why     string
	Failing moment // since when
	Sent    moment // the last one
	Dead    int    // in the last seven days
	Waiting int
}

// channelKind is a kind of channel that one can add.
type channelKind struct {
	Title, Path, About string
	Needs              string
}

// kindAbout says what a kind of channel is like, where that decides which one to
// take.
var kindAbout = map[notify.Kind]string{
	notify.SlackWebhook:        "A new message each time, also for Mattermost and others that imitate Slack.",
	notify.SlackBot:            "One message for each incident, which always shows how things are now; what changed is in its thread.",
	notify.PagerDuty:           "Triggers an alert, and resolves it.",
	notify.Opsgenie:            "Creates an alert, adds notes to it, and closes it.",
	notify.Teams:               "A card in a channel, through a workflow.",
	notify.Email:               "A mail to each recipient, one thread for each incident.",
	notify.Webhook:             "JSON, signed as Standard Webhooks has it, to a program of your own.",
	notify.AlertmanagerWebhook: "What Alertmanager would post, for receivers that understand that.",
	notify.Alertmanager:        "Alerts as Prometheus pushes them: your routing tree, silences and receivers apply.",
}

func channelPath(id string) string { return "/alerts/channels/" + id }

// kinds are those of channel, by title.
func kinds() []channelKind {
	out := make([]channelKind, 0, len(notify.Kinds()))
	for _, k := range notify.Kinds() {
		out = append(out, channelKind{Title: k.Title(), Path: "/alerts/channels/new?" + query("kind", string(k)), About: kindAbout[k], Needs: needs(k)})
	}
	slices.SortFunc(out, func(a, b channelKind) int { return strings.Compare(a.Title, b.Title) })
	return out
}

// needs is what somebody has to have at hand.
func needs(k notify.Kind) string {
	var all []string
	for _, f := range k.Fields() {
		if f.Required && f.Default == "" {
			all = append(all, f.Label)
		}
	}
	return strings.Join(all, ", ")
}

// channels lists where messages go, and how that goes.
func (w *web) channels(c *gin.Context) error {
	ctx, ws := c.Request.Context(), member(c).Workspace
	list, err := w.Store.Channels(ctx, ws)
	if err != nil {
		return err
	}
	rules, err := w.Store.Rules(ctx, ws)
	if err != nil {
		return err
	}
	page := channelsPage{frame: w.frame(c, "Channels", "alerts"), Tabs: tabs("/alerts/channels"), Kinds: kinds(), Decides: member(c).Decides, Full: len(list) >= store.MaxChannels}
	if c.Query("done") == "removed" {
		page.Done = "The channel was removed. What waited for it was dropped; its log stays."
	}
	for i := range list {
		ch := &list[i]
		row := channelRow{Name: ch.Name, Path: channelPath(ch.ID), Kind: notify.Kind(ch.Kind).Title(), Gets: getsWords(ch, rules), Health: w.healthOf(ch)}
		if ch.Fallback != nil {
			row.Fallback = nameOfChannel(list, *ch.Fallback)
		}
		page.Rows = append(page.Rows, row)
	}
	return w.render(c, http.StatusOK, "channels", page)
}

func nameOfChannel(list []store.Channel, id string) string {
	for i := range list {
		if list[i].ID == id {
			return list[i].Name
		}
	}
	return ""
}

var levelWords = map[alert.Level]string{alert.Page: "pages only", alert.Ticket: "pages and tickets", alert.Notify: "everything"}

// getsWords says of which incidents a channel hears.
func getsWords(ch *store.Channel, rules []ruleset.Rule) string {
	var told []string
	all := true
	for _, r := range rules {
		if r.Enabled && (len(r.Channels) == 0 || slices.Contains(r.Channels, ch.ID)) {
			told = append(told, r.Name)
		} else {
			all = false
		}
	}
	switch {
	case len(told) == 0:
		return levelWords[ch.Level] + ", but no rule tells it"
	case all:
		return levelWords[ch.Level] + ", of all rules"
	}
	if n := len(told); n > 3 {
		told = append(told[:3], "and "+itoa(n-3)+" more")
	}
	return levelWords[ch.Level] + ", of the rules " + strings.Join(told, ", ")
}

func (w *web) healthOf(ch *store.Channel) health {
	h := health{Dead: ch.Dead, Waiting: ch.Waiting}
	if ch.LastSentAt != nil {
		h.Sent = w.moment(ch.LastSentAt.Time)
	}
	if ch.FailingSince != nil {
		h.Failing, h.Why = w.moment(ch.FailingSince.Time), ch.LastError
	}
	switch {
	case !ch.Enabled && ch.DisabledWhy != "":
		h.Tone, h.Word, h.Why = "bad", "dead", ch.DisabledWhy
	case !ch.Enabled:
		h.Tone, h.Word = "off", "off"
	case ch.FailingSince != nil:
		h.Tone, h.Word = "bad", "fails"
	case ch.LastSentAt != nil:
		h.Word = "delivers"
	default:
		h.Word = "not used yet"
	}
	return h
}
