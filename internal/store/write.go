package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
)

// Write stores Parts in one transaction, exactly once. The outcomes are in the
// order of the Parts; on an error nothing was written. Errors: a fault of kind
// Unavailable (try again later), or what PostgreSQL has against the data.
//
// Most Parts are about failures that nobody reported before: their keys go in
// by COPY, in the hope that all are new, and so do their Events. Parts whose
// keys this process has seen lately, and all of a batch of which that hope was
// wrong, register their keys one by one, and go through reconcile where a key
// exists.
func (s *Store) Write(ctx context.Context, parts []identity.Part) (outs []identity.Outcome, err error) {
	if len(parts) == 0 {
		return nil, nil
	}
	defer fault.Wrap(&err, "Write(%d parts)", len(parts))
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
	w.slot, w.cautious = slot, s.seen.cautious()
	err = s.retrying(ctx, func() error { return w.try(ctx) })
	if errors.Is(err, errContested) {
		s.seen.warn()
		w.cautious = true
		err = s.retrying(ctx, func() error { return w.try(ctx) })
	}
	if errors.Is(err, errRepeated) {
		if err := w.dropPresent(ctx); err != nil {
			return nil, err
		}
		if err := w.prepare(ctx); err != nil {
			return nil, err
		}
		err = s.retrying(ctx, func() error { return w.try(ctx) })
	}
	if err != nil {
		return nil, err
	}
	w.remember()
	return w.outs, nil
}

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

	// Set by a try of the transaction, for after its COMMIT.
	freshBlobs  []blobKey
	freshIssues []issueKey
}

// keyRow is one row of event_keys.
type keyRow struct {
	workspace, day int32
	key            identity.Key
}

// compareKeyRows gives the order in which every writer takes keys, so that no
// two wait for each other. The day is first because COPY writes partition by
// partition.
func compareKeyRows(a, b keyRow) int {
	return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.workspace, b.workspace), bytes.Compare(a.key[:], b.key[:]))
}

func (s *Store) newWriting(parts []identity.Part) *writing {
	w := &writing{s: s, parts: slices.Clone(parts), keys: make([][]keyRow, len(parts)), repeats: map[int]identity.Outcome{}}
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
		if p.Event.Exception != nil {
			p.StackHash = contentHash([]byte(p.Event.Exception.Stacktrace))
		}
		keys := p.Keys()
		for _, day := range p.KeyDays() {
			for _, k := range keys {
				w.keys[i] = append(w.keys[i], keyRow{p.Workspace, int32(day), k})
			}
		}
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
	for i := range w.parts {
		p := &w.parts[i]
		days := []int32{int32(identity.DayOf(p.Event.OccurredAt)), dayOfID(p.Event.ID, p.Event.OccurredAt)}
		for _, k := range w.keys[i] {
			days = append(days, k.day)
		}
		for _, day := range days {
			if err := w.s.ensureDay(ctx, day); err != nil {
				return err
			}
		}
	}
	for _, b := range w.bundles {
		for _, r := range b.events {
			named, err := w.s.named(ctx, r.part.Workspace, &r.part.Event)
			if err != nil {
				return err
			}
			r.other = !named
		}
	}
	return nil
}

// errContested: a key that was taken for new is not.
var errContested = errors.New("a key of this batch exists already")

// try is the transaction, once.
func (w *writing) try(ctx context.Context) (err error) {
	conn, err := w.s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	defer func() {
		if err != nil {
			rollBack(conn)
		}
	}()
	w.outs = make([]identity.Outcome, len(w.parts))
	w.freshBlobs, w.freshIssues = nil, nil
	for i, out := range w.repeats {
		w.outs[i] = out
	}
	fresh, known := w.sortOut()
	if err := w.begin(ctx, conn.Conn(), fresh); err != nil {
		return err
	}
	existing, err := w.register(ctx, conn, known)
	if err != nil {
		return err
	}
	plan := &plan{tally: newTally()}
	for _, b := range fresh {
		w.found(plan, b)
	}
	var contested []int
	for _, b := range known {
		if w.touches(b.parts, existing) {
			contested = append(contested, w.unknown(b.parts, existing)...)
		} else {
			w.found(plan, b)
		}
	}
	if len(contested) > 0 {
		if err := w.reconcile(ctx, conn, plan, contested, existing); err != nil {
			return err
		}
	}
	return w.apply(ctx, conn, plan)
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
	for _, b := range w.bundles {
		if w.cautious || slices.ContainsFunc(b.parts, func(i int) bool { return w.s.seen.any(w.keys[i]) }) {
			known = append(known, b)
		} else {
			fresh = append(fresh, b)
		}
	}
	return fresh, known
}

const beginAndCopyKeys = `BEGIN; COPY event_keys (workspace_id, day, key, event_id) FROM STDIN (FORMAT binary)`

