package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/rollup"
	"errata/internal/stats"
)

// wanted are blocks to fetch: the same cubes and services at many times.
type wanted struct {
	level    rollup.Level
	starts   []time.Time
	cubes    []int16
	services []string
}

const sqlBlocks = `
SELECT level, start, cube, service, content FROM rollup_blocks
WHERE workspace_id = $1::int4 AND level = $2::int2 AND start = ANY ($3::timestamptz[]) AND cube = ANY ($4::int2[]) AND service = ANY ($5::text[])`

// stored takes the blocks that there are out of the cache or fetches them, and
// decodes them on all processors.
func (r *blockReader) stored(ctx context.Context, tx pgx.Tx, reads []stats.Read) error {
	missing := r.cached(reads)
	batch := &pgx.Batch{}
	for _, w := range together(missing) {
		batch.Queue(sqlBlocks, r.ws, w.level, w.starts, w.cubes, w.services)
	}
	if batch.Len() == 0 {
		return nil
	}
	results := tx.SendBatch(ctx, batch)
	var rows []storedBlock
	for range batch.Len() {
		found, err := results.Query()
		if err == nil {
			rows, err = pgx.AppendRows(rows, found, scanBlock)
		}
		if err != nil {
			_ = results.Close()
			return err
		}
	}
	if err := results.Close(); err != nil {
		return err
	}
	return r.decode(rows, missing)
}

// decode adds what was asked for: the groups that are fetched are rectangles, and
// bundles hold all that a service has.
func (r *blockReader) decode(rows []storedBlock, asked []blockID) error {
	wanted := make(map[blockID]bool, len(asked))
	for _, id := range asked {
		wanted[id] = true
	}
	decoded := make([][]rollup.Block, len(rows))
	err := parallel(len(rows), func(i int) (err error) {
		b := &rows[i]
		want := func(c rollup.Cube) bool { return wanted[blockID{b.level, b.start, c, b.service}] }
		if b.cube == rollup.Bundle || want(b.cube) {
			decoded[i], err = b.blocks(want)
		}
		return err
	})
	if err != nil {
		return err
	}
	found := make(map[blockID]*rollup.Table, len(asked))
	for _, blocks := range decoded {
		r.out.Blocks = append(r.out.Blocks, blocks...)
		for i := range blocks {
			b := &blocks[i]
			found[blockID{b.Level, b.Start, b.Cube, b.Service}] = &b.Table
		}
	}
	for _, id := range asked { // also that there is none
		r.s.tables.put(r.ws, id, r.built[spanID{id.level, id.start}], found[id])
	}
	return nil
}

// cached adds the blocks that are in the cache, and gives those that are not.
func (r *blockReader) cached(reads []stats.Read) (missing []blockID) {
	seen := map[blockID]bool{}
	for _, read := range reads {
		if read.Fine {
			continue
		}
		r.each(read, func(level rollup.Level, start time.Time) {
			for _, service := range orNone(read.Services) {
				id := blockID{level, start, read.Cube, service}
				if seen[id] {
					continue
				}
				seen[id] = true
				table, ok := r.s.tables.get(r.ws, id, r.built[spanID{level, start}])
				switch {
				case !ok:
					missing = append(missing, id)
				case table != nil:
					r.out.Blocks = append(r.out.Blocks, rollup.Block{Level: level, Start: start, Cube: read.Cube, Service: service, Table: *table})
				}
			}
		})
	}
	return missing
}

// together makes few statements of many blocks: those that are needed at the same
// times.
func together(ids []blockID) []wanted {
	times := map[spanID]*wanted{}
	var spans []spanID
	for _, id := range ids {
		k := spanID{id.level, id.start}
		w := times[k]
		if w == nil {
			w = &wanted{level: id.level}
			times[k] = w
			spans = append(spans, k)
		}
		cube := id.cube
		if cube.Own() {
			cube = rollup.Bundle
		}
		if !slices.Contains(w.cubes, int16(cube)) {
			w.cubes = append(w.cubes, int16(cube))
		}
		if !slices.Contains(w.services, id.service) {
			w.services = append(w.services, id.service)
		}
	}
	var out []wanted
	for _, k := range spans {
		w := times[k]
		slices.Sort(w.cubes)
		slices.Sort(w.services)
		i := slices.IndexFunc(out, func(o wanted) bool {
			return o.level == w.level && slices.Equal(o.cubes, w.cubes) && slices.Equal(o.services, w.services)
		})
		if i < 0 {
			i = len(out)
			out = append(out, *w)
		}
		out[i].starts = append(out[i].starts, k.start)
	}
	return out
}
