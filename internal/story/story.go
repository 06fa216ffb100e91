// Package story tells a Trail in words: where the failure began and through whom it
// came to the customer, whose limit was hit where there was one, what was tried again,
// and what happened in which order.
//
// It is pure. Package event finds out which Event is the root cause; here that is made
// into sentences that somebody can act on who knows none of the services. The one
// mistake that must not happen is to tell a customer that they sent too many requests
// because a provider behind us refused ours.
package story

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"errata/internal/catalog"
	"errata/internal/event"
)

// Story is a Trail in words.
type Story struct {
	// RootCause is where it began, where that was elsewhere than what the customer saw.
	RootCause string `json:"root_cause,omitempty"`
	// NotTheirLimit: there was a rate limit or a quota, and it is not the customer's.
	NotTheirLimit bool `json:"not_their_limit"`
	// Through are the services from the root cause to the one that answered the
	// customer, as far as is known who called whom.
	Through  []string   `json:"through"`
	Attempts []Attempts `json:"attempts"`
}

// Tell tells a Trail.
func Tell(t *event.Trail) Story {
	out := Story{Through: []string{}, Attempts: attempts(t)}
	seen, root := t.Find(t.Summary.EventID), t.Find(t.Summary.RootCauseEventID)
	if seen == nil || root == nil || seen.ID == root.ID {
		return out
	}
	chain := up(t, root, seen)
	for _, e := range chain {
		if n := len(out.Through); n == 0 || out.Through[n-1] != e.Service {
			out.Through = append(out.Through, e.Service)
		}
	}
	parts := []string{"The failure began in " + Began(root)}
	if limit := ourLimit(seen, root, chain); limit != "" {
		out.NotTheirLimit = true
		parts = append(parts, limit)
	}
	if n := len(out.Through); n > 2 {
		parts = append(parts, "From there it came out through "+listed(out.Through[1:])+".")
	}
	out.RootCause = strings.Join(parts, " ")
	return out
}

// Seen is the failure that the customer saw, with what the rest of the Trail says of
// it: which provider was behind it, and that a limit that was passed on is a
// provider's. It is what to explain, and to reply to.
func Seen(t *event.Trail) event.Event {
	found := t.Find(t.Summary.EventID)
	if found == nil {
		return event.Event{}
	}
	seen, root := *found, t.Find(t.Summary.RootCauseEventID)
	if root == nil || root.ID == seen.ID || providerOf(root) == "" {
		return seen
	}
	chain := up(t, root, found)
	switch {
	case seen.Family == event.FamilyUpstream && chain != nil:
	case passedOn(found, root, chain):
		seen.Family = event.FamilyUpstream
	default:
		return seen
	}
	behind := event.UpstreamInfo{}
	if seen.Upstream != nil {
		behind = *seen.Upstream
	}
	if behind.Provider == "" {
		behind.Provider = providerOf(root)
	}
	if behind.Code == "" && strings.EqualFold(behind.Provider, providerOf(root)) {
		behind.Code = innerCode(root)
	}
	seen.Upstream = &behind
	return seen
}

// passedOn reports whether a limit that the customer saw is that of a provider: which
// is certain only where it is known who called whom.
func passedOn(seen, root *event.Event, chain []*event.Event) bool {
	return seen.Family == event.FamilyLimits && chain != nil && root.Role == event.Upstream && providerOf(root) != "" && limited(root)
}

func providerOf(e *event.Event) string {
	if e.Upstream == nil {
		return ""
	}
	return e.Upstream.Provider
}

// innerCode is why the provider refused.
func innerCode(e *event.Event) string {
	if e.Upstream != nil && e.Upstream.Code != "" {
		return e.Upstream.Code
	}
	if e.Role == event.Upstream {
		return e.Code
	}
	return ""
}

// limited reports whether it began with a limit, be it of a provider or of our own.
func limited(e *event.Event) bool {
	if e.Family == event.FamilyLimits || e.Status == http.StatusTooManyRequests {
		return true
	}
	inner := innerCode(e)
	return inner != "" && event.FamilyOf(0, event.CanonicalCode(inner, 0)) == event.FamilyLimits
}

// ourLimit says whose limit it was, where it was none of the customer's; "" where there
// was none, or it may have been theirs.
func ourLimit(seen, root *event.Event, chain []*event.Event) string {
	if limited(root) && (seen.Family != event.FamilyLimits || passedOn(seen, root, chain)) {
		return "The customer was not rate-limited: " + limiter(root, seen) + "."
	}
	return ""
}

// limiter says who limited whom.
func limiter(root, seen *event.Event) string {
	switch p := providerOf(root); {
	case p != "":
		return "our provider " + p + " limited us"
	case root.Role == event.Upstream:
		return "a service that " + root.Service + " called limited us"
	case root.Service != seen.Service:
		return "our own service " + root.Service + " limited the one that called it"
	default:
		return "it was a limit of our own"
	}
}

// Began says where the root cause lies, and what it was.
func Began(root *event.Event) string {
	what := root.Message
	if root.Exception != nil && root.Exception.Message != "" {
		what = strings.TrimSpace(root.Exception.Type + ": " + root.Exception.Message)
	}
	if what == "" && root.Role != event.Upstream { // whose verdict would say the same again
		what = catalog.Explain(*root).Verdict
	}
	return strings.TrimSpace(where(root) + ": " + Heading(root) + ". " + ended(shorten(what)))
}

func where(root *event.Event) string {
	place := root.Service
	if root.Role == event.Upstream {
		place += ", in a call that it made"
		if p := providerOf(root); p != "" {
			place += " to " + p
		}
	}
	return place
}

// Heading is a status and a code, as machines name a failure.
func Heading(e *event.Event) string {
	switch {
	case e.Status == 0:
		return e.Code
	case e.Code == "http_"+strconv.Itoa(e.Status):
		return strings.TrimSpace(strconv.Itoa(e.Status) + " " + http.StatusText(e.Status))
	}
	return strconv.Itoa(e.Status) + " " + e.Code
}

// maxQuoted is how much of a message is told.
const maxQuoted = 300

func shorten(s string) string {
	if r := []rune(s); len(r) > maxQuoted {
		return string(r[:maxQuoted]) + "…"
	}
	return s
}

// ended is a text as a sentence that another can follow.
func ended(s string) string {
	if s = strings.TrimSpace(s); s == "" || strings.HasSuffix(s, "…") || strings.ContainsRune(".!?", rune(s[len(s)-1])) {
		return s
	}
	return s + "."
}

func listed(names []string) string {
	const most = 6
	if n := len(names); n > most {
		names = append(slices.Clone(names[:most-1]), strconv.Itoa(n-most+1)+" more")
	}
	n := len(names)
	if n == 1 {
		return names[0]
	}
	return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
}
