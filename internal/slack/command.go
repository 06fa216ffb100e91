package slack

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Command is somebody's slash command.
type Command struct {
	Name        string // with its slash
	Text        string // what they typed behind it, as they typed it
	TeamID      string
	UserID      string
	UserName    string
	ResponseURL string
	// Check: Slack only asks whether there is somebody.
	Check bool
}

// errUnreadable is all that is said of what is not as Slack sends it: who sent it
// has the signing secret, and is Slack or a mistake.
var errUnreadable = errors.New("the body is not what Slack sends")

// maxField bounds what is read of a name or an ID.
const maxField = 200

// ParseCommand reads the body of a slash command.
// https://docs.slack.dev/interactivity/implementing-slash-commands
func ParseCommand(body []byte) (Command, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil || len(body) > MaxBody {
		return Command{}, errUnreadable
	}
	c := Command{
		Name: field(form, "command"), Text: Unescape(strings.ToValidUTF8(form.Get("text"), "�")), TeamID: field(form, "team_id"), UserID: field(form, "user_id"),
		UserName: field(form, "user_name"), ResponseURL: form.Get("response_url"), Check: form.Get("ssl_check") == "1",
	}
	if !c.Check && (c.Name == "" || c.TeamID == "") {
		return Command{}, errUnreadable
	}
	return c, nil
}

func field(form url.Values, name string) string {
	v := strings.ToValidUTF8(form.Get(name), "")
	if utf8.RuneCountInString(v) > maxField {
		return ""
	}
	return v
}

// Help reports whether somebody asks how this works.
func (c Command) Help() bool {
	switch strings.ToLower(strings.TrimSpace(c.Text)) {
	case "", "help", "?", "-h", "--help":
		return true
	}
	return false
}

// markup is what Slack makes of links and mentions: <address> or <address|words>.
// All other angle brackets come escaped.
var markup = regexp.MustCompile(`<([^<>|]*)(?:\|[^<>]*)?>`)

var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// Unescape gives a text as it was typed.
func Unescape(s string) string {
	return entities.Replace(markup.ReplaceAllString(s, "$1"))
}

// Origin is where response URLs lead.
const Origin = "https://hooks.slack.com"

// OwnsURL reports whether a response URL leads to where Slack takes answers, which
// is origin. What is signed may still be a mistake, and nothing else is written to.
func OwnsURL(origin, address string) bool {
	u, err := url.Parse(address)
	own, ownErr := url.Parse(origin)
	return err == nil && ownErr == nil && len(address) <= 2000 && u.Scheme == own.Scheme && u.Host == own.Host && u.Host != "" && u.User == nil &&
		u.Opaque == "" && u.Fragment == "" && len(u.Path) > 1
}
