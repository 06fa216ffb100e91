package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/identity"
)

// plan is what the transaction is going to change.
type plan struct {
	tally  *tally
	keys   keySets   // that are not registered yet
	insert []*record // Events that nobody reported before
	upsert []*record // Events that a merge changed, made, or folded
	// reparted are the Events whose rows in event_parts are written anew.
	reparted []*record
	copies   []blobCopy
}

// reconcile brings new Parts together with what the database knows about the
// same failures: it loads everything that could have to do with them, asks
// identity.Cluster, and plans the difference. What comes out depends on the
// set of Parts only, so the order of arrival cannot matter.
func (w *writing) reconcile(ctx context.Context, tx session, plan *plan, contested []int, existing map[keyRow]string) error {
	from := len(plan.keys)
	g := newGroup(tx, w)
	for _, i := range contested {
		g.want(&w.parts[i], w.keys[i], existing)
	}
	if err := g.load(ctx); err != nil {
		return err
	}
	members := g.members()
	owner := make(map[int]string, len(members)) // index in members → Event that holds it now
	for i, m := range members {
		owner[i] = m.event
	}
	all := column(members, func(m member) identity.Part { return m.part })
	for _, i := range contested {
		if m := g.holds(&w.parts[i]); m != nil {
			w.outs[i] = identity.Outcome{Verdict: identity.Duplicate, EventID: m.event}
			continue
		}
		w.outs[i] = identity.Outcome{Verdict: identity.Accepted}
		all = append(all, w.parts[i])
	}
	if len(all) > len(members) {
		if err := w.rearrange(ctx, tx, plan, g, all, owner); err != nil {
			return err
		}
	}
	for _, i := range contested {
		if w.outs[i].Verdict == identity.Accepted {
			r := recordOf(plan.reparted, w.parts[i].Event.ID)
			w.outs[i].EventID = r.part.Event.ID
			// Keys that were there before lead to a live Event of the same
			// group, by merged_into if need be.
			for _, k := range asked(&w.parts[i], w.keys[i]) {
				if _, ok := existing[k.keyRow]; !ok {
					plan.keys.add(from, k, r)
				}
			}
		}
	}
	return nil
}

// rearrange plans the way from the Events that are to those that should be.
func (w *writing) rearrange(ctx context.Context, tx session, plan *plan, g *group, all []identity.Part, owner map[int]string) error {
	after := map[string]*record{}
	for _, cluster := range identity.Cluster(all, g.hot) {
		r, unchanged, err := w.shape(ctx, g, all, cluster, owner)
		if err != nil {
			return err
		}
		after[r.part.Event.ID] = r
		if unchanged {
			continue
		}
		if err := w.place(ctx, tx, plan, g, r); err != nil {
			return err
		}
		plan.reparted = append(plan.reparted, r)
		plan.upsert = append(plan.upsert, r)
		plan.tally.add(countedOf(r.part.Workspace, &r.part.Event, r.other), 1)
		if before := g.events[r.part.Event.ID]; before != nil {
			plan.keepKeys(r, before)
			if before.mergedInto == "" {
				plan.tally.add(countedOf(before.workspace, &before.event, before.other), -1)
			}
		}
	}
	w.fold(plan, g, after, all, owner)
	return nil
}

// keepKeys leaves the keys in the row that they are in. That of a span stands
// behind its trace: where a merge shows another trace, it needs a pointer.
func (p *plan) keepKeys(r *record, before *eventRow) {
	r.keys = before.keys
	if h := before.keys[spanKind]; h != 0 && before.event.TraceID != r.part.Event.TraceID {
		r.keys[spanKind] = 0
		k := askedKey{keyRow{before.workspace, r.day(), spanKind, h}, before.event.TraceID}
		p.keys.add(len(p.keys), k, r)
	}
}

// shape makes the Event of a cluster. It keeps the oldest Event that one of
// its Parts founded; a cluster without one is founded by its earliest Part,
// which may have founded an Event before that was folded since.
func (w *writing) shape(ctx context.Context, g *group, all []identity.Part, cluster []int, owner map[int]string) (r *record, unchanged bool, err error) {
	r = newRecord(column(cluster, func(i int) identity.Part { return all[i] }))
	var old *eventRow
	held := map[string]int{}
	for _, i := range cluster {
		id, ok := owner[i]
		if !ok {
			held[""]++
			continue
		}
		held[id]++
		row := g.events[id]
		if identity.SameItem(id, all[i].Event.ID) && (old == nil || older(row, old)) {
			old = row
		}
	}
	if old == nil && held[""] < len(cluster) {
		if old, err = g.unfold(ctx, r.part.Workspace, r.part.Event.ID); err != nil {
			return nil, false, err
		}
	}
	if old == nil {
		return r, false, nil
	}
	e := &r.part.Event
	e.ID = old.event.ID
	if old.event.RequestID != "" && e.RequestID != old.event.RequestID {
		e.Aliases = append(e.Aliases, event.Alias{Kind: "request", Value: e.RequestID})
		e.RequestID = old.event.RequestID
	}
	return r, len(held) == 1 && held[e.ID] == len(cluster) && int(old.parts) == len(cluster) && old.mergedInto == "", nil
}

func older(a, b *eventRow) bool {
	return cmp.Or(a.event.ReceivedAt.Compare(b.event.ReceivedAt), cmp.Compare(a.event.ID, b.event.ID)) < 0
}

