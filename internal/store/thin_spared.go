package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
)

// names is a set of IDs.
type names map[string]bool

func (n names) add(id string) {
	if id != "" {
		n[id] = true
	}
}

func (n names) list() []string { return slices.AppendSeq([]string{}, maps.Keys(n)) }

// spared is what no rule lets go: Events that an issue keeps for itself, and all of
// the requests that people keep something with.
type spared struct{ events, requests, traces names }

func (sp spared) has(r *goingRow) bool {
	return sp.events[r.id] || r.request != "" && sp.requests[r.request] || r.trace != "" && sp.traces[r.trace]
}

// What people keep something with on a day, or the day before or after: a request may
// have begun before midnight. Links and watches name no day; IDs of Events begin with
// their time. Whoever waits for an ID may have it from anywhere.
const sqlKeptWith = `
SELECT n.event_id::text, coalesce(n.request_id, '') FROM request_notes n
WHERE n.workspace_id = $1::int4 AND n.day BETWEEN DATE '1970-01-01' + $2::int4 - 1 AND DATE '1970-01-01' + $2::int4 + 1
UNION
SELECT n.event_id::text, coalesce(n.request_id, '') FROM request_states n
WHERE n.workspace_id = $1::int4 AND n.day BETWEEN DATE '1970-01-01' + $2::int4 - 1 AND DATE '1970-01-01' + $2::int4 + 1
UNION
SELECT n.event_id::text, coalesce(n.request_id, '') FROM request_tickets n
WHERE n.workspace_id = $1::int4 AND n.day BETWEEN DATE '1970-01-01' + $2::int4 - 1 AND DATE '1970-01-01' + $2::int4 + 1
UNION
SELECT n.event_id::text, '' FROM request_shares n WHERE n.workspace_id = $1::int4 AND n.event_id BETWEEN $3::uuid AND $4::uuid
UNION
SELECT coalesce(n.event_id::text, ''), n.value FROM request_watches n WHERE n.workspace_id = $1::int4 AND (n.event_id IS NULL OR n.event_id BETWEEN $3::uuid AND $4::uuid)`

const sqlExemplarsOfDay = `
SELECT x.event_id::text FROM exemplars x WHERE x.workspace_id = $1::int4 AND x.day = DATE '1970-01-01' + $2::int4`

// What belongs to the same requests: these Events and those that have these IDs …
const sqlTracesKept = `
SELECT e.id::text, coalesce(e.request_id, ''), coalesce(e.trace_id::text, ''), coalesce(e.merged_into::text, '') FROM events e
WHERE e.workspace_id = $1::int4 AND e.day BETWEEN DATE '1970-01-01' + $2::int4 - 1 AND DATE '1970-01-01' + $2::int4 + 1 AND e.id = ANY ($3::uuid[])
UNION
SELECT e.id::text, coalesce(e.request_id, ''), coalesce(e.trace_id::text, ''), '' FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND e.day BETWEEN DATE '1970-01-01' + $2::int4 - 1 AND DATE '1970-01-01' + $2::int4 + 1
  AND translate(lower(e.request_id), 'oil', '011') = ANY ($4::text[]) AND e.request_id = ANY ($5::text[]) AND ` + anySegment + ` AND e.merged_into IS NULL
UNION
SELECT a.event_id::text, '', '', '' FROM aliases a
WHERE a.workspace_id = $1::int4 AND a.day BETWEEN DATE '1970-01-01' + $2::int4 - 1 AND DATE '1970-01-01' + $2::int4 + 1
  AND translate(lower(a.value), 'oil', '011') = ANY ($4::text[]) AND a.value = ANY ($5::text[])`

// sparedOf reads what no rule lets go of a day.
func (s *Store) sparedOf(ctx context.Context, q querier, ws, day int32) (sp spared, err error) {
	sp = spared{names{}, names{}, names{}}
	begin := time.Unix(0, 0).UTC().AddDate(0, 0, int(day))
	rows, err := q.Query(ctx, sqlKeptWith, ws, day, firstID(begin.AddDate(0, 0, -1)), firstID(begin.AddDate(0, 0, 2)))
	if err != nil {
		return sp, err
	}
	var id, value string
	if _, err := pgx.ForEachRow(rows, []any{&id, &value}, func() error {
		sp.events.add(id)
		sp.requests.add(value)
		if u, err := uuid.Parse(value); err == nil { // a trace, as people write it, or the ID of an Event
			sp.traces.add(u.String())
			sp.events.add(u.String())
		}
		return nil
	}); err != nil {
		return sp, err
	}
	for range maxFolds { // an Event may have been folded into another since, or be known by an ID of another kind
		before := len(sp.events) + len(sp.requests) + len(sp.traces)
		if before == 0 {
			break
		}
		if err := s.spareRequests(ctx, q, ws, day, sp); err != nil {
			return sp, err
		}
		if len(sp.events)+len(sp.requests)+len(sp.traces) == before {
			break
		}
	}
	if rows, err = q.Query(ctx, sqlExemplarsOfDay, ws, day); err != nil {
		return sp, err
	}
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		sp.events.add(id)
		return nil
	})
	return sp, err
}

func (s *Store) spareRequests(ctx context.Context, q querier, ws, day int32, sp spared) error {
	requests := sp.requests.list()
	rows, err := q.Query(ctx, sqlTracesKept, ws, day, sp.events.list(), column(requests, event.Fold), requests)
	if err != nil {
		return err
	}
	var id, request, trace, into string
	_, err = pgx.ForEachRow(rows, []any{&id, &request, &trace, &into}, func() error {
		for set, value := range map[*names]string{&sp.events: id, &sp.requests: request, &sp.traces: trace} {
			set.add(value)
		}
		sp.events.add(into)
		return nil
	})
	return err
}
