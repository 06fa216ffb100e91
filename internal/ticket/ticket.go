// Package ticket recognises links to tickets in what people paste: Zendesk,
// Intercom, Jira, Linear and GitHub. It is pure.
//
// A link is recognised by its host and the shape of its path, and is written
// anew from those parts: what is stored has no query, no fragment and no user.
// Hosts that only look like one of these are nobody's ticket.
package ticket

import (
	"net/url"
	"regexp"
	"strings"
)

// System is where a ticket lives.
type System string

// The systems.
const (
	Zendesk  System = "zendesk"
	Intercom System = "intercom"
	Jira     System = "jira"
	Linear   System = "linear"
	GitHub   System = "github"
)

// Title is the system's own name.
func (s System) Title() string {
	switch s {
	case Zendesk:
		return "Zendesk"
	case Intercom:
		return "Intercom"
	case Jira:
		return "Jira"
	case Linear:
		return "Linear"
	case GitHub:
		return "GitHub"
	}
	return string(s)
}

// Ticket is a link to one ticket.
type Ticket struct {
	System System `json:"system"`
	Key    string `json:"key"` // as its people call it: #4411, OPS-1, acme/api#7
	URL    string `json:"url"`
}

// Name is what a list calls it.
func (t Ticket) Name() string { return t.System.Title() + " " + t.Key }

const (
	maxURL  = 500
	maxText = 64 << 10 // bytes in which links are looked for
	maxHits = 20
)

// Parse recognises the link that s is. False for everything else.
func Parse(s string) (Ticket, bool) {
	if len(s) > maxURL || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) || strings.Contains(s, `\`) {
		return Ticket{}, false
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || u.Port() != "" && u.Port() != "443" {
		return Ticket{}, false
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(u.Host, "%") || !plainHost.MatchString(host) {
		return Ticket{}, false
	}
	for _, k := range known {
		if k.host.MatchString(host) {
			return k.read(host, u)
		}
	}
	return Ticket{}, false
}

// plainHost has no Unicode in disguise, and no dot at its end.
var plainHost = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

var links = regexp.MustCompile(`https://[^\s"'<>()\[\]{}|]+`)

// Find gives the tickets that a text links to, each once, in their order.
func Find(text string) (out []Ticket) {
	seen := map[string]bool{}
	for _, link := range links.FindAllString(text[:min(len(text), maxText)], -1) {
		t, ok := Parse(strings.TrimRight(link, ".,;:!?*_`~"))
		if ok && !seen[t.URL] && len(out) < maxHits {
			seen[t.URL] = true
			out = append(out, t)
		}
	}
	return out
}

// brands are names that a host has only when it is that company's, or wants to
// be taken for it.
var brands = []string{"zendesk", "intercom", "atlassian", "jira", "linear.app", "github"}

// Poses reports whether the address has the name of one of the systems in its
// host without being that system's: something to be refused where any other
// address is taken. A host of one's own that is called jira or github, and lies
// under a domain without such a name, does not pose.
func Poses(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return true
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "" || strings.Contains(host, "xn--") || strings.ContainsFunc(host, func(r rune) bool { return r > '~' }) {
		return true // letters that look like others
	}
	for _, k := range known {
		if k.host.MatchString(host) {
			return false
		}
	}
	for _, brand := range brands {
		at := strings.Index(host, brand)
		if at < 0 {
			continue
		}
		own := at == 0 && strings.HasPrefix(host[len(brand):], ".") && (brand == "jira" || brand == "github") && !foreign.MatchString(host[len(brand):])
		if !own {
			return true
		}
	}
	return false
}

// foreign is what follows a name in the address of whom it does not belong to:
// github.com.evil.example.
var foreign = regexp.MustCompile(`^\.(com|net|org|io|app|dev|co)\.`)
