package store

import "errata/internal/event"

// Face is the hit that stands for all that an ID leads to: a service's own
// answer before a call, the latest first. hits must not be empty.
func Face(hits []Hit) Hit {
	best := hits[0]
	for _, h := range hits[1:] {
		if own := h.Role == event.Primary; own != (best.Role == event.Primary) {
			if own {
				best = h
			}
		} else if h.OccurredAt.After(best.OccurredAt) {
			best = h
		}
	}
	return best
}

// Event is as much of the Event as a hit has.
func (h *Hit) Event() event.Event {
	e := event.Event{
		ID: h.EventID, RequestID: h.RequestID, TraceID: h.TraceID, OccurredAt: h.OccurredAt, Service: h.Service, Status: h.Status,
		Code: h.Code, Family: h.Family, Role: h.Role, Customer: h.Customer,
	}
	if h.Provider != "" {
		e.Upstream = &event.UpstreamInfo{Provider: h.Provider}
	}
	return e
}
