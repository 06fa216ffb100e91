package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"errata/internal/fault"
	"errata/internal/identity"
)

const (
	// segmentRows is how many Events of a day a process writes before it seals
	// the day's segment: what the indexes of IDs have for them just fits into the
	// caches of a processor.
	segmentRows = 1 << 17
	// firstSegment is how many times larger the first one is.
	firstSegment = 4
	// maxSegments bounds what a look-up has to ask a day's indexes.
	maxSegments = 256
	// loadAgain is how long we wait after sealed keys could not be read.
	loadAgain = time.Second
)

// segments is what this process knows of the segments of days.
//
// The keys of a day's Events stand in its indexes by segment, in the order in
// which they arrived, so that new ones meet those that came shortly before them
// and not all of the day, which no cache holds. In the open segment the unique
// indexes refuse a key that is there. Whoever writes a key has to know by
// himself that no sealed one has it: from a filter that has all keys of sealed
// segments or, where the filter says maybe or is not there yet, by looking. Each
// transaction makes sure at its end that the segment which it took for the open
// one is not sealed; what it could not see is then in that segment, too.
type segments struct {
	writer string // this process
	rows   int    // segmentRows, but in tests

	ctx     context.Context // ends with the Store
	stop    context.CancelFunc
	closing sync.RWMutex // nothing is begun once ctx has ended
	work    sync.WaitGroup

	mu   sync.Mutex
	days map[int32]*segmentDay
}

func newSegments(rows int) *segments {
	if rows <= 0 {
		rows = segmentRows
	}
	ctx, stop := context.WithCancel(context.Background())
	return &segments{writer: uuid.NewString(), rows: rows, ctx: ctx, stop: stop, days: map[int32]*segmentDay{}}
}

func (g *segments) close() {
	g.closing.Lock()
	g.stop()
	g.closing.Unlock()
	g.work.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.days {
		d.forget()
	}
}

// segmentDay is one day.
type segmentDay struct {
	asking sync.Mutex // answers of the database come in the order of the questions

	mu      sync.RWMutex // guards all that follows
	open    int16
	written int // Events of this process since it knows that one as the open one
	// filter has keys of sealed segments: those that were read, and all that
	// this process has written to segments from own on. nil: none yet, or none
	// any more.
	filter  *keyFilter
	own     int16
	read    map[int16]bool
	missing []int16 // sealed segments whose keys the filter may lack
	loading bool
	sealing bool
}

// recentDay reports whether a day is one that most Events come in for. Others have
// no filters, and are not divided further.
func recentDay(day int32, now time.Time) bool {
	today := int32(identity.DayOf(now)) //nolint:gosec // days
	return day >= today-1 && day <= today+1
}

// segmentDay gives a day, which is asked for the first time that it is met.
func (s *Store) segmentDay(ctx context.Context, day int32) (*segmentDay, error) {
	g := s.segments
	g.mu.Lock()
	d := g.days[day]
	g.mu.Unlock()
	if d != nil {
		return d, nil
	}
	g.forgetOld() // there is a new day now and then
	if err := s.askSegments(ctx, day); err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.days[day], nil
}

// of gives a day, about which nothing may be known yet.
func (g *segments) of(day int32) *segmentDay {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.days[day]
	if d == nil {
		d = &segmentDay{own: 1}
		g.days[day] = d
	}
	return d
}

// forgetOld gives the memory of days back that few Events come in for.
func (g *segments) forgetOld() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for day, d := range g.days {
		if !recentDay(day, time.Now()) {
			d.forget()
		}
	}
}

// forget empties what is known of sealed segments. What this process writes from
// now on is in no filter.
func (d *segmentDay) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.filter == nil || d.loading {
		return
	}
	d.filter.free()
	d.filter, d.read, d.own, d.missing = nil, nil, maxSegments+1, upTo(d.open)
}

// upTo is the segments that are sealed.
func upTo(open int16) (list []int16) {
	for n := range open {
		list = append(list, n)
	}
	return list
}

const sqlSegments = `SELECT g.segment, g.writer::text FROM event_segments g WHERE g.day = DATE '1970-01-01' + $1::int4 ORDER BY g.segment`

