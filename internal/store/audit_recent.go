package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// Look is a failure that somebody looked at, and when they last did.
type Look struct {
	Hit
	At time.Time
}

// looksRead is among how many of their looks the last ones are sought: people open the
// same page again and again.
const looksRead = 60

const sqlRecentLooks = `
SELECT l.target, l.at FROM (
  SELECT a.target, max(a.at) AS at FROM (
    SELECT a.target, a.at FROM audit a
    WHERE a.workspace_id = $1::int4 AND a.actor_id = $2::text AND a.action IN ('request.view', 'request.unmask')
    ORDER BY a.id DESC LIMIT $3::int4) a
  GROUP BY a.target) l
ORDER BY l.at DESC, l.target`

// RecentLooks are the failures that an actor looked at last, the last first, each
// request once. Those that have gone meanwhile are left out, so that there may be fewer
// than limit.
func (s *Store) RecentLooks(ctx context.Context, ws int32, actor string, limit int) (out []Look, err error) {
	defer fault.Wrap(&err, "RecentLooks")
	type look struct {
		event string
		at    time.Time
	}
	rows, err := s.pool.Query(ctx, sqlRecentLooks, ws, actor, looksRead)
	if err != nil {
		return nil, unavailable(err)
	}
	looks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l look, err error) {
		err = row.Scan(&l.event, &l.at)
		return l, err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	hits := map[string][]Hit{}
	if err := s.reading(ctx, func(tx pgx.Tx) error {
		return lookupEvents(ctx, tx, ws, column(looks, func(l look) string { return l.event }), hits)
	}); err != nil {
		return nil, err
	}
	shown := map[string]bool{}
	for _, l := range looks {
		of := hits[l.event]
		if len(of) == 0 || len(out) == limit {
			continue
		}
		key := of[0].RequestID
		if key == "" {
			key = of[0].EventID
		}
		if !shown[key] {
			shown[key] = true
			out = append(out, Look{Hit: of[0], At: l.at.UTC()})
		}
	}
	return out, nil
}
