package otlp

import "time"

// MaxStreams is how many cumulative streams a Tracker remembers at least; it
// holds up to twice as many, some 100 bytes each.
const MaxStreams = 100_000

// Tracker turns the counts of cumulative data points, which go on from a
// sender's start, into what came since the point before.
//
// A stream that it does not know gives a baseline: nothing is counted, since
// nobody can say how much of it was counted before. Its whole value counts only
// if it certainly is new: it began after the Tracker did, or a sibling (same
// sender, metric and start) was seen at an earlier time without it.
//
// A reset is a new start, which is a new stream, or a count that fell. Senders
// that share an identity (a service.instance.id is missing) are kept apart by
// their starts as far as that goes.
//
// The memory is bounded: streams that were not seen for long are forgotten,
// and give a baseline when they come back. A Tracker is for one goroutine.
type Tracker struct {
	limit int
	// horizon is when the knowledge begins, in nanoseconds since 1970.
	horizon    uint64
	young, old map[streamKey]last
	groups     map[streamKey]uint64 // the first time that was seen of each
}

// streamKey is a stream, or a group of them.
type streamKey struct {
	workspace int32
	id        [16]byte
	start     uint64
}

type last struct {
	time  uint64
	count float64
}

// NewTracker knows nothing from before now. limit 0 means MaxStreams.
func NewTracker(now time.Time, limit int) *Tracker {
	if limit <= 0 {
		limit = MaxStreams
	}
	return &Tracker{limit: limit, horizon: nanos(now), young: map[streamKey]last{}, groups: map[streamKey]uint64{}}
}

func nanos(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) } //nolint:gosec // not negative

// Advance is what a batch of points would change. It changes the Tracker only
// when its counts have been stored: a batch that was not is tried again.
type Advance struct {
	t       *Tracker
	streams map[streamKey]last
	groups  map[streamKey]uint64
}

// Advance begins a batch.
func (t *Tracker) Advance() *Advance {
	return &Advance{t: t, streams: map[streamKey]last{}, groups: map[streamKey]uint64{}}
}

// Count gives how many requests a point adds. That of a delta point is its
// own.
func (a *Advance) Count(ws int32, p *Point) float64 {
	if !p.Cumulative {
		return p.N
	}
	key := streamKey{ws, p.Stream, p.Start}
	before, known := a.streams[key]
	if !known {
		before, known = a.t.last(key)
	}
	if known && p.Time <= before.time {
		return 0 // a repetition, or one that was overtaken
	}
	isNew := a.isNew(ws, p)
	a.streams[key] = last{p.Time, p.N}
	switch {
	case !known && !isNew:
		return 0
	case !known, p.N < before.count:
		return p.N
	default:
		return p.N - before.count
	}
}

// isNew reports whether a stream that is not known has never counted before.
// Where the start is not known, or is the time of the point itself, its value
// is of unknown age.
func (a *Advance) isNew(ws int32, p *Point) bool {
	if p.Start == 0 || p.Start == p.Time {
		return false
	}
	group := streamKey{ws, p.Group, p.Start}
	first, seen := a.groups[group]
	if !seen {
		first, seen = a.t.groups[group]
	}
	if !seen {
		a.groups[group] = p.Time
	}
	return p.Start >= a.t.horizon || seen && first < p.Time
}

// Commit makes the batch part of what is known.
func (a *Advance) Commit(now time.Time) {
	for key, l := range a.streams {
		a.t.put(key, l, now)
	}
	for key, first := range a.groups {
		if len(a.t.groups) < a.t.limit {
			a.t.groups[key] = first
		}
	}
}

func (t *Tracker) last(key streamKey) (last, bool) {
	if l, ok := t.young[key]; ok {
		return l, true
	}
	l, ok := t.old[key]
	return l, ok
}

// put remembers in two generations: what was not seen since the younger one
// began goes with the older one.
func (t *Tracker) put(key streamKey, l last, now time.Time) {
	if len(t.young) >= t.limit {
		if len(t.old) > 0 {
			// Somebody may be forgotten, who must not be taken for new.
			t.horizon = nanos(now)
			clear(t.groups)
		}
		t.old, t.young = t.young, make(map[streamKey]last, t.limit)
	}
	t.young[key] = l
}
