package slack

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"errata/internal/alert"
	"errata/internal/brief"
)

// Slack's limits are 3,000 characters in a section and 50 blocks in a message;
// these leave room for what escaping adds.
const (
	maxLine    = 400
	maxFact    = 80
	maxReply   = 1500
	maxAbsent  = 5 // IDs that nobody knows
	maxSection = 2900
)

// Message is what Slack shows.
// https://docs.slack.dev/reference/block-kit/blocks
type Message struct {
	ResponseType string  `json:"response_type,omitempty"`
	Text         string  `json:"text"` // for notifications and screen readers
	Blocks       []Block `json:"blocks"`
}

// Block is a part of a Message.
type Block struct {
	Type     string `json:"type"`
	Text     *Text  `json:"text,omitempty"`
	Elements []Text `json:"elements,omitempty"`
}

// Text is verbatim: what looks like a name or an address stays text.
type Text struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"`
}

func mrkdwn(s string) Text { return Text{"mrkdwn", s, true} }

func section(lines ...string) Block {
	t := mrkdwn(joined(lines))
	return Block{Type: "section", Text: &t}
}

func small(lines ...string) Block {
	return Block{Type: "context", Elements: []Text{mrkdwn(joined(lines))}}
}

// joined leaves out what is empty, and lines for which there is no room: half a
// line could end within what was escaped.
func joined(lines []string) string {
	var b strings.Builder
	n := 0
	for _, l := range lines {
		size := utf8.RuneCountInString(l) + 1
		if l == "" || n+size > maxSection {
			continue
		}
		if n > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(l)
		n += size
	}
	return b.String()
}

// plain makes what others wrote one line that means only itself.
func plain(s string) string { return alert.Escape(alert.Plain(s, maxLine)) }
func fact(s string) string  { return alert.Escape(alert.Plain(s, maxFact)) }

// The marks themselves cannot be escaped; these look like them.
var (
	unstarred = strings.NewReplacer("*", "∗")
	unquoted  = strings.NewReplacer("`", "ˋ")
)

func bold(s string) string { return "*" + unstarred.Replace(plain(s)) + "*" }
func code(s string) string { return "`" + unquoted.Replace(plain(s)) + "`" }

// quoted is text of several lines to be copied.
func quoted(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = unquoted.Replace(plain(l))
	}
	out := strings.Join(lines, "\n")
	if r := []rune(out); len(r) > maxReply { // between words, and so not within what was escaped
		head := string(r[:maxReply])
		out = head[:max(0, strings.LastIndexAny(head, " \n"))] + "…"
	}
	return "```" + out + "```"
}

// link leads to a page of ours, where it is known where that is.
func link(base, path, words string) string {
	if base == "" {
		return ""
	}
	to := strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E", "&", "&amp;", " ", "%20", "@", "%40").Replace(strings.TrimRight(base, "/") + path)
	return "<" + to + "|" + words + ">"
}

// moment is an instant, in the reader's time where Slack knows it, and in UTC.
func moment(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time_secs}|%s> (%s UTC)", t.Unix(), t.UTC().Format("2 Jan 15:04:05"), t.UTC().Format("2 Jan 15:04:05"))
}

// Answer lays out what is known of a text, for the one who asked. base is where
// the pages are.
func Answer(b *brief.Brief, base string) Message {
	m := Message{ResponseType: "ephemeral", Blocks: []Block{}}
	switch {
	case len(b.Cards) == 1 && b.More == 0:
		m.Text = plain(b.Cards[0].Verdict)
		m.Blocks = whole(&b.Cards[0], base)
	case len(b.Cards) > 0:
		m.Text = fmt.Sprintf("%d requests", len(b.Cards)+b.More)
		m.Blocks = append(m.Blocks, section(bold(m.Text)))
		for i := range b.Cards {
			m.Blocks = append(m.Blocks, short(&b.Cards[i], base))
		}
		if b.More > 0 {
			m.Blocks = append(m.Blocks, small(fmt.Sprintf("And %d more: paste the text into the page to see all of them.", b.More)))
		}
	case len(b.Customers) > 0:
		m.Text = "A customer"
		if n := len(b.Customers); n > 1 {
			m.Text = fmt.Sprintf("%d customers", n)
		}
		m.Blocks = append(m.Blocks, customers(b.Customers, base)...)
	case len(b.Absent) > 0:
		m.Text = "No failure found"
	default:
		m.Text = "No ID found in this text. Paste a request ID, a trace ID, an error body, or header lines."
		m.Blocks = append(m.Blocks, section(m.Text))
	}
	for i, a := range b.Absent {
		if i == maxAbsent {
			m.Blocks = append(m.Blocks, small(fmt.Sprintf("And %d more IDs under which there is nothing.", len(b.Absent)-i)))
			break
		}
		m.Blocks = append(m.Blocks, absent(&a))
	}
	if b.Secret {
		m.Blocks = append(m.Blocks, section(":warning: The text holds what looks like a live key or token. Its owner should replace it. It was not looked up."))
	}
	return m
}

