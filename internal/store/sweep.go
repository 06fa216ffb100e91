package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// What is older than the partitions by day is an exemplar, or came in much too
// late, out of a spool, or was an exemplar and is not needed any more.
const (
	sqlOldUntil = `SELECT o.name, o.until - DATE '1970-01-01' FROM old_partitions o`

	sqlOldDays = `
SELECT e.workspace_id, e.day - DATE '1970-01-01', count(*), count(e.request_id) + count(e.trace_id) FROM events e
WHERE e.day < DATE '1970-01-01' + $1::int4 AND ` + noExemplar + ` GROUP BY 1, 2 ORDER BY 1, 2`

	sqlSweepParts = `
DELETE FROM event_parts b WHERE b.day < DATE '1970-01-01' + $1::int4 AND b.ctid = ANY (ARRAY(
  SELECT e.ctid FROM event_parts e WHERE e.day < DATE '1970-01-01' + $1::int4 AND ` + noExemplarsOwn + ` LIMIT $2::int8))`

	sqlSweepAliases = `
DELETE FROM aliases b WHERE b.day < DATE '1970-01-01' + $1::int4 AND b.ctid = ANY (ARRAY(
  SELECT e.ctid FROM aliases e WHERE e.day < DATE '1970-01-01' + $1::int4 AND NOT EXISTS (
    SELECT FROM events v WHERE v.workspace_id = e.workspace_id AND v.day = e.day AND v.id = e.event_id) LIMIT $2::int8))`

	sqlSweepBodies = `
DELETE FROM bodies b WHERE b.day < DATE '1970-01-01' + $1::int4 AND b.ctid = ANY (ARRAY(
  SELECT e.ctid FROM bodies e WHERE e.day < DATE '1970-01-01' + $1::int4 AND ` + noExemplarBody + ` LIMIT $2::int8))`

	sqlSweepStacks = `
DELETE FROM stacks b WHERE b.day < DATE '1970-01-01' + $1::int4 AND b.ctid = ANY (ARRAY(
  SELECT e.ctid FROM stacks e WHERE e.day < DATE '1970-01-01' + $1::int4 AND ` + noExemplarStack + ` LIMIT $2::int8))`
)

// sweepOld deletes from the partitions of what is old all that belongs to no
// exemplar.
func (s *Store) sweepOld(ctx context.Context, now time.Time) (err error) {
	defer fault.Wrap(&err, "sweepOld")
	if _, err := s.pool.Exec(ctx, sqlPruneExemplars, dayOf(now)-pruneDays); err != nil {
		return unavailable(err)
	}
	rows, err := s.pool.Query(ctx, sqlOldUntil)
	if err != nil {
		return unavailable(err)
	}
	until := map[string]int32{}
	var table string
	var day int32
	if _, err := pgx.ForEachRow(rows, []any{&table, &day}, func() error {
		until[table] = day
		return nil
	}); err != nil {
		return unavailable(err)
	}
	if err := s.sweepEvents(ctx, until["events"]); err != nil {
		return err
	}
	var errs []error
	for _, t := range []struct{ table, sql string }{{"event_parts", sqlSweepParts}, {"aliases", sqlSweepAliases}, {"bodies", sqlSweepBodies}, {"stacks", sqlSweepStacks}} {
		_, err := s.inBatches(ctx, t.sql, until[t.table])
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sweepEvents deletes Events day by day, as their IDs are remembered.
func (s *Store) sweepEvents(ctx context.Context, until int32) error {
	rows, err := s.pool.Query(ctx, sqlOldDays, until)
	if err != nil {
		return unavailable(err)
	}
	type oldDay struct {
		heldRows
		day int32
	}
	days, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d oldDay, err error) {
		err = row.Scan(&d.workspace, &d.day, &d.rows, &d.ids)
		return d, err
	})
	for _, d := range days {
		if _, err = s.deleteRemembered(ctx, d.workspace, d.day, d.ids); err != nil {
			break
		}
	}
	return unavailable(err)
}

