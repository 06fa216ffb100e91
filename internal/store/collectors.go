package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// Collector is what one collector says about itself every few seconds.
type Collector struct {
	ID           string      `json:"id"`
	Host         string      `json:"host"`
	Version      string      `json:"version"`
	StartedAt    event.Time  `json:"started_at"`
	SeenAt       event.Time  `json:"seen_at"` // by the database's clock
	Alive        bool        `json:"alive"`
	SpoolBytes   int64       `json:"spool_bytes"`
	SpoolMax     int64       `json:"spool_max_bytes"` // 0: it has no spool
	SpoolItems   int64       `json:"spool_items"`
	SpoolOldest  *event.Time `json:"spool_oldest,omitempty"`
	SpoolDamaged int64       `json:"spool_damaged"`
	// AwaySeconds is how long it was without the database the last time.
	AwaySeconds float64 `json:"database_away_seconds"`
}

const sqlReportCollector = `
INSERT INTO collectors (id, host, version, started_at, seen_at, spool_bytes, spool_max, spool_items, spool_oldest, spool_damaged, database_away)
VALUES ($1::uuid, $2::text, $3::text, $4::timestamptz, now(), $5::int8, $6::int8, $7::int8, $8::timestamptz, $9::int8, make_interval(secs => $10::float8))
ON CONFLICT (id) DO UPDATE SET seen_at = now(), spool_bytes = excluded.spool_bytes, spool_max = excluded.spool_max, spool_items = excluded.spool_items,
  spool_oldest = excluded.spool_oldest, spool_damaged = excluded.spool_damaged, database_away = excluded.database_away`

const sqlForgetCollectors = `DELETE FROM collectors WHERE seen_at < now() - interval '7 days'`

const sqlCountRefusals = `
INSERT INTO refusals (workspace_id, hour, key_id, key_name, service, reason, n)
SELECT w, date_trunc('hour', now()), k, kn, s, r, n
FROM unnest($1::int4[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int8[]) AS u(w, k, kn, s, r, n) ORDER BY 1, 3, 5, 6
ON CONFLICT (workspace_id, hour, key_id, service, reason) DO UPDATE SET n = refusals.n + excluded.n`

// ReportCollector notes how a collector is, and adds what it refused.
func (s *Store) ReportCollector(ctx context.Context, c Collector, refused map[event.Refusal]int64) (err error) {
	defer fault.Wrap(&err, "ReportCollector")
	var oldest *time.Time
	if c.SpoolOldest != nil {
		oldest = &c.SpoolOldest.Time
	}
	list := make([]event.Refusal, 0, len(refused))
	for what := range refused {
		list = append(list, what)
	}
	text := func(f func(event.Refusal) string) []string {
		return column(list, func(r event.Refusal) string { return clean(f(r)) })
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlReportCollector, c.ID, c.Host, c.Version, c.StartedAt.Time, c.SpoolBytes, c.SpoolMax, c.SpoolItems, oldest, c.SpoolDamaged, c.AwaySeconds); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlForgetCollectors); err != nil || len(list) == 0 {
			return err
		}
		_, err := tx.Exec(ctx, sqlCountRefusals, column(list, func(r event.Refusal) int32 { return r.Workspace }), text(func(r event.Refusal) string { return r.KeyID }),
			text(func(r event.Refusal) string { return r.Key }), text(func(r event.Refusal) string { return r.Service }), text(func(r event.Refusal) string { return r.Reason }),
			column(list, func(r event.Refusal) int64 { return refused[r] }))
		return err
	})
}

const sqlCollectors = `
SELECT c.id::text, c.host, c.version, c.started_at, c.seen_at, c.seen_at > now() - interval '20 seconds', c.spool_bytes, c.spool_max, c.spool_items,
  c.spool_oldest, c.spool_damaged, extract(epoch FROM c.database_away)::float8
FROM collectors c WHERE c.seen_at > now() - interval '1 day' OR c.spool_items > 0 ORDER BY c.seen_at DESC, c.id LIMIT 200`

// Collectors lists the collectors of the last day, and any that was last seen
// with something in its spool. They serve all workspaces.
func (s *Store) Collectors(ctx context.Context) (list []Collector, err error) {
	defer fault.Wrap(&err, "Collectors")
	rows, err := s.pool.Query(ctx, sqlCollectors)
	if err != nil {
		return nil, unavailable(err)
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Collector, err error) {
		var oldest *time.Time
		err = row.Scan(&c.ID, &c.Host, &c.Version, &c.StartedAt.Time, &c.SeenAt.Time, &c.Alive, &c.SpoolBytes, &c.SpoolMax, &c.SpoolItems, &oldest, &c.SpoolDamaged, &c.AwaySeconds)
		if oldest != nil {
			c.SpoolOldest = &event.Time{Time: *oldest}
		}
		return c, err
	})
	return list, unavailable(err)
}

// Refused is how many items of a service were not taken in an hour, by key and
// reason.
type Refused struct {
	Hour    event.Time `json:"hour"`
	KeyID   string     `json:"key_id"`
	Key     string     `json:"key"`
	Service string     `json:"service"`
	Reason  string     `json:"reason"`
	N       int64      `json:"n"`
}

const sqlRefusals = `
SELECT r.hour, r.key_id, r.key_name, r.service, r.reason, r.n FROM refusals r
WHERE r.workspace_id = $1::int4 AND r.hour > now() - make_interval(hours => $2::int4) ORDER BY r.hour DESC, r.n DESC, r.key_id, r.service LIMIT 200`

// Refusals lists what collectors did not take in the last hours.
func (s *Store) Refusals(ctx context.Context, ws int32, hours int) (list []Refused, err error) {
	defer fault.Wrap(&err, "Refusals")
	rows, err := s.pool.Query(ctx, sqlRefusals, ws, hours)
	if err != nil {
		return nil, unavailable(err)
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Refused, err error) {
		err = row.Scan(&r.Hour.Time, &r.KeyID, &r.Key, &r.Service, &r.Reason, &r.N)
		return r, err
	})
	return list, unavailable(err)
}
