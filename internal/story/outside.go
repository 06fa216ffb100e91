package story

import (
	"strings"

	"errata/internal/catalog"
	"errata/internal/event"
)

// Outside is as much of a failure as those hear of it who do not see services from
// within: which service, how it is classed, and which provider was behind it. Nothing
// that was said is in it, and no exception, not even as the code that was made of its
// type where there was no other.
func Outside(e *event.Event) event.Event {
	out := event.Event{
		ID: e.ID, OccurredAt: e.OccurredAt, Role: e.Role, Family: e.Family, Service: e.Service, ServiceUnknown: e.ServiceUnknown,
		Status: e.Status, Code: e.Code,
	}
	if e.Exception != nil && e.Exception.Type != "" && event.CanonicalCode(e.Exception.Type, e.Status) == e.Code {
		out.Code = event.CanonicalCode("", e.Status)
	}
	if e.Upstream != nil {
		out.Upstream = &event.UpstreamInfo{Provider: e.Upstream.Provider, Code: e.Upstream.Code}
	}
	return out
}

// Outline is Tell for those who do not see services from within: where it began and
// whose limit was hit, without what services said, through whom it came, and what was
// tried again.
func Outline(t *event.Trail) Story {
	out := Story{Through: []string{}, Attempts: []Attempts{}}
	seen, root := t.Find(t.Summary.EventID), t.Find(t.Summary.RootCauseEventID)
	if seen == nil || root == nil || seen.ID == root.ID {
		return out
	}
	parts := []string{"The failure began in " + Place(root)}
	if limit := ourLimit(seen, root, up(t, root, seen)); limit != "" {
		out.NotTheirLimit = true
		parts = append(parts, limit)
	}
	out.RootCause = strings.Join(parts, " ")
	return out
}

// Place is Began without what was said there.
func Place(root *event.Event) string {
	plain := Outside(root)
	what := ""
	if plain.Role != event.Upstream { // whose verdict would say the same again
		what = catalog.Explain(plain).Verdict
	}
	return strings.TrimSpace(where(&plain) + ": " + Heading(&plain) + ". " + ended(what))
}
