package store

import (
	"context"
	"encoding/json"
	"errors"
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
	// maxContents bounds how many bodies and stack traces one read brings.
	maxContents = 100
	// maxTraces bounds the hop from an ID to its traces.
	maxTraces = 20
)

// A generic plan prunes partitions when it starts instead of being planned
// anew each time: with 90 partitions that is four times faster. SET LOCAL ends
// with the transaction.
const sqlGenericPlan = `SET LOCAL plan_cache_mode = force_generic_plan`

const sqlTrailByRequest = `
SELECT ` + eventColumns + ` FROM events e
WHERE e.workspace_id = $1::int4 AND translate(lower(e.request_id), 'oil', '011') = $2::text AND e.request_id = $3::text
  AND e.merged_into IS NULL
LIMIT $4::int4`

const sqlTrailByTrace = `
SELECT ` + eventColumns + ` FROM events e
WHERE e.workspace_id = $1::int4 AND e.trace_id = ANY ($2::uuid[]) AND e.merged_into IS NULL
  AND e.day BETWEEN DATE '1970-01-01' + $3::int4 AND DATE '1970-01-01' + $4::int4
LIMIT $5::int4`

const sqlTrailBySpan = `
SELECT ` + eventColumns + ` FROM events e
WHERE e.workspace_id = $1::int4 AND e.span_id = $2::int8 AND e.merged_into IS NULL
LIMIT $3::int4`

const sqlTrailByAlias = `
SELECT ` + eventColumns + ` FROM aliases a
JOIN events e ON e.workspace_id = a.workspace_id AND e.day = a.day AND e.id = a.event_id
WHERE a.workspace_id = $1::int4 AND translate(lower(a.value), 'oil', '011') = $2::text AND a.value = $3::text
  AND e.merged_into IS NULL
LIMIT $4::int4`

// Trail gives every Event of one request: those that carry the ID (as request
// ID; else as trace, span or other ID), and one hop further, all of their
// traces. A fault NotFound (request_not_found) says why where that is known.
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
	var rows []eventRow
	b.Queue(sqlTrailByRequest, ws, event.Fold(id), id, MaxTrail+1).Query(collectInto(&rows))
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return trailRows{}, err
	}
	if len(rows) == 0 {
		if rows, err = byOtherID(ctx, conn, ws, id); err != nil {
			return trailRows{}, err
		}
	}
	rest := &pgx.Batch{}
	var more []eventRow
	contents := map[[16]byte][]byte{}
	if len(rows) > 0 {
		queueTraces(rest, ws, rows, &more)
		queueContents(rest, ws, rows, contents)
	}
	rest.Queue("COMMIT")
	if err := conn.SendBatch(ctx, rest).Close(); err != nil || len(rows) == 0 {
		return trailRows{}, err
	}
	return s.assemble(ctx, ws, appendUnseen(rows, more), contents)
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

func collectInto(rows *[]eventRow) func(pgx.Rows) error {
	return func(found pgx.Rows) (err error) {
		*rows, err = pgx.CollectRows(found, scanEvent)
		return err
	}
}

// byOtherID tries the other kinds of ID in the order in which people paste
// them.
func byOtherID(ctx context.Context, q querier, ws int32, id string) (rows []eventRow, err error) {
	if trace := event.CleanHex(id, 32); trace != "" {
		if rows, err = eventRows(ctx, q, sqlTrailByTrace, ws, []string{trace}, 0, 1<<20, MaxTrail+1); err != nil || len(rows) > 0 {
			return rows, err
		}
	}
	if span := event.CleanHex(id, 16); span != "" {
		if rows, err = eventRows(ctx, q, sqlTrailBySpan, ws, spanNumber(span), MaxTrail+1); err != nil || len(rows) > 0 {
			return rows, err
		}
	}
	return eventRows(ctx, q, sqlTrailByAlias, ws, event.Fold(id), id, MaxTrail+1)
}

func eventRows(ctx context.Context, q querier, sql string, args ...any) ([]eventRow, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanEvent)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// queueTraces adds the hop to the rest of the traces. A trace lasts less than a
// day, so that only the partitions around what was found are asked.
func queueTraces(b *pgx.Batch, ws int32, rows []eventRow, more *[]eventRow) {
	var traces []string
	from, to := rows[0].event.OccurredAt, rows[0].event.OccurredAt
	seen := map[string]bool{}
	for i := range rows {
		e := &rows[i].event
		from, to = earlier(from, e.OccurredAt), later(to, e.OccurredAt)
		if e.TraceID != "" && !seen[e.TraceID] && len(traces) < maxTraces {
			seen[e.TraceID] = true
			traces = append(traces, e.TraceID)
		}
	}
	if len(traces) > 0 {
		b.Queue(sqlTrailByTrace, ws, traces, int32(identity.DayOf(from))-1, int32(identity.DayOf(to))+1, MaxTrail+1).Query(collectInto(more))
	}
}

