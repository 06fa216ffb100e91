package front_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/front"
)

var at = time.Date(2026, 11, 20, 14, 2, 35, 0, time.UTC)

// filled has something in every field that an Event has, all with the word "inner".
func filled(t *testing.T) event.Event {
	t.Helper()
	var e event.Event
	fill(t, reflect.ValueOf(&e).Elem())
	e.OccurredAt, e.ReceivedAt, e.Role = at, at, event.Primary
	return e
}

func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("inner")
	case reflect.Int, reflect.Int16, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"inner": "inner"}))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(`{"inner":"inner"}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(t, v.Field(i))
			}
		}
	case reflect.Array, reflect.Uint8, reflect.Uint64, reflect.Uint16, reflect.Int32, reflect.Int8:
	default:
		t.Fatalf("no value for %s", v.Type())
	}
}

// A field that nobody thought of stays inside: these are all that pass.
func TestOnlyWhatIsNamedPasses(t *testing.T) {
	e := filled(t)
	trail := event.NewTrail("inner", []event.Event{e})
	seen := reflect.ValueOf(front.Seen(&trail))
	passes := map[string]bool{}
	for i := range seen.NumField() {
		if !seen.Field(i).IsZero() {
			passes[seen.Type().Field(i).Name] = true
		}
	}
	want := map[string]bool{}
	for _, name := range strings.Fields("ID OccurredAt Role Family RequestID Service ServiceUnknown Environment Method Endpoint Customer Status Code RetryAfter RateLimit FieldErrors Upstream") {
		want[name] = true
	}
	assert.Equal(t, want, passes, "a further field of an Event needs a decision")

	out, _ := front.Of(&trail, nil, at)
	raw, err := json.Marshal(out.Events[0])
	require.NoError(t, err)
	var names map[string]any
	require.NoError(t, json.Unmarshal(raw, &names))
	for _, gone := range []string{"raw", "raw_code", "headers", "details", "exception", "aliases", "trace_id", "span_id", "release", "path", "instance", "notes", "upstream", "issue_id", "source", "received_at", "message"} {
		assert.NotContains(t, names, gone)
	}
	assert.Empty(t, front.Seen(&event.Trail{}).ID, "nothing of nothing")
}

func TestAMessagePassesOnlyIfTheCustomerHasIt(t *testing.T) {
	long := strings.Repeat("long ", 400)
	for _, c := range []struct {
		name, message, raw string
		role               event.Role
		passes             bool
	}{
		{"in the body", "Too many requests", `{"error":{"code":"x","message":"Too many requests"}}`, event.Primary, true},
		{"flat", "Too many requests", `{"error":"rate_limited","message":"Too many requests"}`, event.Primary, true},
		{"a problem", "The amount is wrong", `{"type":"about:blank","title":"Bad Request","status":400,"detail":"The amount is wrong"}`, event.Primary, true},
		{"a text", "upstream timed out", `"upstream timed out"`, event.Primary, true},
		{"cut when it was stored", long[:500] + "…", `{"error":{"code":"x","message":"` + long + `"}}`, event.Primary, true},
		{"of an exception", "dial tcp 10.0.3.7: refused", `{"error":{"code":"internal_error"}}`, event.Primary, false},
		{"beside another in the body", "dial tcp 10.0.3.7: refused", `{"error":{"code":"x","message":"Something went wrong"}}`, event.Primary, false},
		{"somewhere else in the body", "secret", `{"error":{"code":"x","message":"Oops"},"debug":"secret"}`, event.Primary, false},
		{"no body is kept", "Too many requests", ``, event.Primary, false},
		{"a call's", "Too many requests", `{"error":{"message":"Too many requests"}}`, event.Upstream, false},
		{"on the way", "Too many requests", `{"error":{"message":"Too many requests"}}`, event.Context, false},
	} {
		e := event.Event{ID: "e", OccurredAt: at, Role: c.role, Service: "shop", Status: 429, Code: "x", Message: c.message, Raw: json.RawMessage(c.raw)}
		trail := event.NewTrail("e", []event.Event{e})
		want := ""
		if c.passes {
			want = c.message
		}
		assert.Equal(t, want, front.Seen(&trail).Message, c.name)
	}
}

func TestTheStoryDoesNotQuote(t *testing.T) {
	seen := event.Event{ID: "1", OccurredAt: at, Role: event.Primary, Family: event.FamilyUs, Service: "shop", Status: 500, Code: "internal_error", TraceID: "t", SpanID: "a", RequestID: "req_1"}
	middle := event.Event{ID: "2", OccurredAt: at.Add(-1), Role: event.Primary, Family: event.FamilyUs, Service: "middle", Status: 500, Code: "internal_error", TraceID: "t", SpanID: "b", ParentSpanID: "a"}
	root := event.Event{ID: "3", OccurredAt: at.Add(-2), Role: event.Primary, Family: event.FamilyUs, Service: "ledger", Status: 500, RawCode: "psycopg2.OperationalError", Code: event.CanonicalCode("psycopg2.OperationalError", 500),
		TraceID: "t", SpanID: "c", ParentSpanID: "b", Message: "password for billing", FieldErrors: []event.FieldError{{Field: "inner_field"}},
		Exception: &event.Exception{Type: "psycopg2.OperationalError", Message: "password for billing"}}
	trail := event.NewTrail("req_1", []event.Event{seen, middle, root})
	told := front.Tell(&trail)
	assert.Equal(t, "The failure began in ledger: 500 Internal Server Error. ledger failed unexpectedly. This is on our side; nothing is known to be wrong with the customer's request.", told.RootCause)
	assert.False(t, told.NotTheirLimit)

	book := catalog.NewBook(nil)
	out, _ := front.Of(&trail, book, at)
	raw, err := json.Marshal(out)
	require.NoError(t, err)
	for _, never := range []string{"psycopg", "operational", "password", "inner_field", "middle"} {
		assert.NotContains(t, strings.ToLower(string(raw)), never)
	}
	alone := event.NewTrail("req_1", []event.Event{seen})
	assert.Empty(t, front.Tell(&alone).RootCause)
}
