package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"errata/internal/event"
	"errata/internal/fault"
)

const (
	maxErrorsBody = 16 << 20
	maxItems      = 10_000
	maxNesting    = 200
)

// decodeErrors splits the body of POST /v1/errors into items: one object, an
// array, or objects one after the other (NDJSON). A syntax error in an object
// or array is the whole request's (nothing is stored, all can be sent again);
// in NDJSON it is that line's alone. It is pure.
func decodeErrors(body []byte, lines bool) ([]item, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) == 0 {
		return nil, fault.New(fault.Invalid, "invalid_request", "The body is empty. Send one report as a JSON object, several as an array or as NDJSON.")
	}
	if lines {
		return decodeLines(body)
	}
	if err := checkNesting(trimmed); err != nil {
		return nil, err
	}
	if trimmed[0] == '[' {
		return decodeArray(trimmed)
	}
	return decodeStream(trimmed)
}

func decodeLines(body []byte) ([]item, error) {
	var items []item
	for line := range bytes.Lines(body) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if len(items) == maxItems {
			return nil, tooMany()
		}
		switch {
		case !json.Valid(line):
			items = append(items, refused(line, fault.New(fault.Invalid, "invalid_json", "This line is not valid JSON%s.", whereInvalid(line))))
		default:
			items = append(items, decodeItem(line))
		}
	}
	return items, nil
}

func decodeArray(body []byte) ([]item, error) {
	var raws []json.RawMessage
	if err := json.Unmarshal(body, &raws); err != nil {
		return nil, syntax(err)
	}
	if len(raws) > maxItems {
		return nil, tooMany()
	}
	items := make([]item, len(raws))
	for i, raw := range raws {
		items[i] = decodeItem(raw)
	}
	return items, nil
}

// decodeStream takes one object, or several that follow each other although
// the content type is plain JSON.
func decodeStream(body []byte) ([]item, error) {
	var items []item
	d := json.NewDecoder(bytes.NewReader(body))
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, syntax(err)
		}
		if len(items) == maxItems {
			return nil, tooMany()
		}
		items = append(items, decodeItem(raw))
	}
	return items, nil
}

func tooMany() error {
	return fault.New(fault.TooLarge, "payload_too_large", "More than %d items in one request. Send them in smaller parts.", maxItems).With("limit", maxItems)
}

func syntax(err error) error {
	f := fault.New(fault.Invalid, "invalid_request", "The body is not valid JSON: %s. Nothing was stored.", strings.TrimPrefix(err.Error(), "json: "))
	if se, ok := err.(*json.SyntaxError); ok { //nolint:errorlint // never wrapped by encoding/json
		return f.With("offset", se.Offset)
	}
	return f
}

func whereInvalid(line []byte) string {
	var v any
	if se, ok := json.Unmarshal(line, &v).(*json.SyntaxError); ok { //nolint:errorlint // never wrapped by encoding/json
		return fmt.Sprintf(" (at byte %d: %s)", se.Offset, se.Error())
	}
	return ""
}

// checkNesting refuses bodies that nest so deeply that decoding them would
// cost more than they are worth.
func checkNesting(body []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case inString && b == '\\':
			i++
		case b == '"':
			inString = !inString
		case inString:
		case b == '{' || b == '[':
			if depth++; depth > maxNesting {
				return fault.New(fault.Invalid, "invalid_request", "The body nests deeper than %d levels.", maxNesting).With("offset", i)
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return nil
}

// reportFields is one report as JSON. Every field is decoded by itself, so
// that a wrong type is named and rejects its own item only.
type reportFields map[string]json.RawMessage

func refused(raw []byte, err error) item {
	return item{err: err, preview: raw, env: &event.Envelope{Source: event.FromHTTP}}
}

func decodeItem(raw []byte) item {
	var fields reportFields
	if err := checkNesting(raw); err != nil {
		return refused(raw, err)
	}
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return refused(raw, fault.New(fault.Unprocessable, "validation_failed", "A report must be a JSON object."))
	}
	it := item{preview: raw, env: &event.Envelope{}}
	d := fieldDecoder{fields: fields}
	d.envelope(it.env)
	it.err, it.warning = d.err, d.warning
	return it
}

// fieldDecoder reads fields and keeps the first mistake.
type fieldDecoder struct {
	fields  reportFields
	err     error
	warning string
}

func (d *fieldDecoder) envelope(e *event.Envelope) {
	*e = event.Envelope{
		Source: event.FromHTTP, ID: d.text("event_id"), RequestID: d.text("request_id"), Service: d.text("service"),
		Environment: d.text("environment"), Release: d.text("release"), Method: d.text("method"), Endpoint: d.text("endpoint"), Path: d.text("path"),
		TraceID: d.hex("trace_id", 32), SpanID: d.hex("span_id", 16), ParentSpanID: d.hex("parent_span_id", 16), Customer: d.text("customer"),
		Fingerprint: d.text("fingerprint"),
	}
	if key := d.text("idempotency_key"); key != "" {
		e.Aliases = []event.Alias{{Kind: event.Idempotency, Value: key}}
	}
	e.Status = d.status()
	e.OccurredAt = d.time("occurred_at")
	e.DurationMS = d.number("duration_ms")
	e.Headers = d.headers("headers")
	e.Body = d.body("envelope")
	e.Role = d.role()
}

func (d *fieldDecoder) fail(field, format string, args ...any) {
	if d.err == nil {
		d.err = fault.New(fault.Unprocessable, "validation_failed", format, args...).With("field", field)
	}
}