// place settles where the Event's dimensions are counted, and brings contents
// of Parts from other days into the Event's own.
func (w *writing) place(ctx context.Context, tx session, plan *plan, g *group, r *record) error {
	e := &r.part.Event
	before := g.events[e.ID]
	if before != nil && before.event.Service == e.Service && before.event.Method == e.Method && before.event.Endpoint == e.Endpoint {
		r.other = before.other
	} else if err := w.s.settleIn(ctx, tx, r); err != nil {
		return err
	}
	for i := range r.members {
		m := &r.members[i]
		if from := g.dayOf(m); from != 0 && from != r.day() {
			for kind, h := range [...][16]byte{rawBody: m.BodyHash, stackTrace: m.StackHash} {
				if h != ([16]byte{}) {
					plan.copies = append(plan.copies, blobCopy{contentKind(kind), m.Workspace, from, r.day(), hashText(h)}) //nolint:gosec // two
				}
			}
		}
	}
	return nil
}

// fold turns Events whose Parts all moved elsewhere into pointers to the Event
// that holds their founding Part now.
func (w *writing) fold(plan *plan, g *group, after map[string]*record, all []identity.Part, owner map[int]string) {
	for id, row := range g.events {
		if after[id] != nil || row.mergedInto != "" {
			continue
		}
		target := ""
		for _, r := range after {
			for i := range r.members {
				if identity.SameItem(r.members[i].Event.ID, id) {
					target = r.part.Event.ID
				}
			}
		}
		if target == "" {
			continue // none of its Parts took part
		}
		part := row.part()
		plan.upsert = append(plan.upsert, &record{part: &part, other: row.other, mergedInto: target, keys: row.keys})
		plan.reparted = append(plan.reparted, &record{part: &part, mergedInto: target})
		plan.tally.add(countedOf(row.workspace, &row.event, row.other), -1)
	}
}

// blobCopy is a body that an Event of another day now needs.
type blobCopy struct {
	kind                contentKind
	workspace, from, to int32
	hash                string
}

// With the base that it may be a difference from.
const sqlCopyBody = `
INSERT INTO bodies (workspace_id, day, hash, codec, content, base)
SELECT workspace_id, DATE '1970-01-01' + $3::int4, hash, codec, content, base FROM bodies
WHERE workspace_id = $1::int4 AND day = DATE '1970-01-01' + $2::int4 AND (hash = $4::uuid OR hash = (
  SELECT base FROM bodies WHERE workspace_id = $1::int4 AND day = DATE '1970-01-01' + $2::int4 AND hash = $4::uuid))
ON CONFLICT DO NOTHING`

const sqlCopyStack = `
INSERT INTO stacks (workspace_id, day, hash, codec, content, base)
SELECT workspace_id, DATE '1970-01-01' + $3::int4, hash, codec, content, base FROM stacks
WHERE workspace_id = $1::int4 AND day = DATE '1970-01-01' + $2::int4 AND (hash = $4::uuid OR hash = (
  SELECT base FROM stacks WHERE workspace_id = $1::int4 AND day = DATE '1970-01-01' + $2::int4 AND hash = $4::uuid))
ON CONFLICT DO NOTHING`

const sqlDropParts = `
DELETE FROM event_parts p USING unnest($1::int4[], $2::int4[], $3::uuid[]) AS u(w, d, e)
WHERE p.workspace_id = u.w AND p.day = DATE '1970-01-01' + u.d AND p.event_id = u.e`

const sqlInsertParts = `
INSERT INTO event_parts (workspace_id, day, event_id, part_id, source, record)
SELECT w, DATE '1970-01-01' + d, e, p, s, r::jsonb FROM unnest($1::int4[], $2::int4[], $3::uuid[], $4::uuid[], $5::int2[], $6::text[]) AS u(w, d, e, p, s, r)
ON CONFLICT DO NOTHING`

const sqlDropAliases = `
DELETE FROM aliases a USING unnest($1::int4[], $2::int4[], $3::uuid[]) AS u(w, d, e)
WHERE a.workspace_id = u.w AND a.day = DATE '1970-01-01' + u.d AND a.event_id = u.e`

type partRow struct {
	r    *record
	part *identity.Part
	doc  string
}

// queueParts writes the rows of event_parts anew for every Event that was
// rearranged, and all Parts of one that the batch alone made of several.
func queueParts(b *pgx.Batch, plan *plan) error {
	if rows := plan.reparted; len(rows) > 0 {
		ws := column(rows, func(r *record) int32 { return r.part.Workspace })
		days := column(rows, (*record).day)
		ids := column(rows, func(r *record) string { return r.part.Event.ID })
		b.Queue(sqlDropParts, ws, days, ids)
		b.Queue(sqlDropAliases, ws, days, ids)
	}
	var out []partRow
	for _, r := range slices.Concat(plan.insert, plan.reparted) {
		for i := range r.members {
			doc, err := encodePart(&r.members[i])
			if err != nil {
				return err
			}
			out = append(out, partRow{r, &r.members[i], doc})
		}
	}
	if len(out) > 0 {
		b.Queue(sqlInsertParts,
			column(out, func(p partRow) int32 { return p.r.part.Workspace }),
			column(out, func(p partRow) int32 { return p.r.day() }),
			column(out, func(p partRow) string { return p.r.part.Event.ID }),
			column(out, func(p partRow) string { return p.part.Event.ID }),
			column(out, func(p partRow) int16 { return ordinal(kinds, p.part.Source) }),
			column(out, func(p partRow) string { return p.doc }))
	}
	return nil
}
