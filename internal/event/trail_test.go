package event_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"errata/internal/event"
)

// Whatever ID leads to a request, its Trail is about what the customer saw: also the
// ID that one of its inner Events has here.
func TestTrailOfAnEventIsThatOfItsRequest(t *testing.T) {
	at := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	events := []event.Event{
		{ID: "outer", TraceID: trace, SpanID: "1", Role: event.Primary, Status: 502, OccurredAt: at.Add(20)},
		{ID: "inner", TraceID: trace, SpanID: "2", ParentSpanID: "1", Role: event.Primary, Status: 500, OccurredAt: at.Add(10)},
		{ID: "call", TraceID: trace, SpanID: "3", ParentSpanID: "2", Role: event.Upstream, Status: 429, OccurredAt: at},
	}
	face := func(id string) []string {
		s := event.NewTrail(id, slices.Clone(events)).Summary
		return []string{s.EventID, s.RootCauseEventID}
	}
	for _, id := range []string{trace, "outer", "inner", "call"} {
		assert.Equal(t, []string{"outer", "call"}, face(id), id)
	}
	events[1].RequestID = "req_inner" // which the customer may have been given
	for _, id := range []string{"req_inner", "inner"} {
		assert.Equal(t, []string{"inner", "call"}, face(id), id)
	}
	assert.Equal(t, []string{"outer", "call"}, face("call"))
	alone := event.NewTrail("alone", []event.Event{{ID: "alone", Role: event.Upstream}})
	assert.Equal(t, []string{"alone", "alone"}, []string{alone.Summary.EventID, alone.RequestID})
}
