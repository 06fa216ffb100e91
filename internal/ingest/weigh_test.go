package ingest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/encoding/protowire"

	"errata/internal/fault"
)

// wire is a message with a message in one of its fields.
func wire(field protowire.Number, inner []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), inner)
}

// many is wire over and over.
func many(n int, field protowire.Number, inner []byte) []byte {
	return bytes.Repeat(wire(field, inner), n)
}

// spansOf are SERVER spans with attributes of their own.
func spansOf(n, attributes, stack int, status int64) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "billing")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	now := pcommon.NewTimestampFromTime(time.Now())
	for i := range n {
		s := spans.AppendEmpty()
		s.SetTraceID([16]byte{1, byte(i), byte(i >> 8), byte(i >> 16)})
		s.SetSpanID([8]byte{1, byte(i), byte(i >> 8), byte(i >> 16)})
		s.SetKind(ptrace.SpanKindServer)
		s.SetStartTimestamp(now)
		s.SetEndTimestamp(now)
		s.Attributes().PutInt("http.response.status_code", status)
		for a := range attributes {
			s.Attributes().PutStr(fmt.Sprint("key.", a), "value")
		}
		if stack > 0 {
			e := s.Events().AppendEmpty()
			e.SetName("exception")
			e.Attributes().PutStr("exception.stacktrace", strings.Repeat("x", stack))
		}
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

// live is the heap without garbage.
func live() int64 {
	runtime.GC()
	runtime.GC() // what pools had
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // fits
}

// What a body weighs is at least what it takes, decoded, whatever is in it; of
// what senders send, it is not much more.
func TestWeights(t *testing.T) {
	traces := func(b []byte, asJSON bool) any {
		r := ptraceotlp.NewExportRequest()
		require.NoError(t, decode(r.UnmarshalProto, r.UnmarshalJSON, b, asJSON))
		return r
	}
	logs := func(b []byte, asJSON bool) any {
		r := plogotlp.NewExportRequest()
		require.NoError(t, decode(r.UnmarshalProto, r.UnmarshalJSON, b, asJSON))
		return r
	}
	metrics := func(b []byte, asJSON bool) any {
		r := pmetricotlp.NewExportRequest()
		require.NoError(t, decode(r.UnmarshalProto, r.UnmarshalJSON, b, asJSON))
		return r
	}
	type sample struct {
		shape  *message
		decode func([]byte, bool) any
		body   []byte
		asJSON bool
		most   float64 // how much more it may weigh than it takes; 0 = any
	}
	const n = 50_000
	items := func(shape *message, decode func([]byte, bool) any, items []byte) sample {
		return sample{shape: shape, decode: decode, body: wire(1, wire(2, items))}
	}
	kv := wire(1, []byte("k"))
	point := func(field, of protowire.Number, inner []byte) sample {
		return items(metricsShape, metrics, wire(2, wire(field, many(n, of, inner))))
	}
	samples := map[string]sample{
		"empty resources":        {shape: tracesShape, decode: traces, body: many(n, 1, nil)},
		"empty scopes":           {shape: tracesShape, decode: traces, body: wire(1, many(n, 2, nil))},
		"entities":               {shape: tracesShape, decode: traces, body: wire(1, wire(1, many(n, 3, nil)))},
		"resource attributes":    {shape: tracesShape, decode: traces, body: wire(1, wire(1, many(n, 1, nil)))},
		"empty spans":            items(tracesShape, traces, many(n, 2, nil)),
		"empty attributes":       items(tracesShape, traces, wire(2, many(n, 9, nil))),
		"one attribute each":     items(tracesShape, traces, many(n, 2, wire(9, kv))),
		"empty events":           items(tracesShape, traces, wire(2, many(n, 11, nil))),
		"empty links":            items(tracesShape, traces, wire(2, many(n, 13, nil))),
		"lists":                  items(tracesShape, traces, wire(2, many(n, 9, wire(2, wire(5, nil))))),
		"lists of lists":         items(tracesShape, traces, wire(2, many(n/10, 9, wire(2, wire(5, many(10, 1, wire(5, nil))))))),
		"maps":                   items(tracesShape, traces, wire(2, many(n, 9, wire(2, wire(6, nil))))),
		"texts":                  items(tracesShape, traces, wire(2, many(n, 9, wire(2, wire(1, []byte("v")))))),
		"deep lists":             items(tracesShape, traces, many(n/50, 2, wire(9, wire(2, deepList(80))))),
		"empty log records":      items(logsShape, logs, many(n, 2, nil)),
		"log bodies":             items(logsShape, logs, many(n, 2, wire(5, wire(5, nil)))),
		"empty metrics":          items(metricsShape, metrics, many(n, 2, nil)),
		"empty gauges":           items(metricsShape, metrics, many(n, 2, wire(5, nil))),
		"empty data points":      point(7, 1, nil),
		"exemplars":              point(7, 1, wire(5, nil)),
		"empty histograms":       point(9, 1, nil),
		"bounds, packed":         point(9, 1, wire(7, make([]byte, 64))),
		"bounds, unpacked":       point(9, 1, protowire.AppendFixed64(protowire.AppendTag(nil, 7, protowire.Fixed64Type), 1)),
		"empty exponential":      point(10, 1, nil),
		"exponential, packed":    point(10, 1, wire(8, wire(2, make([]byte, 20)))),
		"exponential, unpacked":  point(10, 1, wire(8, bytes.Repeat([]byte{2<<3 | byte(protowire.VarintType), 0}, 20))),
		"empty summaries":        point(11, 1, nil),
		"quantiles":              point(11, 1, many(10, 6, nil)),
		"metadata":               items(metricsShape, metrics, many(n, 2, wire(12, kv))),
		"objects of JSON":        {shape: tracesShape, decode: traces, asJSON: true, body: []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[` + strings.Repeat("{},", n) + `{}]}]}]}`)},
		"histograms of JSON":     {shape: metricsShape, decode: metrics, asJSON: true, body: []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"exponentialHistogram":{"dataPoints":[` + strings.Repeat("{},", n) + `{}]}}]}]}]}`)},
		"bucket counts of JSON":  {shape: metricsShape, decode: metrics, asJSON: true, body: []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":[` + strings.Repeat("1,", n) + `1]}]}}]}]}]}`)},
		"lists of lists of JSON": {shape: tracesShape, decode: traces, asJSON: true, body: []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":{"arrayValue":{"values":[` + strings.Repeat(`{"arrayValue":{}},`, n) + `{}]}}}]}]}]}]}`)},
	}
	for name, req := range map[string]ptraceotlp.ExportRequest{"small spans": spansOf(n/10, 0, 0, 200), "usual spans": spansOf(n/10, 12, 0, 200), "stack traces": spansOf(1000, 12, 4096, 500)} {
		raw, err := req.MarshalProto()
		require.NoError(t, err)
		asJSON, err := req.MarshalJSON()
		require.NoError(t, err)
		samples[name] = sample{shape: tracesShape, decode: traces, body: raw, most: 2.5}
		samples[name+" as JSON"] = sample{shape: tracesShape, decode: traces, body: asJSON, asJSON: true}
	}
	names := make([]string, 0, len(samples))
	for name := range samples {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s := samples[name]
		weight, err := weigh(s.shape, s.body, s.asJSON)
		require.NoError(t, err, name)
		before := live()
		decoded := s.decode(s.body, s.asJSON)
		takes := live() - before
		runtime.KeepAlive(decoded)
		t.Logf("%-24s %8d bytes take x%.1f and weigh x%.1f", name, len(s.body), float64(takes)/float64(len(s.body)), float64(weight)/float64(len(s.body)))
		assert.LessOrEqual(t, takes, weight+64<<10, name)
		if s.most > 0 {
			assert.Less(t, float64(weight), float64(takes)*s.most, name)
		}
		runtime.KeepAlive(s.body)
	}
}

