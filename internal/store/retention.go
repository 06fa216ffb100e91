package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"errata/internal/fault"
	"errata/internal/identity"
)

// Retention is for how many days things are kept. 0 is the default.
type Retention struct {
	Events     int `json:"events"`     // 30: and what belongs to them: other IDs, reports, stack traces
	Bodies     int `json:"bodies"`     // 7: as they were sent
	Rollups    int `json:"rollups"`    // 400
	IDs        int `json:"ids"`        // 400: that an ID has been there
	Rejections int `json:"rejections"` // 30: and refusals
	Audit      int `json:"audit"`      // 400
}

// MaxIDDays is how long IDs are remembered at most: each day costs a look-up of
// an unknown ID a little time, and adds to the chance of a wrong answer.
const MaxIDDays = 400

func (r Retention) orDefault() Retention {
	for _, d := range []struct {
		days     *int
		standard int
	}{{&r.Events, 30}, {&r.Bodies, 7}, {&r.Rollups, 400}, {&r.IDs, MaxIDDays}, {&r.Rejections, 30}, {&r.Audit, 400}} {
		if *d.days == 0 {
			*d.days = d.standard
		}
	}
	r.Bodies = min(r.Bodies, r.Events)
	return r
}

// dated is a table that has a partition for each day.
type dated struct {
	name string
	age  func(Retention) int
}

// Tables by day, in the order in which a day of them goes. The Events of a day
// go before what belongs to them, so that none is found in pieces.
var (
	datedBodies = dated{"bodies", func(r Retention) int { return r.Bodies }}
	datedEvents = dated{"events", func(r Retention) int { return r.Events }}
	datedOthers = []dated{
		{"event_parts", datedEvents.age}, {"aliases", datedEvents.age}, {"stacks", datedEvents.age}, {"request_keys", datedEvents.age},
	}
	datedRollups = []dated{
		{"error_minutes", rollupAge}, {"customer_minutes", rollupAge}, {"issue_hours", rollupAge}, {"request_minutes", rollupAge},
	}
)

func rollupAge(r Retention) int { return r.Rollups }

// dueAt is when a day has been kept for so many days, to its last moment.
func dueAt(day int32, age int) time.Time {
	return time.Unix(0, 0).UTC().AddDate(0, 0, int(day)+1+age)
}

// Expire lets go what is too old at now, table by table and day by day, the
// oldest first. What one table has against it does not hold up the others; what
// was not done is left for the next run. It can be broken off anywhere, and run
// by several at once.
func (s *Store) Expire(ctx context.Context, now time.Time) (err error) {
	defer fault.Wrap(&err, "Expire(%s)", now.UTC().Format(time.DateOnly))
	steps := []func(context.Context, time.Time) error{s.mend, s.shorten, s.thin, s.expireBodies, s.expireEvents, s.expireRollups, s.sweepOld, s.forget}
	var errs []error
	for _, step := range steps {
		if ctx.Err() != nil {
			break
		}
		errs = append(errs, step(ctx, now))
	}
	return errors.Join(append(errs, ctx.Err())...)
}

const sqlMendDays = `SELECT errata_mend_days()`

// mend puts days back that somebody has detached by half.
func (s *Store) mend(ctx context.Context, _ time.Time) (err error) {
	defer fault.Wrap(&err, "mend")
	_, err = s.pool.Exec(ctx, sqlMendDays)
	return unavailable(err)
}

// expireBodies lets raw bodies go, but for those of Events that are likely to
// stay when their day goes.
func (s *Store) expireBodies(ctx context.Context, now time.Time) error {
	days, err := s.dueDays(ctx, datedBodies, now)
	for _, day := range days {
		if err = s.chooseExemplars(ctx, day, 0); err == nil {
			err = s.dropDay(ctx, datedBodies, day, 0)
		}
		if err != nil {
			break
		}
	}
	return err
}

// expireEvents lets Events go, and then what belongs to days that have none.
func (s *Store) expireEvents(ctx context.Context, now time.Time) error {
	days, err := s.dueDays(ctx, datedEvents, now)
	if err != nil {
		return err
	}
	var left int32 = 1<<31 - 1 // the first day that has Events still
	for _, day := range days {
		if err = s.expireDay(ctx, day); err != nil {
			left = day
			break
		}
	}
	errs := []error{err}
	for _, t := range datedOthers {
		days, err := s.dueDays(ctx, t, now)
		for _, day := range days {
			if day >= left {
				break
			}
			if err = s.dropDay(ctx, t, day, 0); err != nil {
				break
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// maxGrown is how often Events of a day that is going may come in between.
const maxGrown = 5

// errGrown: Events of a day came in since its IDs were read.
var errGrown = errors.New("Events of this day keep coming in")

// expireDay lets the Events of a day go once their IDs are remembered.
func (s *Store) expireDay(ctx context.Context, day int32) error {
	var err error
	for range maxGrown {
		var held []heldRows
		if held, err = s.rememberDay(ctx, day); err != nil {
			return err
		}
		if err = s.chooseExemplars(ctx, day, 0); err != nil {
			return err
		}
		var rows int64
		for _, h := range held {
			rows += h.rows
		}
		if err = s.dropDay(ctx, datedEvents, day, rows); err == nil {
			return s.auditExpired(ctx, day, held)
		}
		if !errors.Is(err, errGrown) {
			return err
		}
	}
	return err
}

func (s *Store) expireRollups(ctx context.Context, now time.Time) error {
	var errs []error
	for _, t := range datedRollups {
		days, err := s.dueDays(ctx, t, now)
		for _, day := range days {
			if err = s.dropDay(ctx, t, day, 0); err != nil {
				break
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

const sqlDropDay = `SELECT errata_drop_day($1::text, DATE '1970-01-01' + $2::int4, $3::int8)`

// dropDay drops a day of a table. rows is how many there must be of events.
func (s *Store) dropDay(ctx context.Context, t dated, day int32, rows int64) (err error) {
	defer fault.Wrap(&err, "dropDay(%s, %s)", t.name, dayText(day))
	start := time.Now()
	var how string
	if err := s.retrying(ctx, func() error { return s.pool.QueryRow(ctx, sqlDropDay, t.name, day, rows).Scan(&how) }); err != nil {
		return err
	}
	switch how {
	case "grown":
		return errGrown
	case "dropped":
		s.log.InfoContext(ctx, "a day has expired", "table", t.name, "day", dayText(day), "took", time.Since(start))
	}
	return nil
}

// auditExpired notes, for each workspace, that Events of a day have gone.
func (s *Store) auditExpired(ctx context.Context, day int32, held []heldRows) error {
	for _, h := range held {
		details := map[string]any{"rows": h.rows, "because": fmt.Sprintf("kept for %d days", s.retention.Events)}
		if err := s.Audit(ctx, h.workspace, System, "expire", dayText(day), details); err != nil {
			return err
		}
	}
	return nil
}

// dueDays are the days of a table that are too old, the oldest first.
func (s *Store) dueDays(ctx context.Context, t dated, now time.Time) ([]int32, error) {
	all, err := s.partitions(ctx)
	var due []int32
	for _, p := range all {
		if p.table == t.name && !now.Before(dueAt(p.day, t.age(s.retention))) {
			due = append(due, p.day)
		}
	}
	return due, err
}

func dayText(day int32) string {
	return time.Unix(0, 0).UTC().AddDate(0, 0, int(day)).Format(time.DateOnly)
}

func dayOf(t time.Time) int32 { return int32(identity.DayOf(t)) }
