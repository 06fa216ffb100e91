package normalize

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
)

var now = time.Date(2026, 11, 20, 14, 2, 35, 0, time.UTC)

func item(t testing.TB, env event.Envelope) identity.Part {
	t.Helper()
	if env.Service == "" {
		env.Service = "billing"
	}
	p, err := Item(env, 1, now)
	require.NoError(t, err)
	return p
}

func TestItem(t *testing.T) {
	d := 41.5
	p := item(t, event.Envelope{
		Source: event.FromHTTP, Status: 429, Method: "POST", Endpoint: "/v1/charges/{id}", Path: "/v1/charges/42?token=abc",
		OccurredAt: now.Add(-time.Minute), DurationMS: &d, TraceID: "4BF92F3577B34DA6A3CE929D0E0E4736", SpanID: "00f067aa0ba902b7",
		Headers: map[string]string{"retry-after": "45", "x-request-id": "req_1", "cf-ray": "8d1f0c2ab9e07c3a"},
		Body:    []byte(`{"error":"rateLimitExceeded","message":"Slow down","details":{"provider":"acme","provider_request_id":"up_1","code":"busy"}}`),
	})
	ev := p.Event
	assert.Equal(t, "req_1", ev.RequestID)
	assert.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", ev.TraceID)
	assert.Equal(t, "rateLimitExceeded", ev.RawCode)
	assert.Equal(t, "rate_limit_exceeded", ev.Code)
	assert.Equal(t, event.FamilyLimits, ev.Family)
	assert.Equal(t, "/v1/charges/42", ev.Path)
	assert.Equal(t, &event.RetryAfter{Seconds: 45, Source: "header"}, ev.RetryAfter)
	assert.Equal(t, &event.UpstreamInfo{Provider: "acme", Code: "busy", RequestID: "up_1"}, ev.Upstream)
	assert.Equal(t, []event.Alias{{Kind: "upstream", Value: "up_1"}, {Kind: "ray", Value: "8d1f0c2ab9e07c3a"}}, ev.Aliases)
	assert.Equal(t, event.Primary, ev.Role)
	assert.True(t, p.HasOccurredAt)
	assert.True(t, p.Idempotent)
	assert.False(t, p.ClientKey)
	assert.Equal(t, identity.NewID(ev.OccurredAt, p.Own, true), ev.ID)
	assert.Empty(t, ev.Notes)
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		env         event.Envelope
		code, field string
	}{
		"no service": {event.Envelope{Status: 500}, "validation_failed", "service"},
		"nothing":    {event.Envelope{Service: "a"}, "validation_failed", "status"},
		"status":     {event.Envelope{Service: "a", Status: 99}, "validation_failed", "status"},
		"negative":   {event.Envelope{Service: "a", Status: -1}, "validation_failed", "status"},
		"ahead":      {event.Envelope{Service: "a", Status: 500, OccurredAt: now.Add(25 * time.Hour)}, "occurred_at_out_of_range", "occurred_at"},
		"old":        {event.Envelope{Service: "a", Status: 500, OccurredAt: now.AddDate(0, 0, -31)}, "expired_on_arrival", "occurred_at"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Item(c.env, 1, now)
			var f *fault.Fault
			require.ErrorAs(t, err, &f)
			assert.Equal(t, fault.Unprocessable, f.Kind)
			assert.Equal(t, c.code, f.Code)
			assert.Equal(t, c.field, f.Details["field"])
		})
	}
	_, err := Normalizer{Retention: 365 * 24 * time.Hour}.Item(event.Envelope{Service: "a", Status: 500, OccurredAt: now.AddDate(0, 0, -31)}, 1, now)
	assert.NoError(t, err)
}

func TestPrecedence(t *testing.T) {
	body := []byte(`{"error":{"code":"from_body","message":"body"}}`)
	ev := item(t, event.Envelope{Body: body, ExplicitCode: "explicit", ExplicitMessage: "explicit", FallbackCode: "f"}).Event
	assert.Equal(t, "explicit", ev.Code)
	assert.Equal(t, "explicit", ev.Message)
	ev = item(t, event.Envelope{Body: body, FallbackCode: "f", FallbackMessage: "f"}).Event
	assert.Equal(t, "from_body", ev.Code)
	assert.Equal(t, "body", ev.Message)
	assert.Equal(t, "f", item(t, event.Envelope{FallbackCode: "f"}).Event.Code)
	assert.Equal(t, "http_503", item(t, event.Envelope{GRPCCode: "UNAVAILABLE"}).Event.Code)
	ev = item(t, event.Envelope{Body: []byte(`{"title":"x","status":403,"traceId":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}`)}).Event
	assert.Equal(t, 403, ev.Status)
	assert.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", ev.TraceID)
}

