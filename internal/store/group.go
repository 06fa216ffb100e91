package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/identity"
)

// maxRounds bounds how far the search for related Events goes. Each round
// follows the keys of what the one before found; two are the rule.
const maxRounds = 6

// group is everything the database has that could be about the same failures
// as some new Parts: the live Events, locked, and their Parts.
type group struct {
	tx     session
	w      *writing
	s      *Store
	hot    map[identity.Key]bool
	events map[string]*eventRow
	parts  map[string][]identity.Part

	next  frontier
	asked map[string]bool
	spans map[identity.Key]bool
	times map[identity.Key]*window
}

// frontier is what the next round looks for.
type frontier struct {
	ids      []idRef
	partIDs  []idRef
	requests []identity.Part
	spans    []identity.Part
	keys     []askedKey
}

func (f *frontier) empty() bool {
	return len(f.ids)+len(f.partIDs)+len(f.requests)+len(f.spans) == 0
}

type idRef struct {
	workspace int32
	id        string
}

type window struct{ from, to time.Time }

func newGroup(tx session, w *writing) *group {
	return &group{tx: tx, w: w, s: w.s, hot: map[identity.Key]bool{}, events: map[string]*eventRow{}, parts: map[string][]identity.Part{},
		asked: map[string]bool{}, spans: map[identity.Key]bool{}, times: map[identity.Key]*window{}}
}

// want adds a new Part and what its keys were found to name.
func (g *group) want(p *identity.Part, keys []keyRow, existing map[keyRow]string) {
	for _, k := range keys {
		if id, ok := existing[k]; ok {
			g.wantID(p.Workspace, id)
		}
	}
	g.wantID(p.Workspace, p.Event.ID)
	g.next.partIDs = append(g.next.partIDs, idRef{p.Workspace, p.Event.ID})
	g.wantRelatives(p)
}

func (g *group) wantID(ws int32, id string) {
	if !g.asked[id] {
		g.asked[id] = true
		g.next.ids = append(g.next.ids, idRef{ws, id})
	}
}

