package e2e

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"errata/internal/event"
)

// mishap is one failure, as a test made it up, and the reports of it.
type mishap struct {
	service, request, trace, span string
	role                          event.Role
	status                        int
	at                            time.Time
	reports                       []*mishapReport
}

// mishapReport is one report, which any batch of its kind may hold.
type mishapReport struct {
	of     *mishap
	source event.Source
	span   func(ptrace.Span)
	record func(plog.LogRecord)
	json   string

	acknowledged atomic.Bool
}

// mishaps makes failures of every shape whose right outcome is beyond doubt,
// although each has neighbours that it could be taken for.
func mishaps(r *rand.Rand, atLeast int) []*mishap {
	var out []*mishap
	for n := 0; len(out) < atLeast; n++ {
		m := &mishap{service: fmt.Sprint("service-", r.IntN(3)), request: fmt.Sprintf("req_once_%d", n), trace: fmt.Sprintf("%032x", n+1), span: fmt.Sprintf("%016x", 2*n+1),
			role: event.Primary, status: 500 + r.IntN(4), at: time.Now().UTC().Truncate(time.Microsecond)}
		out = append(out, m)
		switch r.IntN(7) {
		case 0: // nobody traces: report and log know each other by the request ID
			m.trace, m.span = "", ""
			m.some(r, m.report(r), m.untracedLog())
		case 1: // two attempts under one request ID
			again := *m
			again.trace, again.span = fmt.Sprintf("%032x", 1<<40+n), fmt.Sprintf("%016x", 2*n+2)
			m.reports = []*mishapReport{m.server(), m.report(r)}
			again.reports = []*mishapReport{again.server(), again.report(r)}
			out = append(out, &again)
		case 2: // it failed because a call failed, and both name one request
			call := *m
			call.role, call.status, call.span = event.Upstream, 429, fmt.Sprintf("%016x", 2*n+2)
			m.some(r, m.server(), m.log("server"), m.report(r))
			call.some(r, call.client(), call.log("client"))
			out = append(out, &call)
		case 3: // only the span knows that the log and the report are about one thing
			untraced := *m
			untraced.trace, untraced.span = "", ""
			m.reports = []*mishapReport{m.log("server"), untraced.report(r), m.server()}
			m.reports[1].of = m
		default:
			m.some(r, m.server(), m.log("server"), m.report(r))
		}
	}
	return out
}

// some keeps a few of the reports, at least one.
func (m *mishap) some(r *rand.Rand, all ...*mishapReport) {
	first := r.IntN(len(all))
	for i, rep := range all {
		if i == first || r.IntN(4) > 0 {
			m.reports = append(m.reports, rep)
		}
	}
}

func (m *mishap) server() *mishapReport {
	return &mishapReport{of: m, source: event.FromSpan, span: func(s ptrace.Span) {
		m.fillSpan(s, ptrace.SpanKindServer)
		s.Attributes().PutStr("http.route", "/v1/charges")
		s.Attributes().PutStr("user.id", "acme")
		s.Attributes().PutEmptySlice("http.response.header.x-request-id").AppendEmpty().SetStr(m.request)
	}}
}

// client is a call's span. It says nothing of the customer, so that what it is
// taken for depends on the batch that it comes in.
func (m *mishap) client() *mishapReport {
	return &mishapReport{of: m, source: event.FromSpan, span: func(s ptrace.Span) {
		m.fillSpan(s, ptrace.SpanKindClient)
		s.Attributes().PutStr("errata.request_id", m.request)
	}}
}

func (m *mishap) fillSpan(s ptrace.Span, kind ptrace.SpanKind) {
	s.SetKind(kind)
	s.SetTraceID(pcommon.TraceID(bytesOf(m.trace)))
	s.SetSpanID(pcommon.SpanID(bytesOf(m.span)))
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(m.at.Add(-time.Millisecond)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(m.at))
	s.Attributes().PutStr("http.request.method", "POST")
	s.Attributes().PutInt("http.response.status_code", int64(m.status))
}

func bytesOf(id string) []byte {
	raw, err := hex.DecodeString(id)
	if err != nil {
		panic(err) // the test made it
	}
	return raw
}

// log is an exception as instrumentation records it: it knows its span, not
// its request.
func (m *mishap) log(side string) *mishapReport {
	return &mishapReport{of: m, source: event.FromLog, record: func(l plog.LogRecord) {
		m.fillRecord(l)
		l.SetEventName("http." + side + ".request.exception")
		l.SetTraceID(pcommon.TraceID(bytesOf(m.trace)))
		l.SetSpanID(pcommon.SpanID(bytesOf(m.span)))
	}}
}

func (m *mishap) untracedLog() *mishapReport {
	return &mishapReport{of: m, source: event.FromLog, record: func(l plog.LogRecord) {
		m.fillRecord(l)
		l.Attributes().PutStr("request_id", m.request)
		l.Attributes().PutInt("http.response.status_code", int64(m.status))
	}}
}

func (m *mishap) fillRecord(l plog.LogRecord) {
	l.SetTimestamp(pcommon.NewTimestampFromTime(m.at.Add(-300 * time.Microsecond)))
	l.SetSeverityNumber(plog.SeverityNumberError)
	l.Attributes().PutStr("exception.type", "PoolTimeout")
	l.Attributes().PutStr("exception.message", "no connection")
	l.Attributes().PutStr("exception.stacktrace", "at pool.go:7")
}

// report is what the service posts itself, with or without the time.
func (m *mishap) report(r *rand.Rand) *mishapReport {
	fields := map[string]any{"service": m.service, "status": m.status, "method": "POST", "endpoint": "/v1/charges", "customer": "acme", "request_id": m.request,
		"envelope": json.RawMessage(`{"error":{"code":"pool_exhausted","message":"busy"}}`)}
	if m.trace != "" {
		fields["trace_id"], fields["span_id"] = m.trace, m.span
	}
	if r.IntN(2) == 0 {
		fields["occurred_at"] = m.at.Add(200 * time.Microsecond).Format(time.RFC3339Nano)
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err) // the test made it
	}
	return &mishapReport{of: m, source: event.FromHTTP, json: string(raw)}
}

// want says, in a line, what must be stored of a mishap; "" when nobody
// acknowledged any of it.
func (m *mishap) want() string {
	var sources []event.Source
	request := ""
	for _, rep := range m.reports {
		if !rep.acknowledged.Load() {
			continue
		}
		sources = append(sources, rep.source)
		if rep.source != event.FromLog || m.trace == "" {
			request = m.request
		}
	}
	if len(sources) == 0 {
		return ""
	}
	slices.Sort(sources)
	return fmt.Sprint(m.role, m.service, request, m.trace, m.span, slices.Compact(sources))
}
