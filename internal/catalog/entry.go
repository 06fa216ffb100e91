package catalog

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/yamldoc"
)

// Entry is what is written down about a code: of one service, or of all that have
// no entry of their own.
type Entry struct {
	Service    string   `json:"service"` // "": any
	Code       string   `json:"code"`    // canonical; http_404 is a status, family_caller a family, All every code
	Title      string   `json:"title"`
	Plain      string   `json:"plain"` // in plain words, for support
	Causes     []string `json:"causes"`
	Fixes      []string `json:"fixes"`
	RetryClass string   `json:"retry_class"` // "": as the status has it
	Side       string   `json:"side"`        // a family; "": as the status and the code have it
	Replies    Replies  `json:"replies"`
	Owner      string   `json:"owner"`
	DocsURL    string   `json:"docs_url"`    // may hold {code} and {service}
	RepoURL    string   `json:"repo_url"`    // of a source: {path} and {line}
	SourceRefs []string `json:"source_refs"` // internal/llm/client.go:88
	AlsoSeenAs []string `json:"also_seen_as"`
	// Profile is, of an entry for All, how the service expects what APIs differ in.
	Profile string `json:"profile"`

	// The rest is not written by people.
	Version   int        `json:"version"` // 0: it is not stored
	UpdatedAt event.Time `json:"updated_at"`
	UpdatedBy string     `json:"updated_by"`

	of    string // the profile that a built-in entry belongs to
	topic string // of a built-in entry: what codes that mean the same are said with
}

// Replies are templates of what to write to a customer (see Template).
type Replies struct {
	Fix           string `json:"fix"`           // what they can do
	Incident      string `json:"incident"`      // our fault, and known
	Investigating string `json:"investigating"` // our fault, and not known yet
}

const (
	// Any is what people write for all services.
	Any = "any"
	// All is the code of what holds for all codes of a service: its owner, its
	// documentation, where its sources are, and its profile.
	All = "*"
)

// The bounds of an entry, in bytes unless it says otherwise.
const (
	MaxName    = 200 // characters of a service or a code
	MaxTitle   = 120 // characters
	MaxPlain   = 1000
	MaxList    = 20 // causes, fixes or sources
	MaxLine    = 500
	MaxReply   = 2000
	MaxLink    = 2000
	MaxAliases = 100
	MaxEntry   = 16 << 10 // all of it, as JSON
	MaxEntries = 2000     // of a workspace
	MaxTotal   = 4 << 20  // of a workspace, as JSON
)

// RetryClasses are the words for what a retry does.
var RetryClasses = []string{Fix, Access, Quota, Wait, Once, Backoff}

// Sides are the families, by whose side they are on.
var Sides = []string{string(event.FamilyCaller), string(event.FamilyLimits), string(event.FamilyUs), string(event.FamilyUpstream)}

// Key tells entries apart.
type Key struct{ Service, Code string }

func (k Key) String() string { return orElse(k.Service, Any) + "/" + k.Code }

// Key is what an entry is about.
func (e Entry) Key() Key { return Key{e.Service, e.Code} }

// KeyOf reads what people write for a service and a code.
func KeyOf(service, code string) Key {
	service, code = strings.TrimSpace(service), strings.TrimSpace(code)
	if strings.EqualFold(service, Any) {
		service = ""
	}
	if code != All {
		code = canonical(code)
	}
	return Key{service, code}
}

func canonical(raw string) string {
	c := event.CanonicalCode(raw, 0)
	if raw == "" || utf8.RuneCountInString(c) > MaxName || c == "unknown" && !strings.EqualFold(raw, c) { // nothing is left of it
		return ""
	}
	return c
}

// Same reports whether two entries say the same, whoever said it and when.
func (e Entry) Same(o Entry) bool {
	return e.Key() == o.Key() && e.Title == o.Title && e.Plain == o.Plain && slices.Equal(e.Causes, o.Causes) && slices.Equal(e.Fixes, o.Fixes) && e.RetryClass == o.RetryClass &&
		e.Side == o.Side && e.Replies == o.Replies && e.Owner == o.Owner && e.DocsURL == o.DocsURL && e.RepoURL == o.RepoURL && slices.Equal(e.SourceRefs, o.SourceRefs) &&
		slices.Equal(e.AlsoSeenAs, o.AlsoSeenAs) && e.Profile == o.Profile
}

// Check gives the entry as it is stored. What cannot be right is a fault
// Unprocessable that names the field; where several are wrong, the first.
func (e Entry) Check() (Entry, error) {
	out, problems := e.checked()
	if len(problems) > 0 {
		return out, problems[0].fault()
	}
	return out, nil
}

// problem is what is wrong with a field, which is what details.field says and, in
// YAML, the last part of a path.
type problem struct{ field, why string }

func (p problem) fault() error {
	return fault.New(fault.Unprocessable, "validation_failed", "The '%s' field %s.", p.field, p.why).With("field", p.field)
}