// wantRelatives asks for Events that share the Part's span or, around its
// time, its request ID.
func (g *group) wantRelatives(p *identity.Part) {
	if key, ok := p.SpanKey(); ok && !g.spans[key] {
		g.spans[key] = true
		g.next.spans = append(g.next.spans, *p)
	}
	key, ok := p.RequestKey()
	if !ok || g.hot[key] {
		return
	}
	from, to := p.Event.OccurredAt.Add(-identity.JoinWindow), p.Event.OccurredAt.Add(identity.JoinWindow)
	w := g.times[key]
	if w == nil {
		w = &window{from, to}
		g.times[key] = w
	} else if !from.Before(w.from) && !to.After(w.to) {
		return
	}
	w.from, w.to = earlier(w.from, from), later(w.to, to)
	g.next.requests = append(g.next.requests, *p)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

const sqlLockEventsByID = `
SELECT ` + lockedColumns + ` FROM events e
JOIN unnest($1::int4[], $2::int4[], $3::uuid[]) AS u(w, d, i) ON e.workspace_id = u.w AND e.day = DATE '1970-01-01' + u.d AND e.id = u.i
ORDER BY e.id FOR UPDATE OF e`

const sqlLockEventsByRequest = `
SELECT ` + lockedColumns + ` FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND translate(lower(e.request_id), 'oil', '011') = $2::text AND e.request_id = $3::text
  AND e.service = $4::text AND e.day BETWEEN DATE '1970-01-01' + $5::int4 AND DATE '1970-01-01' + $6::int4
  AND e.occurred_at BETWEEN $7::timestamptz AND $8::timestamptz AND ` + anySegment + ` AND e.merged_into IS NULL
LIMIT $9::int4 FOR UPDATE OF e`

const sqlLockEventsBySpan = `
SELECT ` + lockedColumns + ` FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND e.span_id = $2::int8 AND e.trace_id = $3::uuid
  AND e.day BETWEEN DATE '1970-01-01' + $4::int4 AND DATE '1970-01-01' + $5::int4 AND ` + anySegment + ` AND e.merged_into IS NULL
LIMIT $6::int4 FOR UPDATE OF e`

const sqlEventsOfParts = `
SELECT p.workspace_id, p.event_id::text FROM event_parts p
JOIN unnest($1::int4[], $2::uuid[]) AS u(w, i) ON p.workspace_id = u.w AND p.part_id = u.i`

const sqlPartsOfEvents = `
SELECT p.workspace_id, p.event_id::text, p.record FROM event_parts p
JOIN unnest($1::int4[], $2::int4[], $3::uuid[]) AS u(w, d, i) ON p.workspace_id = u.w AND p.day = DATE '1970-01-01' + u.d AND p.event_id = u.i`

// load searches until nothing new turns up.
func (g *group) load(ctx context.Context) error {
	for round := 0; round < maxRounds && !g.next.empty(); round++ {
		f := g.next
		g.next = frontier{}
		// The keys come first: whoever holds one of them is changing this
		// very group, and must have finished before we look.
		if len(f.keys) > 0 {
			if _, err := g.w.lockKeys(ctx, g.tx, f.keys); err != nil {
				return err
			}
		}
		fresh, err := g.search(ctx, &f)
		if err != nil {
			return err
		}
		if err := g.loadParts(ctx, fresh); err != nil {
			return err
		}
		for _, row := range fresh {
			for i := range g.parts[row.event.ID] {
				g.follow(&g.parts[row.event.ID][i])
			}
		}
	}
	return nil
}

// follow asks for the relatives of a Part that was found.
func (g *group) follow(p *identity.Part) {
	before := len(g.next.requests) + len(g.next.spans)
	g.wantRelatives(p)
	if len(g.next.requests)+len(g.next.spans) == before {
		return
	}
	g.next.keys = append(g.next.keys, asked(p, keysOfPart(p))...)
}

// search runs one round and gives the live Events that are new.
func (g *group) search(ctx context.Context, f *frontier) ([]*eventRow, error) {
	b := &pgx.Batch{}
	if len(f.ids) > 0 {
		b.Queue(sqlLockEventsByID, column(f.ids, func(r idRef) int32 { return r.workspace }),
			column(f.ids, func(r idRef) int32 { return dayOfID(r.id, time.Time{}) }), column(f.ids, func(r idRef) string { return r.id }))
	}
	for i := range f.requests {
		p := &f.requests[i]
		key, _ := p.RequestKey()
		w := g.times[key]
		b.Queue(sqlLockEventsByRequest, p.Workspace, event.Fold(p.Event.RequestID), p.Event.RequestID, p.Event.Service,
			int32(identity.DayOf(w.from))-1, int32(identity.DayOf(w.to))+1, w.from, w.to, identity.MaxAttempts+1)
	}
	for i := range f.spans {
		p := &f.spans[i]
		day := int32(identity.DayOf(p.Event.OccurredAt))
		b.Queue(sqlLockEventsBySpan, p.Workspace, spanNumber(p.Event.SpanID), p.Event.TraceID, day-1, day+1, identity.MaxAttempts+1)
	}
	if len(f.partIDs) > 0 {
		b.Queue(sqlEventsOfParts, column(f.partIDs, func(r idRef) int32 { return r.workspace }), column(f.partIDs, func(r idRef) string { return r.id }))
	}
	return g.collect(g.tx.SendBatch(ctx, b), f)
}

func (g *group) collect(res pgx.BatchResults, f *frontier) (fresh []*eventRow, err error) {
	defer func() {
		if closing := res.Close(); err == nil {
			err = closing
		}
	}()
	take := func() (int, error) {
		rows, err := res.Query()
		if err != nil {
			return 0, err
		}
		found, err := pgx.CollectRows(rows, scanLocked)
		for i := range found {
			if row := g.admit(&found[i]); row != nil {
				fresh = append(fresh, row)
			}
		}
		return len(found), err
	}
	if len(f.ids) > 0 {
		if _, err := take(); err != nil {
			return nil, err
		}
	}
	for i := range f.requests {
		before := len(fresh)
		n, err := take()
		if err != nil {
			return nil, err
		}
		if n > identity.MaxAttempts {
			key, _ := f.requests[i].RequestKey()
			g.hot[key] = true
			fresh = g.forget(fresh, before)
		}
	}
	for range f.spans {
		if _, err := take(); err != nil {
			return nil, err
		}
	}
	if len(f.partIDs) > 0 {
		return fresh, g.collectOwners(res)
	}
	return fresh, nil
}

// forget drops what a request ID brought in that turned out to be no identity.
func (g *group) forget(fresh []*eventRow, from int) []*eventRow {
	for _, row := range fresh[from:] {
		delete(g.events, row.event.ID)
		delete(g.asked, row.event.ID)
	}
	return fresh[:from]
}

func (g *group) collectOwners(res pgx.BatchResults) error {
	rows, err := res.Query()
	if err != nil {
		return err
	}
	var ws int32
	var id string
	_, err = pgx.ForEachRow(rows, []any{&ws, &id}, func() error {
		g.wantID(ws, id)
		return nil
	})
	return err
}

// unfold brings in the row of an Event that was folded and is to stand on its
// own again, nil where there is none: its keys are in it.
func (g *group) unfold(ctx context.Context, ws int32, id string) (*eventRow, error) {
	rows, err := g.tx.Query(ctx, sqlLockEventsByID, []int32{ws}, []int32{dayOfID(id, time.Time{})}, []string{id})
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, scanLocked)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	g.events[id] = &found[0]
	return g.events[id], nil
}