// The type of an error that says nothing is no code; as a word of the body, or
// where there is no status to make a code of, it is better than none.
func TestVagueTypes(t *testing.T) {
	const plain = "*errors.errorString"
	for code, env := range map[string]event.Envelope{
		"http_500":            {Status: 500, FallbackCode: plain},
		"http_403":            {Body: []byte(`{"title":"x","status":403}`), FallbackCode: plain},
		"errors_error_string": {FallbackCode: plain},
		"error_string":        {Status: 500, FallbackCode: "errorString"},
		"exception":           {Status: 500, FallbackCode: plain, Body: []byte(`{"error":{"code":"Exception"}}`)},
		"error":               {Status: 500, FallbackCode: plain, ExplicitCode: "Error"},
	} {
		ev := item(t, env).Event
		assert.Equal(t, code, ev.Code)
		if env.Body == nil && env.ExplicitCode == "" {
			assert.Equal(t, env.FallbackCode, ev.RawCode, "as it was sent")
		}
	}
}

func TestIdempotence(t *testing.T) {
	plain := event.Envelope{Service: "a", Status: 500}
	p := item(t, plain)
	assert.False(t, p.Idempotent)
	assert.False(t, p.HasOccurredAt)
	assert.Equal(t, now, p.Event.OccurredAt)
	assert.NotEqual(t, p.Event.ID, item(t, plain).Event.ID)

	plain.RequestID = "req_9"
	assert.Equal(t, item(t, plain).Event.ID, item(t, plain).Event.ID)
	other := plain
	other.Customer = "acme"
	assert.NotEqual(t, item(t, plain).Own, item(t, other).Own)
	other.ID, plain.ID = "e1", "e1"
	assert.Equal(t, item(t, plain).Own, item(t, other).Own)
	assert.True(t, item(t, plain).ClientKey)
}

func TestLimits(t *testing.T) {
	long := strings.Repeat("é", 200_000)
	nan := math.NaN()
	ev := item(t, event.Envelope{
		Status: 500, ExplicitMessage: "a\x00b\xff\x01\nc", FallbackCode: long, Environment: long, Path: "/" + long, DurationMS: &nan, Weight: nan,
		Exception: &event.Exception{Type: "E", Message: long, Stacktrace: long}, Body: []byte(long),
		ExplicitDetails: json.RawMessage(`{"a":"` + long + `"}`), Headers: map[string]string{"x-long": long},
	}).Event
	assert.Equal(t, "ab\uFFFD\nc", ev.Message)
	assert.Nil(t, ev.DurationMS)
	assert.Zero(t, ev.Weight)
	for limit, list := range map[int][]string{
		maxName: {ev.Environment, ev.RawCode, ev.Code}, maxPath: {ev.Path, ev.Headers["x-long"]}, maxMessage: {ev.Exception.Message},
		maxStack: {ev.Exception.Stacktrace}, maxBody: {string(ev.RawBody)}, maxDetails: {string(ev.Details)},
	} {
		for _, s := range list {
			assert.LessOrEqual(t, len(s), limit)
			assert.True(t, utf8.ValidString(s))
		}
	}
	assert.Contains(t, string(ev.Details), `"truncated":true`)
	for _, note := range []string{"nul_removed:message", "clamped:stacktrace", "clamped:details", "clamped:body", "clamped:path"} {
		assert.Contains(t, ev.Notes, note)
	}
}

func TestDetailsFitJSONB(t *testing.T) {
	ev := item(t, event.Envelope{Status: 500, ExplicitDetails: json.RawMessage(`{"a":"x\u0000y","b":1e5000,"c":"\ud800","d":-1E-9999,"e\u0000":1.5}`)}).Event
	assert.JSONEq(t, `{"a":"xy","b":"1e5000","c":"\ufffd","d":"-1E-9999","e":1.5}`, string(ev.Details))
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	ev = item(t, event.Envelope{Status: 500, ExplicitDetails: json.RawMessage(deep)}).Event
	assert.Contains(t, string(ev.Details), "truncated")
	assert.JSONEq(t, `"not json"`, string(item(t, event.Envelope{Status: 500, ExplicitDetails: json.RawMessage("not json")}).Event.Details))
}

