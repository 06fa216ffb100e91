package store

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
)

const (
	// MaxTrail is how many Events a Trail holds at most.
	MaxTrail = 500
	// maxTraces bounds the hop from an ID to its traces.
	maxTraces = 20
)

// A generic plan prunes partitions when it starts instead of being planned
// anew each time: with 90 partitions that is four times faster. SET LOCAL ends
// with the transaction.
const sqlGenericPlan = `SET LOCAL plan_cache_mode = force_generic_plan`

// The first hop only finds out where the Events are: it has to look into every
// partition, and each column that it asked for would be prepared as often.
const refColumns = `e.day - DATE '1970-01-01', e.id, e.occurred_at, e.trace_id, e.body_hash, e.stack_hash`

const sqlTrailByRequest = `
SELECT ` + refColumns + ` FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND translate(lower(e.request_id), 'oil', '011') = $2::text AND e.request_id = $3::text
  AND ` + anySegment + ` AND e.merged_into IS NULL
LIMIT $4::int4`

const sqlTrailByTrace = `
SELECT ` + refColumns + ` FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND e.trace_id = $2::uuid AND ` + anySegment + ` AND e.merged_into IS NULL
LIMIT $3::int4`

const sqlTrailBySpan = `
SELECT ` + refColumns + ` FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND e.span_id = $2::int8 AND ` + anySegment + ` AND e.merged_into IS NULL
LIMIT $3::int4`

const sqlTrailByAlias = `
SELECT ` + refColumns + ` FROM aliases a
JOIN events e ON e.workspace_id = a.workspace_id AND e.day = a.day AND e.id = a.event_id
WHERE a.workspace_id = $1::int4 AND translate(lower(a.value), 'oil', '011') = $2::text AND a.value = $3::text
  AND a.kind <> 'idempotency' AND e.merged_into IS NULL
LIMIT $4::int4`

// Requests that have an idempotency key in common stay apart: the last of them is
// what its Trail is of.
const sqlTrailByKey = `
SELECT e.id::text FROM aliases a
JOIN events e ON e.workspace_id = a.workspace_id AND e.day = a.day AND e.id = a.event_id
WHERE a.workspace_id = $1::int4 AND translate(lower(a.value), 'oil', '011') = $2::text AND a.value = $3::text
  AND a.kind = 'idempotency' AND e.merged_into IS NULL
ORDER BY e.role, e.occurred_at DESC, e.id DESC LIMIT 1`

const sqlTrailByEvent = `
SELECT ` + refColumns + ` FROM events e
WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND e.id = $3::uuid`

// The second hop brings what was found, day by day, so that only those
// partitions are touched. The range holds the index to these IDs also under a
// plan that was made while the day was young and filters by the list …
const sqlTrailEvents = `
SELECT ` + eventColumns + ` FROM events e
WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND e.id = ANY ($3::uuid[])
  AND e.id BETWEEN $4::uuid AND $5::uuid AND e.merged_into IS NULL`

// … and the rest of its traces. A trace lasts less than a day. The three days
// are named one by one because a range would make the primary key look good,
// which would then read through all of them.
const sqlTrailTrace = `
SELECT ` + eventColumns + ` FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND e.trace_id = $2::uuid AND NOT e.id = ANY ($3::uuid[]) AND ` + anySegment + ` AND e.merged_into IS NULL
  AND e.day IN (DATE '1970-01-01' + $4::int4 - 1, DATE '1970-01-01' + $4::int4, DATE '1970-01-01' + $4::int4 + 1)
LIMIT $5::int4`

// Trail gives every Event of one request: those that carry the ID (as request
// ID; else as trace, span or other ID; else those of the request of the Event that
// has this ID here), and one hop further, all of their traces. An idempotency key
// gives the last request that has it. A fault NotFound (request_not_found) says why where that is known.
func (s *Store) Trail(ctx context.Context, ws int32, id string) (trail event.Trail, err error) {
	defer fault.Wrap(&err, "Trail")
	if id == "" || len(id) > event.MaxIDLen || !utf8.ValidString(id) || hasNUL(id) {
		return event.Trail{}, s.notFound(ctx, ws, "")
	}
	found, err := s.readTrail(ctx, ws, id)
	if err != nil {
		return event.Trail{}, unavailable(err)
	}
	if len(found.events) == 0 {
		return event.Trail{}, s.notFound(ctx, ws, id)
	}
	trail = event.NewTrail(id, found.events)
	trail.Truncated = found.truncated
	return trail, nil
}

func hasNUL(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return true
		}
	}
	return false
}

// reading runs fn in a read-only transaction with generic plans.
func (s *Store) reading(ctx context.Context, fn func(pgx.Tx) error) error {
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: "BEGIN READ ONLY; " + sqlGenericPlan}, fn)
	return unavailable(err)
}

type trailRows struct {
	events    []event.Event
	truncated bool
}

