package normalize

import (
	"errata/internal/event"
	"errata/internal/route"
)

// endpoint decides under which endpoint the failure is counted: the one that
// the sender named, else one that is made from the path. What OpenTelemetry
// calls a route is never changed; in a report over HTTP, or the name of a span,
// the endpoint may be a path. The paths of calls to others are theirs, and would take the places of
// the service's own endpoints. It asks for the status, which must be known.
func (b *builder) endpoint() {
	env, ev := b.env, b.event
	b.sent = b.line("endpoint", withoutQuery(env.Endpoint), maxPath)
	ev.Endpoint = b.sent
	switch {
	case b.sent == "" || b.sent == unmatched:
		if ev.Role == event.Upstream {
			return
		}
		if derived, ok := route.Derive(ev.Path, ev.Status); ok {
			ev.Endpoint, ev.EndpointDerived = derived, true
		}
	case env.EndpointRaw || env.Source == event.FromHTTP:
		if derived, ok := route.OfRaw(b.sent); ok {
			ev.Endpoint, ev.EndpointDerived = derived, true
			ev.Path = first(ev.Path, b.sent)
		}
	}
}
