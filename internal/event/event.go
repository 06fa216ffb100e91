// Package event holds the vocabulary that every other package speaks: what a
// service sends (Envelope), the one normalised failure that is stored (Event),
// and all Events of one request (Trail).
//
// It is pure: no I/O, no clock. Times are UTC; identifiers are opaque strings.
package event

import (
	"encoding/json"
	"strconv"
	"time"
)

// Role says whose failure an Event describes. It is a pure function of the
// item that was sent. Only Primary counts in error rates.
type Role string

// The roles, weakest claim last.
const (
	Primary  Role = "primary"  // the service's own answer
	Upstream Role = "upstream" // a call that the service made
	Context  Role = "context"  // something that happened on the way
)

// Source says by which way an item came in.
type Source string

// The kinds of source that can report one failure.
const (
	FromSpan Source = "span"
	FromLog  Source = "log"
	FromHTTP Source = "http"
)

// Family groups failures by whose side they are on.
type Family string

// The families of DESIGN.md "Words".
const (
	FamilyCaller   Family = "caller"
	FamilyLimits   Family = "limits"
	FamilyUs       Family = "us"
	FamilyUpstream Family = "upstream"
)

// Envelope is one item as a service sent it: its error response body in any
// dialect, and the circumstances. Nothing is interpreted yet, except that the
// carrier (JSON report, span, log record) has been unpacked into these fields.
// Zero values mean "not sent".
type Envelope struct {
	Source Source
	Role   Role   // empty means Primary
	ID     string // the client's own event_id: same ID, same item

	RequestID string
	Service   string
	Namespace string
	Instance  string
	// ServiceUnknown is set for OpenTelemetry's "unknown_service*" names.
	ServiceUnknown bool
	Environment    string
	Release        string

	Method   string
	Endpoint string // low-cardinality template, e.g. /v1/charges/{id}
	// EndpointRaw: the endpoint is a path, from where a route was hoped for.
	EndpointRaw bool
	Path        string // the path as requested, without query

	Status         int // HTTP status; 0 = unknown
	StatusInferred bool
	GRPCCode       string // canonical upper-snake name, e.g. RESOURCE_EXHAUSTED

	OccurredAt time.Time // the sender's time; zero = missing
	DurationMS *float64

	TraceID      string // 32 lower-case hex digits
	SpanID       string // 16 lower-case hex digits
	ParentSpanID string

	Customer string
	Attempt  int               // resend count; 0 = first or unknown
	Headers  map[string]string // response headers, keys lower-cased
	Body     []byte            // the error response body as sent

	// What the carrier says outside the body. Body wins over these for code,
	// message and details unless the Explicit fields (errata.*) are set.
	ExplicitCode    string
	ExplicitMessage string
	ExplicitDetails json.RawMessage
	FallbackCode    string // e.g. error.type, grpc code, exception type; a vague one counts only where no status is known
	FallbackMessage string // e.g. exception.message, status description
	RetryAfter      string // errata.retry_after, as a Retry-After value
	Fingerprint     string // the client's own grouping key

	Exception         *Exception
	UpstreamProvider  string
	UpstreamCode      string
	UpstreamRequestID string

	// Aliases are further IDs by which this failure can be found
	// (gateway, AWS pair, Ray …), without the ones above.
	Aliases []Alias

	Weight      float64 // adjusted count of probability sampling; 0 = unknown
	Idempotency string  // Idempotency-Key of the report, not of what failed, with the item's index, if given
}

// Exception is what a language runtime said.
type Exception struct {
	Type       string `json:"type,omitempty"`
	Message    string `json:"message,omitempty"`
	Stacktrace string `json:"stacktrace,omitempty"`
}

// Alias is one more ID under which an Event can be found.
type Alias struct {
	Kind  string `json:"kind"` // "request", "trace", "span", "upstream", "ray", "aws", "correlation", Idempotency …
	Value string `json:"value"`
}

// Idempotency is the kind of alias that a client's idempotency key makes. Unlike
// every other ID it names several requests on purpose: what was tried again has
// it again.
const Idempotency = "idempotency"

