package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"errata/internal/fault"
	"errata/internal/identity"
)

const sqlEnsureDay = `SELECT errata_ensure_day(DATE '1970-01-01' + $1::int)`

// EnsurePartitions makes the daily partitions from the day of from to the day
// of to, both included.
func (s *Store) EnsurePartitions(ctx context.Context, from, to time.Time) error {
	for d := identity.DayOf(from); d <= identity.DayOf(to); d++ {
		if err := s.ensureDay(ctx, int32(d)); err != nil {
			return err
		}
	}
	return nil
}

// noSuchDay reports whether a row found no partition: one that this process has
// seen has gone since.
func noSuchDay(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "23514" && pe.ConstraintName == "" // check_violation, of no constraint
}

// forgetDays has partitions made again where they are missing.
func (s *Store) forgetDays() {
	s.daysMu.Lock()
	defer s.daysMu.Unlock()
	clear(s.days)
}

// ensureDay makes one day's partitions unless this process knows them. It runs
// before the batch's transaction, because making a table takes locks that a
// batch should not hold.
func (s *Store) ensureDay(ctx context.Context, day int32) (err error) {
	defer fault.Wrap(&err, "ensureDay(%d)", day)
	s.daysMu.Lock()
	known := s.days[day]
	s.daysMu.Unlock()
	if known {
		return nil
	}
	if _, err := s.pool.Exec(ctx, sqlEnsureDay, day); err != nil {
		return unavailable(err)
	}
	s.daysMu.Lock()
	s.days[day] = true
	s.daysMu.Unlock()
	return nil
}
