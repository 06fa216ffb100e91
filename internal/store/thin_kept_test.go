package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/store"
	"errata/internal/thin"
)

// What stays of a request stays in all services that it went through, as far as their
// numbers allow.
func TestThinningKeepsWholeRequests(t *testing.T) {
	f := open(t, store.Options{})
	at := ago(5)
	var batch []report
	for n := range 200 {
		for service := range 3 {
			id := fmt.Sprint("req_", n)
			batch = append(batch, report{src: event.FromHTTP, service: fmt.Sprint("service-", service), request: id, trace: traceOf(id), status: 500, code: "boom", at: at.Add(time.Duration(n) * time.Second)})
		}
	}
	f.writeThen(t, batch...)
	f.setThinning(t, ws, "all", "code:boom", 3, 20)
	f.expire(t, ago(0))
	assert.Equal(t, 60, f.count(t, `SELECT count(*) FROM events WHERE parts > 0`))
	assert.Equal(t, 20, f.count(t, `SELECT count(*) FROM (SELECT trace_id FROM events WHERE parts > 0 GROUP BY trace_id HAVING count(*) = 3) x`))
}

// A request that failed more often than the rule keeps is kept in part rather than
// not at all; one that would be torn at the border goes whole.
func TestThinningOfRepeatedFailures(t *testing.T) {
	for keep, want := range map[int]int{1: 1, 3: 3, 5: 4, 8: 8} {
		f := open(t, store.Options{})
		var batch []report
		for n := range 3 {
			for try := range 4 {
				batch = append(batch, report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("req_", n, "_", try), trace: traceOf(fmt.Sprint(n)), status: 500, code: "boom", at: ago(5).Add(time.Duration(try) * 2 * time.Second), salt: fmt.Sprint(n)})
			}
		}
		f.writeThen(t, batch...)
		f.setThinning(t, ws, "all", "code:boom", 3, keep)
		f.expire(t, ago(0))
		assert.Equal(t, want, f.count(t, `SELECT count(*) FROM events WHERE parts > 0`), keep)
	}
}

// What merged into a failure goes with it.
func TestThinningTakesWhatWasMerged(t *testing.T) {
	f := open(t, store.Options{})
	at := ago(5)
	for n := range 6 {
		id := fmt.Sprint("req_", n)
		span := report{src: event.FromSpan, service: "billing", trace: hex(100+n, 32), span: hex(100+n, 16), status: 500, code: "boom", at: at.Add(time.Duration(n) * time.Minute)}
		http := report{src: event.FromHTTP, service: "billing", request: id, status: 500, code: "boom", at: span.at.Add(time.Second)}
		both := report{src: event.FromLog, service: "billing", request: id, trace: span.trace, span: span.span, status: 500, code: "boom", at: span.at.Add(2 * time.Second)}
		f.writeThen(t, span)
		f.writeThen(t, http)
		f.writeThen(t, both)
	}
	require.Positive(t, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NOT NULL`))
	require.Equal(t, 6, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`))
	f.setThinning(t, ws, "all", "service:billing", 3, 2)
	f.expire(t, ago(0))
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`))
	assert.Zero(t, f.count(t, `SELECT count(*) FROM events e WHERE merged_into IS NOT NULL AND day = $1 AND NOT EXISTS (SELECT FROM events t WHERE t.id = e.merged_into)`, at))
	assert.Zero(t, f.count(t, `SELECT count(*) FROM event_parts p WHERE NOT EXISTS (SELECT FROM events e WHERE e.id = p.event_id)`))
	for n := range 6 {
		for _, id := range []string{fmt.Sprint("req_", n), hex(100+n, 32)} {
			assert.Contains(t, []string{"", "thinned"}, reason(t, f.Store, ws, id), id)
		}
	}
}

// What came in so late that it may be reported again stays until that is over.
func TestThinningSparesWhatMayBeRepeated(t *testing.T) {
	f := open(t, store.Options{})
	var late []report
	for n := range 5 {
		late = append(late, report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("req_", n), status: 500, code: "boom", at: ago(5)})
	}
	f.write(t, late...) // today
	f.setThinning(t, ws, "all", "code:boom", 3, 2)
	plan, err := f.PlanThinning(t.Context(), ws, thin.Rule{Name: "all", Match: "code:boom", AfterDays: 3, Keep: 2}, ago(0))
	require.NoError(t, err)
	assert.Equal(t, []int64{5, 5, 0}, []int64{plan.Matched, plan.Late, plan.Goes})
	there := func() int { return f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`) }
	f.expire(t, ago(0).Add(time.Hour))
	assert.Equal(t, 5, there())
	for _, out := range f.write(t, late...) {
		assert.Equal(t, identity.Duplicate, out.Verdict)
	}
	f.expire(t, ago(-1))
	assert.Equal(t, 5, there())
	f.expire(t, ago(-2).Add(time.Hour))
	assert.Equal(t, 2, there(), "the day is looked at again without anything having happened to it")
}
