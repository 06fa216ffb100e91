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

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
)

// Write stores Parts in one transaction, exactly once. The outcomes are in the
// order of the Parts; on an error nothing was written. Errors: a fault of kind
// Unavailable (try again later), or what PostgreSQL has against the data.
//
// Most Parts are about failures that nobody reported before: all their keys
// are new, and the batch is two round trips. Where a key exists, the Parts
// concerned go through reconcile.
func (s *Store) Write(ctx context.Context, parts []identity.Part) (outs []identity.Outcome, err error) {
	if len(parts) == 0 {
		return nil, nil
	}
	defer fault.Wrap(&err, "Write(%d parts)", len(parts))
	w := s.newWriting(parts)
	if err := w.prepare(ctx); err != nil {
		return nil, err
	}
	slot := <-s.slots
	defer func() { s.slots <- slot }()
	for range 2 {
		err = s.inTx(ctx, func(tx pgx.Tx) error { return w.run(ctx, tx, slot) })
		if !errors.Is(err, errRepeated) {
			break
		}
		if err := w.dropPresent(ctx); err != nil {
			return nil, err
		}
		if err := w.prepare(ctx); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	s.blobs.add(w.freshBlobs)
	s.issues.add(w.freshIssues)
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

	// Set by a try of the transaction, for after its COMMIT.
	freshBlobs  []blobKey
	freshIssues []issueKey
}

// keyRow is one row of event_keys.
type keyRow struct {
	workspace, day int32
	key            identity.Key
}

func compareKeyRows(a, b keyRow) int {
	return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.day, b.day), bytes.Compare(a.key[:], b.key[:]))
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

// run is one try of the transaction.
func (w *writing) run(ctx context.Context, tx pgx.Tx, slot int16) error {
	w.outs = make([]identity.Outcome, len(w.parts))
	w.freshBlobs, w.freshIssues = nil, nil
	for i, out := range w.repeats {
		w.outs[i] = out
	}
	existing, err := w.register(ctx, tx)
	if err != nil {
		return err
	}
	plan := &plan{tally: newTally()}
	var contested []int
	for _, b := range w.bundles {
		if w.touches(b.parts, existing) {
			contested = append(contested, w.unknown(b.parts, existing)...)
		} else {
			w.found(plan, b)
		}
	}
	if len(contested) > 0 {
		if err := w.reconcile(ctx, tx, plan, contested, existing); err != nil {
			return err
		}
	}
	return w.apply(ctx, tx, plan, slot)
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
ORDER BY k.workspace_id, k.day, k.key
FOR UPDATE OF k`

// register inserts the batch's keys in order and gives those that were there
// before, locked, with the Events they name. Another batch that is just about
// to commit one of them is waited for.
func (w *writing) register(ctx context.Context, tx pgx.Tx) (map[keyRow]string, error) {
	owner := map[keyRow]string{}
	for _, b := range w.bundles {
		for _, i := range b.parts {
			id := eventOf(b.events, w.parts[i].Event.ID)
			for _, k := range w.keys[i] {
				if _, ok := owner[k]; !ok {
					owner[k] = id
				}
			}
		}
	}
	if len(owner) == 0 {
		return nil, nil
	}
	rows := make([]keyRow, 0, len(owner))
	for k := range owner {
		rows = append(rows, k)
	}
	slices.SortFunc(rows, compareKeyRows)
	tag, err := tx.Exec(ctx, sqlRegisterKeys, keyWorkspaces(rows), keyDays(rows), keyTexts(rows),
		column(rows, func(k keyRow) string { return owner[k] }))
	if err != nil || int(tag.RowsAffected()) == len(rows) {
		return nil, err
	}
	return lockKeys(ctx, tx, rows)
}

func keyWorkspaces(rows []keyRow) []int32 {
	return column(rows, func(k keyRow) int32 { return k.workspace })
}
func keyDays(rows []keyRow) []int32 { return column(rows, func(k keyRow) int32 { return k.day }) }
func keyTexts(rows []keyRow) []string {
	return column(rows, func(k keyRow) string { return k.key.String() })
}

func lockKeys(ctx context.Context, tx pgx.Tx, rows []keyRow) (map[keyRow]string, error) {
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
