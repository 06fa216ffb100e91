package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/rollup"
)

// Rolled is what one round of RollUp did.
type Rolled struct {
	Hours, Days int
	// Left is how many hours and days wait for a later round because of an error
	// or because another process is at it.
	Left int
}

const (
	// settle is how long after its end an hour is left alone: what happened at
	// its end is still coming in.
	settle = time.Minute
	// settleOpen is the same for the minutes of an hour that is not over: who comes
	// later than this is counted when the hour ends.
	settleOpen = 15 * time.Minute
	// manyCounts is how many rows of an hour that is not over are too many to be
	// read whenever somebody looks. About as many marks as transactions.
	manyCounts = 20_000
	// rollUpLock is the advisory lock of whoever makes blocks.
	rollUpLock = 7210
)

const sqlMarked = `
SELECT workspace_id, level, start, count(*) FILTER (WHERE NOT folded) FROM rollup_marks
GROUP BY workspace_id, level, start ORDER BY level, start, workspace_id LIMIT 2000`

type marked struct {
	workspace int32
	level     rollup.Level
	start     time.Time
	marks     int64 // that are not folded
}

// manyMarks is from how many on the marks of an hour that is not over are folded:
// every page reads them.
const manyMarks = 500

// One mark stands for many, as of now: who has read the pieces reads them again,
// once. That is the last few minutes mostly.
const sqlFoldMarks = `
WITH gone AS (
  DELETE FROM rollup_marks WHERE workspace_id = $1::int4 AND level = $2::int2 AND start = $3::timestamptz AND NOT folded
  RETURNING pieces
)
INSERT INTO rollup_marks (workspace_id, level, start, pieces, folded)
SELECT $1::int4, $2::int2, $3::timestamptz, bit_or(pieces), true FROM gone HAVING count(*) > 0`

func (m marked) end() time.Time { return m.start.Add(m.level.Span()) }

func (m marked) day() marked {
	return marked{workspace: m.workspace, level: rollup.Day, start: m.start.Truncate(24 * time.Hour)}
}

// RollUp makes the blocks of hours and days in which something was counted since
// they were made. An hour that is not over is left to its readers, unless there
// is a lot in it. Any number of processes may call it at any time: a block is
// made by one of them, from all that has been committed. Errors: a fault of kind
// Unavailable, the first one; the other hours and days are made nevertheless.
func (s *Store) RollUp(ctx context.Context, now time.Time) (r Rolled, err error) {
	defer fault.Wrap(&err, "RollUp")
	for { // the days of hours that were just made come in another turn
		done, err := s.rollUpMarked(ctx, now, &r)
		if err != nil || !done {
			return r, err
		}
	}
}

func (s *Store) rollUpMarked(ctx context.Context, now time.Time, r *Rolled) (done bool, err error) {
	rows, err := s.pool.Query(ctx, sqlMarked)
	if err != nil {
		return false, unavailable(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m marked, err error) {
		err = row.Scan(&m.workspace, &m.level, &m.start, &m.marks)
		m.start = m.start.UTC()
		return m, err
	})
	if err != nil {
		return false, unavailable(err)
	}
	r.Left = 0
	var failed error
	waiting := map[marked]bool{} // days with hours that are left for later
	for _, m := range list {
		upto, ours, err := s.rollUpOne(ctx, m, now, waiting)
		switch {
		case err != nil:
			if s.pool.Ping(ctx) != nil { // it is not about this hour
				return false, err
			}
			failed = cmp.Or(failed, err)
			fallthrough
		case !ours:
			waiting[m.day()] = true
			r.Left++
		case upto.IsZero() && m.marks > manyMarks:
			_, err := s.pool.Exec(ctx, sqlFoldMarks, m.workspace, m.level, m.start)
			failed = cmp.Or(failed, unavailable(err))
		case upto.IsZero():
		case m.level == rollup.Day:
			r.Days, done = r.Days+1, true
		default:
			r.Hours, done = r.Hours+1, done || upto.Equal(m.end())
		}
	}
	return done, failed
}

// rollUpOne makes the blocks of one hour or day; upto is zero where it is too
// early for that, ours false where it has to wait.
func (s *Store) rollUpOne(ctx context.Context, m marked, now time.Time, waiting map[marked]bool) (upto time.Time, ours bool, err error) {
	upto = m.end()
	if upto.Add(settle).After(now) {
		if m.level == rollup.Day {
			return time.Time{}, true, nil
		}
		if upto, err = s.openUpto(ctx, m, now); err != nil || upto.IsZero() {
			return upto, true, unavailable(err)
		}
	}
	if m.level == rollup.Day && waiting[m.day()] {
		return upto, false, nil
	}
	err = s.inTx(ctx, func(tx pgx.Tx) (err error) {
		ours, err = rollUp(ctx, tx, m, upto)
		return err
	})
	return upto, ours, err
}

const sqlOpenCounts = `
SELECT coalesce((SELECT upto FROM rollup_spans WHERE workspace_id = $1::int4 AND level = 1 AND start = $2::timestamptz), $2::timestamptz),
       (SELECT count(*) FROM error_minutes WHERE workspace_id = $1::int4 AND minute < $3::timestamptz AND minute >=
         coalesce((SELECT upto FROM rollup_spans WHERE workspace_id = $1::int4 AND level = 1 AND start = $2::timestamptz), $2::timestamptz))`