// askSegments reads what segments a day has, and has those keys read that the
// filter lacks. Who calls it has no connection: others may wait for one.
func (s *Store) askSegments(ctx context.Context, day int32) (err error) {
	defer fault.Wrap(&err, "askSegments(%s)", dayText(day))
	d := s.segments.of(day)
	d.asking.Lock()
	defer d.asking.Unlock()
	rows, err := s.pool.Query(ctx, sqlSegments, day)
	if err != nil {
		return unavailable(err)
	}
	var open, segment int16
	var writer string
	foreign := map[int16]bool{} // segments that others have written to as well
	if _, err := pgx.ForEachRow(rows, []any{&segment, &writer}, func() error {
		open = segment
		if writer != s.segments.writer {
			foreign[segment] = true
		}
		return nil
	}); err != nil {
		return unavailable(err)
	}
	d.learn(open, foreign)

	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.missing) == 0 || d.loading || !recentDay(day, time.Now()) {
		return nil
	}
	d.loading = s.aside(func() { s.loadSegments(d, day) })
	if d.filter == nil && d.loading {
		d.filter = &keyFilter{}
	}
	return nil
}

// learn takes an answer in.
func (d *segmentDay) learn(open int16, foreign map[int16]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if open != d.open {
		d.written = 0
	}
	if open < d.open { // the day has gone, or the database is an older one than it was
		d.read, d.own = nil, maxSegments+1
	}
	d.open, d.missing = open, nil
	for n := range open {
		if !d.read[n] && (foreign[n] || n < d.own) {
			d.missing = append(d.missing, n)
		}
	}
}

// aside does something that nobody waits for, but Close; false after that.
func (s *Store) aside(do func()) bool {
	g := s.segments
	g.closing.RLock()
	defer g.closing.RUnlock()
	if g.ctx.Err() != nil {
		return false
	}
	g.work.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				s.log.ErrorContext(g.ctx, "work on segments panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
		}()
		do()
	})
	return true
}

const (
	sqlSegmentRequests = `
SELECT e.request_key FROM events e
WHERE e.day = DATE '1970-01-01' + $1::int4 AND e.segment = $2::int2 AND e.request_id IS NOT NULL AND e.request_key IS NOT NULL`

	sqlSegmentSpans = `
SELECT e.span_key FROM events e
WHERE e.day = DATE '1970-01-01' + $1::int4 AND e.segment = $2::int2 AND e.trace_id IS NOT NULL AND e.span_key IS NOT NULL`
)

// loadSegments reads the keys of sealed segments of a day that the filter may
// lack, the youngest first, for as long as it takes. No key comes to them any more,
// and one that leaves goes to a segment that is not sealed yet.
func (s *Store) loadSegments(d *segmentDay, day int32) {
	ctx, over := s.segments.ctx, false
	defer func() {
		if !over {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.loading = false
		}
	}()
	for failed := false; recentDay(day, time.Now()); {
		segment, ok := d.youngestMissing()
		if over = !ok; over {
			return
		}
		start := time.Now()
		n, err := s.loadSegment(ctx, d, day, segment)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			failed = false
			d.loaded(segment)
			s.log.DebugContext(ctx, "the keys of a sealed segment were read", "day", dayText(day), "segment", segment, "keys", n, "took", time.Since(start))
			continue
		}
		if !failed {
			s.log.WarnContext(ctx, "cannot read the keys of a sealed segment", "day", dayText(day), "segment", segment, "error", err)
		}
		failed = true
		select {
		case <-ctx.Done():
		case <-time.After(loadAgain):
		}
	}
}

// youngestMissing ends the loading where there is none: whoever finds that one is
// missing from now on begins anew.
func (d *segmentDay) youngestMissing() (segment int16, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.missing) == 0 {
		d.loading = false
		return 0, false
	}
	return d.missing[len(d.missing)-1], true
}

func (d *segmentDay) loaded(segment int16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.read == nil {
		d.read = map[int16]bool{}
	}
	d.read[segment] = true
	d.missing = slices.DeleteFunc(d.missing, func(n int16) bool { return n == segment })
}

