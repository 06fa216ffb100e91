package otlp

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"errata/internal/event"
)

// unknown is OpenTelemetry's own name for a service that was given none.
const unknown = "unknown_service"

func putService(it *item, s string) bool {
	it.env.Service = s
	it.env.ServiceUnknown = strings.HasPrefix(s, unknown)
	return true
}

func unknownService(*item) string { return unknown }

func putNamespace(it *item, s string) bool {
	it.env.Namespace = s
	return true
}

func putRelease(it *item, s string) bool {
	it.env.Release = s
	return true
}

func putInstance(it *item, s string) bool {
	it.env.Instance = s
	return true
}

func putEnvironment(it *item, s string) bool {
	it.env.Environment = s
	return true
}

func defaultEnvironment(it *item) string { return it.opt.DefaultEnvironment }

func putCustomer(it *item, s string) bool {
	it.env.Customer = s
	return true
}

func putFingerprint(it *item, s string) bool {
	it.env.Fingerprint = s
	return true
}

func putAttempt(it *item, s string) bool {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return false
	}
	it.env.Attempt = n
	return true
}

// setRole is a pure function of the item: nothing that is joined to it counts.
func setRole(it *item) {
	it.fill("http_status")
	switch it.kind {
	case serverSpan, consumerSpan:
		it.env.Role = event.Primary
	case clientSpan:
		it.env.Role = event.Upstream
	case logRecord:
		it.env.Role = logRole(it.eventName, it.env.Status)
	default:
		it.env.Role = event.Context
	}
}

func logRole(eventName string, status int) event.Role {
	switch {
	case strings.HasPrefix(eventName, "http.client."):
		return event.Upstream
	case strings.HasPrefix(eventName, "http.server."), strings.HasPrefix(eventName, "rpc.server."), status != 0:
		return event.Primary
	default:
		return event.Context
	}
}

func setOccurredAt(it *item) {
	var at pcommon.Timestamp
	if it.kind == logRecord {
		at = it.record.Timestamp()
		if at == 0 {
			at = it.record.ObservedTimestamp()
		}
	} else {
		at = it.span.EndTimestamp()
	}
	if at != 0 {
		it.env.OccurredAt = at.AsTime()
	}
}

func setDuration(it *item) {
	if it.kind == logRecord {
		return
	}
	start, end := it.span.StartTimestamp(), it.span.EndTimestamp()
	if start == 0 || end < start {
		return
	}
	const nanosPerMilli = 1e6
	ms := float64(end-start) / nanosPerMilli
	it.env.DurationMS = &ms
}

func setWeight(it *item) {
	if it.kind != logRecord {
		it.env.Weight = adjustedCount(it.span.TraceState().AsRaw())
	}
}

func setTrace(it *item) {
	it.env.TraceID, it.env.SpanID = it.traceID(), it.spanID()
	if it.kind == logRecord {
		it.env.Source = event.FromLog
		return
	}
	it.env.Source = event.FromSpan
	if parent := it.span.ParentSpanID(); !parent.IsEmpty() {
		it.env.ParentSpanID = parent.String()
	}
}
