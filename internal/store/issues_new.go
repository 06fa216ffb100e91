package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// NewIssue is an open issue, and how often it came since it was first seen.
type NewIssue struct {
	ID, Service, Method, Endpoint string
	Status                        int
	Code, Title                   string
	Family                        event.Family
	FirstAt, LastAt               time.Time
	N                             int64
}

// issues.first_at is of the Event that came in first, and some that came later
// may be older: the hours of the week before say so.
const sqlNewIssues = `
SELECT i.id::text, i.service, i.method, i.endpoint, coalesce(i.status, 0), i.code, i.title, i.family, n.first_at, n.last_at, n.n
FROM (SELECT id, service, method, endpoint, status, code, title, family FROM issues
      WHERE workspace_id = $1::int4 AND first_at >= $2::timestamptz AND first_at < $3::timestamptz AND state = 'open' AND role = 0
        AND ($4::text = '' OR service = $4::text)
      ORDER BY first_at DESC, id LIMIT 4 * $5::int4) i
CROSS JOIN LATERAL (
  SELECT sum(h.n)::int8 AS n, min(h.first_at) FILTER (WHERE h.n > 0) AS first_at, max(h.last_at) AS last_at
  FROM issue_hours h
  WHERE h.workspace_id = $1::int4 AND h.issue_id = i.id AND h.hour >= date_trunc('hour', $2::timestamptz - interval '7 days') AND h.hour <= $3::timestamptz) n
WHERE n.n > 0 AND n.first_at >= $2::timestamptz
ORDER BY n.first_at DESC, i.id LIMIT $5::int4`

// NewIssues lists the open issues that were first seen in a period, and not in
// the week before it, the newest first: limit of them, of one service or ("") of
// all. Their counts reach to the period's end.
func (s *Store) NewIssues(ctx context.Context, ws int32, service string, from, to time.Time, limit int) (out []NewIssue, err error) {
	defer fault.Wrap(&err, "NewIssues")
	err = s.reading(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlNewIssues, ws, from, to, service, limit)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, scanNewIssue)
		return err
	})
	return out, unavailable(err)
}

func scanNewIssue(row pgx.CollectableRow) (i NewIssue, err error) {
	var status, family int16
	err = row.Scan(&i.ID, &i.Service, &i.Method, &i.Endpoint, &status, &i.Code, &i.Title, &family, &i.FirstAt, &i.LastAt, &i.N)
	i.Status, i.Family, i.FirstAt, i.LastAt = int(status), familyOf(family), i.FirstAt.UTC(), i.LastAt.UTC()
	return i, err
}
