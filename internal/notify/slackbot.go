package notify

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"errata/internal/alert"
)

var slackBotFields = []Field{
	{Name: "channel", Label: "Channel", Help: "ID of the channel, such as C0123456789; the bot must have been invited", Required: true,
		check: matches(`^[CGD][A-Z0-9]{5,20}$`, "must be a channel's ID: in Slack, open the channel's details and copy it from the end")},
	{Name: "token", Label: "Bot token", Help: "xoxb-…, with the scope chat:write", Required: true, Secret: true,
		check: matches(`^xox[a-z]-[A-Za-z0-9-]{10,}$`, "must be a bot token, which begins with xoxb-")},
	{Name: "url", Label: "API", Help: "differs for GovSlack", Default: "https://slack.com/api", check: isURL},
}

// Errors of Slack's that pass, and those after which a message cannot be
// edited any more. All others are ours to repair.
// https://docs.slack.dev/reference/methods/chat.update#errors
var (
	slackPasses = []string{"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
		"team_added_to_org", "accesslimited", "message_limit_exceeded", "update_failed"}
	slackLost  = []string{"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}
	slackClose = []string{"account_inactive", "token_revoked", "is_archived", "channel_is_archived"}
)

// slackPlace is where a message is: its channel and its time, which is its name.
var slackPlace = regexp.MustCompile(`^[A-Z0-9]{1,20}:[0-9.]{1,30}$`)

// sendSlackBot keeps one message for each Incident: it shows how things are
// now, and its thread what happened.
// https://docs.slack.dev/reference/methods/chat.postMessage
// https://docs.slack.dev/reference/methods/chat.update
func sendSlackBot(c *call) verdict {
	whole := slackWords(alert.Write(c.message.Whole()))
	channel, ts, known := strings.Cut(string(c.handle), ":")
	if !known || c.message.Kind == alert.KindDigest || c.message.Kind == alert.KindTest {
		return c.slackRoot(whole)
	}
	edit := whole
	edit.Channel, edit.TS, edit.UnfurlLinks, edit.UnfurlMedia = channel, ts, nil, nil
	if _, v := c.slack("chat.update", edit); v.lost {
		return c.slackRoot(whole)
	} else if !v.ok() {
		return v.verdict
	}
	if c.message.Kind == alert.KindFiring {
		return done
	}
	reply := slackWords(reply(alert.Write(c.message), c.message))
	reply.Channel, reply.Thread = channel, ts
	_, v := c.slack("chat.postMessage", reply)
	return v.verdict
}

// reply is what a thread needs of a text: what is new. All else stands above.
func reply(t alert.Text, m alert.Message) alert.Text {
	if len(m.Changed) > 0 && m.Kind == alert.KindUpdate {
		return alert.Text{Title: m.Changed[0], Lines: m.Changed[1:]}
	}
	return alert.Text{Title: t.Title, Lines: m.Changed}
}

// slackRoot posts the message that will be edited from now on.
func (c *call) slackRoot(m slackMessage) verdict {
	m.Channel, m.TS = c.get("channel"), ""
	posted, v := c.slack("chat.postMessage", m)
	if v.ok() && slackPlace.MatchString(posted.Channel+":"+posted.TS) && c.message.Kind != alert.KindDigest && c.message.Kind != alert.KindTest {
		c.attempt.Handle = Handle(posted.Channel + ":" + posted.TS)
	}
	return v.verdict
}

type slackAnswer struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

type slackVerdict struct {
	verdict
	lost bool // the message to edit is not there any more
}

// slack calls a method. Slack answers 200 to failures, too.
func (c *call) slack(method string, m slackMessage) (slackAnswer, slackVerdict) {
	a := c.post(under(c.get("url"), "/"+method), http.Header{"Authorization": {"Bearer " + c.get("token")}}, m)
	if !a.ok() {
		return slackAnswer{}, slackVerdict{verdict: a.verdict}
	}
	var said slackAnswer
	if err := json.Unmarshal(a.body, &said); err != nil {
		return said, slackVerdict{verdict: verdict{outcome: alert.Later, reason: "Slack's answer cannot be read"}}
	}
	if said.OK {
		return said, slackVerdict{verdict: done}
	}
	v := slackVerdict{verdict: verdict{outcome: alert.GiveUp, reason: "Slack answered " + alert.Plain(said.Error, 100), retryAfter: a.retryAfter}}
	v.lost = method == "chat.update" && slices.Contains(slackLost, said.Error)
	switch {
	case slices.Contains(slackPasses, said.Error):
		v.outcome = alert.Later
	case slices.Contains(slackClose, said.Error):
		v.outcome = alert.Disable
	}
	return said, v
}
