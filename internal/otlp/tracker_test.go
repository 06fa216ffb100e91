package otlp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

// seen is a cumulative point as a test tells it; times in minutes, and the
// Tracker begins at 100.
type seen struct {
	stream   byte
	start    uint64
	at       uint64
	count    float64
	want     float64
	newBatch bool // what came before has been committed
}

func (s seen) point() *Point {
	const minute = uint64(time.Minute)
	return &Point{Requests: event.Requests{N: s.count}, Cumulative: true, Stream: [16]byte{s.stream}, Start: s.start * minute, Time: s.at * minute}
}

func TestTracker(t *testing.T) {
	for name, steps := range map[string][]seen{
		"a difference":                {{1, 10, 101, 50, 0, false}, {1, 10, 102, 57, 7, true}, {1, 10, 103, 57, 0, true}, {1, 10, 104, 58, 1, true}},
		"within one batch":            {{1, 10, 101, 50, 0, false}, {1, 10, 102, 57, 7, false}, {1, 10, 103, 60, 3, false}},
		"began after us":              {{1, 101, 102, 5, 5, false}, {1, 101, 103, 7, 2, true}},
		"a repetition":                {{1, 101, 102, 5, 5, false}, {1, 101, 102, 5, 0, true}, {1, 101, 102, 5, 0, false}},
		"overtaken":                   {{1, 10, 101, 5, 0, false}, {1, 10, 103, 9, 4, true}, {1, 10, 102, 7, 0, true}, {1, 10, 104, 10, 1, true}},
		"a new start":                 {{1, 10, 101, 50, 0, false}, {1, 102, 103, 6, 6, true}, {1, 102, 104, 8, 2, true}},
		"the count fell":              {{1, 10, 101, 50, 0, false}, {1, 10, 102, 3, 3, true}, {1, 10, 103, 5, 2, true}},
		"unknown start is a baseline": {{1, 101, 101, 50, 0, false}, {1, 101, 102, 55, 5, true}, {1, 103, 103, 9, 0, true}, {1, 103, 104, 10, 1, true}},
		"no start at all":             {{1, 0, 101, 50, 0, false}, {1, 0, 102, 55, 5, true}, {1, 0, 103, 2, 2, true}},
		"a new start before us":       {{1, 10, 101, 50, 0, false}, {1, 99, 102, 6, 0, true}, {1, 99, 103, 7, 1, true}},
		// Two processes that share an identity report in turn.
		"an identity is shared": {{1, 101, 102, 5, 5, false}, {1, 102, 103, 3, 3, true}, {1, 101, 104, 8, 3, true}, {1, 102, 105, 4, 1, true}},
		// A sibling that comes later was not there before.
		"a new sibling":            {{1, 10, 101, 50, 0, false}, {2, 10, 102, 4, 4, true}, {2, 10, 103, 5, 1, true}},
		"a sibling in two batches": {{1, 10, 101, 50, 0, false}, {2, 10, 101, 40, 0, true}, {2, 10, 102, 41, 1, true}},
	} {
		t.Run(name, func(t *testing.T) {
			tracker := NewTracker(time.Unix(100*60, 0), 0)
			advance := tracker.Advance()
			for i, s := range steps {
				if s.newBatch {
					advance.Commit(time.Unix(0, 0))
					advance = tracker.Advance()
				}
				assert.InDelta(t, s.want, advance.Count(1, s.point()), 0, "step %d", i)
			}
		})
	}
}

func TestTrackerKeepsWorkspacesApart(t *testing.T) {
	tracker := NewTracker(time.Unix(100*60, 0), 0)
	advance := tracker.Advance()
	assert.Zero(t, advance.Count(1, seen{1, 10, 101, 50, 0, false}.point()))
	advance.Commit(time.Unix(0, 0))
	assert.Zero(t, tracker.Advance().Count(2, seen{1, 10, 102, 60, 0, false}.point()))
}

// What was not stored is counted with the next point.
func TestTrackerForgetsWhatFailed(t *testing.T) {
	tracker := NewTracker(time.Unix(100*60, 0), 0)
	first := tracker.Advance()
	first.Count(1, seen{1, 10, 101, 50, 0, false}.point())
	first.Commit(time.Unix(0, 0))
	assert.InDelta(t, 5, tracker.Advance().Count(1, seen{1, 10, 102, 55, 0, false}.point()), 0)
	assert.InDelta(t, 9, tracker.Advance().Count(1, seen{1, 10, 103, 59, 0, false}.point()), 0)
}

// Who was forgotten comes back with a baseline, although it began after us.
func TestTrackerIsBounded(t *testing.T) {
	const limit = 10
	tracker := NewTracker(time.Unix(100*60, 0), limit)
	count := func(stream byte, at uint64, n float64) float64 {
		advance := tracker.Advance()
		got := advance.Count(1, seen{stream, 101, at, n, 0, false}.point())
		advance.Commit(time.Unix(110*60, 0))
		return got
	}
	require.InDelta(t, 5, count(1, 102, 5), 0)
	for i := range byte(3 * limit) {
		count(100+i, 102, 1)
	}
	assert.LessOrEqual(t, len(tracker.young)+len(tracker.old), 2*limit)
	assert.LessOrEqual(t, len(tracker.groups), limit)
	assert.Zero(t, count(1, 103, 9))
	assert.InDelta(t, 2, count(1, 104, 11), 0)
}

func TestDeltaNeedsNoMemory(t *testing.T) {
	tracker := NewTracker(time.Unix(0, 0), 0)
	advance := tracker.Advance()
	p := seen{1, 10, 101, 7, 0, false}.point()
	p.Cumulative = false
	assert.InDelta(t, 7, advance.Count(1, p), 0)
	advance.Commit(time.Unix(0, 0))
	assert.Empty(t, tracker.young)
}
