package store

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"errata/internal/identity"
)

// apply writes the whole plan and commits, in one round trip: what is many rows
// by COPY, the rest by statements. With begin it opens the transaction as well.
func (w *writing) apply(ctx context.Context, tx *pgxpool.Conn, plan *plan, begin bool) error {
	pointers := plan.keys.apportion()
	rows := slices.Concat(plan.insert, plan.upsert)
	if err := w.placeInSegments(rows, pointers); err != nil {
		return err
	}
	b := &pgx.Batch{}
	queueUpserts(b, plan.upsert)
	if err := queueParts(b, plan); err != nil {
		return err
	}
	queueAliases(b, rows)
	w.freshContents = w.s.newContents(rows)
	kinds := [...]contentKind{rawBody, stackTrace}
	if w.askContents {
		for _, kind := range kinds {
			queueContentRows(b, kind, ofKind(w.freshContents, kind))
		}
	}
	for _, c := range plan.copies {
		b.Queue([...]string{rawBody: sqlCopyBody, stackTrace: sqlCopyStack}[c.kind], c.workspace, c.from, c.to, c.hash)
	}
	queuePointers(b, pointers)
	w.freshIssues = w.s.queueIssues(b, rows)
	plan.tally.queue(b, w.slot)
	seen := plan.tally.sightings()
	w.claimed = w.s.queueSeen(b, seen)
	w.freshReleases = w.s.queueReleases(b, plan.tally)
	queueReopen(b, seen)
	w.s.queueCustomers(b, rows)
	w.queueSegments(b) // last, since it keeps others from sealing them

	t := newTrain(tx.Conn())
	if err := t.prepare(ctx, b); err != nil {
		return err
	}
	var opening []string
	var copies []*copyBuffer
	if begin {
		opening = append(opening, sqlBegin)
	}
	add := func(sql string, rows *copyBuffer) { opening, copies = append(opening, sql), append(copies, rows) }
	if len(plan.insert) > 0 { // first, because it is what others may have written
		add(copyNewEvents, copyEvents(plan.insert))
	}
	if customers := plan.tally.customerRows(); customers != nil {
		add(copyCustomers, customers)
	}
	for _, kind := range kinds {
		if mine := ofKind(w.freshContents, kind); len(mine) > 0 && !w.askContents {
			add(copyOfKind[kind], copyContents(mine))
		}
	}
	if len(opening) > 0 {
		t.query(strings.Join(opening, "; "), copies...)
	}
	if err := t.statements(ctx, b); err != nil {
		return err
	}
	t.query("COMMIT")
	err := t.run(ctx)
	switch {
	case isSealed(err):
		return errSealed
	case violates(err, "bodies"), violates(err, "stacks"):
		return errContents
	case violates(err, "events") && w.cautious && isPrimaryKey(err):
		return errRepeated
	case violates(err, "events"):
		return errContested
	default:
		return err
	}
}

// errRepeated: the keys of an item have left the window, but the Event that it
// founded is still there.
var errRepeated = errors.New("an Event of this batch exists already")

const sqlPresentEvents = `
SELECT e.workspace_id, e.id::text FROM events e
JOIN unnest($1::int4[], $2::int4[], $3::uuid[]) AS u(w, d, i) ON e.workspace_id = u.w AND e.day = DATE '1970-01-01' + u.d AND e.id = u.i`

// dropPresent takes out the Parts that founded an Event long ago: they are
// duplicates that no key shows any more.
func (w *writing) dropPresent(ctx context.Context) error {
	refs := column(w.parts, func(p identity.Part) idRef { return idRef{p.Workspace, p.Event.ID} })
	rows, err := w.s.pool.Query(ctx, sqlPresentEvents, column(refs, func(r idRef) int32 { return r.workspace }),
		column(refs, func(r idRef) int32 { return dayOfID(r.id, w.parts[0].Event.OccurredAt) }), column(refs, func(r idRef) string { return r.id }))
	if err != nil {
		return unavailable(err)
	}
	present := map[idRef]bool{}
	var ref idRef
	if _, err := pgx.ForEachRow(rows, []any{&ref.workspace, &ref.id}, func() error {
		present[ref] = true
		return nil
	}); err != nil {
		return unavailable(err)
	}
	for _, b := range w.bundles {
		b.parts = slices.DeleteFunc(b.parts, func(i int) bool {
			dup := present[refs[i]]
			if dup {
				w.repeats[i] = identity.Outcome{Verdict: identity.Duplicate, EventID: refs[i].id}
			}
			return dup
		})
		b.events = w.eventsOf(b.parts)
	}
	w.bundles = slices.DeleteFunc(w.bundles, func(b *bundle) bool { return len(b.parts) == 0 })
	return nil
}