// checked finds everything that is wrong.
func (e Entry) checked() (Entry, []problem) {
	c := checker{}
	k := KeyOf(e.Service, e.Code)
	c.wrong(k.Service == "" || fits(k.Service, MaxName), "service", "must be the name of a service, of at most 200 characters on one line; leave it out for all services")
	c.wrong(k.Code != "" && yamldoc.Line(k.Code), "code", "must be a code as the service sends it, of at most 200 characters; http_404 for a status, family_us for a family, or * for what holds for all codes")
	e.Service, e.Code = k.Service, k.Code
	for _, text := range []*string{&e.Title, &e.Plain, &e.RetryClass, &e.Side, &e.Owner, &e.DocsURL, &e.RepoURL, &e.Profile} {
		*text = strings.TrimSpace(*text)
	}
	for _, list := range []*[]string{&e.Causes, &e.Fixes, &e.SourceRefs, &e.AlsoSeenAs} {
		*list = written(*list)
	}
	if e.Code == All {
		c.defaults(&e)
	} else {
		c.texts(&e)
	}
	c.wrong(e.Owner == "" || fits(e.Owner, MaxName), "owner", "must be one line of at most 200 characters: a team, a person or a channel")
	c.wrong(e.DocsURL == "" || isLink(filled(e.DocsURL, "code", "x", "service", "x")), "docs_url", "must be a link that begins with https://, of at most 2,000 bytes; it may hold {code} and {service}")
	c.wrong(e.RepoURL == "" || strings.Contains(e.RepoURL, "{path}") && isLink(filled(e.RepoURL, "path", "x", "line", "1")), "repo_url",
		"must be a link that begins with https:// and holds {path}, and {line} where it has a place for it, such as https://github.com/acme/api/blob/main/{path}#L{line}")
	if b, err := json.Marshal(e); err != nil || len(b) > MaxEntry {
		c.wrong(false, "entry", fmt.Sprintf("is %d bytes long as a whole, and may have %d: shorten its texts", len(b), MaxEntry))
	}
	return e, c.found
}

type checker struct{ found []problem }

func (c *checker) wrong(ok bool, field, why string) {
	if !ok {
		c.found = append(c.found, problem{field, why})
	}
}

// defaults checks an entry for All, which says nothing of what a code means.
func (c *checker) defaults(e *Entry) {
	for _, f := range []struct {
		name  string
		empty bool
	}{
		{"title", e.Title == ""}, {"plain", e.Plain == ""}, {"causes", len(e.Causes) == 0}, {"fixes", len(e.Fixes) == 0}, {"retry_class", e.RetryClass == ""}, {"side", e.Side == ""},
		{"replies", e.Replies == Replies{}}, {"source_refs", len(e.SourceRefs) == 0}, {"also_seen_as", len(e.AlsoSeenAs) == 0},
	} {
		c.wrong(f.empty, f.name, "has no place in an entry for all codes (*), which takes owner, docs_url, repo_url and profile")
	}
	c.wrong(e.Profile == "" || slices.ContainsFunc(Profiles(), func(p Profile) bool { return p.Name == e.Profile }), "profile", "must be one of: "+strings.Join(profileNames(), ", "))
}

func (c *checker) texts(e *Entry) {
	c.wrong(fits(e.Title, MaxTitle), "title", "must be one line of 1 to 120 characters that says what it is")
	c.wrong(e.Plain != "" && len(e.Plain) <= MaxPlain && isText(e.Plain), "plain", "must say in plain words, in at most 1,000 bytes, what it means to somebody who is no engineer")
	c.wrong(e.RetryClass == "" || slices.Contains(RetryClasses, e.RetryClass), "retry_class", "must be one of: "+strings.Join(RetryClasses, ", ")+"; leave it out to go by the status")
	c.wrong(e.Side == "" || slices.Contains(Sides, e.Side), "side", "must be one of: "+strings.Join(Sides, ", ")+"; leave it out to go by the status and the code")
	c.wrong(e.Profile == "", "profile", "has its place in the entry for all codes (*) of the service")
	e.Causes = c.list(e.Causes, "causes", MaxList, "a sentence")
	e.Fixes = c.list(e.Fixes, "fixes", MaxList, "a sentence")
	e.SourceRefs = c.list(e.SourceRefs, "source_refs", MaxList, "a path, with a line if there is one, such as internal/llm/client.go:88")
	e.AlsoSeenAs = c.list(e.AlsoSeenAs, "also_seen_as", MaxAliases, "a code")
	for _, r := range e.replies() {
		*r.text = strings.TrimSpace(strings.ReplaceAll(*r.text, "\r\n", "\n"))
		if why := checkTemplate(*r.text); why != "" {
			c.wrong(false, "replies."+r.name, why)
		}
	}
}

// written are the lines that say something.
func written(given []string) []string {
	out := []string{}
	for _, s := range given {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// list takes lines, each once.
func (c *checker) list(given []string, field string, most int, what string) []string {
	out := []string{}
	for _, s := range given {
		if slices.Contains(out, s) {
			continue
		}
		if len(s) > MaxLine || !yamldoc.Line(s) {
			c.wrong(false, field, fmt.Sprintf("must hold lines of at most 500 bytes, each %s; not so: '%s'", what, yamldoc.Short(s)))
			return out
		}
		out = append(out, s)
	}
	c.wrong(len(out) <= most, field, fmt.Sprintf("takes at most %d lines, and here are %d", most, len(out)))
	return out
}

type namedReply struct {
	name string
	text *string
}

func (e *Entry) replies() []namedReply {
	return []namedReply{{"fix", &e.Replies.Fix}, {"incident", &e.Replies.Incident}, {"investigating", &e.Replies.Investigating}}
}

func fits(s string, most int) bool {
	return s != "" && utf8.RuneCountInString(s) <= most && yamldoc.Line(s)
}

// isText reports text that can be stored and shown, of as many lines as it likes.
func isText(s string) bool {
	for l := range strings.SplitSeq(s, "\n") {
		if !yamldoc.Line(l) {
			return false
		}
	}
	return true
}

func isLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && len(s) <= MaxLink && yamldoc.Line(s) && !strings.ContainsAny(s, " {}")
}

// filled puts values into the places of a link.
func filled(link string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		link = strings.ReplaceAll(link, "{"+pairs[i]+"}", pairs[i+1])
	}
	return link
}

func orElse(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}
