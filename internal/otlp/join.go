package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// joins finds, for a call or an inner span, the span that answered the
// request: the SERVER span with the same IDs (B3 style), else the one around
// it, else the local root of its trace. It is built when the first span asks,
// because most batches never need it.
type joins struct {
	built   bool
	servers bool // there is a SERVER span
	same    map[spanKey]*peer
	parents map[spanKey]pcommon.SpanID
	roots   map[rootKey]*peer
}

// maxClimb bounds the way up: a batch can claim any depth.
const maxClimb = 32

type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// rootKey: a root is local to the service that reports it.
type rootKey struct {
	trace    pcommon.TraceID
	resource int
}

// peer is a span that answered a request, and what others may take from it;
// that is worked out once.
type peer struct {
	span                   ptrace.Span
	resource               int
	read                   bool
	requestID, customer    string
	method, endpoint, path string
	raw                    bool
}

// severalRoots stands for the root of a trace in which a service answered more
// than one request: nobody can say which of them an orphan belongs to.
var severalRoots = &peer{}

func (j *joins) build(td ptrace.Traces) {
	if j.built {
		return
	}
	j.built = true
	j.same, j.parents, j.roots = map[spanKey]*peer{}, map[spanKey]pcommon.SpanID{}, map[rootKey]*peer{}
	for r, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				j.add(r, span)
			}
		}
	}
}

func (j *joins) add(resource int, span ptrace.Span) {
	kind := span.Kind()
	j.servers = j.servers || kind == ptrace.SpanKindServer
	if span.TraceID().IsEmpty() {
		return
	}
	key := spanKey{span.TraceID(), span.SpanID()}
	if kind != ptrace.SpanKindServer && kind != ptrace.SpanKindConsumer {
		j.parents[key] = span.ParentSpanID()
		return
	}
	p := &peer{span: span, resource: resource}
	if j.same[key] == nil {
		j.same[key] = p
	}
	root := rootKey{span.TraceID(), resource}
	if j.roots[root] == nil {
		j.roots[root] = p
	} else {
		j.roots[root] = severalRoots
	}
}

// find gives the peer of a span, or nil.
func (j *joins) find(resource int, span ptrace.Span) *peer {
	key := spanKey{span.TraceID(), span.SpanID()}
	if p := j.same[key]; p != nil {
		return p
	}
	key.span = span.ParentSpanID()
	for range maxClimb {
		if p := j.same[key]; p != nil && p.resource == resource {
			return p
		}
		parent, ok := j.parents[key]
		if !ok {
			break
		}
		key.span = parent
	}
	if root := j.roots[rootKey{span.TraceID(), resource}]; root != severalRoots {
		return root
	}
	return nil
}
