package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"errata/internal/alert"
)

var emailFields = []Field{
	{Name: "host", Label: "Mail server", Help: "such as smtp.example.com", Required: true, check: isHost},
	{Name: "port", Label: "Port", Help: "587 for STARTTLS, 465 for TLS", Default: "587", check: isPort},
	{Name: "tls", Label: "Encryption", Help: "starttls and tls refuse to go on without; none is for servers that whoever runs Errata allows", Default: "starttls", Choices: []string{"starttls", "tls", "none"}},
	{Name: "username", Label: "User", Help: "if the server asks for one"},
	{Name: "password", Label: "Password", Help: "of that user", Secret: true},
	{Name: "from", Label: "From", Help: "such as Errata <errata@example.com>", Required: true, check: isAddress},
	{Name: "to", Label: "To", Help: "up to 20 addresses, with commas between them", Required: true, check: isAddresses},
}

const maxRecipients = 20

func isHost(s *Sender, value string) error {
	if err := s.guard.host(value, false); err != nil {
		return fmt.Errorf("cannot be used: %w", err)
	}
	return nil
}

func isAddress(_ *Sender, value string) error {
	a, err := mail.ParseAddress(value)
	if err != nil || !strings.Contains(a.Address, "@") || !ascii(a.Address) {
		return fmt.Errorf("must be an address such as errata@example.com")
	}
	return nil
}

func isAddresses(_ *Sender, value string) error {
	all, err := mail.ParseAddressList(value)
	if err != nil {
		return fmt.Errorf("must be addresses with commas between them")
	}
	if len(all) > maxRecipients {
		return fmt.Errorf("must not have more than %d addresses; use a mailing list", maxRecipients)
	}
	for _, a := range all {
		if !ascii(a.Address) {
			return fmt.Errorf("must have addresses in ASCII letters")
		}
	}
	return nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func checkEmail(s *Sender, c Channel) error {
	user, password := c.Settings["username"] != "", !c.Secrets["password"].IsZero()
	switch {
	case user != password:
		return invalid("secrets.password", "and a user go together")
	case c.Settings["tls"] == "none" && user:
		return invalid("settings.tls", "must not be none with a password: it would be readable on the way")
	case c.Settings["tls"] == "none":
		if err := s.guard.host(c.Settings["host"], true); err != nil {
			return invalid("settings.host", "cannot be used: %s", err)
		}
	}
	return nil
}

// sendEmail sends one mail to each recipient over one connection, so that an
// address that is gone silences nobody else. All have the Message-ID of the
// Delivery, which is how mailboxes drop what comes twice, and refer to the
// Incident, which is how they make one thread of it.
// https://www.rfc-editor.org/rfc/rfc5322#section-3.6.4
func sendEmail(c *call) verdict {
	started := time.Now()
	recipients, err := mail.ParseAddressList(c.get("to"))
	if err != nil {
		return verdict{outcome: alert.GiveUp, reason: "the recipients cannot be read"}
	}
	var letters []*gomail.Msg
	for _, to := range recipients {
		letter, err := c.letter(to)
		if err != nil {
			return verdict{outcome: alert.GiveUp, reason: "the mail cannot be written: " + err.Error()}
		}
		letters = append(letters, letter)
	}
	scrub := newScrubber(c.channel)
	seen := Exchange{Request: Request{Method: "SMTP", URL: "smtp://" + c.address()}}
	shown := alert.Write(c.message).Plain()
	seen.Request.Body, seen.Request.Truncated = scrub.cleanBody([]byte(shown), maxShownRequest)
	seen.Request.Headers = map[string]string{
		"From": c.get("from"), "To": scrub.clean(c.get("to"), maxValue), "Subject": subject(c.message), "Message-Id": "<" + c.messageID() + ">",
	}
	v := c.delivered(letters, c.submit(letters), &seen, scrub)
	seen.Error = scrub.clean(v.reason, maxReason)
	seen.Took = time.Since(started)
	c.attempt.Exchanges = append(c.attempt.Exchanges, seen)
	return v
}

func (c *call) address() string { return net.JoinHostPort(c.get("host"), c.get("port")) }

// letter writes the mail to one of them.
func (c *call) letter(to *mail.Address) (*gomail.Msg, error) {
	t := alert.Write(c.message)
	page, err := t.HTML()
	if err != nil {
		return nil, err
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := m.From(c.get("from")); err != nil {
		return nil, err
	}
	if err := m.AddToFormat(to.Name, to.Address); err != nil {
		return nil, err
	}
	m.Subject(subject(c.message))
	m.SetDateWithValue(c.message.At)
	m.SetMessageIDWithValue(c.messageID())
	if thread := c.thread(); thread != "" {
		m.SetGenHeader(gomail.HeaderInReplyTo, thread)
		m.SetGenHeader(gomail.HeaderReferences, thread)
	}
	m.SetGenHeader("Auto-Submitted", "auto-generated") // no holiday replies, please
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	if i, ok := c.message.Subject(); ok && i.Level == alert.Page && c.message.Kind != alert.KindTest {
		m.SetImportance(gomail.ImportanceHigh)
	}
	m.SetBodyString(gomail.TypeTextPlain, strings.ReplaceAll(t.Plain(), "\n", "\r\n"))
	m.AddAlternativeString(gomail.TypeTextHTML, page)
	return m, nil
}

// subject stays the same for all messages of an Incident: mailboxes make
// threads by it. The state is the first word of the text.
func subject(m alert.Message) string {
	text := alert.Write(m).Title
	if i, ok := m.Subject(); ok && m.Kind != alert.KindTest && m.Kind != alert.KindDigest {
		text = "[" + i.Name() + "] " + alert.What(i)
	}
	return strings.ReplaceAll(alert.Plain(text, 150), "=?", "= ?") // or mail programs decode it
}

// messageID is made of hashes: IDs are ours, but a header is no place to trust.
func (c *call) messageID() string { return "errata." + hash(c.message.ID) + "@" + c.domain() }

func (c *call) thread() string {
	i, ok := c.message.Subject()
	if !ok || c.message.Kind == alert.KindTest || c.message.Kind == alert.KindDigest {
		return ""
	}
	return "<errata.incident." + hash(i.ID+"/"+c.channel.ID) + "@" + c.domain() + ">"
}

func (c *call) domain() string {
	a, err := mail.ParseAddress(c.get("from"))
	if err != nil {
		return "errata.invalid"
	}
	return a.Address[strings.LastIndexByte(a.Address, '@')+1:]
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:12])
}
