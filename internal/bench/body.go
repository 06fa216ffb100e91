package bench

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// Environment is the deployment environment that all spans are said to come
// from, by which they can be told from true failures. Their services are
// called bench-0 to bench-7.
const Environment = "bench"

// body is an encoded export request and where in it each span's own bytes are.
type body struct {
	raw                                       []byte
	trace, span, begin, end, at, id, stackNum []int
}

// What is written over. The values only need to occur nowhere else.
var (
	traceMark = pcommon.TraceID{0xd1, 0xce, 0x7e, 0xa5, 0x93, 0x4b, 0xf0, 0x6d, 0x88, 0xe2, 0x1c, 0x57, 0xba, 0x3f, 0xc4, 0x09}
	spanMark  = pcommon.SpanID{0xfe, 0x61, 0x9c, 0xb3, 0xd7, 0x28, 0xea, 0x15}
)

const (
	beginMark pcommon.Timestamp = 0xf1d2c3b4a5968778
	endMark   pcommon.Timestamp = 0xe1c2d3a4b5869778
	atMark    pcommon.Timestamp = 0xc1e2a3d4b5769788
	idMark                      = "id-comes-here-16"
	stackMark                   = "stack-number--16"
	// took is how long each span is said to have lasted.
	took = 40 * time.Millisecond
)

// encode makes a request with the spans of one service.
func encode(load Load, service int) (body, error) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	resource := rs.Resource().Attributes()
	resource.PutStr("service.name", fmt.Sprint("bench-", service))
	resource.PutStr("service.version", "2026.11.20-3")
	resource.PutStr("deployment.environment.name", Environment)
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	trace := stackTrace(load.StackBytes)
	for i := range load.Batch {
		fill(spans.AppendEmpty(), i+service*load.Batch, trace)
	}
	raw, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return body{}, err
	}
	b := body{raw: raw}
	for _, m := range []struct {
		into *[]int
		mark []byte
	}{
		{&b.trace, traceMark[:]}, {&b.span, spanMark[:]}, {&b.begin, little(beginMark)}, {&b.end, little(endMark)}, {&b.at, little(atMark)},
		{&b.id, []byte(idMark)}, {&b.stackNum, []byte(stackMark)},
	} {
		*m.into = places(raw, m.mark)
		if n := len(*m.into); n != load.Batch && (n != 0 || trace != "") {
			return body{}, fmt.Errorf("an encoded request has %d places for what should be there %d times", n, load.Batch)
		}
	}
	return b, nil
}

// fill makes a failed request out of a span.
func fill(s ptrace.Span, number int, trace string) {
	s.SetTraceID(traceMark)
	s.SetSpanID(spanMark)
	s.SetKind(ptrace.SpanKindServer)
	s.SetName("POST /v1/charges/{id}")
	s.SetStartTimestamp(beginMark)
	s.SetEndTimestamp(endMark)
	s.Status().SetCode(ptrace.StatusCodeError)
	a := s.Attributes()
	a.PutStr("http.request.method", "POST")
	a.PutStr("http.route", "/v1/charges/{id}")
	a.PutStr("url.path", "/v1/charges/42")
	a.PutInt("http.response.status_code", 500)
	a.PutStr("user.id", fmt.Sprint("customer-", number%customers))
	a.PutEmptySlice("http.request.header.x-request-id").AppendEmpty().SetStr("req_" + idMark)
	e := s.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(atMark)
	e.Attributes().PutStr("exception.type", "ChargeError")
	e.Attributes().PutStr("exception.message", "the card processor hung up")
	if trace != "" {
		e.Attributes().PutStr("exception.stacktrace", trace)
	}
}

// customers is how many customers the failures are spread over.
const customers = 100

// frames are lines of a stack trace as a Java service prints them. They are as
// different from each other as real ones: they are compressed in the store.
var frames = []string{
	"com.acme.billing.charge.ChargeService.authorize(ChargeService.java:142)",
	"com.acme.billing.gateway.ProcessorClient.lambda$exchange$3(ProcessorClient.java:218)",
	"com.acme.platform.retry.Backoff.run(Backoff.java:77)",
	"com.acme.billing.gateway.ProcessorClient.exchange(ProcessorClient.java:201)",
	"com.acme.billing.charge.ChargeController.create(ChargeController.java:63)",
	"jdk.internal.reflect.GeneratedMethodAccessor118.invoke(Unknown Source)",
	"java.base/java.lang.reflect.Method.invoke(Method.java:569)",
	"org.springframework.web.method.support.InvocableHandlerMethod.doInvoke(InvocableHandlerMethod.java:207)",
	"org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1081)",
	"jakarta.servlet.http.HttpServlet.service(HttpServlet.java:590)",
	"org.apache.catalina.core.ApplicationFilterChain.internalDoFilter(ApplicationFilterChain.java:205)",
	"com.acme.platform.tenant.TenantFilter.doFilterInternal(TenantFilter.java:49)",
	"org.apache.catalina.valves.ErrorReportValve.invoke(ErrorReportValve.java:93)",
	"org.apache.coyote.http11.Http11Processor.service(Http11Processor.java:391)",
	"org.apache.tomcat.util.net.SocketProcessorBase.run(SocketProcessorBase.java:52)",
	"java.base/java.lang.Thread.run(Thread.java:840)",
}

// stackTrace makes one of so many bytes, with a place for its number.
func stackTrace(length int) string {
	if length == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("ChargeError: 0x" + stackMark)
	for i := 0; b.Len() < length; i++ {
		b.WriteString("\n\tat " + frames[i%len(frames)])
	}
	return b.String()[:length]
}

func little(t pcommon.Timestamp) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(t))
}

// places gives where mark is in raw.
func places(raw, mark []byte) (at []int) {
	for from := 0; ; from += len(mark) {
		i := bytes.Index(raw[from:], mark)
		if i < 0 {
			return at
		}
		from += i
		at = append(at, from)
	}
}

func (b body) clone() body {
	b.raw = slices.Clone(b.raw)
	return b
}

// renew makes spans out of the body that nobody has seen: those of a run with
// the serial numbers from first on, which ended just now.
func (b body) renew(run, first uint64, distinct float64, now time.Time) {
	for i := range b.trace {
		serial := first + uint64(i)                           //nolint:gosec // small
		id := mix(run + serial)                               // one to one: no two serials share it
		end := uint64(now.Add(-time.Duration(i)).UnixNano())  //nolint:gosec // this side of 2262
		stack := mix(^run + uint64(float64(serial)*distinct)) // a number for every stack trace that is distinct
		binary.BigEndian.PutUint64(b.raw[b.trace[i]:], id)
		binary.BigEndian.PutUint64(b.raw[b.trace[i]+8:], mix(id))
		binary.BigEndian.PutUint64(b.raw[b.span[i]:], mix(^id))
		binary.LittleEndian.PutUint64(b.raw[b.begin[i]:], end-uint64(took))
		binary.LittleEndian.PutUint64(b.raw[b.end[i]:], end)
		binary.LittleEndian.PutUint64(b.raw[b.at[i]:], end)
		putHex(b.raw[b.id[i]:], id)
		if len(b.stackNum) > 0 {
			putHex(b.raw[b.stackNum[i]:], stack)
		}
	}
}

func putHex(dst []byte, v uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	hex.Encode(dst, b[:])
}

// mix is the last step of SplitMix64: it scatters numbers, one to one. IDs that
// go up would be kinder to an index than those of real services are.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