// begin opens the transaction and registers the keys of what is new.
func (w *writing) begin(ctx context.Context, conn *pgx.Conn, fresh []*bundle) error {
	rows, owner := w.keysOf(fresh)
	if len(rows) == 0 {
		_, err := conn.Exec(ctx, "BEGIN")
		return err
	}
	c := newCopy()
	for _, k := range rows {
		c.row(4)
		c.int4(k.workspace)
		c.date(k.day)
		c.uuid(k.key)
		c.uuid(rawUUID(owner[k]))
	}
	err := c.into(ctx, conn, beginAndCopyKeys)
	if isUniqueViolation(err) {
		return errContested
	}
	return err
}

func isUniqueViolation(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "23505"
}

// remember notes, after COMMIT, what need not be asked or written again.
func (w *writing) remember() {
	for _, keys := range w.keys {
		w.s.seen.add(keys)
	}
	w.s.blobs.add(w.freshBlobs)
	w.s.issues.add(w.freshIssues)
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
		return []*record{{part: w.parts[parts[0]]}}
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
		return &record{part: members[0]}
	}
	return &record{part: identity.Merge(members), members: members}
}

const sqlRegisterKeys = `
INSERT INTO event_keys (workspace_id, day, key, event_id)
SELECT w, DATE '1970-01-01' + d, k, e FROM unnest($1::int4[], $2::int4[], $3::uuid[], $4::uuid[]) AS u(w, d, k, e)
ON CONFLICT DO NOTHING`

// Rows that this transaction made are left out by their xmin.
const sqlExistingKeys = `
SELECT k.workspace_id, k.day - DATE '1970-01-01', k.key, k.event_id::text
FROM event_keys k
JOIN unnest($1::int4[], $2::int4[], $3::uuid[]) AS u(w, d, k)
  ON k.workspace_id = u.w AND k.day = DATE '1970-01-01' + u.d AND k.key = u.k
WHERE k.xmin::text <> (txid_current() & 4294967295)::text
ORDER BY k.day, k.workspace_id, k.key
FOR UPDATE OF k`

// register inserts the keys of bundles in order and gives those that were
// there before, locked, with the Events they name. Another batch that is just
// about to commit one of them is waited for.
func (w *writing) register(ctx context.Context, tx session, bundles []*bundle) (map[keyRow]string, error) {
	rows, owner := w.keysOf(bundles)
	if len(rows) == 0 {
		return nil, nil
	}
	tag, err := tx.Exec(ctx, sqlRegisterKeys, keyWorkspaces(rows), keyDays(rows), keyTexts(rows),
		column(rows, func(k keyRow) string { return owner[k] }))
	if err != nil || int(tag.RowsAffected()) == len(rows) {
		return nil, err
	}
	return lockKeys(ctx, tx, rows)
}

// keysOf gives the keys of bundles in their order, and the Event of each.
func (w *writing) keysOf(bundles []*bundle) ([]keyRow, map[keyRow]string) {
	owner := make(map[keyRow]string, 2*len(bundles))
	rows := make([]keyRow, 0, 2*len(bundles))
	for _, b := range bundles {
		for _, i := range b.parts {
			id := eventOf(b.events, w.parts[i].Event.ID)
			for _, k := range w.keys[i] {
				if _, ok := owner[k]; !ok {
					owner[k] = id
					rows = append(rows, k)
				}
			}
		}
	}
	slices.SortFunc(rows, compareKeyRows)
	return rows, owner
}

func keyWorkspaces(rows []keyRow) []int32 {
	return column(rows, func(k keyRow) int32 { return k.workspace })
}
func keyDays(rows []keyRow) []int32 { return column(rows, func(k keyRow) int32 { return k.day }) }
func keyTexts(rows []keyRow) []string {
	return column(rows, func(k keyRow) string { return k.key.String() })
}

func lockKeys(ctx context.Context, tx session, rows []keyRow) (map[keyRow]string, error) {
	found, err := tx.Query(ctx, sqlExistingKeys, keyWorkspaces(rows), keyDays(rows), keyTexts(rows))
	if err != nil {
		return nil, err
	}
	existing := map[keyRow]string{}
	var k keyRow
	var key [16]byte
	var id string
	_, err = pgx.ForEachRow(found, []any{&k.workspace, &k.day, &key, &id}, func() error {
		existing[keyRow{k.workspace, k.day, key}] = id
		return nil
	})
	return existing, err
}

// eventOf is the record that holds the part with that ID.
func eventOf(events []*record, partID string) string {
	for _, r := range events {
		for i := range r.members {
			if r.members[i].Event.ID == partID {
				return r.part.Event.ID
			}
		}
	}
	return partID
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
		plan.insert = append(plan.insert, r)
		plan.tally.add(countedOf(r.part.Workspace, &r.part.Event, r.other), 1)
	}
	for _, i := range b.parts {
		w.outs[i] = identity.Outcome{Verdict: identity.Accepted, EventID: eventOf(b.events, w.parts[i].Event.ID)}
	}
}
