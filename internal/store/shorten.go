package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// deleteBatch is how many rows one statement deletes: little enough to be over
// before anybody waits for it, or for the vacuum behind it.
const deleteBatch = 5000

const sqlShortened = `SELECT w.id, w.retention_days FROM workspaces w WHERE w.retention_days < $1::int4 ORDER BY w.id`

// shortened are the workspaces that keep Events for fewer days than the others.
func (s *Store) shortened(ctx context.Context) (map[int32]int, error) {
	rows, err := s.pool.Query(ctx, sqlShortened, s.retention.Events)
	if err != nil {
		return nil, unavailable(err)
	}
	short := map[int32]int{}
	var ws int32
	var days int
	_, err = pgx.ForEachRow(rows, []any{&ws, &days}, func() error {
		short[ws] = days
		return nil
	})
	return short, unavailable(err)
}

const sqlKeepsFor = `SELECT coalesce(min(w.retention_days), $2::int4) FROM workspaces w WHERE w.id = $1::int4 AND w.retention_days < $2::int4`

// keepsFor is for how many days a workspace keeps Events.
func (s *Store) keepsFor(ctx context.Context, ws int32) (days int, err error) {
	err = s.pool.QueryRow(ctx, sqlKeepsFor, ws, s.retention.Events).Scan(&days)
	return days, err
}

// shorten deletes what workspaces want to keep for a shorter time, a batch at a
// time. Events go last: as long as there are any, a day is not done.
func (s *Store) shorten(ctx context.Context, now time.Time) (err error) {
	defer fault.Wrap(&err, "shorten")
	short, err := s.shortened(ctx)
	if err != nil || len(short) == 0 {
		return err
	}
	all, err := s.partitions(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, ws := range slices.Sorted(maps.Keys(short)) {
		errs = append(errs, s.shortenWorkspace(ctx, ws, short[ws], all, now))
	}
	return errors.Join(errs...)
}

const sqlHasExpired = `
SELECT EXISTS (SELECT FROM events e WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND ` + noExemplar + `)`

func (s *Store) shortenWorkspace(ctx context.Context, ws int32, age int, all []partition, now time.Time) error {
	for _, p := range all {
		if p.table != datedEvents.name || now.Before(dueAt(p.day, age)) {
			continue
		}
		var any bool
		if err := s.pool.QueryRow(ctx, sqlHasExpired, ws, p.day).Scan(&any); err != nil {
			return unavailable(err)
		}
		if !any {
			continue
		}
		if err := s.shortenDay(ctx, ws, p.day, age); err != nil {
			return err
		}
	}
	return nil
}

const (
	sqlShortenBodies = `
DELETE FROM bodies b WHERE b.workspace_id = $1::int4 AND b.day = DATE '1970-01-01' + $2::int4 AND b.ctid = ANY (ARRAY(
  SELECT e.ctid FROM bodies e WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND ` + noExemplarBody + ` LIMIT $3::int8))`

	sqlShortenStacks = `
DELETE FROM stacks b WHERE b.workspace_id = $1::int4 AND b.day = DATE '1970-01-01' + $2::int4 AND b.ctid = ANY (ARRAY(
  SELECT e.ctid FROM stacks e WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND ` + noExemplarStack + ` LIMIT $3::int8))`

	sqlShortenParts = `
DELETE FROM event_parts b WHERE b.workspace_id = $1::int4 AND b.day = DATE '1970-01-01' + $2::int4 AND b.ctid = ANY (ARRAY(
  SELECT e.ctid FROM event_parts e WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND ` + noExemplarsOwn + ` LIMIT $3::int8))`

	sqlShortenAliases = `
DELETE FROM aliases b WHERE b.workspace_id = $1::int4 AND b.day = DATE '1970-01-01' + $2::int4 AND b.ctid = ANY (ARRAY(
  SELECT e.ctid FROM aliases e WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND ` + noExemplarsOwn + ` LIMIT $3::int8)) RETURNING b.value, NULL::text`

	sqlShortenEvents = `
DELETE FROM events b WHERE b.workspace_id = $1::int4 AND b.day = DATE '1970-01-01' + $2::int4 AND b.ctid = ANY (ARRAY(
  SELECT e.ctid FROM events e WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND ` + noExemplar + ` LIMIT $3::int8))
RETURNING CASE WHEN b.parts > 0 THEN b.request_id END, CASE WHEN b.parts > 0 THEN replace(b.trace_id::text, '-', '') END`
)

// shortenDay deletes a workspace's rows of a day, but for its exemplars.
func (s *Store) shortenDay(ctx context.Context, ws, day int32, age int) (err error) {
	defer fault.Wrap(&err, "shortenDay(%d, %s)", ws, dayText(day))
	if err := s.chooseExemplars(ctx, day, ws); err != nil {
		return err
	}
	for _, sql := range []string{sqlShortenBodies, sqlShortenStacks, sqlShortenParts} {
		if _, err = s.inBatches(ctx, sql, ws, day); err != nil {
			return err
		}
	}
	n, err := s.deleteRemembered(ctx, ws, day, idBatch)
	if err != nil {
		return err
	}
	return s.Audit(ctx, ws, System, "expire", dayText(day), map[string]any{"rows": n, "because": fmt.Sprintf("this workspace keeps for %d days", age)})
}

// errForgotten: what was about to be deleted is in no filter.
var errForgotten = errors.New("an ID came in that is not remembered yet")

// deleteRemembered deletes a workspace's Events of a day and their other IDs,
// but for exemplars, once they are remembered. What comes in while it does so
// is remembered in another round. ids is about how many there are.
func (s *Store) deleteRemembered(ctx context.Context, ws, day int32, ids int64) (total int64, err error) {
	for range maxSurprises {
		filters, err := s.remember(ctx, ws, day, s.idsOfDay(ws, day, ids))
		if err != nil {
			return total, err
		}
		for _, sql := range []string{sqlShortenAliases, sqlShortenEvents} {
			for n := int64(deleteBatch); n == deleteBatch && err == nil; {
				if n, err = s.deleteIf(ctx, filters, sql, ws, day); err == nil && sql == sqlShortenEvents {
					total += n
				}
			}
		}
		if !errors.Is(err, errForgotten) {
			return total, err
		}
	}
	return total, errForgotten
}

// deleteIf deletes a batch if the filters have all IDs of its rows.
func (s *Store) deleteIf(ctx context.Context, filters []*idFilter, sql string, ws, day int32) (n int64, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, ws, day, deleteBatch)
		if err != nil {
			return err
		}
		n = 0
		var a, b *string
		_, err = pgx.ForEachRow(rows, []any{&a, &b}, func() error {
			n++
			for _, id := range []*string{a, b} {
				if id != nil && !remembered(filters, spotOf(*id)) {
					return errForgotten
				}
			}
			return nil
		})
		return err
	})
	return n, err
}

// inBatches repeats a statement, whose last argument is how many rows it may
// delete, until there are none. Each time is a transaction.
func (s *Store) inBatches(ctx context.Context, sql string, args ...any) (total int64, err error) {
	for {
		var n int64
		if err := s.retrying(ctx, func() error {
			tag, err := s.pool.Exec(ctx, sql, append(args, deleteBatch)...)
			n = tag.RowsAffected()
			return err
		}); err != nil {
			return total, err
		}
		total += n
		if n < deleteBatch {
			return total, nil
		}
	}
}