// admit takes a row in if it is live and new; a folded one leads on.
func (g *group) admit(row *eventRow) *eventRow {
	g.asked[row.event.ID] = true
	if row.mergedInto != "" {
		g.wantID(row.workspace, row.mergedInto)
		return nil
	}
	if g.events[row.event.ID] != nil {
		return nil
	}
	g.events[row.event.ID] = row
	return row
}

func (g *group) loadParts(ctx context.Context, fresh []*eventRow) error {
	var several []*eventRow
	for _, row := range fresh {
		if row.parts > 1 {
			several = append(several, row)
		} else {
			g.parts[row.event.ID] = []identity.Part{row.part()}
		}
	}
	if len(several) == 0 {
		return nil
	}
	rows, err := g.tx.Query(ctx, sqlPartsOfEvents, column(several, func(r *eventRow) int32 { return r.workspace }),
		column(several, func(r *eventRow) int32 { return dayOfID(r.event.ID, r.event.OccurredAt) }),
		column(several, func(r *eventRow) string { return r.event.ID }))
	if err != nil {
		return err
	}
	var ws int32
	var id string
	var doc []byte
	_, err = pgx.ForEachRow(rows, []any{&ws, &id, &doc}, func() error {
		p, err := decodePart(ws, doc)
		g.parts[id] = append(g.parts[id], p)
		return err
	})
	return err
}

// member is a Part and the Event that holds it.
type member struct {
	part  identity.Part
	event string
}

func (g *group) members() []member {
	var out []member
	for id := range g.events {
		for _, p := range g.parts[id] {
			out = append(out, member{p, id})
		}
	}
	return out
}

// holds finds the item among the group's Parts.
func (g *group) holds(p *identity.Part) *member {
	if !p.Idempotent {
		return nil
	}
	for id, parts := range g.parts {
		for _, have := range parts {
			if g.events[id] != nil && have.Workspace == p.Workspace && identity.SameItem(have.Event.ID, p.Event.ID) {
				return &member{have, id}
			}
		}
	}
	return nil
}

// dayOf is the partition that has a stored Part's contents; 0 for a new Part,
// which brings them along.
func (g *group) dayOf(p *identity.Part) int32 {
	for id, parts := range g.parts {
		for i := range parts {
			if parts[i].Event.ID == p.Event.ID {
				return dayOfID(id, p.Event.OccurredAt)
			}
		}
	}
	return 0
}
