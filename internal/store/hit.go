package store

import (
	"cmp"
	"slices"

	"errata/internal/event"
)

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

// page is the ID under which the request of a hit is found by itself.
func (h *Hit) page() string {
	if h.RequestID != "" {
		return h.RequestID
	}
	return h.EventID
}

func (h *Hit) byKey() bool { return h.Kind == event.Idempotency }

// Leads are what IDs lead to.
type Leads struct {
	IDs  []string // those that were asked for, with requests in the place of keys
	Hits map[string][]Hit
	of   map[string][]string
}

// Of are those of IDs that stand in the place of one that was asked for.
func (l *Leads) Of(id string) []string { return l.of[id] }

// Unkeyed takes the requests apart that an idempotency key leads to: in its place
// stands each of them, under an ID of its own, the last one first. Where the other
// IDs lead to one of them anyway, nothing else of the key is of interest.
func Unkeyed(ids []string, hits map[string][]Hit) Leads {
	out := Leads{Hits: map[string][]Hit{}, of: map[string][]string{}}
	named := map[string]bool{}
	for id, list := range hits {
		var rest []Hit
		for _, h := range list {
			if !h.byKey() {
				rest = append(rest, h)
				named[h.EventID], named[h.page()], named[h.TraceID] = true, true, true
			}
		}
		if rest != nil {
			out.Hits[id] = rest
		}
	}
	delete(named, "")
	for _, id := range ids {
		if out.Hits[id] != nil || len(hits[id]) == 0 {
			out.IDs, out.of[id] = append(out.IDs, id), []string{id}
			continue
		}
		if slices.ContainsFunc(hits[id], func(h Hit) bool { return named[h.EventID] || named[h.page()] || named[h.TraceID] }) {
			continue
		}
		for _, request := range requestsOf(hits[id]) {
			page := request[0].page()
			out.of[id] = append(out.of[id], page)
			if out.Hits[page] == nil {
				out.IDs, out.Hits[page] = append(out.IDs, page), request
			}
		}
	}
	return out
}

// requestsOf are hits by the request that they are of, the last one first.
func requestsOf(hits []Hit) [][]Hit {
	var out [][]Hit
	hits = slices.Clone(hits)
	slices.SortStableFunc(hits, func(a, b Hit) int { // those with a request ID first: a trace tells whose the others are
		return cmp.Or(cmp.Compare(min(len(b.RequestID), 1), min(len(a.RequestID), 1)), b.OccurredAt.Compare(a.OccurredAt))
	})
	for _, h := range hits {
		at := slices.IndexFunc(out, func(list []Hit) bool {
			return slices.ContainsFunc(list, func(o Hit) bool {
				return o.EventID == h.EventID || h.RequestID != "" && o.RequestID == h.RequestID || h.TraceID != "" && o.TraceID == h.TraceID
			})
		})
		if at < 0 {
			out = append(out, []Hit{h})
			continue
		}
		out[at] = append(out[at], h)
	}
	slices.SortStableFunc(out, func(a, b []Hit) int { return b[0].OccurredAt.Compare(a[0].OccurredAt) })
	return out
}
