package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
)

// A batch's transaction bypasses pgx's query tracer (see train): it is one span.
var tracer = otel.Tracer("errata/store")

// Write stores Parts in one transaction, exactly once. The outcomes are in the
// order of the Parts, which are completed in place; on an error nothing was
// written. Errors: a fault of kind
// Unavailable (try again later), or what PostgreSQL has against the data.
//
// Most Parts are about failures that nobody reported before: their Events go in
// by COPY, keys included, in the hope that all are new. Parts whose keys this
// process has seen lately, and all of a batch of which that hope was wrong,
// look their keys up first, and go through reconcile where one exists. Whatever
// is taken for new, the unique indexes have the last word.
func (s *Store) Write(ctx context.Context, parts []identity.Part) (outs []identity.Outcome, err error) {
	if len(parts) == 0 {
		return nil, nil
	}
	defer fault.Wrap(&err, "Write(%d parts)", len(parts))
	ctx, span := tracer.Start(ctx, "store.write", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(semconv.DBSystemNamePostgreSQL, semconv.DBOperationBatchSize(len(parts))))
	defer func() {
		if err != nil {
			span.SetStatus(codes.Error, fault.Of(err).Code) // what PostgreSQL says may quote the data
		}
		span.End()
	}()
	if !s.checked.Load() {
		if err := s.checkSchema(ctx); err != nil {
			return nil, fault.New(fault.Unavailable, "service_unavailable", "The database cannot be used right now. Retry shortly.").Retry(2 * time.Second).Because(err)
		}
	}
	w := s.newWriting(parts)
	if err := w.prepare(ctx); err != nil {
		return nil, err
	}
	slot := <-s.slots
	defer func() { s.slots <- slot }()
	s.refreshCurious(ctx)
	w.slot, w.cautious, w.askContents = slot, s.seen.cautious(), s.contents.cautious()
	for range maxSurprises {
		err = s.retrying(ctx, func() error { return w.try(ctx) })
		switch {
		case err == nil:
			w.remember()
			s.countSegments(w.segments)
			return w.outs, nil
		case errors.Is(err, errContested):
			s.seen.warn()
			w.cautious, w.contested = true, true
		case errors.Is(err, errSealed):
			if err := s.askAgain(ctx, w.segments); err != nil {
				return nil, err
			}
		case errors.Is(err, errContents):
			s.contents.warn()
			w.askContents = true
		case noSuchDay(err):
			w.s.forgetDays()
			if err := w.prepare(ctx); err != nil {
				return nil, err
			}
		case errors.Is(err, errRepeated):
			if err := w.dropPresent(ctx); err != nil {
				return nil, err
			}
			if err := w.prepare(ctx); err != nil {
				return nil, err
			}
		default:
			return nil, err
		}
	}
	return nil, fault.New(fault.Unavailable, "service_unavailable", "Others report the same failures at this very moment. Retry shortly.").Retry(time.Second).Because(err)
}

// maxSurprises is how often a batch may find that another has just committed
// what it took for new. Each time that other is done with it.
const maxSurprises = 50

// writing is one batch under way.
type writing struct {
	s     *Store
	parts []identity.Part
	keys  [][]keyRow // per part
	// bundles is what the batch looks like on its own; repeats are its inner
	// duplicates.
	bundles []*bundle
	repeats map[int]identity.Outcome
	outs    []identity.Outcome
	slot    int16 // of the roll-ups
	// cautious: no bundle is taken for new.
	cautious bool
	// contested: one of its keys was there, whatever is known of segments.
	contested bool
	// askContents: bodies and stack traces may be there already.
	askContents bool

	// Set by a try of the transaction, for after its COMMIT.
	segments      segmented
	mayHave       map[keyRow]bool // keys that sealed segments may have
	freshContents []content
	freshIssues   []issueKey
	freshReleases []releaseKey
	claimed       []issueKey // of the book of sightings; for a failure
}

