package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/selfwatch"
)

const (
	sqlSelfCollectors = `
SELECT c.id::text, c.host, c.started_at, c.seen_at, c.spool_bytes, c.spool_max, c.spool_items, coalesce(c.spool_oldest, '-infinity'::timestamptz) = '-infinity'::timestamptz,
  coalesce(c.spool_oldest, c.seen_at), c.spool_damaged
FROM collectors c WHERE c.seen_at > $1::timestamptz - interval '1 day' OR c.spool_items > 0 ORDER BY c.seen_at DESC, c.id LIMIT 200`

	sqlSelfJobs = `
SELECT j.name, extract(epoch FROM j.every)::float8, extract(epoch FROM $1::timestamptz - coalesce(j.succeeded_at, j.known_since))::float8, j.error
FROM job_runs j ORDER BY j.name LIMIT 100`

	// The minute that was judged last, and for how long a message has waited.
	sqlSelfJudge = `
SELECT (SELECT minute FROM alert_clock), (SELECT coalesce(greatest(extract(epoch FROM $1::timestamptz - min(d.next_at)), 0), 0)::float8 FROM deliveries d WHERE ` + dueHead + `)`

	sqlSelfRefused = `
SELECT r.hour, r.reason, sum(r.n)::int8 FROM refusals r
WHERE r.workspace_id = $1::int4 AND r.hour > $2::timestamptz - interval '2 hours' AND r.hour <= $2::timestamptz GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 500`

	// At most so many are counted: more of them say nothing more.
	sqlSelfRejected = `
SELECT x.reason, count(*)::int8, coalesce(mode() WITHIN GROUP (ORDER BY x.service), '') FROM (
  SELECT r.reason, r.service FROM rejections r WHERE r.workspace_id = $1::int4 AND r.received_at > $2::timestamptz - make_interval(secs => $3::float8) AND r.received_at <= $2::timestamptz
  LIMIT 10000) x GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20`

	sqlSelfChannels = `
SELECT c.id::text, c.name, c.enabled, c.disabled_why, c.level, c.failing_since, c.last_error FROM channels c WHERE c.workspace_id = $1::int4 ORDER BY c.name LIMIT $2::int4`
)

// snapshot is how Errata is now, as the database knows it.
func (t *selfTick) snapshot(ctx context.Context) (*selfwatch.Snapshot, error) {
	s := &selfwatch.Snapshot{Now: t.now}
	rows, err := t.tx.Query(ctx, sqlSelfRefused, t.ws, t.now)
	if err != nil {
		return nil, err
	}
	if s.Refused, err = pgx.CollectRows(rows, pgx.RowToStructByPos[selfwatch.Refusal]); err != nil {
		return nil, err
	}
	if rows, err = t.tx.Query(ctx, sqlSelfRejected, t.ws, t.now, selfwatch.RejectedFor.Seconds()); err != nil {
		return nil, err
	}
	if s.Rejected, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r selfwatch.Rejection, err error) {
		return r, row.Scan(&r.Reason, &r.N, &r.Service)
	}); err != nil {
		return nil, err
	}
	if rows, err = t.tx.Query(ctx, sqlSelfChannels, t.ws, MaxChannels); err != nil {
		return nil, err
	}
	if s.Channels, err = pgx.CollectRows(rows, scanChannelState); err != nil {
		return nil, err
	}
	if t.ws != DefaultWorkspace {
		return s, nil
	}
	return s, t.shared(ctx, s)
}

// shared adds what serves all workspaces.
func (t *selfTick) shared(ctx context.Context, s *selfwatch.Snapshot) error {
	rows, err := t.tx.Query(ctx, sqlSelfCollectors, t.now)
	if err != nil {
		return err
	}
	if s.Collectors, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c selfwatch.Collector, err error) {
		var empty bool
		err = row.Scan(&c.ID, &c.Host, &c.Started, &c.Seen, &c.SpoolBytes, &c.SpoolMax, &c.SpoolItems, &empty, &c.Oldest, &c.Damaged)
		if empty {
			c.Oldest = time.Time{}
		}
		return c, err
	}); err != nil {
		return err
	}
	if rows, err = t.tx.Query(ctx, sqlSelfJobs, t.now); err != nil {
		return err
	}
	if s.Jobs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (j selfwatch.JobRun, err error) {
		var every, age float64
		err = row.Scan(&j.Name, &every, &age, &j.Error)
		j.Every, j.Age = seconds(every), seconds(age)
		return j, err
	}); err != nil {
		return err
	}
	var judged *time.Time
	var overdue float64
	if err := t.tx.QueryRow(ctx, sqlSelfJudge, t.now).Scan(&judged, &overdue); err != nil {
		return err
	}
	if judged != nil {
		s.Judged = judged.Add(time.Minute)
	}
	s.Overdue = seconds(overdue)
	return nil
}

func scanChannelState(row pgx.CollectableRow) (c selfwatch.ChannelState, err error) {
	var level string
	var failing *time.Time
	err = row.Scan(&c.ID, &c.Name, &c.Enabled, &c.DisabledWhy, &level, &failing, &c.LastError)
	if c.Level = levelOf(level); failing != nil {
		c.Failing = *failing
	}
	return c, err
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
