// Package catalog says in plain words what a failure means, for people who
// have a customer waiting: what failed and on whose side, why it happens, what
// helps, whether trying again does, and what to write back.
//
// It knows the Event that it is given, the entries that are built in, and those
// that a workspace wrote (a Book), which lie over them. What it says comes from
// the most specific entry there is, and it always says from which: for the code,
// of the service or in general, else for the status, else for the family.
//
// It also reads, compares and writes entries as YAML, as package ruleset does with
// rules. It does no I/O.
package catalog

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"errata/internal/event"
)

// Explanation is what the catalogue says of one failure.
type Explanation struct {
	Code       string   `json:"code"`
	Title      string   `json:"title"`
	Plain      string   `json:"plain"`   // what the code means
	Verdict    string   `json:"verdict"` // what happened here, in one line
	Causes     []string `json:"causes"`
	Fixes      []string `json:"fixes"`
	RetryClass string   `json:"retry_class"`
	Side       string   `json:"side"`   // whose side, in words
	Source     string   `json:"source"` // code, pattern, status or family: how specific this is
	For        string   `json:"for"`    // whom the entry is for, in words
	Entry      Ref      `json:"entry"`
	Owner      string   `json:"owner,omitempty"`
	DocsURL    string   `json:"docs_url,omitempty"`
	SourceRefs []Source `json:"source_refs,omitempty"`
	AlsoSeenAs []string `json:"also_seen_as,omitempty"`
}

// Ref says which entry was taken.
type Ref struct {
	Service string `json:"service"` // "": any
	Code    string `json:"code"`
	Profile string `json:"profile,omitempty"`
	BuiltIn bool   `json:"built_in"`
}

// Source is a place in a program that raises a code.
type Source struct {
	Text string `json:"text"`
	URL  string `json:"url,omitempty"` // where the entry, or its service, says where sources are
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

// Answer is everything that the catalogue says of a failure at a moment.
type Answer struct {
	Explanation
	Retry   Retry   `json:"retry"`
	Replies []Reply `json:"replies"` // the first is the one to send
}

// About is what is known of a failure and is not in its Event.
type About struct {
	CustomerName string // "": nobody gave one
	Incident     bool   // it is part of an incident that is known
}

// Resolve says what a failure means, what a retry would do, and what to write to
// the customer. book may be nil.
func Resolve(book *Book, ev event.Event, now time.Time, about About) Answer {
	f := book.find(ev)
	ev = f.judged(ev)
	class := f.class(ev)
	out := Answer{Explanation: book.explain(ev, f, class), Retry: adviseAs(class, ev, now)}
	out.Replies = book.replies(ev, f, &out, now, about)
	return out
}

// Explain says what ev means.
func Explain(ev event.Event) Explanation { return (*Book)(nil).Explain(ev) }

// Explain says what ev means.
func (b *Book) Explain(ev event.Event) Explanation {
	f := b.find(ev)
	ev = f.judged(ev)
	return b.explain(ev, f, f.class(ev))
}

func (b *Book) explain(ev event.Event, f found, class string) Explanation {
	e := f.entry
	out := Explanation{
		Code: ev.Code, Title: e.Title, Plain: e.Plain, Verdict: f.verdict(ev), Causes: orEmpty(e.Causes), Fixes: orEmpty(e.Fixes), RetryClass: class, Side: Side(ev.Family),
		Source: f.source, For: f.whom(ev), Entry: Ref{Service: e.Service, Code: e.Code, Profile: e.of, BuiltIn: e.Version == 0}, Owner: e.Owner, AlsoSeenAs: aliases(e),
	}
	docs, repo := e.DocsURL, e.RepoURL
	for _, l := range b.levels(ev.Service) { // what holds for all codes
		d := l.index.defaults()
		out.Owner, docs, repo = orElse(out.Owner, d.Owner), orElse(docs, d.DocsURL), orElse(repo, d.RepoURL)
	}
	out.DocsURL = filled(docs, "code", url.PathEscape(ev.Code), "service", url.PathEscape(ev.Service))
	for _, ref := range e.SourceRefs {
		out.SourceRefs = append(out.SourceRefs, Source{ref, sourceURL(repo, ref)})
	}
	return out
}

// aliases are the spellings that an entry names, without statuses.
func aliases(e *Entry) (out []string) {
	for _, a := range e.AlsoSeenAs {
		if !strings.HasPrefix(a, "http_") {
			out = append(out, a)
		}
	}
	return out
}

// sourceURL is where a source can be read; "" where nobody said.
func sourceURL(repo, ref string) string {
	if repo == "" {
		return ""
	}
	path, line, ok := cutLine(ref)
	if at := strings.Index(repo, "#"); !ok && at >= 0 && strings.Contains(repo[at:], "{line}") {
		repo = repo[:at] // the whole file
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return filled(repo, "path", strings.Join(parts, "/"), "line", line)
}

func cutLine(ref string) (path, line string, ok bool) {
	at := strings.LastIndexByte(ref, ':')
	if at > 0 {
		if n, err := strconv.Atoi(ref[at+1:]); err == nil && n > 0 {
			return ref[:at], strconv.Itoa(n), true
		}
	}
	return ref, "", false
}

// whom says for whom the entry is, in words.
func (f found) whom(ev event.Event) string {
	switch {
	case f.level.specific && f.level.profile != "":
		return "for " + ev.Service + ", by its profile " + f.level.profile
	case f.level.specific:
		return "for " + ev.Service
	case f.level.profile != "":
		return "general, by the profile " + f.level.profile
	}
	return "general"
}

// judged is ev on the side that the entry says it is on.
func (f found) judged(ev event.Event) event.Event {
	if f.entry.Side != "" {
		ev.Family = event.Family(f.entry.Side)
	}
	return ev
}

func (f found) class(ev event.Event) string {
	if f.entry.RetryClass != "" {
		return f.entry.RetryClass
	}
	return class(ev)
}

// verdict is that of the Event, with its numbers and names; where nothing is built
// in about its code, what people wrote of it says more.
func (f found) verdict(ev event.Event) string {
	if f.entry.Version == 0 || f.source != ByCode || topic(ev) != "" || ev.Role == event.Upstream {
		return Verdict(ev)
	}
	return f.entry.Plain
}

// topic is what the code means; "" when it is unknown.
func topic(ev event.Event) string {
	e := builtIn().index[ev.Code]
	if e == nil {
		if f := looksLike(ev.Code); f != nil {
			e = f.entry
		}
	}
	switch {
	case e == nil:
		return ""
	case ev.Family == event.FamilyUpstream && (e.topic == "rate" || e.topic == "quota"):
		return "provider" // a limit of our provider is not a limit of the customer
	}
	return e.topic
}

// topicOf is the topic that is shown; "" when only the family is known.
func topicOf(ev event.Event) string {
	if t := topic(ev); t != "" {
		return t
	}
	if e := builtIn().index["http_"+strconv.Itoa(ev.Status)]; e != nil {
		return e.topic
	}
	return ""
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
