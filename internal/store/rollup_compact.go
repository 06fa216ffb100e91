package store

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/rollup"
)

// afterExpiry is how many days longer than Events their minutes stay: whatever
// is older than Events are kept has been refused for a while by then.
const afterExpiry = 2

const sqlDaysWithMinutes = `
SELECT d FROM (SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS d FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = 'error_minutes'::regclass AND c.relname ~ '_[0-9]{8}$') AS days
WHERE d < $1::date AND NOT EXISTS (SELECT FROM rollup_compacted r WHERE r.day = d) ORDER BY d`

const sqlCompactMinutes = `SELECT errata_compact_minutes($1::date)`

// CompactMinutes empties the minutes of days that are older than Events are
// kept. Their counts stay in blocks of hours and days. It gives the days it did;
// one in which something has yet to be rolled up is left for the next time.
func (s *Store) CompactMinutes(ctx context.Context, now time.Time) (done []time.Time, err error) {
	defer fault.Wrap(&err, "CompactMinutes")
	before := now.UTC().AddDate(0, 0, -s.retention.Events-afterExpiry)
	rows, err := s.pool.Query(ctx, sqlDaysWithMinutes, before)
	if err != nil {
		return nil, unavailable(err)
	}
	days, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return nil, unavailable(err)
	}
	for _, day := range days {
		var ok bool
		if e := s.pool.QueryRow(ctx, sqlCompactMinutes, day).Scan(&ok); e != nil {
			err = cmp.Or(err, unavailable(e)) // somebody reads that day for long
			if s.pool.Ping(ctx) != nil {
				break
			}
		}
		if ok {
			done = append(done, day)
		}
	}
	return done, err
}

const (
	sqlIsCompacted = `SELECT EXISTS (SELECT FROM rollup_compacted WHERE day = $1::date)`
	sqlLockMinutes = `SELECT errata_lock_minutes($1::date)`
	sqlHourBlocks  = `SELECT level, start, cube, service, content FROM rollup_blocks WHERE workspace_id = $1::int4 AND level = 1 AND start = $2::timestamptz`
	sqlTakeErrors  = `DELETE FROM error_minutes WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz`
	sqlTakeCallers = `DELETE FROM customer_minutes WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz`
	sqlTakeTotals  = `DELETE FROM request_minutes WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz`
)

// addToHour adds what came in after all for an hour whose minutes are gone, and
// takes it away from there. Nobody writes to that day meanwhile.
func addToHour(ctx context.Context, tx pgx.Tx, m marked) ([]rollup.Block, error) {
	if _, err := tx.Exec(ctx, sqlLockMinutes, m.start); err != nil {
		return nil, err
	}
	c, err := readCounted(ctx, tx, m.workspace, m.start, m.end(), "")
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, sqlHourBlocks, m.workspace, m.start)
	if err != nil {
		return nil, err
	}
	have, err := collectBlocks(rows)
	if err != nil {
		return nil, err
	}
	for _, sql := range []string{sqlTakeErrors, sqlTakeCallers, sqlTakeTotals} {
		if _, err := tx.Exec(ctx, sql, m.workspace, m.start, m.end()); err != nil {
			return nil, err
		}
	}
	return rollup.AddHour(m.start, have, c), nil
}
