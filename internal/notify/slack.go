package notify

import (
	"strings"
	"unicode/utf8"

	"errata/internal/alert"
)

// Slack's limits, in characters. A section takes 3,000 and a message 50
// blocks; with much less than the documented 40,000 in all of them it answers
// msg_blocks_too_long.
// https://docs.slack.dev/reference/block-kit/blocks/section-block
// https://github.com/slackapi/bolt-js/issues/2509
const (
	slackSection = 2900
	slackTotal   = 10_000
)

var slackWebhookFields = []Field{
	{Name: "url", Label: "Webhook URL", Help: "of an app's incoming webhook, https://hooks.slack.com/services/…", Required: true, Secret: true, check: isURL},
}

type slackMessage struct {
	Channel     string       `json:"channel,omitempty"`
	TS          string       `json:"ts,omitempty"`        // which message to edit
	Thread      string       `json:"thread_ts,omitempty"` // which message to answer
	Text        string       `json:"text"`                // for notifications, and where blocks are not shown
	Blocks      []slackBlock `json:"blocks"`
	Parse       string       `json:"parse,omitempty"`
	LinkNames   bool         `json:"link_names"`
	UnfurlLinks *bool        `json:"unfurl_links,omitempty"` // not to edit
	UnfurlMedia *bool        `json:"unfurl_media,omitempty"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

// slackText is verbatim: what looks like a name or a URL stays text.
type slackText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"`
}

func mrkdwn(s string) slackText { return slackText{Type: "mrkdwn", Text: s, Verbatim: true} }

// slackWords lays a text out in blocks that Slack takes. Lines are escaped
// already, so that they are left out whole or not at all.
func slackWords(t alert.Text) slackMessage {
	m := slackMessage{Text: alert.Escape(t.Title), Parse: "none", UnfurlLinks: new(bool), UnfurlMedia: new(bool)}
	left := slackTotal
	paragraphs := t.Mrkdwn()
	footer := ""
	if t.Footer != "" {
		footer, paragraphs = paragraphs[len(paragraphs)-1], paragraphs[:len(paragraphs)-1]
	}
	for _, paragraph := range paragraphs {
		section := ""
		flush := func() {
			if section != "" {
				text := mrkdwn(section)
				m.Blocks = append(m.Blocks, slackBlock{Type: "section", Text: &text})
			}
			section = ""
		}
		for _, line := range strings.Split(paragraph, "\n") {
			size := utf8.RuneCountInString(line) + 1
			if size > slackSection || size > left {
				line, size = "…", 2
			}
			if utf8.RuneCountInString(section)+size > slackSection {
				flush()
			}
			if line == "…" && strings.HasSuffix(section, "…") {
				continue
			}
			if section != "" {
				section += "\n"
			}
			section += line
			left -= size
		}
		flush()
	}
	if footer != "" && utf8.RuneCountInString(footer) < slackSection {
		m.Blocks = append(m.Blocks, slackBlock{Type: "context", Elements: []slackText{mrkdwn(footer)}})
	}
	return m
}

// sendSlackWebhook posts a message. An incoming webhook tells nobody which
// message it made: nothing can be edited, and an answer that is lost makes a
// second one.
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
func sendSlackWebhook(c *call) verdict {
	return c.post(c.get("url"), nil, slackWords(alert.Write(c.message))).verdict
}
