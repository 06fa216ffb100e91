package desk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
	"errata/internal/notify"
	"errata/internal/slack"
	"errata/internal/store"
)

const (
	slackCards = 5 // requests in one answer
	busy       = "Errata has more questions than it can take right now. Ask again in a minute."
	broken     = "Errata cannot look things up right now. Ask again in a minute."
	looking    = "Looking … the answer follows."
)

// fromSlack reads a request and says whose it is, once its signature is right.
func (d *Desk) fromSlack(c *gin.Context) (store.Door, []byte, error) {
	door, err := d.door(c, store.Slack)
	if err != nil {
		return door, nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, slack.MaxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return door, nil, fault.New(fault.TooLarge, "payload_too_large", "The body is larger than %d KiB, which Slack never sends.", slack.MaxBody>>10).With("limit_bytes", slack.MaxBody)
	case err != nil:
		return door, nil, unreadable(err)
	case door.Locked != "":
		d.note(c.Request.Context(), &door, "A request could not be verified: "+door.Locked)
		return door, nil, fault.New(fault.Unavailable, "service_unavailable", "The signing secret cannot be read right now. The integration's page says why.").Retry(time.Minute)
	}
	if err := slack.Verify(door.Secrets[store.SigningSecret], c.GetHeader("X-Slack-Request-Timestamp"), c.GetHeader("X-Slack-Signature"), body, d.Now()); err != nil {
		d.note(c.Request.Context(), &door, "A request was refused: "+err.Error())
		return door, nil, fault.New(fault.Unauthorized, "not_verified", "The request is not taken for Slack's: %s.", err)
	}
	if !door.Enabled {
		return door, nil, disabled()
	}
	return door, body, nil
}

func unreadable(err error) error {
	return fault.New(fault.Invalid, "invalid_request", "The request cannot be read: it is not what Slack sends.").Because(err)
}

// ofTeam refuses a team that the integration is not for: an app that was installed
// a second time signs with the same secret.
func (d *Desk) ofTeam(ctx context.Context, door *store.Door, team string) error {
	if team == door.Account {
		d.note(ctx, door, "")
		return nil
	}
	d.note(ctx, door, "A request of another Slack workspace was refused. If it is yours, enter its team ID: "+shortID(team))
	return fault.New(fault.Forbidden, "other_account", "This integration is for another Slack workspace.")
}

