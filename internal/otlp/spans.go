package otlp

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"errata/internal/event"
)

// traces is the work on one request.
type traces struct {
	td    ptrace.Traces
	it    *item
	other *item // for reading peers
	joins joins
	count spanCounts
	out   output
}

func (t *traces) walk() {
	// A batch that is full of failures should not grow its list bit by bit; one
	// that has hardly any should not make a long one.
	if n := t.td.SpanCount(); n > 0 {
		t.out.Envelopes = make([]event.Envelope, 0, min(n, 128))
	}
	t.it.answers = func() bool {
		t.joins.build(t.td)
		return t.joins.servers
	}
	for r, rs := range t.td.ResourceSpans().All() {
		t.it.setResource(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				t.one(r, span)
				t.out.Items++
			}
		}
	}
	t.out.Requests = t.count.requests()
	if t.count.lost > 0 {
		t.out.warn("the requests of %d spans were not counted: more than %d minutes, endpoints and statuses at once", t.count.lost, maxSpanCounts)
	}
}

func (t *traces) one(resource int, span ptrace.Span) {
	it := t.it
	it.index(span)
	it.fill("http_status")
	if it.badStatus != "" && it.env.Status == 0 && it.kind != innerSpan {
		t.out.reject(t.out.Items, it)
		return
	}
	failed := it.spanFailed()
	if it.kind == serverSpan || it.kind == consumerSpan {
		t.count.add(it, failed)
	}
	if !failed {
		return
	}
	it.fillAll()
	t.borrow(resource)
	t.out.add(it)
}

// index reads a span's attributes and those of its span events. Of several
// exceptions the last one ended the span.
func (it *item) index(span ptrace.Span) {
	it.next()
	it.span, it.kind = span, kindOf(span.Kind())
	it.scopes[0].fill(it.m, span.Attributes())
	for _, spanEvent := range span.Events().All() {
		if spanEvent.Name() == "exception" {
			it.scopes[1].forget(it.m, "exception.type", "exception.message", "exception.stacktrace")
		}
		it.scopes[1].fill(it.m, spanEvent.Attributes())
	}
}

func kindOf(k ptrace.SpanKind) kind {
	switch k {
	case ptrace.SpanKindServer:
		return serverSpan
	case ptrace.SpanKindConsumer:
		return consumerSpan
	case ptrace.SpanKindClient:
		return clientSpan
	default:
		return innerSpan
	}
}

// spanFailed decides whether a span becomes an Event. Any status below 400 is
// a success, whatever the span status says, unless a body or somebody's
// errata.* attributes say otherwise.
func (it *item) spanFailed() bool {
	if it.reported() {
		return true
	}
	switch it.kind {
	case innerSpan:
		return false
	case clientSpan:
		return it.env.Status >= 400 || it.marked() || it.bodyFails()
	default:
		return it.env.Status >= 400 || it.env.Status == 0 && it.marked() || it.bodyFails()
	}
}

// marked reports a span that says by itself that it failed.
func (it *item) marked() bool {
	if it.span.Status().Code() == ptrace.StatusCodeError {
		return true
	}
	return it.text("error.type") != ""
}

// reported reports a failure that was put on the span on purpose.
func (it *item) reported() bool {
	for _, key := range []string{"errata.envelope", "errata.code", "errata.message"} {
		if _, ok := it.get(key); ok {
			return true
		}
	}
	return false
}

// borrow takes what the item lacks from the span that answered the request. A
// span that answers one itself lacks nothing: another one of its trace may well
// be another attempt. A call's own circumstances stay its own.
func (t *traces) borrow(resource int) {
	env, kind := &t.it.env, t.it.kind
	if kind != clientSpan && kind != innerSpan || env.TraceID == "" {
		return
	}
	if kind == clientSpan && env.RequestID != "" && env.Customer != "" {
		return
	}
	t.joins.build(t.td)
	p := t.joins.find(resource, t.it.span)
	if p == nil {
		return
	}
	t.read(p)
	takeIfEmpty(&env.RequestID, p.requestID)
	takeIfEmpty(&env.Customer, p.customer)
	if kind == innerSpan {
		takeIfEmpty(&env.Method, p.method)
		if env.Endpoint == "" {
			env.Endpoint, env.EndpointRaw = p.endpoint, p.raw
		}
		takeIfEmpty(&env.Path, p.path)
	}
}

func takeIfEmpty(dst *string, s string) {
	if *dst == "" {
		*dst = s
	}
}

func (t *traces) read(p *peer) {
	if p.read {
		return
	}
	p.read = true
	if t.other == nil {
		t.other = newItem(t.it.m, t.it.opt)
	}
	o := t.other
	o.index(p.span)
	for _, field := range []string{"request_id", "customer", "method", "endpoint", "path"} {
		o.fill(field)
	}
	p.requestID, p.customer = o.env.RequestID, o.env.Customer
	p.method, p.endpoint, p.path, p.raw = o.env.Method, o.env.Endpoint, o.env.Path, o.env.EndpointRaw
}
