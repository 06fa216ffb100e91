// Package dialect reads error bodies. Every API answers failures in its own
// shape; Read recognises the shape and takes out what the rest of Errata
// needs, without changing a word of it.
package dialect

import (
	"encoding/json"

	"errata/internal/event"
)

// Reading is what a body and its response headers say. Zero values mean "not
// said". Strings are as sent; nothing is clamped or redacted here.
type Reading struct {
	Dialect     string // e.g. "nested", "flat", "problem", "google", "unknown"
	RawCode     string
	Message     string
	Details     json.RawMessage // the part of the body that explains, valid JSON or nil
	FieldErrors []event.FieldError
	RequestID   string
	TraceID     string // as sent, e.g. ASP.NET's traceId "00-…-…-00"
	Status      int    // a status that the body itself names; 0 = none
	RetryAfter  *event.RetryAfter
	RateLimit   *event.RateLimit
	Upstream    *event.UpstreamInfo
	Exception   *event.Exception
	Aliases     []event.Alias
}
