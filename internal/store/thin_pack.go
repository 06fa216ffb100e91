package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"errata/internal/fault"
)

const (
	// packBytes is how large a day is at least that is worth being packed, and
	// packRows how many rows may be left of it: who reports something of this very day
	// waits while they are copied.
	packBytes = 16 << 20
	packRows  = 1_000_000
)

const (
	sqlThinnedDays = `SELECT d.day - DATE '1970-01-01', sum(d.gone)::int8 FROM thinned_days d WHERE d.gone > 0 GROUP BY d.day ORDER BY d.day`

	sqlPackDay = `SELECT errata_pack_day($1::text, DATE '1970-01-01' + $2::int4, $3::int8)`

	sqlNotePacked = `UPDATE thinned_days d SET gone = 0 WHERE d.day = DATE '1970-01-01' + $1::int4 AND d.gone > 0`
)

// pack gives back the room of what rules have let go, day by day, where that is a
// third of the day: days that are over take no new rows that would use it. A day that
// somebody is in the way of stays as it is until the next run.
func (s *Store) pack(ctx context.Context, all []partition) (err error) {
	defer fault.Wrap(&err, "pack")
	rows, err := s.pool.Query(ctx, sqlThinnedDays)
	if err != nil {
		return unavailable(err)
	}
	gone := map[int32]int64{}
	var day int32
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&day, &n}, func() error {
		gone[day] = n
		return nil
	}); err != nil {
		return unavailable(err)
	}
	for _, p := range all { // rows are those of before or of after: the share is no less then
		if p.table != datedEvents.name || p.bytes < s.packBytes || gone[p.day]*3 < p.rows || gone[p.day] == 0 {
			continue
		}
		if err := s.packDay(ctx, p.day); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) packDay(ctx context.Context, day int32) (err error) {
	defer fault.Wrap(&err, "packDay(%s)", dayText(day))
	for _, table := range []string{datedEvents.name, "event_parts", "aliases"} {
		var how string
		err := s.pool.QueryRow(ctx, sqlPackDay, table, day, packRows).Scan(&how)
		if inTheWay(err) {
			s.log.InfoContext(ctx, "a day could not be packed: somebody is in the way", "table", table, "day", dayText(day))
			return nil
		}
		if err != nil {
			return unavailable(err)
		}
		if how == "large" { // until another rule, or another run, leaves less of it
			s.log.InfoContext(ctx, "a day was not packed: too much is left of it", "table", table, "day", dayText(day), "rows", packRows)
			return nil
		}
		s.log.InfoContext(ctx, "a day was packed", "table", table, "day", dayText(day), "how", how)
	}
	_, err = s.pool.Exec(ctx, sqlNotePacked, day)
	return unavailable(err)
}

// inTheWay reports a lock that was not to be had in time, or that another waits for.
func inTheWay(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "55P03" || pe.Code == "40P01")
}
