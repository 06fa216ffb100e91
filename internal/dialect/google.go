package dialect

import (
	"strings"
	"time"

	"errata/internal/event"
)

// Google APIs (AIP-193): {"error": {"code": 429, "message", "status":
// "RESOURCE_EXHAUSTED", "details": [{"@type": …}]}}.

func isGoogle(in *input) bool {
	e := in.obj.sub("error")
	if e == nil || event.CanonicalGRPC(e.str("status")) == "" {
		return false
	}
	_, ok := e.integer("code")
	return ok || len(e.list("details")) > 0
}

func readGoogle(in *input, r *Reading) {
	e := in.obj.sub("error")
	r.RawCode, r.Message = e.str("status"), e.str("message")
	r.Details = e.first("details")
	readGoogleDetails(r, e.list("details"))
}

// readGoogleDetails reads the standard details of google.rpc, wherever they
// stand.
func readGoogleDetails(r *Reading, details []any) {
	for _, item := range details[:min(len(details), maxList)] {
		m, _ := item.(map[string]any)
		o := object(m)
		kind := o.str("@type", "type")
		kind = kind[strings.LastIndexAny(kind, "./")+1:]
		if debug := o.sub("debug"); debug != nil && !o.has("@type") { // Connect: {"type", "value", "debug"}
			o = debug
		}
		switch kind {
		case "RequestInfo":
			r.RequestID = o.str("requestId", "request_id")
		case "RetryInfo":
			if d, err := time.ParseDuration(o.str("retryDelay", "retry_delay")); err == nil && d >= 0 {
				r.RetryAfter = &event.RetryAfter{Seconds: d.Seconds(), Source: "details"}
			}
		case "BadRequest":
			r.FieldErrors = append(r.FieldErrors, violations(o)...)
		}
	}
}

func violations(o object) []event.FieldError {
	list := o.list("fieldViolations")
	if list == nil {
		list = o.list("field_violations")
	}
	return fieldErrors(list)
}