func (s *Store) loadSegment(ctx context.Context, d *segmentDay, day int32, segment int16) (n int, err error) {
	for kind, sql := range [...]string{requestKind: sqlSegmentRequests, spanKind: sqlSegmentSpans} {
		more, err := s.loadKeys(ctx, d, keyKind(kind), sql, day, segment) //nolint:gosec // two
		n += more
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// loadBatch is how many keys are added at a time, while nobody can ask.
const loadBatch = 4096

func (s *Store) loadKeys(ctx context.Context, d *segmentDay, kind keyKind, sql string, day int32, segment int16) (n int, err error) {
	rows, err := s.pool.Query(ctx, sql, day, segment)
	if err != nil {
		return 0, err
	}
	batch := make([]uint64, 0, loadBatch)
	var hash int64
	_, err = pgx.ForEachRow(rows, []any{&hash}, func() error {
		if batch = append(batch, filterKey(kind, hash)); len(batch) == loadBatch {
			d.add(batch)
			n, batch = n+len(batch), batch[:0]
		}
		return nil
	})
	d.add(batch)
	return n + len(batch), err
}

// add puts keys into the filter; false where there is none.
func (d *segmentDay) add(keys []uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.filter == nil {
		return false
	}
	for _, key := range keys {
		d.filter.add(key)
	}
	return true
}

// filterKey is a key for the filter of its day.
func filterKey(kind keyKind, hash int64) uint64 {
	key := uint64(hash) //nolint:gosec // bits
	if kind == spanKind {
		key = ^key
	}
	return key
}

// current is the segment that new keys go to, as far as this process knows.
func (d *segmentDay) current() int16 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.open
}

// mayHave reports whether a sealed segment may have a key. The caller has the lock.
func (d *segmentDay) mayHave(key uint64) bool {
	return len(d.missing) > 0 || d.filter != nil && d.filter.has(key)
}

// segmented is the segments that a transaction may write to, by day.
type segmented map[int32]*segmentUse

type segmentUse struct {
	day     *segmentDay
	segment int16 // that was the open one when the transaction began
	rows    int   // Events in it
	keys    []uint64
	used    bool
}

// sqlBegin makes each statement see what was committed before it, whatever the
// server's default is: errata_write_segments looks after it has got its lock.
const sqlBegin = "BEGIN ISOLATION LEVEL READ COMMITTED"

// enterSegments notes which segments are open, before anything is looked at, on
// all days that a batch may write to and those that others of its tries did.
func (w *writing) enterSegments(ctx context.Context) error {
	days := make([]int32, 0, 4)
	note := func(day int32) {
		if !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	for day := range w.segments {
		note(day)
	}
	for i := range w.parts {
		p := &w.parts[i]
		note(dayOfID(p.Event.ID, p.Event.OccurredAt))
		for _, k := range w.keys[i] {
			note(k.day)
		}
	}
	w.segments = make(segmented, len(days))
	for _, day := range days {
		d, err := w.s.segmentDay(ctx, day)
		if err != nil {
			return err
		}
		w.segments[day] = &segmentUse{day: d, segment: d.current()}
	}
	return nil
}

// youngSegments is how many of a day are asked for all keys.
const youngSegments = 2

// byAge gives the numbers of segments that are young on one of the days, and of
// those that are old on one.
func (g segmented) byAge() (young, old []int16) {
	for _, u := range g {
		if u == nil {
			continue
		}
		for n := range u.segment + 1 {
			if n+youngSegments > u.segment {
				young = append(young, n)
			} else {
				old = append(old, n)
			}
		}
	}
	slices.Sort(young)
	slices.Sort(old)
	return slices.Compact(young), slices.Compact(old)
}

// inSealed gives the keys that a sealed segment may have. Those of items have an
// index without segments.
func (w *writing) inSealed() map[keyRow]bool {
	var found map[keyRow]bool
	for day, u := range w.segments {
		if u.segment == 0 {
			continue
		}
		u.day.mu.RLock()
		for _, keys := range w.keys {
			for i := range keys {
				if k := &keys[i]; k.day == day && k.kind != itemKind && u.day.mayHave(filterKey(k.kind, k.hash)) {
					if found == nil {
						found = map[keyRow]bool{}
					}
					found[*k] = true
				}
			}
		}
		u.day.mu.RUnlock()
	}
	return found
}

// mayBeSealed is inSealed for one key, of whatever Part.
func (w *writing) mayBeSealed(k keyRow) bool {
	if w.contested || w.mayHave[k] {
		return true
	}
	u := w.segments[k.day]
	u.day.mu.RLock()
	defer u.day.mu.RUnlock()
	return u.segment > 0 && u.day.mayHave(filterKey(k.kind, k.hash))
}

// placeInSegments says which segments rows and pointers go to, and remembers their
// keys: a transaction may be committed although nobody gets to know.
func (w *writing) placeInSegments(rows []*record, pointers []keySet) error {
	for _, r := range rows {
		u, err := w.segments.use(r.day())
		if err != nil {
			return err
		}
		r.segment = u.segment
		u.rows++
		u.note(r.keys)
	}
	for i := range pointers {
		u, err := w.segments.use(pointers[i].day)
		if err != nil {
			return err
		}
		pointers[i].segment = u.segment
		u.note(pointers[i].hashes)
	}
	for _, u := range w.segments {
		if u.used {
			u.remember()
		}
	}
	return nil
}

// use gives the segment of a day. One that nobody has thought of, as when an Event
// of another day takes part in a merge, is entered in the next try.
func (g segmented) use(day int32) (*segmentUse, error) {
	u := g[day]
	if u == nil {
		g[day] = nil
		return nil, errSealed
	}
	u.used = true
	return u, nil
}

// note collects keys. Those of segment 0 are read once it is sealed: most days are
// never divided.
func (u *segmentUse) note(hashes [keyKinds]int64) {
	for _, kind := range [...]keyKind{requestKind, spanKind} {
		if h := hashes[kind]; h != 0 && u.segment > 0 {
			u.keys = append(u.keys, filterKey(kind, h))
		}
	}
}

func (u *segmentUse) remember() {
	if len(u.keys) == 0 || u.day.add(u.keys) {
		return
	}
	u.day.mu.Lock()
	defer u.day.mu.Unlock()
	u.day.own = max(u.day.own, u.segment+1)
}

const sqlWriteSegments = `SELECT errata_write_segments($1::int4[], $2::int2[], $3::bool[], $4::uuid)`

// queueSegments makes sure that the segments that were taken for the open ones are
// that, and stay so until COMMIT. Of days on which nothing is written, too: what was
// looked up there must have been looked up in all of their segments.
func (w *writing) queueSegments(b *pgx.Batch) {
	var days []int32
	written := false
	for day, u := range w.segments {
		days, written = append(days, day), written || u.used
	}
	if !written {
		return
	}
	slices.Sort(days)
	b.Queue(sqlWriteSegments, days, column(days, func(day int32) int16 { return w.segments[day].segment }),
		column(days, func(day int32) bool { return w.segments[day].used }), w.s.segments.writer)
}

// errSealed: a segment that was taken for the open one is not, or is not known.
var errSealed = errors.New("a segment was sealed meanwhile")

func isSealed(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "ER001"
}

// askAgain brings what is known of those days up to date.
func (s *Store) askAgain(ctx context.Context, days segmented) error {
	for day := range days {
		if err := s.askSegments(ctx, day); err != nil {
			return err
		}
	}
	return nil
}

// countSegments counts what was committed, and has full segments sealed.
func (s *Store) countSegments(days segmented) {
	g := s.segments
	for day, u := range days {
		if u.rows == 0 || !recentDay(day, time.Now()) {
			continue
		}
		u.day.mu.Lock()
		if u.segment == u.day.open {
			u.day.written += u.rows
		}
		full := u.segment == u.day.open && u.day.written >= g.full(u.segment) && !u.day.sealing && u.segment < maxSegments-1
		if full {
			u.day.sealing = true
		}
		u.day.mu.Unlock()
		if full {
			s.aside(func() { s.sealSegment(g.ctx, u.day, day, u.segment) })
		}
	}
}

// full is how many Events of this process make a segment full. The first one is
// larger, so that days that are not busy stay in one piece, and look-ups quick.
func (g *segments) full(segment int16) int {
	if segment == 0 {
		return firstSegment * g.rows
	}
	return g.rows
}

const sqlSealSegment = `SELECT errata_seal_segment($1::int4, $2::int2, $3::uuid)`

// sealSegment opens the next segment of a day, unless somebody else has.
func (s *Store) sealSegment(ctx context.Context, d *segmentDay, day int32, segment int16) {
	_, err := s.pool.Exec(ctx, sqlSealSegment, day, segment, s.segments.writer)
	if err == nil {
		err = s.askSegments(ctx, day)
	}
	d.mu.Lock()
	d.sealing = false
	if err != nil {
		d.written -= d.written / 8 // and then again
	}
	d.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "cannot seal a segment", "day", dayText(day), "segment", segment, "error", err)
	}
}

const sqlForgetSegments = `SELECT errata_forget_segments($1::int4)`
