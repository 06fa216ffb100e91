package bench

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"errata/internal/normalize"
	"errata/internal/otlp"
)

func decoded(t *testing.T, b body) ptrace.SpanSlice {
	t.Helper()
	req := ptraceotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalProto(b.raw))
	return req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans()
}

func text(t *testing.T, s ptrace.Span, name string) string {
	t.Helper()
	v, ok := s.Attributes().Get(name)
	if name == "exception.stacktrace" {
		v, ok = s.Events().At(0).Attributes().Get(name)
	}
	require.True(t, ok, name)
	if name == "http.request.header.x-request-id" {
		return v.Slice().At(0).AsString()
	}
	return v.AsString()
}

// What is written over the encoded bytes reads back as what was meant, and
// nothing else of the request has changed.
func TestRenew(t *testing.T) {
	const batch = 30
	b, err := encode(Load{Batch: batch, StackBytes: 1024, Distinct: 1}, 3)
	require.NoError(t, err)
	now := time.Date(2026, 11, 20, 14, 2, 35, 0, time.UTC)
	before := decoded(t, b)
	b.renew(7, 1000, 1, now)
	after := decoded(t, b)
	require.Equal(t, batch, after.Len())
	for i := range batch {
		s := after.At(i)
		trace, span := s.TraceID(), s.SpanID()
		assert.Equal(t, "req_"+hex.EncodeToString(trace[:8]), text(t, s, "http.request.header.x-request-id"), "both are the number of the span")
		assert.NotEqual(t, traceMark, trace)
		assert.NotEqual(t, spanMark, span)
		assert.Equal(t, now.Add(-time.Duration(i)), s.EndTimestamp().AsTime())
		assert.Equal(t, took, s.EndTimestamp().AsTime().Sub(s.StartTimestamp().AsTime()))
		assert.Equal(t, s.EndTimestamp(), s.Events().At(0).Timestamp())
		stack := text(t, s, "exception.stacktrace")
		assert.Len(t, stack, 1024)
		assert.NotContains(t, stack, stackMark)

		// Put back what was written over, and it is what it was.
		s.SetTraceID(traceMark)
		s.SetSpanID(spanMark)
		s.SetStartTimestamp(beginMark)
		s.SetEndTimestamp(endMark)
		s.Events().At(0).SetTimestamp(atMark)
		s.Events().At(0).Attributes().PutStr("exception.stacktrace", stackTrace(1024))
		id, _ := s.Attributes().Get("http.request.header.x-request-id")
		id.Slice().At(0).SetStr("req_" + idMark)
		require.Equal(t, before.At(i).Attributes().AsRaw(), s.Attributes().AsRaw())
		require.Equal(t, before.At(i).Events().At(0).Attributes().AsRaw(), s.Events().At(0).Attributes().AsRaw())
	}
}

// No two spans of one run or of two share anything that they are recognised
// by, and as many stack traces are distinct as were asked for.
func TestSpansAreNew(t *testing.T) {
	for distinct, want := range map[float64]int{0: 1, 0.25: 1000, 1: 4000} {
		b, err := encode(Load{Batch: 100, StackBytes: minStack, Distinct: distinct}, 0)
		require.NoError(t, err)
		seen, stacks := map[string]bool{}, map[string]bool{}
		for run := range uint64(2) {
			for first := uint64(0); first < 4000; first += 100 {
				b.renew(run<<40, first, distinct, time.Now())
				for _, s := range decoded(t, b).All() {
					trace, span := s.TraceID(), s.SpanID()
					for _, id := range []string{trace.String(), span.String(), text(t, s, "http.request.header.x-request-id")} {
						require.False(t, seen[id], id)
						seen[id] = true
					}
					stacks[text(t, s, "exception.stacktrace")] = true
				}
			}
		}
		assert.Len(t, stacks, 2*want, "%v", distinct)
	}
}

// The product takes every span for one whole failure: nothing is rejected, cut,
// masked, or taken for another's.
func TestSpansAreFailures(t *testing.T) {
	b, err := encode(Load{Batch: 200, StackBytes: 2000}, 5)
	require.NoError(t, err)
	now := time.Now()
	b.renew(99, 0, 1, now)
	req := ptraceotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalProto(b.raw))
	result := otlp.Traces(req.Traces(), otlp.Options{})
	require.Empty(t, result.Rejected)
	require.Empty(t, result.Warnings)
	require.Len(t, result.Envelopes, 200)
	issues := map[string]bool{}
	for _, env := range result.Envelopes {
		part, err := normalize.Item(env, 1, now)
		require.NoError(t, err)
		e := &part.Event
		issues[e.IssueID] = true
		assert.Empty(t, e.Notes)
		assert.Equal(t, "bench-5", e.Service)
		assert.Equal(t, Environment, e.Environment)
		assert.Equal(t, 500, e.Status)
		assert.Equal(t, "/v1/charges/{id}", e.Endpoint)
		assert.True(t, strings.HasPrefix(e.RequestID, "req_"))
		assert.True(t, strings.HasPrefix(e.Customer, "customer-"))
		require.NotNil(t, e.Exception)
		assert.Len(t, e.Exception.Stacktrace, 2000)
	}
	assert.Len(t, issues, 1, "the failures of one service have one cause")
}

func TestWithoutStackTraces(t *testing.T) {
	b, err := encode(Load{Batch: 2}, 0)
	require.NoError(t, err)
	b.renew(1, 0, 0.33, time.Now())
	_, ok := decoded(t, b).At(0).Events().At(0).Attributes().Get("exception.stacktrace")
	assert.False(t, ok)
}

func BenchmarkRenew(b *testing.B) {
	body, err := encode(Load{Batch: 100, StackBytes: 1024}, 0)
	require.NoError(b, err)
	for b.Loop() {
		body.renew(1, 2, 0.33, time.Now())
	}
}
