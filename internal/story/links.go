package story

import (
	"time"

	"errata/internal/event"
)

// Link is how it is known who called whom.
type Link string

// The links, from what is certain to what only lies near.
const (
	BySpan     Link = "span"
	ByUpstream Link = "upstream_id"
	ByTime     Link = "time" // nothing says so; only the order is known
)

type spanKey struct{ trace, span string }

// callers finds the Event that another was called from.
type callers struct {
	spans    map[spanKey]*event.Event
	requests map[string]*event.Event // by the ID of the request that it made
}

func callersOf(events []event.Event) callers {
	c := callers{map[spanKey]*event.Event{}, map[string]*event.Event{}}
	for i := range events {
		e := &events[i]
		if e.SpanID != "" {
			c.spans[spanKey{e.TraceID, e.SpanID}] = e
		}
		if e.Upstream != nil && e.Upstream.RequestID != "" {
			c.requests[e.Upstream.RequestID] = e
		}
	}
	return c
}

func (c callers) of(e *event.Event) (*event.Event, Link) {
	if e.ParentSpanID != "" {
		if p := c.spans[spanKey{e.TraceID, e.ParentSpanID}]; p != nil && p.ID != e.ID {
			return p, BySpan
		}
	}
	if e.RequestID != "" {
		if p := c.requests[e.RequestID]; p != nil && p.ID != e.ID {
			return p, ByUpstream
		}
	}
	return nil, ByTime
}

// up is the way from one Event to another that called it, both included; nil where
// it is not known that it did.
func up(t *event.Trail, from, to *event.Event) []*event.Event {
	c := callersOf(t.Events)
	chain := []*event.Event{from}
	for e := from; e.ID != to.ID; {
		caller, _ := c.of(e)
		if caller == nil || len(chain) > len(t.Events) { // or in a circle
			return nil
		}
		chain, e = append(chain, caller), caller
	}
	return chain
}

// startOf is when something began. It is stored when it had failed.
func startOf(e *event.Event) time.Time {
	if e.DurationMS == nil || *e.DurationMS <= 0 || *e.DurationMS > float64(24*time.Hour/time.Millisecond) {
		return e.OccurredAt
	}
	return e.OccurredAt.Add(-time.Duration(*e.DurationMS * float64(time.Millisecond)))
}
