package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/rollup"
)

// Hours and days whose blocks were made before the codes of each service were
// counted have no such block, although services failed in them.
const sqlWithoutCodes = `
SELECT start FROM rollup_blocks
WHERE workspace_id = $1::int4 AND level = $2::int2 AND start = ANY ($3::timestamptz[]) AND cube = $4::int2 AND service = ''`

const sqlBundles = `
SELECT level, start, cube, service, content FROM rollup_blocks
WHERE workspace_id = $1::int4 AND level = $2::int2 AND start = $3::timestamptz AND cube = $4::int2`

// codesBefore makes those of rollup.ServicesCodes that are asked for and not
// stored of what the services have for themselves, one after the other, which
// bounds the memory. They are kept like what is stored, and all of this is over
// once nobody asks about a time before there were any.
func (r *blockReader) codesBefore(ctx context.Context, tx pgx.Tx, ids []blockID, tables map[blockID]*rollup.Table) error {
	missing := map[rollup.Level][]time.Time{}
	of := map[spanID][]blockID{}
	for _, id := range ids {
		if id.cube != rollup.ServicesCodes || tables[id] != nil {
			continue
		}
		span := spanID{id.level, id.start}
		if of[span] == nil {
			missing[id.level] = append(missing[id.level], id.start)
		}
		of[span] = append(of[span], id)
	}
	for level, starts := range missing {
		rows, err := tx.Query(ctx, sqlWithoutCodes, r.ws, level, starts, rollup.Services)
		if err != nil {
			return err
		}
		older, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
		if err != nil {
			return err
		}
		for _, start := range older {
			span := spanID{level, start.UTC()}
			table, err := r.codesOf(ctx, tx, span)
			if err != nil {
				return err
			}
			for _, id := range of[span] {
				tables[id] = table
				r.keep(id, table) // at once: who gives up on a month has less to wait for next time
			}
		}
	}
	return nil
}

func (r *blockReader) codesOf(ctx context.Context, tx pgx.Tx, span spanID) (*rollup.Table, error) {
	rows, err := tx.Query(ctx, sqlBundles, r.ws, span.level, span.start, rollup.Bundle)
	if err != nil {
		return nil, err
	}
	bundles, err := pgx.CollectRows(rows, scanBlock)
	if err != nil {
		return nil, err
	}
	want := func(c rollup.Cube) bool { return c == rollup.ServiceDetail || c == rollup.ServiceCallers }
	decoded := make([][]rollup.Block, len(bundles))
	err = parallel(len(bundles), func(i int) (err error) {
		decoded[i], err = bundles[i].blocks(want, "")
		return err
	})
	return rollup.CodesOf(span.level, span.start, slices.Concat(decoded...)), err
}
