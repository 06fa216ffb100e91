package store

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"errata/internal/fault"
	"errata/internal/rollup"
	"errata/internal/stats"
)

// Stats answers questions from roll-ups, all of them about one moment, in the
// order asked. Errors: faults of kind Unprocessable (what cannot be asked),
// Unavailable.
func (s *Store) Stats(ctx context.Context, ws int32, now time.Time, questions ...stats.Question) (out []stats.Answer, err error) {
	defer fault.Wrap(&err, "Stats(%d)", len(questions))
	plans := make([]*stats.Plan, len(questions))
	var reads []stats.Read
	for i, q := range questions {
		q.MinutesFrom = now.AddDate(0, 0, -s.retention.Events)
		if plans[i], err = stats.NewPlan(q, now); err != nil {
			return nil, err
		}
		reads = append(reads, plans[i].Reads()...)
	}
	blocks, err := s.blocks(ctx, ws, reads, now)
	if err != nil {
		return nil, unavailable(err)
	}
	out = make([]stats.Answer, len(plans))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range plans {
		g.Go(func() error {
			out[i] = p.Answer(blocks)
			return nil
		})
	}
	return out, g.Wait()
}

// blocks reads what some plans need, as of one moment.
func (s *Store) blocks(ctx context.Context, ws int32, reads []stats.Read, now time.Time) (out stats.Blocks, err error) {
	r := &blockReader{s: s, ws: ws, now: now, hours: map[time.Time]*hourState{}}
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := r.look(ctx, tx, reads); err != nil {
			return err
		}
		if err := r.stored(ctx, tx, reads); err != nil {
			return err
		}
		if err := r.open(ctx, tx, reads); err != nil {
			return err
		}
		return r.fine(ctx, tx, reads)
	})
	r.out.Index = &rollup.Index{}
	r.out.Upto = now.UTC().Truncate(time.Minute)
	return r.out, err
}

// blockReader collects blocks within a transaction.
type blockReader struct {
	s     *Store
	ws    int32
	now   time.Time
	days  map[time.Time]bool // that have blocks
	built map[spanID]time.Time
	hours map[time.Time]*hourState
	out   stats.Blocks
}

// hourState is what is known of an hour: up to when it has blocks (zero for none)
// and whether something was counted since.
type hourState struct {
	upto   time.Time
	marked bool
}

const sqlSpans = `
SELECT level, start, upto, built_at, false FROM rollup_spans WHERE workspace_id = $1::int4 AND start >= $2::timestamptz AND start < $3::timestamptz
UNION ALL
SELECT DISTINCT level, start, NULL::timestamptz, NULL::timestamptz, true FROM rollup_marks WHERE workspace_id = $1::int4 AND level = 1 AND start >= $2::timestamptz AND start < $3::timestamptz`

// look finds out which hours and days have blocks.
func (r *blockReader) look(ctx context.Context, tx pgx.Tx, reads []stats.Read) error {
	r.days, r.built = map[time.Time]bool{}, map[spanID]time.Time{}
	from, to := period(reads)
	rows, err := tx.Query(ctx, sqlSpans, r.ws, from.Truncate(24*time.Hour), to)
	if err != nil {
		return err
	}
	var level rollup.Level
	var start time.Time
	var upto, built *time.Time
	var mark bool
	_, err = pgx.ForEachRow(rows, []any{&level, &start, &upto, &built, &mark}, func() error {
		start = start.UTC()
		if built != nil {
			r.built[spanID{level, start}] = *built
		}
		if level == rollup.Day {
			r.days[start] = true
			return nil
		}
		h := r.hours[start]
		if h == nil {
			h = &hourState{}
			r.hours[start] = h
		}
		h.marked = h.marked || mark
		if upto != nil {
			h.upto = upto.UTC()
		}
		return nil
	})
	return err
}

func period(reads []stats.Read) (from, to time.Time) {
	for i, r := range reads {
		if i == 0 || r.From.Before(from) {
			from = r.From
		}
		if r.To.After(to) {
			to = r.To
		}
	}
	return from, to
}

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
	var g errgroup.Group
	n := runtime.GOMAXPROCS(0)
	for worker := range n {
		g.Go(func() (err error) {
			for i := worker; i < len(rows); i += n {
				b := &rows[i]
				want := func(c rollup.Cube) bool { return wanted[blockID{b.level, b.start, c, b.service}] }
				if b.cube != rollup.Bundle && !want(b.cube) {
					continue
				}
				if decoded[i], err = b.blocks(want); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
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

func orNone(services []string) []string {
	if len(services) == 0 {
		return []string{""}
	}
	return services
}

// each goes through the blocks of a period: days where they exist and are asked
// for, else hours.
func (r *blockReader) each(read stats.Read, do func(rollup.Level, time.Time)) {
	for t := read.From.Truncate(time.Hour); t.Before(read.To); {
		if day := t.Truncate(24 * time.Hour); read.Days && day.Equal(t) && !t.Add(24*time.Hour).After(read.To) && r.days[t] {
			do(rollup.Day, t)
			t = t.Add(24 * time.Hour)
			continue
		}
		if h := r.hours[t]; h != nil && !h.upto.IsZero() {
			do(rollup.Hour, t)
		}
		t = t.Add(time.Hour)
	}
}