func (s *Store) newWriting(parts []identity.Part) *writing {
	w := &writing{s: s, parts: parts, keys: make([][]keyRow, len(parts)), repeats: map[int]identity.Outcome{}}
	for i := range w.parts {
		p := &w.parts[i]
		// PostgreSQL keeps microseconds; what is compared before and after a
		// round trip must be the same.
		p.Event.OccurredAt = p.Event.OccurredAt.UTC().Truncate(time.Microsecond)
		p.Event.ReceivedAt = p.Event.ReceivedAt.UTC().Truncate(time.Microsecond)
		p.Event.Sources = []event.Source{p.Source}
		if p.Event.Upstream != nil {
			p.Event.Provider = p.Event.Upstream.Provider
		}
		p.BodyHash = contentHash(p.Event.RawBody)
		if p.StackHash == ([16]byte{}) && p.Event.Exception != nil {
			p.StackHash = contentHash([]byte(p.Event.Exception.Stacktrace))
		}
		w.keys[i] = keysOfPart(p)
	}
	w.bundles = w.bundle()
	return w
}

func contentHash(content []byte) [16]byte {
	if len(content) == 0 {
		return [16]byte{}
	}
	sum := sha256.Sum256(content)
	return [16]byte(sum[:16])
}

// prepare does what must be settled before the transaction: partitions and
// names of endpoints.
func (w *writing) prepare(ctx context.Context) error {
	var last int32
	ensure := func(day int32) error {
		if day == last {
			return nil
		}
		last = day
		return w.s.ensureDay(ctx, day)
	}
	for i := range w.parts {
		p := &w.parts[i]
		err := errors.Join(ensure(int32(identity.DayOf(p.Event.OccurredAt))), ensure(dayOfID(p.Event.ID, p.Event.OccurredAt)))
		for _, k := range w.keys[i] {
			err = errors.Join(err, ensure(k.day))
		}
		if err != nil {
			return err
		}
	}
	for _, b := range w.bundles {
		for _, r := range b.events {
			if err := w.s.settle(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// errContested: a key that was taken for new is not.
var errContested = errors.New("a key of this batch exists already")

// errContents: a body or stack trace that was taken for new is not.
var errContents = errors.New("a content of this batch exists already")

// try is the transaction, once.
func (w *writing) try(ctx context.Context) (err error) {
	if err := w.enterSegments(ctx); err != nil {
		return err
	}
	conn, err := w.s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	defer func() {
		if err != nil {
			rollBack(conn)
			w.s.sights.forget(w.claimed)
		}
	}()
	w.outs = make([]identity.Outcome, len(w.parts))
	w.freshContents, w.freshIssues, w.freshReleases, w.claimed = nil, nil, nil, nil
	for i, out := range w.repeats {
		w.outs[i] = out
	}
	fresh, known := w.sortOut()
	plan := &plan{tally: newTally(), keys: make(keySets, 0, len(w.parts))}
	for _, b := range fresh {
		w.found(plan, b)
	}
	if len(known) > 0 {
		if err := w.withCare(ctx, conn, plan, known); err != nil {
			return err
		}
	}
	return w.apply(ctx, conn, plan, len(known) == 0)
}

// withCare opens the transaction, looks up the keys of bundles that may exist
// already, and plans what becomes of them.
func (w *writing) withCare(ctx context.Context, conn *pgxpool.Conn, plan *plan, known []*bundle) error {
	if _, err := conn.Exec(ctx, sqlBegin); err != nil {
		return err
	}
	var keys []askedKey
	for _, b := range known {
		for _, i := range b.parts {
			keys = append(keys, asked(&w.parts[i], w.keys[i])...)
		}
	}
	existing, err := w.lockKeys(ctx, conn, keys)
	if err != nil {
		return err
	}
	var contested []int
	for _, b := range known {
		if w.touches(b.parts, existing) {
			contested = append(contested, w.unknown(b.parts, existing)...)
		} else {
			w.found(plan, b)
		}
	}
	if len(contested) == 0 {
		return nil
	}
	return w.reconcile(ctx, conn, plan, contested, existing)
}

// rollBack leaves the connection fit for others. Where that fails, the pool
// closes it.
func rollBack(conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if raw := conn.Conn().PgConn(); !raw.IsClosed() && raw.TxStatus() != 'I' {
		_, _ = conn.Exec(ctx, "ROLLBACK")
	}
}

// sortOut splits the batch into bundles that are new as far as this process
// can tell, and the others.
func (w *writing) sortOut() (fresh, known []*bundle) {
	w.mayHave = w.inSealed()
	for _, b := range w.bundles {
		if w.cautious || slices.ContainsFunc(b.parts, func(i int) bool {
			return w.s.seen.any(w.keys[i]) || slices.ContainsFunc(w.keys[i], func(k keyRow) bool { return w.mayHave[k] })
		}) {
			known = append(known, b)
		} else {
			fresh = append(fresh, b)
		}
	}
	return fresh, known
}

// remember notes, after COMMIT, what need not be asked or written again.
func (w *writing) remember() {
	for _, keys := range w.keys {
		w.s.seen.add(keys)
	}
	w.s.blobs.add(column(w.freshContents, func(c content) blobKey { return c.blobKey }))
	w.s.bases.add(w.freshContents)
	w.s.issues.add(w.freshIssues)
	w.s.releases.add(w.freshReleases)
}

// bundle is the Parts of this batch that share keys, and the Events they make
// among themselves.
type bundle struct {
	parts  []int
	events []*record
}

// bundle groups the batch by shared keys and drops what the batch itself
// repeats.
func (w *writing) bundle() []*bundle {
	into := make([]int, len(w.parts))
	for i := range into {
		into[i] = i
	}
	root := func(i int) int {
		for into[i] != i {
			into[i] = into[into[i]]
			i = into[i]
		}
		return i
	}
	owner := map[keyRow]int{}
	for i, keys := range w.keys {
		for _, k := range keys {
			if j, ok := owner[k]; ok {
				a, b := root(i), root(j)
				into[max(a, b)] = min(a, b)
			} else {
				owner[k] = i
			}
		}
	}
	byRoot := map[int]*bundle{}
	var out []*bundle
	for i := range w.parts {
		b := byRoot[root(i)]
		if b == nil {
			b = &bundle{}
			byRoot[root(i)] = b
			out = append(out, b)
		}
		if first := w.repeated(b, i); first >= 0 {
			w.repeats[i] = identity.Outcome{Verdict: identity.Duplicate, EventID: w.parts[first].Event.ID}
		} else {
			b.parts = append(b.parts, i)
		}
	}
	for _, b := range out {
		b.events = w.eventsOf(b.parts)
	}
	return out
}

// repeated finds the Part of the bundle that is the same item, or -1.
func (w *writing) repeated(b *bundle, i int) int {
	for _, j := range b.parts {
		if w.parts[i].Idempotent && identity.SameItem(w.parts[i].Event.ID, w.parts[j].Event.ID) {
			return j
		}
	}
	return -1
}

func (w *writing) eventsOf(parts []int) []*record {
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return []*record{{part: &w.parts[parts[0]]}}
	}
	members := column(parts, func(i int) identity.Part { return w.parts[i] })
	var out []*record
	for _, cluster := range identity.Cluster(members, nil) {
		mine := column(cluster, func(i int) identity.Part { return members[i] })
		out = append(out, newRecord(mine))
	}
	return out
}

func newRecord(members []identity.Part) *record {
	if len(members) == 1 {
		return &record{part: &members[0]}
	}
	merged := identity.Merge(members)
	return &record{part: &merged, members: members}
}

// recordOf is the record that holds the part with that ID.
func recordOf(events []*record, partID string) *record {
	for _, r := range events {
		for m := range r.each() {
			if m.Event.ID == partID {
				return r
			}
		}
	}
	return nil
}

// unknown marks Parts whose key names an Event that was founded by the very
// same item, and gives the others.
func (w *writing) unknown(parts []int, existing map[keyRow]string) []int {
	var rest []int
	for _, i := range parts {
		dup := ""
		for _, k := range w.keys[i] {
			if id := existing[k]; id != "" && w.parts[i].Idempotent && identity.SameItem(id, w.parts[i].Event.ID) {
				dup = id
			}
		}
		if dup == "" {
			rest = append(rest, i)
		} else {
			w.outs[i] = identity.Outcome{Verdict: identity.Duplicate, EventID: dup}
		}
	}
	return rest
}

func (w *writing) touches(parts []int, existing map[keyRow]string) bool {
	for _, i := range parts {
		for _, k := range w.keys[i] {
			if _, ok := existing[k]; ok {
				return true
			}
		}
	}
	return false
}

// found plans the Events of a bundle that nobody reported before.
func (w *writing) found(plan *plan, b *bundle) {
	for _, r := range b.events {
		r.keys = [keyKinds]int64{} // of an earlier try
		plan.insert = append(plan.insert, r)
		plan.tally.add(countedOf(r.part.Workspace, &r.part.Event, r.other), 1)
	}
	for _, i := range b.parts {
		w.outs[i] = identity.Outcome{Verdict: identity.Accepted, EventID: recordOf(b.events, w.parts[i].Event.ID).part.Event.ID}
	}
	w.register(plan, b)
}
