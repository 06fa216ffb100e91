// Package catalog says in plain words what a failure means, for people who
// have a customer waiting: what failed and on whose side, why it happens, what
// helps, whether trying again does, and what to write back.
//
// It knows nothing but the Event it is given. What it says comes from the most
// specific entry there is: for the code, else for the status, else for the
// family.
package catalog

import (
	"strconv"
	"strings"

	"errata/internal/event"
)

// Entry is what the catalogue says of one failure.
type Entry struct {
	Code       string   `json:"code"`
	Title      string   `json:"title"`
	Plain      string   `json:"plain"`   // what the code means
	Verdict    string   `json:"verdict"` // what happened here, in one line
	Causes     []string `json:"causes"`
	Fixes      []string `json:"fixes"`
	RetryClass string   `json:"retry_class"`
	Side       string   `json:"side"`   // whose side, in words
	Source     string   `json:"source"` // code, status or family: how specific this is
}

// The retry classes.
const (
	Fix     = "fix"     // nothing changes until the request does
	Access  = "access"  // nothing changes until the key or its rights do
	Quota   = "quota"   // nothing changes until the allowance does
	Wait    = "wait"    // works again after a while
	Once    = "once"    // may have been a hiccup
	Backoff = "backoff" // works again soon; try with growing pauses
)

// article is the text of an entry, shared by all codes that mean the same.
type article struct {
	title, plain string
	causes       []string
	fixes        []string
}

// Explain says what ev means.
func Explain(ev event.Event) Entry {
	a, source := find(ev)
	return Entry{
		Code: ev.Code, Title: a.title, Plain: a.plain, Verdict: Verdict(ev),
		Causes: orEmpty(a.causes), Fixes: orEmpty(a.fixes),
		RetryClass: class(ev), Side: Side(ev.Family), Source: source,
	}
}

func find(ev event.Event) (article, string) {
	if name := topic(ev); name != "" {
		return articles[name], "code"
	}
	if name, ok := statuses[ev.Status]; ok {
		return articles[name], "status"
	}
	if a, ok := families[ev.Family]; ok {
		return a, "family"
	}
	return families[event.FamilyUs], "family"
}

// topic is the article that the code asks for; "" when the code is unknown.
func topic(ev event.Event) string {
	code := ev.Code
	if rest, ok := strings.CutPrefix(code, "http_"); ok { // the status in the place of a code
		if n, err := strconv.Atoi(rest); err == nil {
			return statuses[n]
		}
	}
	if name := codes[code]; name != "" {
		// A limit of our provider is not a limit of the customer.
		if ev.Family == event.FamilyUpstream && (name == "rate" || name == "quota") {
			return "provider"
		}
		return name
	}
	for _, p := range patterns {
		if p.matches(code) {
			return p.topic
		}
	}
	return ""
}

// pattern sorts the codes that APIs derive from the names of their things.
type pattern struct{ prefix, suffix, topic string }

func (p pattern) matches(code string) bool {
	return len(code) > len(p.prefix)+len(p.suffix) && strings.HasPrefix(code, p.prefix) && strings.HasSuffix(code, p.suffix)
}

// Side says in words on whose side a failure of the family lies.
func Side(f event.Family) string {
	switch f {
	case event.FamilyCaller:
		return "the caller's request"
	case event.FamilyLimits:
		return "the caller's limit or quota"
	case event.FamilyUpstream:
		return "a provider behind our service"
	default:
		return "our service"
	}
}

// class sorts ev by what a retry would do.
func class(ev event.Event) string {
	switch {
	case ev.Family == event.FamilyUpstream:
		return Backoff
	case ev.Family == event.FamilyLimits:
		return limitClass(ev)
	}
	switch ev.Status {
	case 401, 403, 407, 451, 511:
		return Access
	case 402:
		return Quota
	case 408, 425, 502, 503, 504, 529:
		return Backoff
	case 501, 505:
		return Fix
	}
	switch {
	case ev.Status >= 500:
		return Once
	case ev.Status >= 400:
		return Fix
	}
	return classOfTopic(ev)
}

func limitClass(ev event.Event) string {
	if ev.RetryAfter != nil {
		return Wait
	}
	spent := strings.Contains(ev.Code, "quota") || ev.Status == 402 || ev.Status == 403
	if spent && !strings.Contains(ev.Code, "rate") {
		return Quota
	}
	return Wait
}

// classOfTopic is for failures without a status, e.g. of gRPC or of a job.
func classOfTopic(ev event.Event) string {
	switch topic(ev) {
	case "auth", "forbidden":
		return Access
	case "quota", "payment":
		return Quota
	case "rate":
		return Wait
	case "provider", "unavailable", "timeout", "database":
		return Backoff
	case "validation", "malformed", "notfound", "conflict", "toolarge", "context", "unsupported", "method":
		return Fix
	}
	if ev.Family == event.FamilyCaller {
		return Fix
	}
	return Once
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
