package otlp

import (
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// errorSpans is a batch as a busy service sends it while it fails.
func errorSpans(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	res := rs.Resource().Attributes()
	res.PutStr("service.name", "billing")
	res.PutStr("service.version", "2026.11.20-3")
	res.PutStr("deployment.environment.name", "production")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, byte(i)})
		s.SetSpanID(pcommon.SpanID{2, byte(i)})
		s.SetKind(ptrace.SpanKindServer)
		s.SetName("POST /v1/charges/{id}")
		s.SetStartTimestamp(1763647355000000000)
		s.SetEndTimestamp(1763647355041000000)
		s.Status().SetCode(ptrace.StatusCodeError)
		a := s.Attributes()
		a.PutStr("http.request.method", "POST")
		a.PutStr("url.path", "/v1/charges/42")
		a.PutStr("url.scheme", "https")
		a.PutStr("server.address", "api.example.com")
		a.PutInt("server.port", 443)
		a.PutStr("network.protocol.version", "1.1")
		a.PutStr("user_agent.original", "curl/8")
		a.PutStr("client.address", "192.0.2.1")
		a.PutStr("http.route", "/v1/charges/{id}")
		a.PutInt("http.response.status_code", 500)
		a.PutEmptySlice("http.response.header.x-request-id").AppendEmpty().SetStr(fmt.Sprintf("req_%08d", i))
		a.PutStr("error.type", "500")
		spanEvent := s.Events().AppendEmpty()
		spanEvent.SetName("exception")
		spanEvent.Attributes().PutStr("exception.type", "*errors.errorString")
		spanEvent.Attributes().PutStr("exception.message", "ledger is unavailable")
		spanEvent.Attributes().PutStr("exception.stacktrace", strings.Repeat("main.charge(0x1)\n\t/app/charge.go:42 +0x1b\n", 25)[:1024])
	}
	return td
}

// BenchmarkTraces reports the cost of a request of 100 failed spans.
func BenchmarkTraces(b *testing.B) {
	const n = 100
	td := errorSpans(n)
	b.ReportAllocs()
	for b.Loop() {
		if got := len(Traces(td, Options{}).Envelopes); got != n {
			b.Fatal(got)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/span")
}