func FuzzItem(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"x","details":{"password":"p","a":[1,{"b":null}]}}}`), "msg", "req_1", "x-api-key", "k")
	f.Add([]byte("\x00\xff"), "Bearer x", "eyJ", "a", "://a:b@c")
	f.Fuzz(func(t *testing.T, body []byte, message, id, header, value string) {
		p, err := Item(event.Envelope{Service: "a", Status: 500, Body: body, FallbackMessage: message, RequestID: id, Customer: value,
			Headers: map[string]string{header: value}, Exception: &event.Exception{Type: id, Stacktrace: message}, ExplicitDetails: body}, 1, now)
		if err != nil {
			t.Fatal(err)
		}
		ev := p.Event
		if ev.Details != nil && (!json.Valid(ev.Details) || !utf8.Valid(ev.Details)) {
			t.Fatalf("details %q", ev.Details)
		}
		for _, s := range []string{ev.Message, ev.RequestID, ev.Customer, ev.Code, ev.Exception.Stacktrace, string(ev.RawBody)} {
			if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
				t.Fatalf("not storable: %q", s)
			}
		}
		Template(message)
	})
}

func BenchmarkItem(b *testing.B) {
	stack := "goroutine 1 [running]:\n" + strings.Repeat("main.(*Ledger).Charge(0xc000123456, 0x2a)\n\t/app/internal/ledger/charge.go:117 +0x1d\n", 12)
	env := event.Envelope{Source: event.FromSpan, Service: "billing", Status: 500, Method: "POST", Endpoint: "/v1/charges", RequestID: "req_abc123",
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7", OccurredAt: now,
		Exception: &event.Exception{Type: "*errors.errorString", Message: "ledger is closed", Stacktrace: stack[:1024]}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Item(env, 1, now); err != nil {
			b.Fatal(err)
		}
	}
}

func TestUpstreamBodyNamesTheUpstreamsRequest(t *testing.T) {
	p, err := Item(event.Envelope{Source: event.FromSpan, Role: event.Upstream, Service: "prompts", Status: 429, UpstreamProvider: "openai",
		Body: []byte(`{"error":{"code":"rate_limit_exceeded","message":"slow down","request_id":"req_theirs"}}`)}, 1, time.Now())
	require.NoError(t, err)
	assert.Empty(t, p.Event.RequestID)
	assert.Equal(t, event.UpstreamInfo{Provider: "openai", Code: "rate_limit_exceeded", RequestID: "req_theirs"}, *p.Event.Upstream)
	assert.Contains(t, p.Event.Aliases, event.Alias{Kind: "upstream", Value: "req_theirs"})
}

// A key names several requests on purpose: it is found under its own kind, and is
// neither a secret nor anything's request ID.
func TestIdempotencyKey(t *testing.T) {
	const key = "8e03978e-40d5-43dd-bc93-6894a57f9324"
	id := func(kind, value string) event.Alias { return event.Alias{Kind: kind, Value: value} }
	for name, c := range map[string]struct {
		env  event.Envelope
		want []event.Alias
	}{
		"a header":                     {event.Envelope{Headers: map[string]string{"idempotency-key": `"` + key + `"`}}, []event.Alias{id("idempotency", key)}},
		"an older header":              {event.Envelope{Headers: map[string]string{"x-idempotency-key": key}}, []event.Alias{id("idempotency", key)}},
		"a field, before the header":   {event.Envelope{Aliases: []event.Alias{id("idempotency", "order-42, item 7")}, Headers: map[string]string{"idempotency-key": key}}, []event.Alias{id("idempotency", "order-42, item 7")}},
		"a body":                       {event.Envelope{Body: []byte(`{"error":{"code":"boom","idempotency_key":"` + key + `"}}`)}, []event.Alias{id("idempotency", key)}},
		"a body's details":             {event.Envelope{Body: []byte(`{"error":"boom","details":{"idempotencyKey":"` + key + `"}}`)}, []event.Alias{id("idempotency", key)}},
		"what a body says of it":       {event.Envelope{Body: []byte(`{"error":{"code":"validation_failed","details":{"idempotency_key":"is longer than 255 characters"}}}`)}, nil},
		"a word that a body has":       {event.Envelope{Body: []byte(`{"error":{"code":"validation_failed","details":{"idempotency_key":"required"}}}`)}, nil},
		"another ID has its value":     {event.Envelope{Aliases: []event.Alias{id("correlation", key), id("idempotency", key)}}, []event.Alias{id("idempotency", key)}},
		"before other IDs":             {event.Envelope{Headers: map[string]string{"cf-ray": "8d1f0c2ab9e07c3a", "x-request-id": "req_1", "idempotency-key": key}}, []event.Alias{id("idempotency", key), id("ray", "8d1f0c2ab9e07c3a")}},
		"the request's own ID":         {event.Envelope{RequestID: key, Headers: map[string]string{"idempotency-key": key}}, nil},
		"junk":                         {event.Envelope{Headers: map[string]string{"idempotency-key": "undefined"}}, nil},
		"too long":                     {event.Envelope{Headers: map[string]string{"idempotency-key": strings.Repeat("k1", 128)}}, nil},
		"a credential in its place":    {event.Envelope{Headers: map[string]string{"idempotency-key": "sk_live_abcdef123456"}}, nil},
		"that of the report itself":    {event.Envelope{Idempotency: key + "/0"}, nil},
		"one that nobody can tell off": {event.Envelope{Aliases: []event.Alias{id("idempotency", "null"), id("idempotency", "order-42")}}, []event.Alias{id("idempotency", "order-42")}},
	} {
		c.env.Status = 500
		p := item(t, c.env)
		assert.Equal(t, c.want, p.Event.Aliases, name)
		if len(c.want) > 0 {
			assert.Equal(t, c.want[0].Value, p.Event.IdempotencyKey(), name)
		}
		assert.NotEqual(t, c.env.RequestID == "", p.Event.RequestID == key, name)
	}
	p := item(t, event.Envelope{Status: 500, Headers: map[string]string{"idempotency-key": key}, Body: []byte(`{"idempotency_key":"` + key + `"}`)})
	assert.Equal(t, key, p.Event.Headers["idempotency-key"], "it is no secret")
	assert.Contains(t, string(p.Event.RawBody), key)
	assert.Empty(t, p.Event.Notes)
}
