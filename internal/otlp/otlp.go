// Package otlp turns OpenTelemetry traces and logs into Envelopes, and metrics
// and spans into request totals.
//
// OpenTelemetry has conventions for nearly everything that Errata asks about a
// failure, but most of them exist in two or three generations, instrumentations
// lag behind, and for a request ID there is no convention at all. So each field
// of an Envelope has an ordered list of places to look in (table.go); the first
// one with something usable in it wins. Everything else here serves that table:
// finding attributes quickly (bag.go), in the right scopes (item.go), and
// deciding which spans and records are failures at all (spans.go, logs.go).
//
// Neither span status nor span events decide: a 429 leaves a SERVER span's
// status Unset by specification, and exceptions are on their way from span
// events to log records.
//
// The package is pure, and nothing that a sender can encode makes it panic.
package otlp

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"errata/internal/event"
)

// Options adapt the mapping to a workspace.
type Options struct {
	// RequestIDKeys and CustomerKeys are attribute keys that come before all
	// others for their field.
	RequestIDKeys, CustomerKeys []string
	// DefaultEnvironment is used where a resource names none.
	DefaultEnvironment string
}

// Result is what became of one export request.
type Result struct {
	Envelopes []event.Envelope
	// Requests are what the spans count as, failed or not.
	Requests []event.Requests
	Items    int // spans or records seen
	Rejected []Reject
	Warnings []string
}

// Reject is an item that should have become an Event and cannot.
type Reject struct {
	Index           int // position among the request's items
	TraceID, SpanID string
	Field           string
	Reason          string
}

// Traces maps the spans of one export request. Spans that did not fail make no
// Envelope; those that answered a request are counted, whatever came of it.
func Traces(td ptrace.Traces, opt Options) Result {
	t := traces{td: td, it: newItem(mappingFor(opt), opt)}
	t.walk()
	return t.out.Result
}

// Logs maps the log records of one export request. Records that report no
// failure make no Envelope.
func Logs(ld plog.Logs, opt Options) Result {
	l := logs{it: newItem(mappingFor(opt), opt)}
	l.walk(ld)
	return l.out.Result
}

// output collects the Result.
type output struct {
	Result
	warned map[string]bool
}

// maxWarnings bounds what is said back about one request.
const maxWarnings = 10

func (o *output) warn(format string, args ...any) {
	if len(o.Warnings) >= maxWarnings {
		return
	}
	text := fmt.Sprintf(format, args...)
	if o.warned[text] {
		return
	}
	if o.warned == nil {
		o.warned = map[string]bool{}
	}
	o.warned[text] = true
	o.Warnings = append(o.Warnings, text)
}

// add takes over a finished item.
func (o *output) add(it *item) {
	if it.env.ServiceUnknown {
		o.warn("failures of %q were accepted; set the resource attribute service.name to tell services apart", it.env.Service)
	}
	if it.badDetails {
		o.warn("errata.details was not valid JSON and is kept as text")
	}
	o.Envelopes = append(o.Envelopes, it.env)
}

// reject notes an item whose status no HTTP answer can have.
func (o *output) reject(index int, it *item) {
	o.Rejected = append(o.Rejected, Reject{
		Index: index, TraceID: it.traceID(), SpanID: it.spanID(), Field: "status",
		Reason: fmt.Sprintf("The HTTP status must be between 100 and 599, not %.20q", it.badStatus),
	})
}
