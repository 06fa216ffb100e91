package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// idBatch is how many rows are read at a time for their IDs.
const idBatch = 5000

// heldRows is what a workspace has of a day.
type heldRows struct {
	workspace int32
	rows, ids int64
}

const sqlHeldRows = `
SELECT e.workspace_id, count(*), count(e.request_id) + count(e.trace_id) FROM events e
WHERE e.day = DATE '1970-01-01' + $1::int4 GROUP BY e.workspace_id ORDER BY e.workspace_id`

// rememberDay puts the IDs of a day into filters, and tells how many rows there
// were before it began: more by now means that some may be missing.
func (s *Store) rememberDay(ctx context.Context, day int32) (held []heldRows, err error) {
	defer fault.Wrap(&err, "rememberDay(%s)", dayText(day))
	rows, err := s.pool.Query(ctx, sqlHeldRows, day)
	if err != nil {
		return nil, unavailable(err)
	}
	held, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (h heldRows, err error) {
		err = row.Scan(&h.workspace, &h.rows, &h.ids)
		return h, err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	for _, h := range held {
		if _, err := s.remember(ctx, h.workspace, day, s.idsOfDay(h.workspace, day, h.ids)); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// errOvertaken: somebody else has just stored a filter of this day.
var errOvertaken = errors.New("another replica remembers the same IDs")

// goneIDs are IDs that are about to go.
type goneIDs struct {
	by goneBy
	// about is roughly how many they are, and each reads them.
	about func(ctx context.Context) (int64, error)
	each  func(ctx context.Context, fn func(spot)) error
}

// idsOfDay are all IDs that a workspace has of a day. events is about how many of
// them are in rows of Events.
func (s *Store) idsOfDay(ws, day int32, events int64) goneIDs {
	return goneIDs{
		about: func(ctx context.Context) (int64, error) {
			var aliases int64
			err := s.pool.QueryRow(ctx, sqlCountAliases, ws, day).Scan(&aliases)
			return events + aliases, unavailable(err)
		},
		each: func(ctx context.Context, fn func(spot)) error { return s.eachID(ctx, ws, day, fn) },
	}
}

// remember puts IDs of a day into a filter; those that one holds already stay
// there. It gives the filters that hold them then.
func (s *Store) remember(ctx context.Context, ws, day int32, ids goneIDs) (filters []*idFilter, err error) {
	for range maxTries {
		all, err := s.filtersOf(ctx, ws, day, ids.by)
		if err != nil {
			return nil, err
		}
		if filters, err = s.rememberIn(ctx, ws, day, ids, all); !errors.Is(err, errOvertaken) {
			return filters, err
		}
	}
	return nil, err
}

func (s *Store) rememberIn(ctx context.Context, ws, day int32, ids goneIDs, had dayFilters) ([]*idFilter, error) {
	filters := had.filters
	known := func(sp spot) bool { return remembered(filters, sp) }
	fresh, err := int64(0), error(nil)
	if len(filters) == 0 {
		fresh, err = ids.about(ctx)
	} else { // a run that was broken off, or what came in late
		err = ids.each(ctx, func(sp spot) {
			if !known(sp) {
				fresh++
			}
		})
	}
	if err != nil {
		return nil, err
	}
	if fresh == 0 {
		return filters, nil
	}
	if n := len(filters); n > 0 && filters[n-1].room() >= fresh {
		f := filters[n-1]
		before := f.ids
		if err := ids.each(ctx, func(sp spot) {
			if !known(sp) {
				f.add(sp)
			}
		}); err != nil {
			return nil, err
		}
		return filters, s.updateFilter(ctx, ws, day, f, before)
	}
	if len(filters) > 0 { // what comes in late once does so again
		fresh = max(2*fresh, minLate)
	}
	f := newIDFilter(fresh, ids.by)
	f.part = had.parts
	if err := ids.each(ctx, func(sp spot) {
		if !known(sp) && !f.has(sp) {
			f.add(sp)
		}
	}); err != nil {
		return nil, err
	}
	return append(filters, f), s.storeFilter(ctx, ws, day, f)
}

func remembered(filters []*idFilter, sp spot) bool {
	return slices.ContainsFunc(filters, func(f *idFilter) bool { return f.has(sp) })
}

// minLate is for how many IDs a second filter has room.
const minLate = 10_000

const sqlCountAliases = `SELECT count(*) FROM aliases a WHERE a.workspace_id = $1::int4 AND a.day = DATE '1970-01-01' + $2::int4`

// Not of pointers, which stand where an Event's keys do: the Event has a day of
// its own.
const sqlIDsOfDay = `
SELECT e.id::text, coalesce(e.request_id, ''), coalesce(replace(e.trace_id::text, '-', ''), '') FROM events e
WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND e.id > $3::uuid AND e.parts > 0
ORDER BY e.id LIMIT $4::int4`

const sqlAliasesOfDay = `
SELECT a.value FROM aliases a
WHERE a.workspace_id = $1::int4 AND a.day = DATE '1970-01-01' + $2::int4 AND a.value > $3::text ORDER BY a.value LIMIT $4::int4`

// eachID reads the IDs of a day in batches: request IDs, trace IDs, and what
// else people may have.
func (s *Store) eachID(ctx context.Context, ws, day int32, fn func(spot)) error {
	take := func(id string) {
		if id != "" {
			fn(spotOf(id))
		}
	}
	var request, trace string
	for last, n := "00000000-0000-0000-0000-000000000000", idBatch; n == idBatch; {
		rows, err := s.pool.Query(ctx, sqlIDsOfDay, ws, day, last, idBatch)
		if err != nil {
			return unavailable(err)
		}
		n = 0
		if _, err = pgx.ForEachRow(rows, []any{&last, &request, &trace}, func() error {
			n++
			take(request)
			take(trace)
			return nil
		}); err != nil {
			return unavailable(err)
		}
	}
	for last, n := "", idBatch; n == idBatch; {
		rows, err := s.pool.Query(ctx, sqlAliasesOfDay, ws, day, last, idBatch)
		if err != nil {
			return unavailable(err)
		}
		n = 0
		if _, err = pgx.ForEachRow(rows, []any{&last}, func() error {
			n++
			take(last)
			return nil
		}); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

const sqlInsertFilter = `
INSERT INTO expired_days (workspace_id, day, part, blocks, bits, ids, made_at, rule, kept, after_days)
VALUES ($1::int4, DATE '1970-01-01' + $2::int4, $3::int2, $4::int4, $5::int4, $6::int8, $7::timestamptz, nullif($8::text, ''), nullif($9::int4, 0), nullif($10::int4, 0))
ON CONFLICT DO NOTHING`

const sqlInsertBlocks = `
INSERT INTO expired_ids (workspace_id, day, part, block, bits)
SELECT $1::int4, DATE '1970-01-01' + $2::int4, $3::int2, ($4::int4 + i - 1)::int4, b FROM unnest($5::bytea[]) WITH ORDINALITY AS u(b, i)`

// blockBatch is how many blocks go into one statement: a megabyte.
const blockBatch = 500

func (s *Store) storeFilter(ctx context.Context, ws, day int32, f *idFilter) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlInsertFilter, ws, day, f.part, f.blocks, f.bits, f.ids, time.Now(), f.by.rule, f.by.kept, f.by.afterDays)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return errOvertaken
		}
		for from := 0; from < f.blocks; from += blockBatch {
			var rows [][]byte
			for i := from; i < min(from+blockBatch, f.blocks); i++ {
				rows = append(rows, f.block(i))
			}
			if _, err := tx.Exec(ctx, sqlInsertBlocks, ws, day, f.part, from, rows); err != nil {
				return err
			}
		}
		return nil
	})
}