func appendUnseen(rows, more []eventRow) []eventRow {
	seen := make(map[string]bool, len(rows))
	for i := range rows {
		seen[rows[i].event.ID] = true
	}
	for i := range more {
		if !seen[more[i].event.ID] {
			rows = append(rows, more[i])
		}
	}
	return rows
}

const sqlContents = `
SELECT b.hash, b.content FROM bodies b
WHERE b.workspace_id = $1::int4 AND b.day BETWEEN DATE '1970-01-01' + $2::int4 AND DATE '1970-01-01' + $3::int4
  AND b.hash = ANY ($4::uuid[])`

// missing lists the contents that rows refer to and that are not there yet,
// and the days where they are.
func missing(rows []eventRow, have map[[16]byte][]byte) (hashes []string, from, to int32) {
	wanted := map[[16]byte]bool{}
	from = 1 << 30
	for i := range rows {
		for _, h := range [][16]byte{rows[i].bodyHash, rows[i].stackHash} {
			if h == ([16]byte{}) || have[h] != nil || wanted[h] || len(wanted)+len(have) >= maxContents {
				continue
			}
			wanted[h] = true
			hashes = append(hashes, hashText(h))
			day := dayOfID(rows[i].event.ID, rows[i].event.OccurredAt)
			from, to = min(from, day), max(to, day)
		}
	}
	return hashes, from, to
}

func queueContents(b *pgx.Batch, ws int32, rows []eventRow, into map[[16]byte][]byte) {
	if hashes, from, to := missing(rows, into); len(hashes) > 0 {
		b.Queue(sqlContents, ws, from, to, hashes).Query(func(found pgx.Rows) error { return collectContents(found, into) })
	}
}

func collectContents(found pgx.Rows, into map[[16]byte][]byte) error {
	var hash [16]byte
	var content []byte
	_, err := pgx.ForEachRow(found, []any{&hash, &content}, func() error {
		into[hash] = append([]byte{}, content...)
		return nil
	})
	return err
}

// fillContents adds the raw bodies and stack traces, which are stored apart;
// contents are those that have been read already.
func fillContents(ctx context.Context, q querier, ws int32, rows []eventRow, contents map[[16]byte][]byte) error {
	if hashes, from, to := missing(rows, contents); len(hashes) > 0 {
		found, err := q.Query(ctx, sqlContents, ws, from, to, hashes)
		if err != nil {
			return err
		}
		if err := collectContents(found, contents); err != nil {
			return err
		}
	}
	for i := range rows {
		e := &rows[i].event
		if body := contents[rows[i].bodyHash]; body != nil {
			e.Raw = rawJSON(body)
		}
		if stack := contents[rows[i].stackHash]; stack != nil && e.Exception != nil {
			e.Exception.Stacktrace = string(stack)
		}
	}
	return nil
}

// rawJSON shows a body as the JSON that it is, or as a JSON string.
func rawJSON(body []byte) json.RawMessage {
	if json.Valid(body) {
		return body
	}
	b, err := json.Marshal(string(body))
	if err != nil {
		return nil
	}
	return b
}

const sqlRejectedID = `
SELECT r.reason, r.message, r.received_at FROM rejections r
WHERE r.workspace_id = $1::int4 AND r.request_id = $2::text ORDER BY r.id DESC LIMIT 1`

// notFound says as truthfully as it can why there is nothing under an ID.
// Another workspace's ID is never_seen.
func (s *Store) notFound(ctx context.Context, ws int32, id string) error {
	f := fault.New(fault.NotFound, "request_not_found", "No failure with this ID has been reported.").
		With("reason", "never_seen").With("retention_days", s.retention)
	if id == "" {
		return f
	}
	f.With("request_id", id)
	var reason, message string
	var at time.Time
	err := s.pool.QueryRow(ctx, sqlRejectedID, ws, id).Scan(&reason, &message, &at)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return f
	case err != nil:
		return unavailable(err)
	}
	f.Message = "A report with this ID came in and was rejected: " + message
	return f.With("reason", "rejected").With("rejected_because", reason).With("rejected_at", at.UTC())
}