func (d *fieldDecoder) has(field string) (json.RawMessage, bool) {
	raw, ok := d.fields[field]
	return raw, ok && !bytes.Equal(raw, []byte("null"))
}

// text takes a string, or a number where people use numbers as names.
func (d *fieldDecoder) text(field string) string {
	raw, ok := d.has(field)
	if !ok {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	d.fail(field, "The '%s' field must be a string.", field)
	return ""
}

// hex takes an OpenTelemetry ID. A malformed one is not worth losing a report
// over: it is left out, with a warning.
func (d *fieldDecoder) hex(field string, n int) string {
	s := d.text(field)
	if s == "" {
		return ""
	}
	id := event.CleanHex(s, n)
	if id == "" {
		d.warning = "invalid_" + field
	}
	return id
}

func (d *fieldDecoder) status() int {
	raw, ok := d.has("status")
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(strings.Trim(string(raw), `"`))
	if err != nil || n < 100 || n > 599 {
		d.fail("status", "The 'status' field must be an integer between 100 and 599; it is %s.", clip(raw))
		return 0
	}
	return n
}

func clip(raw []byte) string {
	if len(raw) > 60 {
		return strings.ToValidUTF8(string(raw[:60]), "") + "…"
	}
	return string(raw)
}

// time takes RFC 3339, or Unix time in seconds or milliseconds.
func (d *fieldDecoder) time(field string) time.Time {
	raw, ok := d.has(field)
	if !ok {
		return time.Time{}
	}
	t, err := parseTime(strings.Trim(string(raw), `"`))
	if err != nil {
		d.fail(field, "The '%s' field must be a time such as 2026-11-20T14:02:35.123Z; it is %s.", field, clip(raw))
	}
	return t
}

func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || math.Abs(n) > 1e15 || n <= 0 {
		return time.Time{}, fmt.Errorf("not a time: %q", s)
	}
	if n >= 1e11 { // milliseconds since 1973, seconds until the year 5138
		return time.UnixMilli(int64(n)).UTC(), nil
	}
	return time.UnixMilli(int64(n * 1000)).UTC(), nil
}

func (d *fieldDecoder) number(field string) *float64 {
	raw, ok := d.has(field)
	if !ok {
		return nil
	}
	n, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || n < 0 || math.IsInf(n, 0) || math.IsNaN(n) {
		d.fail(field, "The '%s' field must be a number, 0 or more; it is %s.", field, clip(raw))
		return nil
	}
	return &n
}

func (d *fieldDecoder) headers(field string) map[string]string {
	raw, ok := d.has(field)
	if !ok {
		return nil
	}
	var mixed map[string]json.RawMessage
	if json.Unmarshal(raw, &mixed) != nil {
		d.fail(field, "The '%s' field must be an object of strings.", field)
		return nil
	}
	out := make(map[string]string, len(mixed))
	for name, value := range mixed {
		var one string
		var many []string
		switch {
		case json.Unmarshal(value, &one) == nil:
		case json.Unmarshal(value, &many) == nil:
			one = strings.Join(many, ", ")
		default:
			one = string(value)
		}
		out[strings.ToLower(name)] = one
	}
	return out
}

// body takes the response body: JSON as it stands, or a string with its text.
func (d *fieldDecoder) body(field string) []byte {
	raw, ok := d.has(field)
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []byte(text)
	}
	return raw
}

func (d *fieldDecoder) role() event.Role {
	switch role := event.Role(d.text("role")); role {
	case "", event.Primary:
		return event.Primary
	case event.Upstream, event.Context:
		return role
	default:
		d.fail("role", "The 'role' field must be primary, upstream, or context.")
		return event.Primary
	}
}

// rawItem reads a response body that was posted as it is, with what is known
// about it in the query and its own headers beside it.
func rawItem(q url.Values, h http.Header, body []byte) item {
	fields := reportFields{}
	for _, name := range []string{"event_id", "request_id", "service", "environment", "release", "method", "endpoint", "path", "trace_id", "span_id",
		"parent_span_id", "customer", "status", "occurred_at", "duration_ms", "role", "fingerprint", "idempotency_key"} {
		if v := q.Get(name); v != "" {
			if quoted, err := json.Marshal(v); err == nil {
				fields[name] = quoted
			}
		}
	}
	it := item{preview: body, env: &event.Envelope{}}
	d := fieldDecoder{fields: fields}
	d.envelope(it.env)
	it.err, it.warning = d.err, d.warning
	it.env.Body = body
	it.env.Headers = responseHeaders(h)
	if it.env.RequestID == "" {
		it.env.RequestID = it.env.Headers["x-request-id"]
	}
	return it
}

// ours are headers of the post itself, not of the response that it carries.
var ours = map[string]bool{"authorization": true, "proxy-authorization": true, "x-api-key": true, "cookie": true, "user-agent": true, "host": true,
	"accept": true, "accept-encoding": true, "accept-language": true, "connection": true, "content-length": true, "content-encoding": true,
	"content-type": true, "expect": true, "idempotency-key": true, "transfer-encoding": true, "te": true, "origin": true, "referer": true,
	"forwarded": true, "traceparent": true, "tracestate": true, "baggage": true}

func responseHeaders(h http.Header) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		if lower := strings.ToLower(name); !ours[lower] && !strings.HasPrefix(lower, "sec-") && !strings.HasPrefix(lower, "x-forwarded-") {
			out[lower] = strings.Join(values, ", ")
		}
	}
	return out
}