// readTrail takes two round trips for an ID that is a request ID, which most
// are: BEGIN travels with the first SELECT, and the second, the contents and
// COMMIT travel together. A connection that is given back in the middle of a
// transaction is closed by the pool, so that no error leaves one open.
func (s *Store) readTrail(ctx context.Context, ws int32, id string) (trailRows, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return trailRows{}, err
	}
	defer conn.Release()
	b := &pgx.Batch{}
	b.Queue("BEGIN READ ONLY")
	b.Queue(sqlGenericPlan)
	var refs []trailRef
	b.Queue(sqlTrailByRequest, ws, event.Fold(id), id, MaxTrail+1).Query(func(found pgx.Rows) (err error) {
		refs, err = pgx.CollectRows(found, scanRef)
		return err
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return trailRows{}, err
	}
	if len(refs) == 0 {
		if refs, err = byOtherID(ctx, conn, ws, id); err != nil {
			return trailRows{}, err
		}
	}
	rest := &pgx.Batch{}
	var rows []eventRow
	contents := map[[16]byte][]byte{}
	if len(refs) > 0 {
		queueTrail(rest, ws, refs, &rows)
		queueContents(rest, ws, column(refs, func(r trailRef) contentRef { return r.contentRef }), contents)
	}
	rest.Queue("COMMIT")
	if err := conn.SendBatch(ctx, rest).Close(); err != nil || len(rows) == 0 {
		return trailRows{}, err
	}
	return s.assemble(ctx, ws, distinct(rows), contents)
}

// assemble bounds the Trail and fills the contents in, also those of Events
// that only the hop brought.
func (s *Store) assemble(ctx context.Context, ws int32, rows []eventRow, contents map[[16]byte][]byte) (trailRows, error) {
	out := trailRows{truncated: len(rows) > MaxTrail}
	if out.truncated {
		rows = rows[:MaxTrail]
	}
	if err := fillContents(ctx, s.pool, ws, rows, contents); err != nil {
		return trailRows{}, err
	}
	out.events = column(rows, func(r eventRow) event.Event { return r.event })
	return out, nil
}

// distinct drops what two traces brought in together.
func distinct(rows []eventRow) []eventRow {
	seen := make(map[string]bool, len(rows))
	return slices.DeleteFunc(rows, func(r eventRow) bool {
		again := seen[r.event.ID]
		seen[r.event.ID] = true
		return again
	})
}

// byOtherID tries the other kinds of ID in the order in which people paste
// them.
func byOtherID(ctx context.Context, q querier, ws int32, id string) (refs []trailRef, err error) {
	if trace := event.CleanHex(id, 32); trace != "" {
		if refs, err = trailRefs(ctx, q, sqlTrailByTrace, ws, trace, MaxTrail+1); err != nil || len(refs) > 0 {
			return refs, err
		}
	}
	if span := event.CleanHex(id, 16); span != "" {
		if refs, err = trailRefs(ctx, q, sqlTrailBySpan, ws, spanNumber(span), MaxTrail+1); err != nil || len(refs) > 0 {
			return refs, err
		}
	}
	if refs, err = trailRefs(ctx, q, sqlTrailByAlias, ws, event.Fold(id), id, MaxTrail+1); err != nil || len(refs) > 0 {
		return refs, err
	}
	if refs, err = byKey(ctx, q, ws, id); err != nil || len(refs) > 0 {
		return refs, err
	}
	return byEventID(ctx, q, ws, id)
}

func byKey(ctx context.Context, q querier, ws int32, key string) ([]trailRef, error) {
	rows, err := q.Query(ctx, sqlTrailByKey, ws, event.Fold(key), key)
	if err != nil {
		return nil, err
	}
	id, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(id) == 0 {
		return nil, err
	}
	return byEventID(ctx, q, ws, id[0])
}

// byEventID finds the request of an Event of ours, or only the Event where it
// has no request ID.
func byEventID(ctx context.Context, q querier, ws int32, id string) ([]trailRef, error) {
	hits := map[string][]Hit{}
	if err := lookupEvents(ctx, q, ws, []string{id}, hits); err != nil || len(hits[id]) == 0 {
		return nil, err
	}
	h := hits[id][0]
	if h.RequestID != "" {
		return trailRefs(ctx, q, sqlTrailByRequest, ws, event.Fold(h.RequestID), h.RequestID, MaxTrail+1)
	}
	return trailRefs(ctx, q, sqlTrailByEvent, ws, dayOfID(h.EventID, time.Time{}), h.EventID)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// trailRef is where an Event is, and what leads on from it.
type trailRef struct {
	day        int32
	id         [16]byte
	occurredAt time.Time
	trace      *[16]byte
	contentRef
}

func trailRefs(ctx context.Context, q querier, sql string, args ...any) ([]trailRef, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRef)
}

func scanRef(row pgx.CollectableRow) (trailRef, error) {
	var r trailRef
	var body, stack *[16]byte
	err := row.Scan(&r.day, &r.id, &r.occurredAt, &r.trace, &body, &stack)
	r.contentRef = contentRef{r.day, deref(body), deref(stack)}
	return r, err
}

// queueTrail adds the second hop.
func queueTrail(b *pgx.Batch, ws int32, refs []trailRef, rows *[]eventRow) {
	collect := func(found pgx.Rows) (err error) {
		*rows, err = pgx.AppendRows(*rows, found, scanEvent)
		return err
	}
	ids := column(refs, func(r trailRef) string { return identity.FormatUUID(r.id) })
	byDay := map[int32][]string{}
	var traces []traceDay
	for i := range refs {
		r := &refs[i]
		byDay[r.day] = append(byDay[r.day], ids[i])
		if r.trace == nil || len(traces) == maxTraces {
			continue
		}
		if t := (traceDay{*r.trace, int32(identity.DayOf(r.occurredAt))}); !slices.Contains(traces, t) {
			traces = append(traces, t)
		}
	}
	for day, mine := range byDay {
		b.Queue(sqlTrailEvents, ws, day, mine, slices.Min(mine), slices.Max(mine)).Query(collect)
	}
	for _, t := range traces {
		b.Queue(sqlTrailTrace, ws, identity.FormatUUID(t.trace), ids, t.day, MaxTrail+1).Query(collect)
	}
}

type traceDay struct {
	trace [16]byte
	day   int32
}
