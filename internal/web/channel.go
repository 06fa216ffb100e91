package web

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"errata/internal/alert"
	"errata/internal/fault"
	"errata/internal/notify"
	"errata/internal/store"
)

// shownDeliveries is how many of its messages a channel's page has.
const shownDeliveries = 5

type channelPage struct {
	frame
	Tabs           []link
	Name, Kind     string
	About          string
	Done, Problem  string
	Form           *channelForm
	Health         health
	Gets, Settings []row
	Decides        bool
	Enabled        bool
	Signs          bool   // with a secret that can be rotated
	Settling       bool   // the last secret still signs
	RotateWrong    string // of the new secret
	RemoveWrong    string
	Tested         *deliveryView
	Deliveries     []deliveryRow
	All            string // of its deliveries
	Path           string
}

var channelDone = map[string]string{
	"added": "The channel is there. Send a test to see whether it works.", "saved": "Saved. Send a test to see whether it still works.",
	"rotated": "The new secret signs from now on, and the last one as well. End the change-over when all receivers know the new one.",
	"settled": "Only the new secret signs now.", "enabled": "The channel is on.", "disabled": "The channel is off. What waited for it was dropped.",
}

// newChannel is the form for a channel that is not there yet.
func (w *web) newChannel(c *gin.Context) error {
	if err := mayDecide(c); err != nil {
		return err
	}
	kind := c.Query("kind")
	if kind == "" {
		c.Redirect(http.StatusSeeOther, "/alerts/channels#kinds")
		return nil
	}
	spec := store.ChannelSpec{Kind: kind, Level: alert.Notify, Hourly: store.DefaultHourly, Enabled: true}
	return w.showNewChannel(c, http.StatusOK, &spec, nil)
}

func (w *web) showNewChannel(c *gin.Context, status int, spec *store.ChannelSpec, refused *fault.Fault) error {
	kind := notify.Kind(spec.Kind)
	if !slices.Contains(notify.Kinds(), kind) {
		return invalid("There is no such kind of channel. The page Channels lists all of them.")
	}
	others, err := w.Store.Channels(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return err
	}
	page := channelPage{frame: w.frame(c, "New channel: "+kind.Title(), "alerts"), Tabs: tabs("/alerts/channels"), Name: "New channel", Kind: kind.Title(), About: kindAbout[kind], Decides: true,
		Form: newChannelForm("/alerts/channels/new", spec, nil, others, "")}
	if refused != nil {
		page.Problem = page.Form.refuse(c, refused)
	}
	return w.render(c, status, "newchannel", page)
}

// addChannel adds what the form says, and leads to it.
func (w *web) addChannel(c *gin.Context) error {
	if err := mayDecide(c); err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	spec, err := readChannel(c, c.PostForm("kind"))
	var added store.Channel
	if err == nil {
		login := member(c)
		added, err = w.Store.AddChannel(c.Request.Context(), login.Actor, login.Workspace, spec, w.Courier.Check)
	}
	if status := refusedAs(err); status != 0 {
		return w.showNewChannel(c, status, &spec, fault.Of(err))
	} else if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, channelPath(added.ID)+"?done=added")
	return nil
}

// refusedAs is the status under which a page shows again what somebody wanted and
// why that cannot be; 0 for what is no answer to them.
func refusedAs(err error) int {
	if err == nil {
		return 0
	}
	switch fault.Of(err).Kind {
	case fault.Unprocessable:
		return http.StatusUnprocessableEntity
	case fault.Conflict:
		return http.StatusConflict
	}
	return 0
}

// channel shows one, and what came of the test that was just made.
func (w *web) channel(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	return w.showChannel(c, http.StatusOK, id, nil, nil)
}

func (w *web) showChannel(c *gin.Context, status int, id string, typed *store.ChannelSpec, refused *fault.Fault) error {
	ctx, login := c.Request.Context(), member(c)
	list, err := w.Store.Channels(ctx, login.Workspace)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(ch store.Channel) bool { return ch.ID == id })
	if at < 0 {
		_, err := w.Store.Channel(ctx, login.Workspace, id)
		return err
	}
	ch := &list[at]
	rules, err := w.Store.Rules(ctx, login.Workspace)
	if err != nil {
		return err
	}
	kind := notify.Kind(ch.Kind)
	page := channelPage{frame: w.frame(c, ch.Name, "alerts"), Tabs: tabs("/alerts/channels"), Name: ch.Name, Kind: kind.Title(), About: kindAbout[kind], Done: channelDone[c.Query("done")],
		Health: w.healthOf(ch), Decides: login.Decides, Enabled: ch.Enabled, Path: channelPath(ch.ID), All: "/alerts/deliveries?" + query("channel", ch.ID),
		Signs: slices.ContainsFunc(kind.Fields(), func(f notify.Field) bool { return f.Name == "previous_secret" }), Settling: slices.Contains(ch.Secrets, "previous_secret")}
	page.Gets = []row{{"Hears of", getsWords(ch, rules)}}
	if !kind.Tracks() {
		page.Gets = append(page.Gets, row{"At most", itoa(ch.Hourly) + " messages an hour; more are one digest, but a page that begins is never held back"})
	}
	if ch.Fallback != nil {
		page.Gets = append(page.Gets, row{"Fallback", nameOfChannel(list, *ch.Fallback)})
	}
	spec := specOf(ch)
	if typed == nil {
		typed = &spec
	}
	page.Form = newChannelForm(page.Path, typed, ch.Secrets, list, ch.ID)
	for _, f := range newChannelForm("", &spec, ch.Secrets, nil, ch.ID).Fields {
		if value := settingWords(&f); value != "" {
			page.Settings = append(page.Settings, row{f.Label, value})
		}
	}
	if refused != nil {
		page.refuse(c, refused)
	}
	if page.Deliveries, _, err = w.deliveryRows(ctx, login.Workspace, store.DeliveryFilter{Channel: ch.ID}, shownDeliveries, ""); err != nil {
		return err
	}
	if tested := c.Query("tested"); tested != "" {
		if d, err := w.Store.Delivery(ctx, login.Workspace, tested); err == nil && d.ChannelID == ch.ID && d.Kind == alert.KindTest {
			page.Tested = w.deliveryView(&d)
		}
	}
	return w.render(c, status, "channel", page)
}

// settingWords is what is set, for those who may only look.
func settingWords(f *channelField) string {
	switch {
	case f.Secret && f.Set:
		return "set"
	case f.Secret || f.Value != "":
		return f.Value
	}
	return f.Default
}

// refuse shows why something was not done beside what asked for it.
func (p *channelPage) refuse(c *gin.Context, why *fault.Fault) {
	switch c.PostForm("do") {
	case "save":
		p.Problem = p.Form.refuse(c, why)
	case "rotate":
		p.RotateWrong = wrongWords(why.Message, "secrets.secret")
	case "remove":
		p.RemoveWrong = why.Message
	default:
		p.Problem = why.Message
	}
}