func shortID(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// command answers a slash command: at once where that can be, and else later, by
// the address that Slack gave for that.
func (d *Desk) command(c *gin.Context) error {
	door, body, err := d.fromSlack(c)
	if err != nil {
		return err
	}
	cmd, err := slack.ParseCommand(body)
	if err != nil {
		return unreadable(err)
	}
	if cmd.Check { // Slack wants to know that somebody is there
		return say(c, slack.Help(cmd.Name))
	}
	if err := d.ofTeam(c.Request.Context(), &door, cmd.TeamID); err != nil {
		return err
	}
	if cmd.Help() {
		return say(c, slack.Help(cmd.Name))
	}
	return say(c, d.soon(c.Request.Context(), &door, &cmd))
}

func say(c *gin.Context, m slack.Message) error {
	c.PureJSON(http.StatusOK, m)
	return nil
}

// soon gives the answer, or says that it follows. Who is first, the look-up or the
// end of patience, decides who brings it.
func (d *Desk) soon(ctx context.Context, door *store.Door, cmd *slack.Command) slack.Message {
	if !d.mayAsk(door.ID) {
		return slack.Notice(busy)
	}
	var decided atomic.Bool
	ready := make(chan slack.Message, 1)
	begun := d.later.run(func(ctx context.Context) {
		m := d.answer(ctx, door, cmd)
		if decided.CompareAndSwap(false, true) {
			ready <- m
			return
		}
		d.respond(ctx, door, cmd, m)
	})
	if !begun {
		return slack.Notice(busy)
	}
	patience := time.NewTimer(d.Patience)
	defer patience.Stop()
	select {
	case m := <-ready:
		return m
	case <-ctx.Done():
	case <-patience.C:
	}
	if decided.CompareAndSwap(false, true) {
		return slack.Notice(looking)
	}
	return <-ready
}

func (d *Desk) answer(ctx context.Context, door *store.Door, cmd *slack.Command) slack.Message {
	found, err := d.find(ctx, question{ws: door.Workspace, actor: store.Actor{Kind: "slack", ID: cmd.UserID, Label: cmd.UserName + " (Slack)"}, text: cmd.Text, most: slackCards, customers: door.Customers})
	if err != nil {
		d.Logger.ErrorContext(ctx, "a question from Slack could not be answered", "integration", door.ID, "error", err)
		return slack.Notice(broken)
	}
	return slack.Answer(&found, d.PublicURL)
}

// respond brings an answer that came too late for the request. Only Slack gets it.
func (d *Desk) respond(ctx context.Context, door *store.Door, cmd *slack.Command, m slack.Message) {
	if !slack.OwnsURL(d.SlackHooks, cmd.ResponseURL) {
		d.note(ctx, door, "A late answer was not sent: the response URL does not lead to "+d.SlackHooks)
		return
	}
	if _, err := d.Sender.Post(ctx, notify.NewSecret(cmd.ResponseURL), notify.Secret{}, m); err != nil {
		d.note(ctx, door, "A late answer did not arrive: "+err.Error())
	}
}

// event takes what Slack tells by itself: that it wants to know who is there, and
// that somebody posted a link of ours.
func (d *Desk) event(c *gin.Context) error {
	door, body, err := d.fromSlack(c)
	if err != nil {
		return err
	}
	e, err := slack.ParseEvent(body)
	if err != nil {
		return unreadable(err)
	}
	if e.Challenge != "" {
		c.PureJSON(http.StatusOK, challenge{e.Challenge})
		return nil
	}
	if err := d.ofTeam(c.Request.Context(), &door, e.TeamID); err != nil {
		return err
	}
	if e.Links != nil && door.Unfurl && !d.later.run(func(ctx context.Context) { d.unfurl(ctx, &door, e.Links) }) {
		return fault.New(fault.Unavailable, "service_unavailable", "There is more to unfurl than can be. Retry shortly.").Retry(time.Second)
	}
	c.PureJSON(http.StatusOK, struct{}{})
	return nil
}

type challenge struct {
	Challenge string `json:"challenge"`
}

// unfurl shows below links of ours what they lead to. Others read that, too: what
// there is to say to the customer is not in it.
func (d *Desk) unfurl(ctx context.Context, door *store.Door, links *slack.Links) {
	unfurls := map[string]slack.Unfurl{}
	ours := 0
	for _, link := range links.URLs {
		if !slack.Ours(d.PublicURL, link) {
			continue
		}
		ours++
		found, err := d.find(ctx, question{ws: door.Workspace, actor: store.Actor{Kind: "slack", ID: door.ID, Label: "a link in Slack"}, text: slack.Unescape(link), most: 1, customers: door.Customers})
		if err != nil {
			d.Logger.ErrorContext(ctx, "a link could not be unfurled", "integration", door.ID, "error", err)
			return
		}
		if len(found.Cards) == 1 {
			unfurls[link] = slack.UnfurlOf(&found.Cards[0])
		}
	}
	switch {
	case ours == 0 && d.PublicURL == "":
		d.note(ctx, door, "A link was not unfurled: ERRATA_PUBLIC_URL is not set, so nobody knows which links are ours")
	case len(unfurls) == 0:
	case door.Secrets[store.BotToken] == "":
		d.note(ctx, door, "A link was not unfurled: there is no bot token to do so with")
	default:
		if err := d.slackCall(ctx, door, "chat.unfurl", links.Unfurling(unfurls), nil); err != nil {
			d.note(ctx, door, "A link was not unfurled: "+err.Error())
		}
	}
}

// slackCall calls a method with the workspace's own token. Slack answers 200 to
// failures, too. Errors hold no secret.
func (d *Desk) slackCall(ctx context.Context, door *store.Door, method string, payload, out any) error {
	a, err := d.Sender.Post(ctx, notify.NewSecret(d.SlackAPI+"/"+method), notify.NewSecret(door.Secrets[store.BotToken]), payload)
	if err != nil {
		return err
	}
	var said struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(a.Body, &said); err != nil {
		return errors.New("the answer cannot be read")
	}
	if !said.OK {
		return errors.New("the answer is " + shortID(said.Error))
	}
	if out != nil {
		return json.Unmarshal(a.Body, out)
	}
	return nil
}

// Check is how an integration does, in words.
type Check = slack.Check

// TestIntegration finds out what can be known of an integration from here, and
// keeps it in the audit log. That something is wrong is an answer, and no error.
func (d *Desk) TestIntegration(ctx context.Context, actor store.Actor, ws int32, id string) (Check, error) {
	i, err := d.Store.Integration(ctx, ws, id)
	if err != nil {
		return Check{}, err
	}
	door, err := d.Store.Door(ctx, id)
	if err != nil {
		return Check{}, err
	}
	out := checkZendesk(&i)
	if door.Kind == store.Slack {
		out = d.checkSlack(ctx, &door, &i)
	}
	return out, d.Store.Audit(ctx, ws, actor, "integration.test", id, map[string]any{"ok": out.OK})
}

func (d *Desk) checkSlack(ctx context.Context, door *store.Door, i *store.Integration) Check {
	heard := " No request of Slack's has come in yet: type the command in Slack."
	if i.LastUsedAt != nil {
		heard = " Requests of Slack's have come in, and their signatures were right."
	}
	switch {
	case door.Locked != "":
		return Check{Message: "A secret cannot be read: " + door.Locked + "."}
	case door.Secrets[store.BotToken] == "":
		return Check{OK: i.LastUsedAt != nil, Message: "There is no bot token, so links are not unfurled." + heard}
	}
	var who struct {
		TeamID string `json:"team_id"`
	}
	if err := d.slackCall(ctx, door, "auth.test", struct{}{}, &who); err != nil {
		return Check{Message: "The bot token does not work: " + err.Error() + "."}
	}
	if who.TeamID != door.Account {
		return Check{Message: "The bot token is of another Slack workspace, " + shortID(who.TeamID) + ": enter that team ID, or the token of " + door.Account + "."}
	}
	return Check{OK: true, Message: "Slack knows the bot token, and it is of this Slack workspace." + heard}
}

func checkZendesk(i *store.Integration) Check {
	switch {
	case i.TokenAt == nil:
		return Check{Message: "There is no token yet, so nobody is answered: make one, and enter it in the app's settings in Zendesk."}
	case i.LastUsedAt == nil:
		return Check{Message: "Nobody has opened the page beside a ticket yet. Zendesk cannot be asked from here: open a ticket there."}
	}
	return Check{OK: true, Message: "The page has been opened beside a ticket, with the right token."}
}
