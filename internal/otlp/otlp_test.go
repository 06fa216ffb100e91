package otlp

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"errata/internal/event"
)

// The order of the rows is part of the contract: it is read beside the
// documentation.
func TestTableOrder(t *testing.T) {
	var fields []string
	for _, r := range table(Options{}) {
		fields = append(fields, r.field)
	}
	assert.Equal(t, strings.Fields(`request_id upstream_request_id upstream http_status grpc_code code message details
		exception method endpoint path service namespace release instance environment customer attempt role occurred_at
		duration_ms headers weight trace body fingerprint aliases`), fields)
}

func TestEmpty(t *testing.T) {
	assert.Equal(t, Result{}, Traces(ptrace.NewTraces(), Options{}))
	assert.Equal(t, Result{}, Logs(plog.NewLogs(), Options{}))
}

func oneSpan(fill func(ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "billing")
	s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetKind(ptrace.SpanKindServer)
	s.Attributes().PutInt("http.response.status_code", 500)
	fill(s)
	return td
}

// Without options and with them: the compiled mapping is shared, and must not
// remember anything of a request.
func TestCallsAreIndependent(t *testing.T) {
	td := oneSpan(func(s ptrace.Span) { s.Attributes().PutStr("acme.ticket", "req_ticket") })
	assert.Empty(t, Traces(td, Options{}).Envelopes[0].RequestID)
	assert.Equal(t, "req_ticket", Traces(td, testOptions).Envelopes[0].RequestID)
	assert.Empty(t, Traces(td, Options{}).Envelopes[0].RequestID)
}

func TestOneItemLeavesNothingToTheNext(t *testing.T) {
	td := oneSpan(func(s ptrace.Span) {
		s.Attributes().PutStr("errata.request_id", "req_first")
		s.Attributes().PutStr("errata.envelope", `{"error":{"code":"first"}}`)
		s.Attributes().PutStr("http.response.header.retry-after", "45")
		s.Events().AppendEmpty().Attributes().PutStr("exception.type", "First")
	})
	bare := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	bare.SetKind(ptrace.SpanKindServer)
	bare.Attributes().PutInt("http.response.status_code", 502)
	got := Traces(td, Options{}).Envelopes
	require.Len(t, got, 2)
	assert.Equal(t, event.Envelope{
		Source: event.FromSpan, Role: event.Primary, Service: "billing", Endpoint: "(unmatched)", Status: 502,
	}, got[1])
}

func TestManyAttributes(t *testing.T) {
	var attrs strings.Builder
	for i := range 100_000 {
		attrs.WriteString(`{"key":"http.response.header.x-` + strconv.Itoa(i) + `","value":{"stringValue":"v"}},`)
	}
	res := mapped(t, []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":2,"attributes":[`+attrs.String()+`
		{"key":"http.response.status_code","value":{"intValue":"500"}},
		{"key":"http.response.header.retry-after","value":{"stringValue":"45"}},
		{"key":"http.response.header.x-request-id","value":{"stringValue":"req_last"}}]}]}]}]}`))
	require.Len(t, res.Envelopes, 1)
	env := res.Envelopes[0]
	assert.Equal(t, "req_last", env.RequestID)
	assert.Equal(t, "45", env.Headers["retry-after"])
	assert.Len(t, env.Headers, maxOtherHeaders+1)
}

func TestDuplicateKeysFirstNonEmptyWins(t *testing.T) {
	raw := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":2,"attributes":[
		{"key":"http.response.status_code","value":{"intValue":"429"}},{"key":"http.response.status_code","value":{"intValue":"200"}},
		{"key":"request_id","value":{}},{"key":"request_id","value":{"stringValue":"req_b"}},{"key":"request_id","value":{"stringValue":"req_c"}}]}]}]}]}`
	res := mapped(t, []byte(raw))
	require.Len(t, res.Envelopes, 1)
	assert.Equal(t, 429, res.Envelopes[0].Status)
	assert.Equal(t, "req_b", res.Envelopes[0].RequestID)
}

func TestStructuredValuesAreBounded(t *testing.T) {
	td := oneSpan(func(s ptrace.Span) {
		m := s.Attributes().PutEmptyMap("errata.details")
		m.PutDouble("nan", math.NaN())
		m.PutDouble("inf", math.Inf(-1))
		for range 10_000 {
			m = m.PutEmptyMap("a")
		}
		m.PutStr("bottom", "x")
	})
	res := Traces(td, Options{})
	details := string(res.Envelopes[0].ExplicitDetails)
	assert.Contains(t, details, `"nan":null`)
	assert.Contains(t, details, `"inf":null`)
	assert.NotContains(t, details, "bottom")
}

func TestInvalidBytes(t *testing.T) {
	td := oneSpan(func(s ptrace.Span) {
		s.Attributes().PutStr("request_id", "req_\xff\xfe")
		s.Attributes().PutEmptyBytes("http.request.id").FromRaw([]byte{0xff, 0x00})
		s.Attributes().PutEmptyBytes("errata.envelope").FromRaw([]byte{0xff, 0x00})
	})
	env := Traces(td, Options{}).Envelopes[0]
	assert.Empty(t, env.RequestID)
	assert.Equal(t, []byte{0xff, 0x00}, env.Body)
}

func TestAdjustedCount(t *testing.T) {
	for state, want := range map[string]float64{
		"":                                0,
		"ot=th:c":                         4,
		"ot=th:0":                         1,
		"ot=th:8":                         2,
		"ot=rv:0123456789abcd;th:c":       4,
		"vendor=x , ot=th:c":              4,
		"ot=th:ffffffffffffff":            1 << 56,
		"ot=th:fffffffffffffff":           0, // 15 digits
		"ot=th:C":                         0,
		"ot=th:":                          0,
		"ot=th:-1":                        0,
		"other=th:c":                      0,
		"ot=rv:abcd":                      0,
		"ot=th:zz":                        0,
		strings.Repeat("a=th:1,", 10_000): 0,
	} {
		assert.InDelta(t, want, adjustedCount(state), 1e-9, "%.40q", state)
	}
	assert.InDelta(t, 100, adjustedCount("ot=th:fd70a4"), 0.001)
}

// Climbing up a trace is bounded, and loops end.
func TestParentLoop(t *testing.T) {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range 2 {
		s := spans.AppendEmpty()
		s.SetKind(ptrace.SpanKindClient)
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{byte(1 + i)})
		s.SetParentSpanID(pcommon.SpanID{byte(2 - i)})
		s.Status().SetCode(ptrace.StatusCodeError)
	}
	assert.Len(t, Traces(td, Options{}).Envelopes, 2)
}
