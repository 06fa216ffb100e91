package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// Overview is the state of a workspace's data, for the status line.
type Overview struct {
	Newest         time.Time `json:"newest"` // occurred_at; zero without Events
	NewestReceived time.Time `json:"newest_received"`
	Services       []string  `json:"services"` // sent something in the last 24 h, sorted
	RetentionDays  int       `json:"retention_days"`
	EventsToday    int64     `json:"events_today"` // primary, in the last 24 h
}

const sqlNewest = `
SELECT e.occurred_at, e.received_at FROM events e
WHERE e.workspace_id = $1::int4 AND ` + noPointers + ` AND e.day >= current_date - $2::int4
ORDER BY e.day DESC, e.id DESC LIMIT 1`

const sqlServicesToday = `
SELECT m.service, sum(m.n) FILTER (WHERE m.role = 0)::int8 FROM error_minutes m
WHERE m.workspace_id = $1::int4 AND m.minute >= date_trunc('minute', now() - interval '24 hours')
GROUP BY m.service HAVING sum(m.n) > 0 ORDER BY m.service`

// Overview reads the newest Event and the last day's roll-ups.
func (s *Store) Overview(ctx context.Context, ws int32) (o Overview, err error) {
	defer fault.Wrap(&err, "Overview")
	if o.RetentionDays, err = s.keepsFor(ctx, ws); err != nil {
		return o, unavailable(err)
	}
	err = s.pool.QueryRow(ctx, sqlNewest, ws, s.retention.Events).Scan(&o.Newest, &o.NewestReceived)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return o, unavailable(err)
	}
	rows, err := s.pool.Query(ctx, sqlServicesToday, ws)
	if err != nil {
		return o, unavailable(err)
	}
	var service string
	var n *int64
	_, err = pgx.ForEachRow(rows, []any{&service, &n}, func() error {
		o.Services = append(o.Services, service)
		o.EventsToday += deref(n)
		return nil
	})
	return o, unavailable(err)
}