const (
	sqlForgetRejections = `
DELETE FROM rejections b WHERE b.ctid = ANY (ARRAY(SELECT r.ctid FROM rejections r WHERE r.received_at < $1::timestamptz LIMIT $2::int8))`

	sqlForgetShortRejections = `
DELETE FROM rejections b WHERE b.workspace_id = $1::int4 AND b.ctid = ANY (ARRAY(
  SELECT r.ctid FROM rejections r WHERE r.workspace_id = $1::int4 AND r.received_at < $2::timestamptz LIMIT $3::int8))`

	sqlForgetRefusals = `
DELETE FROM refusals b WHERE b.ctid = ANY (ARRAY(SELECT r.ctid FROM refusals r WHERE r.hour < $1::timestamptz LIMIT $2::int8))`

	sqlForgetIDs = `
DELETE FROM expired_ids b WHERE b.ctid = ANY (ARRAY(SELECT i.ctid FROM expired_ids i WHERE (i.workspace_id, i.day) IN (
  SELECT d.workspace_id, d.day FROM expired_days d WHERE d.day < DATE '1970-01-01' + $1::int4) LIMIT $2::int8))`

	sqlForgetDays = `
DELETE FROM expired_days b WHERE b.ctid = ANY (ARRAY(SELECT d.ctid FROM expired_days d WHERE d.day < DATE '1970-01-01' + $1::int4 LIMIT $2::int8))`

	sqlForgetBlocks = `
DELETE FROM rollup_blocks b WHERE b.ctid = ANY (ARRAY(SELECT r.ctid FROM workspaces w, LATERAL (
  SELECT x.ctid FROM rollup_blocks x WHERE x.workspace_id = w.id AND x.level IN (1, 2) AND x.start < $1::timestamptz LIMIT $2::int8) r LIMIT $2::int8))`

	sqlForgetSpans = `
DELETE FROM rollup_spans b WHERE b.ctid = ANY (ARRAY(SELECT r.ctid FROM workspaces w, LATERAL (
  SELECT x.ctid FROM rollup_spans x WHERE x.workspace_id = w.id AND x.level IN (1, 2) AND x.start < $1::timestamptz LIMIT $2::int8) r LIMIT $2::int8))`

	sqlForgetDeploys = `
DELETE FROM deploys b WHERE b.ctid = ANY (ARRAY(SELECT d.ctid FROM deploys d WHERE d.deployed_at < $1::timestamptz LIMIT $2::int8))`

	sqlForgetAudit = `SELECT errata_forget_audit($1::timestamptz, $2::int4)`
)

// forget deletes what has an age and no partitions.
func (s *Store) forget(ctx context.Context, now time.Time) (err error) {
	defer fault.Wrap(&err, "forget")
	before := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	var errs []error
	do := func(sql string, args ...any) {
		_, err := s.inBatches(ctx, sql, args...)
		errs = append(errs, err)
	}
	do(sqlForgetRejections, before(s.retention.Rejections))
	do(sqlForgetRefusals, before(s.retention.Rejections))
	short, err := s.shortened(ctx)
	errs = append(errs, err)
	for ws, days := range short { // what is quoted in a rejection is the workspace's, too
		do(sqlForgetShortRejections, ws, before(min(days, s.retention.Rejections)))
	}
	for _, sql := range []string{sqlForgetBlocks, sqlForgetSpans, sqlForgetDeploys} {
		do(sql, before(s.retention.Rollups).Truncate(24*time.Hour))
	}
	errs = append(errs, s.forgetAlerts(ctx, now), s.forgetDesk(ctx, now, short))
	ids := dayOf(before(s.retention.IDs))
	do(sqlForgetIDs, ids) // before the days, by which they are found
	do(sqlForgetDays, ids)
	_, err = s.pool.Exec(ctx, sqlForgetSegments, dayOf(before(s.retention.Events))-1)
	errs = append(errs, unavailable(err))
	return errors.Join(append(errs, s.forgetAudit(ctx, before(s.retention.Audit)))...)
}

func (s *Store) forgetAudit(ctx context.Context, before time.Time) error {
	for n := int64(deleteBatch); n == deleteBatch; {
		if err := s.pool.QueryRow(ctx, sqlForgetAudit, before, deleteBatch).Scan(&n); err != nil {
			return unavailable(err)
		}
	}
	return nil
}
