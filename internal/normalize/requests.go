package normalize

import (
	"strings"
	"time"

	"errata/internal/event"
	"errata/internal/route"
)

// Requests makes request totals fit for storage: names as the Events of the
// same series have them, the time reduced to its minute. field is where the
// sender put the time. Errors are faults as Item has them: the same window of
// time applies.
func (n Normalizer) Requests(r event.Requests, field string, receivedAt time.Time) (event.Requests, error) {
	if strings.TrimSpace(cleanLine(r.Service)) == "" {
		return r, invalid("service", "The 'service' field is required")
	}
	if err := n.checkTime(field, r.Minute, receivedAt); err != nil {
		return r, err
	}
	b := builder{}
	r.Service = b.line("service", r.Service, maxName)
	r.Environment = b.line("environment", r.Environment, maxName)
	r.Method = b.line("method", r.Method, maxName)
	r.Endpoint = b.line("endpoint", withoutQuery(r.Endpoint), maxPath)
	if r.Source == event.TotalsRequests {
		if derived, ok := route.OfRaw(r.Endpoint); ok {
			r.Endpoint, r.Sent, r.Derived = derived, r.Endpoint, true
		}
	}
	r.Minute = r.Minute.UTC().Truncate(time.Minute)
	return r, nil
}