// openUpto is up to which minute an hour that is not over should get blocks; zero
// for not yet.
func (s *Store) openUpto(ctx context.Context, m marked, now time.Time) (time.Time, error) {
	upto := now.Add(-settleOpen).UTC().Truncate(time.Minute)
	if !upto.After(m.start) {
		return time.Time{}, nil
	}
	var has time.Time
	var n int64
	if err := s.pool.QueryRow(ctx, sqlOpenCounts, m.workspace, m.start, upto).Scan(&has, &n); err != nil {
		return time.Time{}, err
	}
	if n < manyCounts {
		return time.Time{}, nil
	}
	return upto, nil
}

const (
	sqlRollUpLock  = `SELECT pg_try_advisory_xact_lock($1::int4, $2::int4)`
	sqlUnmark      = `DELETE FROM rollup_marks WHERE workspace_id = $1::int4 AND level = $2::int2 AND start = $3::timestamptz`
	sqlIsMarked    = `SELECT FROM rollup_marks WHERE workspace_id = $1::int4 AND level = $2::int2 AND start = $3::timestamptz LIMIT 1`
	sqlDropBlocks  = `DELETE FROM rollup_blocks WHERE workspace_id = $1::int4 AND level = $2::int2 AND start = $3::timestamptz`
	sqlWriteBlocks = `
INSERT INTO rollup_blocks (workspace_id, level, start, cube, service, content)
SELECT $1::int4, $2::int2, $3::timestamptz, c, s, b FROM unnest($4::int2[], $5::text[], $6::bytea[]) AS u(c, s, b)`
	sqlWriteSpan = `
INSERT INTO rollup_spans (workspace_id, level, start, upto) VALUES ($1::int4, $2::int2, $3::timestamptz, $4::timestamptz)
ON CONFLICT (workspace_id, level, start) DO UPDATE SET upto = excluded.upto, built_at = now()`
	sqlMarkDay = `INSERT INTO rollup_marks (workspace_id, level, start) VALUES ($1::int4, 2, $2::timestamptz)`
)

// rollUp makes the blocks of one hour or day. The marks go first: what is
// committed after that statement has a mark that stays, and what was committed
// before is seen by the statements that follow it (READ COMMITTED). Of two
// processes, one does nothing.
func rollUp(ctx context.Context, tx pgx.Tx, m marked, upto time.Time) (ours bool, err error) {
	if err := tx.QueryRow(ctx, sqlRollUpLock, rollUpLock, m.workspace).Scan(&ours); err != nil || !ours {
		return false, err
	}
	// An hour that is not over keeps its marks: they say that there is more. Where
	// there is none, another process was here since the marks were listed, and the
	// minutes may be gone by now.
	take := sqlUnmark
	if !upto.Equal(m.end()) {
		take = sqlIsMarked
	}
	if tag, err := tx.Exec(ctx, take, m.workspace, m.level, m.start); err != nil || tag.RowsAffected() == 0 {
		return true, err
	}
	var blocks []rollup.Block
	if m.level == rollup.Day {
		blocks, err = dayBlocks(ctx, tx, m)
	} else {
		blocks, err = hourBlocks(ctx, tx, m, upto)
	}
	if err != nil {
		return false, err
	}
	return true, writeBlocks(ctx, tx, m, upto, blocks)
}

func hourBlocks(ctx context.Context, tx pgx.Tx, m marked, upto time.Time) ([]rollup.Block, error) {
	if upto.Equal(m.end()) {
		if _, err := tx.Exec(ctx, sqlMarkDay, m.workspace, m.start.Truncate(24*time.Hour)); err != nil {
			return nil, err
		}
	}
	var compacted bool
	if err := tx.QueryRow(ctx, sqlIsCompacted, m.start).Scan(&compacted); err != nil {
		return nil, err
	}
	if compacted {
		return addToHour(ctx, tx, m)
	}
	c, err := readCounted(ctx, tx, m.workspace, m.start, upto, "")
	if err != nil {
		return nil, err
	}
	return rollup.BuildHour(m.start, c), nil
}

const sqlHoursOfDay = `
SELECT level, start, cube, service, content FROM rollup_blocks
WHERE workspace_id = $1::int4 AND level = 1 AND start >= $2::timestamptz AND start < $2::timestamptz + interval '24 hours' AND cube = $3::int2`

// dayBlocks merges cube by cube, which bounds the memory.
func dayBlocks(ctx context.Context, tx pgx.Tx, m marked) ([]rollup.Block, error) {
	var out []rollup.Block
	var failed map[time.Time]bool // hours with failures
	for _, cube := range append(rollup.Cubes(), rollup.Bundle) {
		if cube.Own() {
			continue
		}
		rows, err := tx.Query(ctx, sqlHoursOfDay, m.workspace, m.start, cube)
		if err != nil {
			return nil, err
		}
		hours, err := collectBlocks(rows)
		if err != nil {
			return nil, err
		}
		switch cube {
		case rollup.Services:
			failed = startsOf(hours)
		case rollup.ServicesCodes: // of all such hours, or not at all
			if have := startsOf(hours); slices.ContainsFunc(slices.Collect(maps.Keys(failed)), func(t time.Time) bool { return !have[t] }) {
				continue
			}
		}
		out = append(out, rollup.MergeDay(m.start, hours)...)
	}
	return out, nil
}

func startsOf(blocks []rollup.Block) map[time.Time]bool {
	out := map[time.Time]bool{}
	for i := range blocks {
		out[blocks[i].Start] = true
	}
	return out
}
