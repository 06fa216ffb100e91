package store

import (
	"context"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/rollup"
)

// pieceLength is how much of an hour is read again when something is counted.
const pieceLength = 5 * time.Minute

// pieces is a set of the twelve of an hour, the first one the lowest bit.
type pieces uint16

const (
	piecesOfHour        = int(time.Hour / pieceLength)
	allPieces    pieces = 1<<piecesOfHour - 1
)

func (p pieces) has(i int) bool { return p>>i&1 == 1 }

// openKey is an hour of a workspace that is read by the minute: from when on, and
// of which service ("" for all). built is when its blocks were made, if it has
// some: those minutes have no marks.
type openKey struct {
	ws         int32
	hour, from time.Time
	service    string
	built      time.Time
}

// openHours are those that were looked at lately. What is known of them may be as
// old as keep (Options.StatsAge): pages come in bunches.
type openHours struct {
	keep time.Duration
	sync.Mutex
	hours map[openKey]*openHour
}

const (
	// forgetOpen is after which time without a reader an hour is forgotten.
	forgetOpen = 10 * time.Minute
	// manyOpen is how many of them are kept: each takes a few megabytes.
	manyOpen = 64
)

func (o *openHours) of(k openKey) *openHour {
	o.Lock()
	defer o.Unlock()
	h := o.hours[k]
	if h == nil {
		h = &openHour{openKey: k, byHour: layer{build: rollup.BuildPart, merge: rollup.MergeHour}, byMinute: layer{build: rollup.BuildMinutes, merge: rollup.MergeMinutes}}
	}
	h.used = time.Now()
	if o.hours == nil {
		o.hours = map[openKey]*openHour{}
	}
	for old, other := range o.hours {
		if h.used.Sub(other.used) > forgetOpen || len(o.hours) >= manyOpen {
			delete(o.hours, old)
		}
	}
	o.hours[k] = h
	return h
}

// read hands out what is in an hour. It is good for reading until use returns.
func (o *openHours) read(ctx context.Context, tx pgx.Tx, k openKey, use func(*openHour) error) error {
	h := o.of(k)
	h.Lock()
	defer h.Unlock()
	if o.keep == 0 || time.Since(h.at) > o.keep {
		if err := h.refresh(ctx, tx); err != nil {
			h.snapshot, h.at = "", time.Time{} // some may have been read
			return err
		}
		h.at = time.Now()
	}
	return use(h)
}

// openHour is what was counted in an hour, in pieces: what comes in is mostly of
// the last minutes, and the marks say which other pieces to read again. They are
// as of a snapshot of the server that was started then: one that has taken over
// may have lost, and given away again, the transactions that the snapshot is about.
type openHour struct {
	openKey
	used time.Time // guarded by openHours
	sync.Mutex
	at       time.Time
	snapshot string
	server   time.Time
	counted  [piecesOfHour]*rollup.Counted // nil for nothing
	sources  map[rollup.Answerer]event.Sources
	byHour   layer
	byMinute layer
}

// drop makes all be read again.
func (h *openHour) drop() {
	h.counted = [piecesOfHour]*rollup.Counted{}
	h.changed(allPieces)
}

// changed makes the layers be made anew.
func (h *openHour) changed(which pieces) {
	h.byHour.made &^= which
	h.byMinute.made &^= which
}

const (
	// noSnapshot sees no transaction.
	noSnapshot    = "1:1:"
	sqlOpenPieces = `
SELECT pg_current_snapshot()::text, pg_postmaster_start_time(), coalesce(bit_or(pieces), 0)::int2,
       coalesce(bit_or(pieces) FILTER (WHERE NOT pg_visible_in_snapshot(xid, $3::text::pg_snapshot)), 0)::int2
FROM rollup_marks WHERE workspace_id = $1::int4 AND level = 1 AND start = $2::timestamptz`
)

