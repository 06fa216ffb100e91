package store

import (
	"context"

	"errata/internal/fault"
)

// noExemplar is true of Events that stay for no issue's sake.
const noExemplar = `NOT EXISTS (SELECT FROM exemplars x WHERE x.workspace_id = e.workspace_id AND x.day = e.day AND x.event_id = e.id)`

// What belongs to no exemplar: rows that name an Event, and contents, which may
// also be what an exemplar's are differences from.
const (
	noExemplarsOwn = `NOT EXISTS (SELECT FROM exemplars x WHERE x.workspace_id = e.workspace_id AND x.day = e.day AND x.event_id = e.event_id)`

	noExemplarBody = `NOT EXISTS (SELECT FROM exemplars x WHERE x.workspace_id = e.workspace_id AND x.day = e.day AND (x.body_hash = e.hash OR e.hash = (
    SELECT r.base FROM bodies r WHERE r.workspace_id = x.workspace_id AND r.day = x.day AND r.hash = x.body_hash)))`

	noExemplarStack = `NOT EXISTS (SELECT FROM exemplars x WHERE x.workspace_id = e.workspace_id AND x.day = e.day AND (x.stack_hash = e.hash OR e.hash = (
    SELECT r.base FROM stacks r WHERE r.workspace_id = x.workspace_id AND r.day = x.day AND r.hash = x.stack_hash)))`
)

// Issues that somebody still has to look at, and that have been quiet since: the
// newest of their Events that day is an exemplar. An Event's hour can be a little
// off its day; so an issue that was busy on the day after gets one, too, which
// the next day's replaces. Which Event it is, is settled when raw bodies go, and
// stays so. What one slot of an hour counts, another may take back.
const sqlChooseExemplars = `
WITH busy AS MATERIALIZED (
  SELECT h.workspace_id, h.issue_id FROM issue_hours h
  WHERE h.hour >= (DATE '1970-01-01' + $1::int4 + 2)::timestamp AT TIME ZONE 'UTC' AND ($2::int4 = 0 OR h.workspace_id = $2::int4)
  GROUP BY h.workspace_id, h.issue_id HAVING sum(h.n) > 0),
quiet AS MATERIALIZED (
  SELECT i.workspace_id, i.id FROM issues i
  WHERE i.state NOT IN ('resolved', 'ignored') AND ($2::int4 = 0 OR i.workspace_id = $2::int4)
    AND NOT EXISTS (SELECT FROM busy b WHERE b.workspace_id = i.workspace_id AND b.issue_id = i.id))
INSERT INTO exemplars (workspace_id, issue_id, day, event_id, body_hash, stack_hash)
SELECT DISTINCT ON (e.workspace_id, e.issue_id) e.workspace_id, e.issue_id, e.day, e.id, e.body_hash, e.stack_hash
FROM events e JOIN quiet q ON q.workspace_id = e.workspace_id AND q.id = e.issue_id
WHERE e.day = DATE '1970-01-01' + $1::int4 AND ` + noPointers + `
ORDER BY e.workspace_id, e.issue_id, e.id DESC
ON CONFLICT (workspace_id, issue_id) DO UPDATE SET day = excluded.day, event_id = excluded.event_id, body_hash = excluded.body_hash, stack_hash = excluded.stack_hash
WHERE exemplars.day < excluded.day`

// chooseExemplars picks the Events of a day that stay when it goes: of one
// workspace, or (0) of all.
func (s *Store) chooseExemplars(ctx context.Context, day, ws int32) (err error) {
	defer fault.Wrap(&err, "chooseExemplars(%s)", dayText(day))
	return s.retrying(ctx, func() error {
		_, err := s.pool.Exec(ctx, sqlChooseExemplars, day, ws)
		return err
	})
}

// Issues that nobody has to look at any more, or that came back: their Events
// of that time are there, or have had an exemplar when they went. Only the last
// days are asked; who is missed by that is replaced when those days go.
const sqlPruneExemplars = `
DELETE FROM exemplars x WHERE NOT EXISTS (
  SELECT FROM issues i WHERE i.workspace_id = x.workspace_id AND i.id = x.issue_id AND i.state NOT IN ('resolved', 'ignored'))
OR (x.workspace_id, x.issue_id) IN (
  SELECT h.workspace_id, h.issue_id FROM issue_hours h JOIN exemplars y ON y.workspace_id = h.workspace_id AND y.issue_id = h.issue_id
  WHERE h.hour >= (y.day + 2)::timestamp AT TIME ZONE 'UTC' AND h.hour >= (DATE '1970-01-01' + $1::int4)::timestamp AT TIME ZONE 'UTC'
  GROUP BY h.workspace_id, h.issue_id HAVING sum(h.n) > 0)`

// pruneDays is how far back it is looked whether an issue came back.
const pruneDays = 3
