package store

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"errata/internal/event"
)

// The database keeps small enumerations as numbers; these tables are the only
// place that knows which.
var (
	roles    = []event.Role{event.Primary, event.Upstream, event.Context}
	families = []event.Family{event.FamilyCaller, event.FamilyLimits, event.FamilyUs, event.FamilyUpstream}
	kinds    = []event.Source{event.FromSpan, event.FromLog, event.FromHTTP} // bits 0, 1, 2
)

func ordinal[T comparable](list []T, v T) int16 {
	for i, x := range list {
		if x == v {
			return int16(i) //nolint:gosec // three or four entries
		}
	}
	return 0
}

func nth[T any](list []T, i int16) T {
	if i < 0 || int(i) >= len(list) {
		return list[0]
	}
	return list[i]
}

func maskOf(sources []event.Source) int16 {
	var mask int16
	for _, s := range sources {
		mask |= 1 << ordinal(kinds, s)
	}
	return mask
}

// derivedBit stands, beside the kinds of source in the column sources, for
// Event.EndpointDerived.
const derivedBit = 1 << 8

func originOf(e *event.Event) int16 {
	mask := maskOf(e.Sources)
	if e.EndpointDerived {
		mask |= derivedBit
	}
	return mask
}

func sourcesOf(mask int16) []event.Source {
	out := make([]event.Source, 0, 3)
	for _, s := range []event.Source{event.FromHTTP, event.FromLog, event.FromSpan} { // sorted by name
		if mask&(1<<ordinal(kinds, s)) != 0 {
			out = append(out, s)
		}
	}
	return out
}

// spanNumber packs 16 hex digits into a bigint; 0 for none.
func spanNumber(s string) int64 {
	if len(s) != 16 {
		return 0
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b)) //nolint:gosec // bits, not a quantity
}

func spanText(n *int64) string {
	if n == nil || *n == 0 {
		return ""
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(*n)) //nolint:gosec // bits, not a quantity
	return hex.EncodeToString(b[:])
}

func traceText(uuid *[16]byte) string {
	if uuid == nil {
		return ""
	}
	return hex.EncodeToString(uuid[:])
}

// uuidOf is an argument that pgx need not parse.
func uuidOf(v [16]byte) pgtype.UUID { return pgtype.UUID{Bytes: v, Valid: true} }

func hashText(h [16]byte) string {
	if h == ([16]byte{}) {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// extra is what an Event shows but nobody searches or counts.
type extra struct {
	FieldErrors    []event.FieldError  `json:"field_errors,omitempty"`
	RetryAfter     *event.RetryAfter   `json:"retry_after,omitempty"`
	RateLimit      *event.RateLimit    `json:"rate_limit,omitempty"`
	Upstream       *event.UpstreamInfo `json:"upstream,omitempty"`
	ExceptionType  string              `json:"exception_type,omitempty"`
	ExceptionText  string              `json:"exception_message,omitempty"`
	Headers        map[string]string   `json:"headers,omitempty"`
	Aliases        []event.Alias       `json:"aliases,omitempty"`
	Dialect        string              `json:"dialect,omitempty"`
	GRPCCode       string              `json:"grpc_code,omitempty"`
	Namespace      string              `json:"namespace,omitempty"`
	Instance       string              `json:"instance,omitempty"`
	StatusInferred bool                `json:"status_inferred,omitempty"`
	ServiceUnknown bool                `json:"service_unknown,omitempty"`
	NoTime         bool                `json:"no_time,omitempty"` // received_at stands in for occurred_at
	Notes          []string            `json:"notes,omitempty"`
}

func extraOf(e *event.Event, hasOccurredAt bool) string {
	x := extra{
		FieldErrors: e.FieldErrors, RetryAfter: e.RetryAfter, RateLimit: e.RateLimit, Upstream: e.Upstream,
		Headers: e.Headers, Aliases: e.Aliases, Dialect: e.Dialect, GRPCCode: e.GRPCCode, Namespace: e.Namespace,
		Instance: e.Instance, StatusInferred: e.StatusInferred, ServiceUnknown: e.ServiceUnknown, Notes: e.Notes,
		NoTime: !hasOccurredAt,
	}
	if how := exceptionOf(e); how >= 0 {
		if how&typeIsCode == 0 {
			x.ExceptionType = e.Exception.Type
		}
		if how&textIsMessage == 0 {
			x.ExceptionText = e.Exception.Message
		}
	}
	if x.nothing() {
		return "" // as for most Events; a document costs the server more than all else of a row
	}
	b, err := json.Marshal(x)
	if err != nil || len(b) == 2 {
		return ""
	}
	return string(b)
}

// Where an exception says what the Event says anyway, it is not stored twice:
// bits of the column exception, which is NULL where there is none.
const (
	typeIsCode    int16 = 1 << iota // its type is raw_code
	textIsMessage                   // its message is message
)

// exceptionOf gives the bits, -1 where there is no exception.
func exceptionOf(e *event.Event) int16 {
	if e.Exception == nil {
		return -1
	}
	how := int16(0)
	if e.Exception.Type == e.RawCode {
		how |= typeIsCode
	}
	if e.Exception.Message == e.Message {
		how |= textIsMessage
	}
	return how
}

// fillException undoes exceptionOf, after extra has been read.
func fillException(e *event.Event, how int16) {
	if e.Exception == nil {
		e.Exception = &event.Exception{}
	}
	if how&typeIsCode != 0 {
		e.Exception.Type = e.RawCode
	}
	if how&textIsMessage != 0 {
		e.Exception.Message = e.Message
	}
}

func (x *extra) nothing() bool {
	return len(x.FieldErrors)+len(x.Headers)+len(x.Aliases)+len(x.Notes) == 0 && x.RetryAfter == nil && x.RateLimit == nil && x.Upstream == nil &&
		x.ExceptionType == "" && x.ExceptionText == "" && x.Dialect == "" && x.GRPCCode == "" && x.Namespace == "" && x.Instance == "" &&
		!x.StatusInferred && !x.ServiceUnknown && !x.NoTime
}

func (x *extra) fill(e *event.Event) {
	e.FieldErrors, e.RetryAfter, e.RateLimit, e.Upstream = x.FieldErrors, x.RetryAfter, x.RateLimit, x.Upstream
	e.Headers, e.Aliases, e.Dialect, e.GRPCCode = x.Headers, x.Aliases, x.Dialect, x.GRPCCode
	e.Namespace, e.Instance, e.Notes = x.Namespace, x.Instance, x.Notes
	e.StatusInferred, e.ServiceUnknown = x.StatusInferred, x.ServiceUnknown
	if x.ExceptionType != "" || x.ExceptionText != "" {
		e.Exception = &event.Exception{Type: x.ExceptionType, Message: x.ExceptionText}
	}
}

// jsonText gives a JSON document to a jsonb column, "" where it is none that
// PostgreSQL takes: jsonb refuses the NUL character.
func jsonText(doc json.RawMessage) string {
	if len(doc) == 0 || !json.Valid(doc) || strings.Contains(string(doc), `\u0000`) {
		return ""
	}
	return string(doc)
}
