package otlp

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"errata/internal/event"
)

const (
	// maxSpanCounts bounds the rows of request totals that one request makes.
	maxSpanCounts = 10_000
	// maxWeight bounds what one sampled span may stand for: nobody samples one
	// in a million, and a slip of the pen must not drown a service's rate.
	maxWeight = 1 << 20
)

// spanCounts counts the requests that spans stand for. All of an export
// request has one key, over every span that was counted: a retry sends the same
// bytes. That costs one row instead of one per span; what a Collector on the
// way repeats in other batches counts twice. Failed spans are left to their
// Events, which are counted exactly; what is counted of them here is only what
// a sampled one stands for beyond itself.
type spanCounts struct {
	rows  map[spanCount]float64
	order []spanCount
	hash  hash.Hash
	lost  int
}

// spanCount is event.Requests without what is the same for all, and without N.
type spanCount struct {
	event.Series
	derived bool
	status  int
	minute  int64 // Unix seconds
}

// add counts a span that answered a request.
func (c *spanCounts) add(it *item, failed bool) {
	n := weight(it.span)
	if failed {
		n--
	}
	if n == 0 {
		return
	}
	at := it.span.EndTimestamp()
	if at == 0 {
		at = it.span.StartTimestamp()
	}
	if at == 0 {
		return
	}
	it.fillSeries()
	const minute = 60
	series, derived := it.series()
	row := spanCount{series, derived, it.env.Status, int64(at/1e9) / minute * minute} //nolint:gosec // seconds
	if c.rows == nil {
		c.rows, c.hash = map[spanCount]float64{}, sha256.New()
	}
	if _, ok := c.rows[row]; !ok {
		if len(c.order) >= maxSpanCounts {
			c.lost++
			return
		}
		c.order = append(c.order, row)
	}
	c.rows[row] += n
	c.identify(it.span)
}

// weight is how many requests a span stands for.
func weight(span ptrace.Span) float64 {
	return min(max(adjustedCount(span.TraceState().AsRaw()), 1), maxWeight)
}

func (c *spanCounts) identify(span ptrace.Span) {
	var b [40]byte
	trace, id := span.TraceID(), span.SpanID()
	copy(b[:16], trace[:])
	copy(b[16:24], id[:])
	binary.BigEndian.PutUint64(b[24:], uint64(span.StartTimestamp()))
	binary.BigEndian.PutUint64(b[32:], uint64(span.EndTimestamp()))
	c.hash.Write(b[:])
}

// requests gives what was counted, in the order in which it came.
func (c *spanCounts) requests() []event.Requests {
	if len(c.order) == 0 {
		return nil
	}
	key := [16]byte(c.hash.Sum(nil)[:16])
	out := make([]event.Requests, len(c.order))
	for i, row := range c.order {
		out[i] = event.Requests{Series: row.Series, Derived: row.derived, Status: row.status, Source: event.SpanRequests,
			Minute: time.Unix(row.minute, 0).UTC(), N: c.rows[row], Key: key}
	}
	return out
}
