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
// decodes and folds them on all processors.
func (r *blockReader) stored(ctx context.Context, tx pgx.Tx, reads []stats.Read) error {
	single := r.singles(reads)
	stretches := r.stretches(reads)
	tables := map[blockID]*rollup.Table{} // nil: there is none
	missing := r.cached(tables, single)
	for _, s := range stretches {
		missing = append(missing, r.cached(tables, s.of)...)
	}
	if err := r.fetch(ctx, tx, missing, tables); err != nil {
		return err
	}
	for _, id := range single {
		if t := tables[id]; t != nil {
			r.out.Blocks = append(r.out.Blocks, id.block(t))
		}
	}
	r.out.Stored = len(r.out.Blocks)
	return r.fold(stretches, tables)
}

// fetch reads blocks, those of them that exist.
func (r *blockReader) fetch(ctx context.Context, tx pgx.Tx, ids []blockID, tables map[blockID]*rollup.Table) error {
	batch := &pgx.Batch{}
	for _, w := range together(ids) {
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
	if err := r.decode(rows, ids, tables); err != nil {
		return err
	}
	if err := r.codesBefore(ctx, tx, ids, tables); err != nil {
		return err
	}
	for _, id := range ids { // also that there is none
		r.keep(id, tables[id])
	}
	return nil
}

func (r *blockReader) keep(id blockID, t *rollup.Table) {
	r.s.tables.put(cacheKey{ws: r.ws, blockID: id}, r.built[spanID{id.level, id.start}], t)
}

// decode takes what was asked for: the groups that are fetched are rectangles, and
// bundles hold all that a service has.
func (r *blockReader) decode(rows []storedBlock, asked []blockID, tables map[blockID]*rollup.Table) error {
	wanted := make(map[blockID]bool, len(asked))
	customers := []string{}
	for _, id := range asked {
		wanted[id] = true
		if !slices.Contains(customers, id.customer) { // hardly ever more than one
			customers = append(customers, id.customer)
		}
	}
	decoded := make([][]rollup.Block, len(rows))
	err := parallel(len(rows), func(i int) error {
		b := &rows[i]
		for _, customer := range customers {
			want := func(c rollup.Cube) bool { return wanted[blockID{b.level, b.start, c, b.service, customer}] }
			if b.cube != rollup.Bundle && !want(b.cube) {
				continue
			}
			blocks, err := b.blocks(want, customer)
			if err != nil {
				return err
			}
			decoded[i] = append(decoded[i], blocks...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, blocks := range decoded {
		for i := range blocks {
			b := &blocks[i]
			tables[blockID{b.Level, b.Start, b.Cube, b.Service, b.Customer}] = &b.Table
		}
	}
	return nil
}

// singles are the blocks that are read as they are.
func (r *blockReader) singles(reads []stats.Read) (out []blockID) {
	seen := map[blockID]bool{}
	for _, read := range reads {
		if read.Fine {
			continue
		}
		if read.Whole {
			read.From = later(read.From, r.out.Open) // what is before is in a stretch
		}
		for _, id := range r.ids(read) {
			if !seen[id] {
				seen[id], out = true, append(out, id)
			}
		}
	}
	return out
}

// ids are the blocks of a read.
func (r *blockReader) ids(read stats.Read) (out []blockID) {
	r.each(read, func(level rollup.Level, start time.Time) {
		for _, service := range orNone(read.Services) {
			out = append(out, blockID{level, start, read.Cube, service, read.Customer})
		}
	})
	return out
}

// cached finds blocks in the cache, and gives those that are not there.
func (r *blockReader) cached(tables map[blockID]*rollup.Table, ids []blockID) (missing []blockID) {
	for _, id := range ids {
		if _, ok := tables[id]; ok {
			continue
		}
		built := r.built[spanID{id.level, id.start}]
		t, ok := r.s.tables.get(cacheKey{ws: r.ws, blockID: id}, built)
		if !ok && id.customer != "" { // it is in that of all customers
			all := id
			all.customer = ""
			t, ok = r.s.tables.get(cacheKey{ws: r.ws, blockID: all}, built)
		}
		if !ok {
			missing = append(missing, id)
			continue
		}
		tables[id] = t
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