// FieldError is one invalid input field, as the API told its caller.
type FieldError struct {
	Field   string `json:"field"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// RateLimit is the limiter's state as sent with the answer. Reset is Unix
// seconds; Window is free text ("1 minute") or seconds.
type RateLimit struct {
	Limit     *int64 `json:"limit,omitempty"`
	Remaining *int64 `json:"remaining,omitempty"`
	Reset     *int64 `json:"reset,omitempty"`
	Window    string `json:"window,omitempty"`
}

// UpstreamInfo names the provider behind a failure.
type UpstreamInfo struct {
	Provider  string `json:"provider,omitempty"`
	Code      string `json:"code,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// RetryAfter is how long the answer asked its caller to wait.
type RetryAfter struct {
	Seconds float64 `json:"seconds"`
	// Source is where the number was found: "header", "body", "details",
	// "ratelimit_header", "ratelimit_reset", "message".
	Source string `json:"source"`
}

// Event is one normalised failure: the unit of storage, and, as JSON, the
// shape that the API returns.
type Event struct {
	ID         string    `json:"id"`
	OccurredAt time.Time `json:"occurred_at"`
	ReceivedAt time.Time `json:"received_at"`
	Role       Role      `json:"role"`
	Family     Family    `json:"family"`
	Sources    []Source  `json:"source"` // every kind that reported it, sorted

	RequestID    string `json:"request_id,omitempty"`
	TraceID      string `json:"trace_id,omitempty"`
	SpanID       string `json:"span_id,omitempty"`
	ParentSpanID string `json:"parent_span_id,omitempty"`

	Service     string `json:"service"`
	Environment string `json:"environment,omitempty"`
	Release     string `json:"release,omitempty"`
	Method      string `json:"method,omitempty"`
	Endpoint    string `json:"endpoint,omitempty"`
	Path        string `json:"path,omitempty"`
	Customer    string `json:"customer,omitempty"`

	Status     int      `json:"status,omitempty"`
	RawCode    string   `json:"raw_code,omitempty"`
	Code       string   `json:"code"`
	Message    string   `json:"message,omitempty"`
	DurationMS *float64 `json:"duration_ms,omitempty"`
	Provider   string   `json:"-"` // = Upstream.Provider, a counted dimension

	Details     json.RawMessage `json:"details,omitempty"`
	FieldErrors []FieldError    `json:"field_errors,omitempty"`
	RetryAfter  *RetryAfter     `json:"retry_after,omitempty"`
	RateLimit   *RateLimit      `json:"rate_limit,omitempty"`
	Upstream    *UpstreamInfo   `json:"upstream,omitempty"`
	Exception   *Exception      `json:"exception,omitempty"`
	// Headers are the response headers that were sent, redacted.
	Headers map[string]string `json:"headers,omitempty"`
	Aliases []Alias           `json:"aliases,omitempty"`

	IssueID            string `json:"issue_id,omitempty"`
	FingerprintVersion int    `json:"-"`
	// Grouping is why it belongs to that Issue, on its way into the store.
	Grouping Grouping `json:"-"`

	Dialect        string `json:"dialect,omitempty"`
	GRPCCode       string `json:"grpc_code,omitempty"`
	Namespace      string `json:"namespace,omitempty"`
	Instance       string `json:"instance,omitempty"`
	Attempt        int    `json:"attempt,omitempty"`
	StatusInferred bool   `json:"status_inferred,omitempty"`
	// EndpointDerived: nobody named the endpoint; it was made from the path.
	EndpointDerived bool    `json:"endpoint_derived,omitempty"`
	ServiceUnknown  bool    `json:"service_unknown,omitempty"`
	Weight          float64 `json:"weight,omitempty"`
	// Notes say what had to be changed to store the item: "clamped:message",
	// "nul_removed:message", "redacted:2" …
	Notes []string `json:"notes,omitempty"`

	// Raw is the response body as sent, redacted; a JSON value where it is
	// valid JSON, else a JSON string. Filled by reads only.
	Raw json.RawMessage `json:"raw,omitempty"`
	// RawBody is the redacted body on its way into the store.
	RawBody []byte `json:"-"`
}

// IdempotencyKey is the key that the client sent with what failed, "" where none
// is known.
func (e *Event) IdempotencyKey() string {
	for _, a := range e.Aliases {
		if a.Kind == Idempotency {
			return a.Value
		}
	}
	return ""
}

// WentWell reports what is no failure: successes are stored only where somebody
// sent them.
func (e *Event) WentWell() bool {
	return e.Status >= 200 && e.Status < 400 && e.Code == "http_"+strconv.Itoa(e.Status)
}
