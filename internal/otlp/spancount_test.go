package otlp

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func addSpan(spans ptrace.SpanSlice, kind ptrace.SpanKind, end time.Duration, status int64, state string) ptrace.Span {
	s := spans.AppendEmpty()
	s.SetSpanID([8]byte{byte(spans.Len())})
	s.SetKind(kind)
	s.SetEndTimestamp(pcommon.Timestamp(end)) //nolint:gosec // a test
	s.Attributes().PutStr("http.request.method", "GET")
	s.Attributes().PutStr("http.route", "/a")
	if status != 0 {
		s.Attributes().PutInt("http.response.status_code", status)
	}
	s.TraceState().FromRaw(state)
	return s
}

func spanBatch() (ptrace.Traces, ptrace.SpanSlice) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "billing")
	return td, rs.ScopeSpans().AppendEmpty().Spans()
}

func TestSpansAreCounted(t *testing.T) {
	td, spans := spanBatch()
	const m = time.Minute
	addSpan(spans, ptrace.SpanKindServer, 90*time.Second, 200, "")
	addSpan(spans, ptrace.SpanKindServer, 119*time.Second, 200, "ot=th:c")
	addSpan(spans, ptrace.SpanKindServer, 2*m, 200, "")
	addSpan(spans, ptrace.SpanKindServer, 2*m, 429, "ot=th:8")
	addSpan(spans, ptrace.SpanKindServer, 2*m, 503, "")
	addSpan(spans, ptrace.SpanKindServer, 2*m, 0, "ot=th:ffffffffffffff")
	addSpan(spans, ptrace.SpanKindConsumer, 2*m, 0, "").Attributes().PutStr("http.request.method", "")
	addSpan(spans, ptrace.SpanKindClient, 2*m, 200, "")
	addSpan(spans, ptrace.SpanKindInternal, 2*m, 500, "")
	addSpan(spans, ptrace.SpanKindServer, 2*m, 1000, "")
	addSpan(spans, ptrace.SpanKindServer, 0, 200, "")
	res := Traces(td, Options{DefaultEnvironment: "staging"})
	var got []string
	for _, r := range res.Requests {
		got = append(got, fmt.Sprintf("%s %s %s %s %s %d %s %g", r.Minute.Format("15:04"), r.Service, r.Environment, r.Method, r.Endpoint, r.Status, r.Source, r.N))
		assert.Equal(t, res.Requests[0].Key, r.Key)
	}
	assert.Equal(t, []string{
		"00:01 billing staging GET /a 200 spans 5",
		"00:02 billing staging GET /a 200 spans 1",
		"00:02 billing staging GET /a 429 spans 1", // beside its Event
		fmt.Sprintf("00:02 billing staging GET /a 0 spans %g", float64(maxWeight)),
		"00:02 billing staging  /a 0 spans 1",
	}, got)
	assert.Len(t, res.Envelopes, 2, "only the 429 and the 503 are failures")
	assert.Len(t, res.Rejected, 1, "what is rejected is not counted")
}

// A retry has the same key, another batch another.
func TestBatchesOfSpansAreIdentified(t *testing.T) {
	td, spans := spanBatch()
	addSpan(spans, ptrace.SpanKindServer, time.Minute, 200, "")
	key := Traces(td, Options{}).Requests[0].Key
	assert.Equal(t, key, Traces(td, Options{}).Requests[0].Key)
	spans.At(0).SetStartTimestamp(7)
	assert.NotEqual(t, key, Traces(td, Options{}).Requests[0].Key)
}

func TestSpanCountsAreBounded(t *testing.T) {
	td, spans := spanBatch()
	for i := range maxSpanCounts + 7 {
		addSpan(spans, ptrace.SpanKindServer, time.Minute, 200, "").Attributes().PutStr("http.route", fmt.Sprint("/", i))
	}
	res := Traces(td, Options{})
	assert.Len(t, res.Requests, maxSpanCounts)
	require.Len(t, res.Warnings, 1)
	assert.Contains(t, res.Warnings[0], "7 spans were not counted")
}

// Requests without a route count under the endpoint that their path makes, as
// their failures do, unless no route may have taken them.
func TestSpansWithoutRouteAreCountedByPath(t *testing.T) {
	td, spans := spanBatch()
	for i, path := range []string{"/v1/charges/41", "/v1/charges/42", "/health", ""} {
		span := addSpan(spans, ptrace.SpanKindServer, time.Minute, 200, "")
		span.Attributes().Remove("http.route")
		span.SetName(fmt.Sprint("request ", i))
		span.Attributes().PutStr("url.path", path)
	}
	var got []string
	for _, r := range Traces(td, Options{}).Requests {
		got = append(got, fmt.Sprintf("%s %t %g", r.Endpoint, r.Derived, r.N))
	}
	assert.Equal(t, []string{"/v1/charges/{id} true 2", "/health true 1", "(unmatched) false 1"}, got)
}

// A span's name may be a route or a path.
func TestPathAsName(t *testing.T) {
	td, spans := spanBatch()
	for _, name := range []string{"GET /users/42", "GET /users/{id}", "GET /oauth2/token"} {
		span := addSpan(spans, ptrace.SpanKindServer, time.Minute, 500, "")
		span.Attributes().Remove("http.route")
		span.SetName(name)
	}
	var got []string
	for _, env := range Traces(td, Options{}).Envelopes {
		got = append(got, fmt.Sprintf("%s %t", env.Endpoint, env.EndpointRaw))
	}
	assert.Equal(t, []string{"/users/42 true", "/users/{id} false", "/oauth2/token false"}, got)
	spans.At(0).Attributes().PutInt("http.response.status_code", 200)
	assert.Equal(t, "/users/{id}", Traces(td, Options{}).Requests[0].Endpoint)
}
