package event

import (
	"slices"
	"sort"
	"strings"
)

// NewTrail puts Events in time order and works out what the customer saw and
// where it began. id is the ID that was asked for; events must not be empty.
func NewTrail(id string, events []Event) Trail {
	slices.SortStableFunc(events, func(a, b Event) int {
		if c := a.OccurredAt.Compare(b.OccurredAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	t := Trail{Events: events, TraceIDs: []string{}, Services: []string{}}
	for i := range events {
		e := &events[i]
		t.TraceIDs = appendNew(t.TraceIDs, e.TraceID)
		t.Services = appendNew(t.Services, e.Service)
	}
	sort.Strings(t.Services)
	t.FirstAt, t.LastAt = events[0].OccurredAt, events[len(events)-1].OccurredAt
	seen := faceEvent(aboutWhat(id, events), events)
	root := rootCause(seen, events)
	t.RequestID = seen.RequestID
	if t.RequestID == "" {
		t.RequestID = id
	}
	t.Summary = Summary{
		Status: seen.Status, Code: seen.Code, Family: seen.Family, Service: seen.Service, Environment: seen.Environment,
		Method: seen.Method, Endpoint: seen.Endpoint, Message: seen.Message, Customer: seen.Customer,
		EventID: seen.ID, RootCauseEventID: root.ID,
	}
	return t
}

// Find gives the Event with that ID, or nil.
func (t *Trail) Find(id string) *Event {
	for i := range t.Events {
		if t.Events[i].ID == id {
			return &t.Events[i]
		}
	}
	return nil
}

func appendNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// aboutWhat is the ID that a Trail is about: that of an Event leads to the request, or
// the trace, that it belongs to, as these do themselves.
func aboutWhat(id string, events []Event) string {
	for i := range events {
		if e := &events[i]; e.ID == id {
			switch {
			case e.RequestID != "":
				return e.RequestID
			case e.TraceID != "":
				return e.TraceID
			}
		}
	}
	return id
}

// faceEvent is the failure that the customer saw: a service's own answer,
// carrying the asked-for ID if one does, nearest to the outside, latest try.
func faceEvent(id string, events []Event) *Event {
	score := func(e *Event) int {
		s := 0
		if e.Role == Primary {
			s += 4
		}
		if e.RequestID == id {
			s += 8
		}
		if !hasParent(e, events) {
			s += 2
		}
		if e.Status >= 400 {
			s++
		}
		return s
	}
	best := &events[0]
	for i := range events {
		e := &events[i]
		// Ties go to the later one: the outer service answers last, and so
		// does the last attempt.
		if score(e) >= score(best) {
			best = e
		}
	}
	return best
}

func hasParent(e *Event, events []Event) bool {
	if e.ParentSpanID == "" {
		return false
	}
	for i := range events {
		if events[i].TraceID == e.TraceID && events[i].SpanID == e.ParentSpanID && events[i].ID != e.ID {
			return true
		}
	}
	return false
}

// rootCause follows the failures downwards from e: to the call that failed
// below it (by parent span, or by the upstream's request ID), and where no
// such link is known, to the first failure of the same trace, because the
// innermost one answers first.
func rootCause(e *Event, events []Event) *Event {
	if at := deepest(e, events); at != e {
		return at
	}
	return deepest(firstOfTrace(e, events), events)
}

// deepest follows the links downwards until there is no further failure.
func deepest(e *Event, events []Event) *Event {
	visited := map[string]bool{}
	for at := e; ; {
		visited[at.ID] = true
		next := below(at, events, visited)
		if next == nil {
			return at
		}
		at = next
	}
}

func below(e *Event, events []Event, visited map[string]bool) *Event {
	var best *Event
	for i := range events {
		c := &events[i]
		if visited[c.ID] || !isBelow(e, c) {
			continue
		}
		// The last failed call decides: earlier ones were retried.
		if best == nil || weight(c) > weight(best) || (weight(c) == weight(best) && c.OccurredAt.After(best.OccurredAt)) {
			best = c
		}
	}
	return best
}

func isBelow(parent, child *Event) bool {
	if child.ParentSpanID != "" && child.ParentSpanID == parent.SpanID && child.TraceID == parent.TraceID {
		return true
	}
	if parent.Upstream != nil && parent.Upstream.RequestID != "" && parent.Upstream.RequestID == child.RequestID {
		return child.ID != parent.ID
	}
	return false
}

// weight prefers answers over what merely happened on the way.
func weight(e *Event) int {
	switch e.Role {
	case Primary:
		return 2
	case Upstream:
		return 1
	default:
		return 0
	}
}

// firstOfTrace is the earliest failure of e's trace whose parent made no Event
// (spans in between need not have failed), if it ended before e did: a call
// that e's service made, or another service's answer. An earlier answer of the
// same service is an attempt, not a cause.
func firstOfTrace(e *Event, events []Event) *Event {
	for i := range events {
		c := &events[i]
		attempt := c.Role == Primary && c.Service == e.Service
		if e.TraceID != "" && c.TraceID == e.TraceID && c.Role != Context && !attempt &&
			!hasParent(c, events) && c.OccurredAt.Before(e.OccurredAt) {
			return c
		}
	}
	return e
}