const sqlUpdateFilter = `
UPDATE expired_days d SET ids = $5::int8
WHERE d.workspace_id = $1::int4 AND d.day = DATE '1970-01-01' + $2::int4 AND d.part = $3::int2 AND d.ids = $4::int8`

const sqlUpdateBlock = `
UPDATE expired_ids b SET bits = $5::bytea
WHERE b.workspace_id = $1::int4 AND b.day = DATE '1970-01-01' + $2::int4 AND b.part = $3::int2 AND b.block = $4::int4`

// updateFilter stores the blocks that changed, unless somebody else changed the
// filter since it had so many IDs.
func (s *Store) updateFilter(ctx context.Context, ws, day int32, f *idFilter, had int64) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlUpdateFilter, ws, day, f.part, had, f.ids)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return errOvertaken
		}
		b := &pgx.Batch{}
		for block := range f.touched {
			b.Queue(sqlUpdateBlock, ws, day, f.part, block, f.block(block))
		}
		return tx.SendBatch(ctx, b).Close()
	})
}

const sqlFiltersOfDay = `
SELECT d.part, d.blocks, d.bits, d.ids, coalesce(d.rule, ''), coalesce(d.kept, 0), coalesce(d.after_days, 0)
FROM expired_days d WHERE d.workspace_id = $1::int4 AND d.day = DATE '1970-01-01' + $2::int4 ORDER BY d.part`

const sqlBlocksOfFilter = `
SELECT b.block, b.bits FROM expired_ids b WHERE b.workspace_id = $1::int4 AND b.day = DATE '1970-01-01' + $2::int4 AND b.part = $3::int2`

// dayFilters are the filters of a day that have what went in one way.
type dayFilters struct {
	filters []*idFilter
	parts   int // the number of the next one, of whichever way
}

// filtersOf reads the filters that there are of a day and way to go: hardly ever
// more than one, of at most 32 MiB.
func (s *Store) filtersOf(ctx context.Context, ws, day int32, by goneBy) (out dayFilters, err error) {
	rows, err := s.pool.Query(ctx, sqlFiltersOfDay, ws, day)
	if err != nil {
		return out, unavailable(err)
	}
	var f idFilter
	if _, err := pgx.ForEachRow(rows, []any{&f.part, &f.blocks, &f.bits, &f.ids, &f.by.rule, &f.by.kept, &f.by.afterDays}, func() error {
		out.parts = f.part + 1
		if f.by == by {
			found := f
			found.set, found.touched = make([]byte, f.blocks*f.bits/8), map[int]bool{}
			out.filters = append(out.filters, &found)
		}
		return nil
	}); err != nil {
		return out, unavailable(err)
	}
	for _, f := range out.filters {
		rows, err := s.pool.Query(ctx, sqlBlocksOfFilter, ws, day, f.part)
		if err != nil {
			return out, unavailable(err)
		}
		var block int
		var bits []byte
		if _, err := pgx.ForEachRow(rows, []any{&block, &bits}, func() error {
			copy(f.block(block), bits)
			return nil
		}); err != nil {
			return out, unavailable(err)
		}
	}
	return out, nil
}