// deepList is an AnyValue of lists in lists.
func deepList(levels int) []byte {
	var b []byte
	for range levels {
		b = wire(5, wire(1, b))
	}
	return b
}

// What nests more deeply than anybody means it to would exhaust the decoder's
// stack, which no recover survives.
func TestDeepNestingIsRefused(t *testing.T) {
	b := serve(t)
	ok := wire(1, wire(2, wire(2, wire(9, wire(2, deepList(maxNesting/2-10))))))
	deep := wire(1, wire(2, wire(2, wire(9, wire(2, deepList(2*maxNesting))))))
	for path, shape := range map[string]*message{"/v1/traces": tracesShape, "/v1/logs": logsShape, "/v1/metrics": metricsShape} {
		_, err := weigh(shape, ok, false)
		require.NoError(t, err)
		_, err = weigh(shape, []byte{0x0a, 0xff}, false)
		require.True(t, fault.Is(err, fault.Invalid), path)
	}
	res, body := b.send(t, "/v1/traces", ok, "Content-Type", "application/x-protobuf")
	assert.Equal(t, http.StatusOK, res.StatusCode, body)
	res, body = b.send(t, "/v1/traces", deep, "Content-Type", "application/x-protobuf")
	assert.Equal(t, http.StatusBadRequest, res.StatusCode, body)
	assert.Contains(t, body, "nests deeper")
}

