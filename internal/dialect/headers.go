package dialect

import (
	"strings"

	"errata/internal/event"
)

// idHeaders name a request, the most common spelling first.
var idHeaders = []struct{ header, kind string }{
	{"x-request-id", "request"}, {"request-id", "request"}, {"x-correlation-id", "correlation"},
	{"x-amzn-requestid", "aws"}, {"x-amz-request-id", "aws"}, {"x-amzn-trace-id", "aws"}, {"x-ms-request-id", "azure"},
	{"cf-ray", "ray"}, {"x-amz-id-2", "aws"}, {"x-amz-cf-id", "aws"},
}

// keyHeaders hold the idempotency key, which some answers repeat.
var keyHeaders = []string{"idempotency-key", "x-idempotency-key"}

// readHeaders reads what the response headers say. The body was read first
// and wins, except for how long to wait: there the header is the contract.
func (in *input) readHeaders(r *Reading) {
	if r.RequestID == "" {
		for _, h := range idHeaders[:len(idHeaders)-2] { // the last two are too long to be quoted
			if id := event.CleanID(in.header(h.header)); id != "" {
				r.RequestID = id
				break
			}
		}
	}
	for _, h := range idHeaders {
		if id := event.CleanID(in.header(h.header)); id != "" && id != r.RequestID {
			r.Aliases = append(r.Aliases, event.Alias{Kind: h.kind, Value: id})
		}
	}
	for _, name := range keyHeaders {
		if key := event.CleanKey(in.header(name)); key != "" {
			r.Aliases = append(r.Aliases, event.Alias{Kind: event.Idempotency, Value: key})
		}
	}
	if r.TraceID == "" {
		r.TraceID = in.header("traceparent")
	}
	if r.TraceID == "" {
		r.TraceID = in.header("x-b3-traceid")
	}
	r.TraceID = traceOf(r.TraceID)
	in.readLimits(r)
	in.readRetry(r)
}

// traceOf takes the trace ID out of a W3C traceparent.
func traceOf(s string) string {
	s = strings.TrimSpace(s)
	if parts := strings.Split(s[:min(len(s), 256)], "-"); len(parts) >= 4 && len(parts[0]) == 2 {
		return event.CleanHex(parts[1], 32)
	}
	return event.CleanHex(s, 32)
}
