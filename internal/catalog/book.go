package catalog

import (
	"slices"
	"strconv"
	"strings"

	"errata/internal/event"
)

// index finds entries by their codes and by what they are also seen as. The code
// of an entry is before what others are also seen as, and so is the first code of
// the alphabet.
type index map[string]*Entry

func newIndex(entries []Entry) index {
	byCode := make([]*Entry, 0, len(entries))
	out := index{}
	for i := range entries {
		byCode = append(byCode, &entries[i])
	}
	slices.SortFunc(byCode, func(a, b *Entry) int { return strings.Compare(a.Code, b.Code) })
	for _, e := range byCode {
		out[e.Code] = e
	}
	for _, e := range byCode {
		for _, alias := range e.AlsoSeenAs {
			if c := canonical(alias); out[c] == nil {
				out[c] = e
			}
		}
	}
	return out
}

// Book is what a workspace has written into the catalogue. It lies over what is
// built in. A nil Book is one in which nothing is written.
type Book struct {
	entries  []Entry
	services map[string]index // "": any
}

// NewBook makes a Book of a workspace's entries.
func NewBook(entries []Entry) *Book {
	b := &Book{entries: entries, services: map[string]index{}}
	byService := map[string][]Entry{}
	for _, e := range entries {
		byService[e.Service] = append(byService[e.Service], e)
	}
	for service, list := range byService {
		b.services[service] = newIndex(list)
	}
	return b
}

// Entries are the workspace's own, by service and code.
func (b *Book) Entries() []Entry {
	if b == nil {
		return []Entry{}
	}
	return Sorted(b.entries)
}

// Own is the workspace's own entry under a key, and not one that stands in for it.
func (b *Book) Own(k Key) (Entry, bool) {
	if b != nil {
		if e := b.services[k.Service][k.Code]; e != nil && e.Code == k.Code {
			return *e, true
		}
	}
	return Entry{}, false
}

// level is a place to look for an entry.
type level struct {
	index    index
	specific bool // is about the service
	profile  string
}

// levels are the places in which entries for a service are looked for, the most
// specific first. A profile that all services have is less than what was written
// for all of them.
func (b *Book) levels(service string) []level {
	var out []level
	profile := func(name string, specific bool) {
		if of := builtIn().of[name]; of != nil {
			out = append(out, level{index: of, specific: specific, profile: name})
		}
	}
	if b != nil {
		if own := b.services[service]; service != "" && own != nil {
			out = append(out, level{index: own, specific: true})
			profile(own.defaults().Profile, true)
		}
		if general := b.services[""]; general != nil {
			out = append(out, level{index: general})
			if len(out) < 3 { // the service has no profile of its own
				profile(general.defaults().Profile, false)
			}
		}
	}
	return append(out, level{index: builtIn().index})
}

// defaults is what was written for all codes.
func (i index) defaults() Entry {
	if e := i[All]; e != nil {
		return *e
	}
	return Entry{}
}

// The sources: how specific what was found is.
const (
	ByCode    = "code"
	ByPattern = "pattern" // the code only looks like one that is known
	ByStatus  = "status"
	ByFamily  = "family"
)

// found is an entry, and what it was found by.
type found struct {
	entry  *Entry
	source string
	level  level
}

// find takes the most specific entry that there is: for the code, of the service
// before general; for the status and then the family, of the service; for what
// the code looks like; for the status and then the family, in general.
func (b *Book) find(ev event.Event) found {
	levels := b.levels(ev.Service)
	at := func(code, source string, want func(level) bool) *found {
		for _, l := range levels {
			if e := l.index[code]; e != nil && code != All && want(l) {
				return &found{e, source, l}
			}
		}
		return nil
	}
	all := func(level) bool { return true }
	specific := func(l level) bool { return l.specific }
	status, family := "http_"+strconv.Itoa(ev.Status), "family_"+string(ev.Family)
	for _, try := range []*found{
		at(ev.Code, ByCode, all), at(status, ByStatus, specific), at(family, ByFamily, specific), looksLike(ev.Code),
		at(status, ByStatus, all), at(family, ByFamily, all), at("family_"+string(event.FamilyUs), ByFamily, all),
	} {
		if try != nil {
			return b.notTheirLimit(ev, *try)
		}
	}
	return found{entry: &Entry{}, source: ByFamily}
}

// notTheirLimit: a limit of our provider is not a limit of the customer, whatever
// its code is.
func (b *Book) notTheirLimit(ev event.Event, f found) found {
	const instead = "provider_error"
	if ev.Family != event.FamilyUpstream || ev.Code == instead || f.entry.Side == string(event.FamilyUpstream) {
		return f
	}
	switch f.entry.topicOf() {
	case "rate", "quota":
		other := ev
		other.Code = instead
		out := b.find(other)
		out.source = f.source
		return out
	}
	return f
}

// topicOf is what an entry's code means, also where a workspace wrote it anew.
func (e *Entry) topicOf() string {
	if e.topic != "" {
		return e.topic
	}
	if same := builtIn().index[e.Code]; same != nil {
		return same.topic
	}
	return ""
}

// Documented reports whether a code of a service has an entry of its own, rather
// than being explained by what it looks like, its status or its side. Without a
// service an entry in any one counts.
func (b *Book) Documented(service, code string) bool {
	for _, l := range b.levels(service) {
		if l.index[code] != nil {
			return true
		}
	}
	if service == "" && b != nil {
		for _, own := range b.services {
			if own[code] != nil {
				return true
			}
		}
	}
	return false
}

// Draft is what an entry would begin with: what is said of the code now, for
// somebody to change.
func (b *Book) Draft(k Key, ev event.Event) Entry {
	if e, ok := b.Own(k); ok {
		return e
	}
	e := Entry{Service: k.Service, Code: k.Code}
	if k.Code == All {
		return e
	}
	ev.Service, ev.Code = k.Service, k.Code
	said := b.find(ev).entry
	e.Title, e.Plain, e.Causes, e.Fixes = said.Title, said.Plain, slices.Clone(said.Causes), slices.Clone(said.Fixes)
	e.RetryClass, e.Side, e.Replies = said.RetryClass, said.Side, said.Replies
	return e
}

// With is the Book as it would be with an entry in it, before it is stored.
func (b *Book) With(e Entry) *Book {
	e.Version = max(e.Version, 1)
	list := slices.DeleteFunc(b.Entries(), func(o Entry) bool { return o.Key() == e.Key() })
	return NewBook(append(list, e))
}

// UsualStatus is the HTTP status that a code mostly comes with, for where none is
// known; 0 where nothing is built in about it.
func UsualStatus(code string) int {
	e := builtIn().index[code]
	if n, err := strconv.Atoi(strings.TrimPrefix(code, "http_")); err == nil && strings.HasPrefix(code, "http_") {
		return n
	}
	if e == nil {
		if f := looksLike(code); f != nil {
			e = f.entry
		}
	}
	for range 2 { // the entry, then the first of its topic
		if e == nil {
			break
		}
		for _, alias := range e.AlsoSeenAs {
			if n, err := strconv.Atoi(strings.TrimPrefix(alias, "http_")); err == nil && strings.HasPrefix(alias, "http_") {
				return n
			}
		}
		e = builtIn().topics[e.topic]
	}
	return 0
}