// JSON that nests as deeply is refused by its decoder, which counts.
func TestDeepJSONIsRefused(t *testing.T) {
	b := serve(t)
	const levels = 200_000
	deep := `{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":` + strings.Repeat(`{"arrayValue":{"values":[`, levels) + strings.Repeat(`]}}`, levels) + `}]}}]}`
	res, body := b.send(t, "/v1/traces", []byte(deep), "Content-Type", "application/json")
	assert.Equal(t, http.StatusBadRequest, res.StatusCode, body)
}

// Whatever can be weighed does not crash the decoder, and weighs at least what
// its spans take by themselves.
func FuzzWeigh(f *testing.F) {
	for _, attributes := range []int{0, 3} {
		body, err := spansOf(2, attributes, 40, 500).MarshalProto()
		require.NoError(f, err)
		f.Add(body)
	}
	f.Add(wire(1, wire(2, wire(2, wire(9, wire(2, deepList(300)))))))
	f.Fuzz(func(t *testing.T, body []byte) {
		weight, err := weigh(tracesShape, body, false)
		if err != nil {
			require.True(t, fault.Is(err, fault.Invalid)) // the decoder may be less strict: it never sees it
			return
		}
		decoded := ptraceotlp.NewExportRequest()
		if decoded.UnmarshalProto(body) == nil {
			require.GreaterOrEqual(t, weight, int64(200*decoded.Traces().SpanCount()))
		}
	})
}

// However many send small spans at a time, what they take stays within the
// budget; garbage, at Go's default, is as much again.
func TestMemoryStaysWithinTheBudget(t *testing.T) {
	const budget, senders = 48 << 20, 64
	tiny, err := spansOf(1500, 0, 0, 500).MarshalProto()
	require.NoError(t, err)
	usual, err := spansOf(600, 12, 0, 500).MarshalProto()
	require.NoError(t, err)
	reports := []byte("[" + strings.TrimSuffix(strings.Repeat(`{"service":"billing","status":500},`, 1500), ",") + "]")
	for name, c := range map[string]struct{ path, contentType, body string }{
		"tiny spans":    {"/v1/traces", protobufType, string(tiny)},
		"usual spans":   {"/v1/traces", protobufType, string(usual)},
		"small reports": {"/v1/errors", jsonType, string(reports)},
	} {
		t.Run(name, func(t *testing.T) {
			entered, release := make(chan struct{}, senders), make(chan struct{})
			b := serve(t, func(d *Deps) { d.MaxInflight, d.Keys, d.Sink = budget, keysByName(), gate{entered, release} })
			before := live()
			var peak atomic.Int64
			watching, stop := context.WithCancel(t.Context())
			var watch, wg sync.WaitGroup
			watch.Go(func() {
				for watching.Err() == nil {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					peak.Store(max(peak.Load(), int64(m.HeapAlloc)-before)) //nolint:gosec // fits
					time.Sleep(2 * time.Millisecond)
				}
			})
			var refused, taken atomic.Int64
			for i := range senders {
				wg.Go(func() {
					for range 2 { // as those do that were refused
						res, body := b.send(t, c.path, []byte(c.body), "Content-Type", c.contentType, "x-api-key", fmt.Sprintf("key-%d-of-24-letters-or-more", i%4))
						if res.StatusCode == http.StatusOK {
							taken.Add(1)
							return
						}
						assert.Equal(t, http.StatusServiceUnavailable, res.StatusCode, body)
						refused.Add(1)
					}
				})
			}
			// All that were let in are waiting for the database, and the others
			// have given up.
			require.Eventually(t, func() bool {
				n := refused.Load()
				time.Sleep(300 * time.Millisecond)
				return n > 0 && n == refused.Load()
			}, 30*time.Second, time.Millisecond)
			held, paid := live()-before, budget-b.budget.Left()
			stop()
			watch.Wait()
			close(release)
			wg.Wait()
			t.Logf("%d were let in: %d KiB of %d KiB paid for; with garbage %d KiB at most", taken.Load(), held>>10, paid>>10, peak.Load()>>10)
			assert.LessOrEqual(t, held, paid+4<<20)
			assert.Greater(t, held, paid/5, "or it is refused for nothing")
			assert.Less(t, peak.Load(), int64(4*budget), "a collection may be late on a busy machine")
			assert.GreaterOrEqual(t, taken.Load(), int64(3))
			assert.EqualValues(t, budget, b.budget.Left(), "all of it came back")
		})
	}
}
