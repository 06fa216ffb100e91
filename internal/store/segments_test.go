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
)

const openSegment = `SELECT coalesce(max(segment), 0) FROM event_segments WHERE day = $1::date`

// sealed waits until the open segment of today is at least that one.
func (f *fixture) sealed(t *testing.T, least int) {
	t.Helper()
	require.Eventually(t, func() bool { return f.count(t, openSegment, now) >= least }, 10*time.Second, 5*time.Millisecond)
}

// spread writes n failures, one by one, over several segments. The first has room for
// four, of which this process has written so many.
func (f *fixture) spread(t *testing.T, written, n int) (reports []report) {
	t.Helper()
	for i := range n {
		r := report{src: event.FromSpan, service: "billing", status: 500, request: fmt.Sprintf("req_Segment%d", i), trace: hex(100+i, 32), span: hex(200+i, 16), salt: fmt.Sprint(i)}
		f.write(t, r)
		f.sealed(t, written+i+1-3)
		reports = append(reports, r)
	}
	return reports
}

// What is in a sealed segment is known to the process that wrote it, to one that has
// just started, and to one that was there all the time and wrote elsewhere.
func TestSealedSegmentsAreKnown(t *testing.T) {
	f := open(t, store.Options{SegmentRows: 1})
	there := reopen(t, store.Options{URL: f.url, SegmentRows: 1 << 20})
	first := report{src: event.FromSpan, service: "edge", status: 500, request: "req_first", trace: hex(1, 32), span: hex(1, 16)}
	outs, err := there.Write(t.Context(), []identity.Part{first.part()})
	require.NoError(t, err)
	assert.Equal(t, identity.Accepted, outs[0].Verdict)
	reports := append(f.spread(t, 0, 8), first)

	for name, s := range map[string]*store.Store{"the writer": f.Store, "who was there": there, "who has just started": reopen(t, store.Options{URL: f.url})} {
		parts := make([]identity.Part, len(reports))
		for i, r := range reports {
			parts[i] = r.part()
			parts[i].Own[0]++ // the same span, sent as another item
			parts[i].Event.ID = identity.NewID(parts[i].Event.OccurredAt, parts[i].Own, true)
		}
		_, err := s.Write(t.Context(), parts)
		require.NoError(t, err, name)
		assert.Equal(t, len(reports), f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`), name)
		f.requireInvariant(t)
		for i, r := range reports {
			outs, err := s.Write(t.Context(), []identity.Part{r.part()})
			require.NoError(t, err, name)
			assert.Equal(t, identity.Duplicate, outs[0].Verdict, "%s, %d", name, i)
		}
	}
	assert.Greater(t, f.count(t, openSegment, now), 4)
}

// Every way to look for an ID finds it in every segment.
func TestLookUpsAskAllSegments(t *testing.T) {
	f := open(t, store.Options{SegmentRows: 1})
	ws := store.DefaultWorkspace
	for i, r := range f.spread(t, 0, 8) {
		for _, id := range []string{r.request, r.trace, r.span} {
			trail, err := f.Trail(t.Context(), ws, id)
			require.NoError(t, err, "%d: %s", i, id)
			assert.Equal(t, r.request, trail.Events[0].RequestID)
		}
		hits, err := f.Store.Lookup(t.Context(), ws, []string{r.request, r.trace, r.span})
		require.NoError(t, err)
		assert.Len(t, hits, 3, i)
		alike, err := f.LookAlikes(t.Context(), ws, fmt.Sprintf("req_SEGMENT%d", i), 10)
		require.NoError(t, err)
		assert.Len(t, alike, 1, i)
	}
	for _, prefix := range []string{"req_Seg", hex(0, 28)} {
		hits, err := f.Prefix(t.Context(), ws, prefix, 100)
		require.NoError(t, err)
		assert.Len(t, hits, 8, prefix)
	}
}

// A report that adds a key to an Event of a sealed segment takes it along, so that
// the key is found from then on.
func TestAMergeLeavesASealedSegment(t *testing.T) {
	f := open(t, store.Options{SegmentRows: 1})
	body := report{src: event.FromHTTP, service: "billing", status: 500, request: "req_merged", body: "{}"}
	f.write(t, body)
	f.spread(t, 1, 6)
	f.write(t, report{src: event.FromSpan, service: "billing", status: 500, request: "req_merged", trace: hex(7, 32), span: hex(7, 16)})
	log := report{src: event.FromLog, service: "billing", status: 500, trace: hex(7, 32), span: hex(7, 16), stack: "at x"}
	other := reopen(t, store.Options{URL: f.url})
	outs, err := other.Write(t.Context(), []identity.Part{log.part(), body.part()})
	require.NoError(t, err)
	assert.Equal(t, identity.Duplicate, outs[1].Verdict)
	assert.Equal(t, 7, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`))
	assert.Equal(t, 3, f.count(t, `SELECT parts FROM events WHERE request_id = 'req_merged' AND merged_into IS NULL`))
	f.requireInvariant(t)
}

// Days that are over are not divided, however much comes in for them late.
func TestOldDaysAreNotDivided(t *testing.T) {
	f := open(t, store.Options{SegmentRows: 1})
	old := now.AddDate(0, 0, -5)
	for i := range 9 {
		f.write(t, report{src: event.FromHTTP, service: "billing", status: 500, request: fmt.Sprint("req_old_", i), at: old})
	}
	assert.Equal(t, 0, f.count(t, openSegment, old))
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM event_segments WHERE day = $1::date`, old), "who wrote there")
}

// What is known of segments goes with their day.
func TestSegmentsGoWithTheirDay(t *testing.T) {
	f := open(t, store.Options{SegmentRows: 1})
	f.spread(t, 0, 6)
	list := func() int { return f.count(t, `SELECT cardinality(list) FROM known_segments`) }
	assert.Equal(t, 4, list())
	require.NoError(t, f.Expire(t.Context(), now.AddDate(0, 0, 20)))
	assert.Equal(t, 4, list())
	require.NoError(t, f.Expire(t.Context(), now.AddDate(0, 0, 40)))
	assert.Equal(t, 1, list())
	assert.Zero(t, f.count(t, `SELECT count(*) FROM event_segments`))
	// This process still believes in segment 3 of a day that came back.
	_, err := f.Write(t.Context(), []identity.Part{report{src: event.FromHTTP, service: "billing", status: 500, request: "req_late"}.part()})
	require.NoError(t, err)
	_, err = f.Trail(t.Context(), store.DefaultWorkspace, "req_late")
	assert.NoError(t, err)
}
