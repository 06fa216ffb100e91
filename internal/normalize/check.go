package normalize

import (
	"strings"
	"time"

	"errata/internal/event"
	"errata/internal/fault"
)

// maxAhead is how far a sender's clock may run ahead.
const maxAhead = 24 * time.Hour

// check refuses what cannot be stored.
func (n Normalizer) check(env *event.Envelope, receivedAt time.Time) error {
	switch {
	case strings.TrimSpace(cleanLine(env.Service)) == "":
		return invalid("service", "The 'service' field is required")
	case env.Status != 0 && (env.Status < 100 || env.Status > 599):
		return invalid("status", "The 'status' field must be between 100 and 599")
	case !saysSomething(env):
		return invalid("status", "One of the fields 'status' and 'envelope' is required")
	}
	return n.checkTime("occurred_at", env.OccurredAt, receivedAt)
}

// saysSomething reports whether the item says what failed. A call or a step
// on the way may have nothing but its message.
func saysSomething(env *event.Envelope) bool {
	if env.Status != 0 || len(env.Body) > 0 || env.ExplicitCode != "" || env.FallbackCode != "" || env.GRPCCode != "" || env.Exception != nil {
		return true
	}
	own := env.Role == "" || env.Role == event.Primary
	return !own && (env.ExplicitMessage != "" || env.FallbackMessage != "")
}

// checkTime refuses a time outside of what is kept; field is where it stands.
func (n Normalizer) checkTime(field string, at, receivedAt time.Time) error {
	if at.IsZero() {
		return nil
	}
	retention := n.Retention
	if retention <= 0 {
		retention = DefaultRetention
	}
	if at.After(receivedAt.Add(maxAhead)) {
		return fault.New(fault.Unprocessable, "occurred_at_out_of_range",
			"The '%s' field lies more than 24 hours ahead of our clock", field).With("field", field)
	}
	if at.Year() < 1970 {
		return fault.New(fault.Unprocessable, "occurred_at_out_of_range",
			"The '%s' field is no plausible time: %s. Check its unit and zone.", field, at.UTC().Format(time.DateOnly)).With("field", field)
	}
	if at.Before(receivedAt.Add(-retention)) {
		return fault.New(fault.Unprocessable, "expired_on_arrival",
			"The '%s' field is older than the %d days that events are kept", field, int(retention.Hours()/24)).
			With("field", field).With("retention_days", int(retention.Hours()/24))
	}
	return nil
}

func invalid(field, message string) error {
	return fault.New(fault.Unprocessable, "validation_failed", "%s", message).With("field", field)
}