// maxCustomers of one name are shown.
const maxCustomers = 10

func customers(list []brief.Customer, base string) []Block {
	var out []Block
	for i, c := range list {
		if i == maxCustomers {
			return append(out, small(fmt.Sprintf("And %d more who are called so.", len(list)-i)))
		}
		out = append(out, section(bold(c.Name), "customer "+code(c.Customer), link(base, c.Path, "Open in Errata")))
	}
	return out
}

func absent(a *brief.Absence) Block {
	similar := ""
	for i, s := range a.Similar {
		if i == 0 {
			similar = "Did you mean "
		} else {
			similar += ", "
		}
		similar += code(s)
	}
	if similar != "" {
		similar += "?"
	}
	return section("No failure found under "+code(a.ID)+".", plain(a.Why), similar)
}

// whole is all that there is to say of a request.
func whole(c *brief.Card, base string) []Block {
	out := []Block{section(bold(c.Verdict), plain(c.Began)), section(facts(c)), section("*What to do*", plain(c.Todo), fixes(c))}
	if c.Reply != "" {
		out = append(out, section("*Reply to the customer*", quoted(c.Reply)))
	}
	if l := link(base, c.Path, "Open in Errata"); l != "" {
		out = append(out, section(l))
	}
	return out
}

func fixes(c *brief.Card) string {
	var b strings.Builder
	for i, f := range c.Fixes {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("• " + plain(f))
	}
	return b.String()
}

// facts are the circumstances.
func facts(c *brief.Card) string {
	all := []string{"`" + unquoted.Replace(fact(c.Heading)) + "`", moment(c.OccurredAt.Time), fact(c.Service), fact(c.Endpoint), fact(c.Environment)}
	if c.Customer != "" {
		all = append(all, "customer "+fact(c.Customer))
	}
	var there []string
	for _, f := range all {
		if f != "" {
			there = append(there, f)
		}
	}
	return strings.Join(there, " · ")
}

func short(c *brief.Card, base string) Block {
	name := code(c.ID)
	if l := link(base, c.Path, "open"); l != "" {
		name += " " + l
	}
	return section(name, bold(c.Verdict), facts(c), plain(c.Todo))
}

// Notice is one sentence of our own, for the one who asked.
func Notice(words string) Message {
	return Message{ResponseType: "ephemeral", Text: plain(words), Blocks: []Block{section(plain(words))}}
}

// Help says how to ask; name is the command's.
func Help(name string) Message {
	m := Notice("Paste whatever the customer sent, and read what happened.")
	c := code(name)
	m.Blocks = append(m.Blocks,
		section(c+" `req_9f3a21` a request ID, trace ID, or any other", c+" a whole error body, header lines, or the text of an e-mail"),
		small("Only you see the answer. What you paste is looked up and not kept."))
	return m
}

// Unfurl is what is shown below a link in a channel, by the link. Others read it:
// there is no reply to copy in it.
type Unfurl struct {
	Blocks []Block `json:"blocks"`
}

// UnfurlOf lays out a request.
func UnfurlOf(c *brief.Card) Unfurl {
	return Unfurl{[]Block{section(bold(c.Verdict), plain(c.Began)), section(facts(c)), small("What to do: " + plain(c.Todo))}}
}

// Unfurling is the body of chat.unfurl.
// https://docs.slack.dev/reference/methods/chat.unfurl
type Unfurling struct {
	Channel  string            `json:"channel,omitempty"`
	TS       string            `json:"ts,omitempty"`
	UnfurlID string            `json:"unfurl_id,omitempty"`
	Source   string            `json:"source,omitempty"`
	Unfurls  map[string]Unfurl `json:"unfurls"`
}

// Unfurling says where the unfurled links stand.
func (l *Links) Unfurling(unfurls map[string]Unfurl) Unfurling {
	if l.UnfurlID != "" && l.Source != "" {
		return Unfurling{UnfurlID: l.UnfurlID, Source: l.Source, Unfurls: unfurls}
	}
	return Unfurling{Channel: l.Channel, TS: l.TS, Unfurls: unfurls}
}

// Check is how an integration does.
type Check struct {
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}