// refresh reads what has changed.
func (h *openHour) refresh(ctx context.Context, tx pgx.Tx) error {
	seen, server := h.snapshot, h.server
	if seen == "" {
		seen = noSnapshot
	}
	var all, changed int16
	if err := tx.QueryRow(ctx, sqlOpenPieces, h.ws, h.hour, seen).Scan(&h.snapshot, &h.server, &all, &changed); err != nil {
		return err
	}
	stale := pieces(changed) //nolint:gosec // bits
	if seen == noSnapshot || !h.server.Equal(server) {
		h.drop()
		if stale = pieces(all); !h.built.IsZero() { //nolint:gosec // bits
			stale = allPieces
		}
	}
	stale &= allPieces &^ (1<<(h.from.Sub(h.hour)/pieceLength) - 1)
	if err := h.reread(ctx, tx, stale); err != nil {
		return err
	}
	h.changed(stale)
	h.choose()
	return nil
}

// reread reads pieces that are next to each other in one go.
func (h *openHour) reread(ctx context.Context, tx pgx.Tx, stale pieces) error {
	for i := range h.counted {
		if stale.has(i) {
			h.counted[i] = &rollup.Counted{}
		}
	}
	of := func(minute time.Time) *rollup.Counted { return h.counted[minute.Sub(h.hour)/pieceLength] }
	for left := stale; left != 0; {
		first := bits.TrailingZeros16(uint16(left))
		n := bits.TrailingZeros16(^uint16(left >> first))
		from := later(h.hour.Add(time.Duration(first)*pieceLength), h.from)
		if err := readCountedInto(ctx, tx, h.ws, from, h.hour.Add(time.Duration(first+n)*pieceLength), h.service, of); err != nil {
			return err
		}
		left &^= (1<<n - 1) << first
	}
	return nil
}

// choose finds out who counts requests, which is chosen for an hour.
func (h *openHour) choose() {
	sources := map[rollup.Answerer]event.Sources{}
	for _, c := range h.counted {
		if c != nil {
			c.Sources(sources)
		}
	}
	if !maps.Equal(sources, h.sources) {
		h.sources = sources
		h.changed(allPieces)
	}
}

// layer is blocks of an hour's pieces. Those that have not changed for a while
// are put together, which takes as long as making them did.
type layer struct {
	build  func(hour time.Time, c *rollup.Counted, sources map[rollup.Answerer]event.Sources) []rollup.Block
	merge  func(hour time.Time, parts []rollup.Block) []rollup.Block
	piece  [piecesOfHour][]rollup.Block
	made   pieces // are as the pieces are now
	merged pieces // are in whole
	whole  []rollup.Block
	all    []rollup.Block
}

// blocks are those of the hour as it is. Building gives no error, so that one is a
// panic: what was to be made is then still to be made.
func (l *layer) blocks(h *openHour) ([]rollup.Block, error) {
	have := pieces(0)
	for i, c := range h.counted {
		if c != nil {
			have |= 1 << i
		}
	}
	stale := have &^ l.made
	if l.made &= have; stale == 0 && l.merged|l.made == l.made {
		return l.all, nil
	}
	err := parallel(len(l.piece), func(i int) error {
		if stale.has(i) {
			l.piece[i] = l.build(h.hour, h.counted[i], h.sources)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if l.merged&^l.made != 0 {
		l.merged, l.whole = 0, nil
	}
	if settled := l.made &^ l.merged; bits.OnesCount16(uint16(settled)) > 1 || l.merged == 0 && settled != 0 {
		l.whole = l.merge(h.hour, append(l.whole, l.of(settled)...))
		l.merged |= settled
	}
	l.made = have
	l.all = append(slices.Clip(l.whole), l.of(have&^l.merged)...)
	return l.all, nil
}

func (l *layer) of(some pieces) (out []rollup.Block) {
	for i, blocks := range l.piece {
		if some.has(i) {
			out = append(out, blocks...)
		}
	}
	return out
}
