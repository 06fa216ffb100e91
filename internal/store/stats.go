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
		if plans[i], err = stats.NewPlan(q, now); err != nil {
			return nil, err
		}
		reads = append(reads, plans[i].Reads()...)
	}
	blocks, err := s.blocks(ctx, ws, reads, now)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, p := range plans {
		out = append(out, p.Answer(blocks))
	}
	return out, nil
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
	r.out.Upto = now.UTC().Truncate(time.Minute)
	return r.out, err
}

// blockReader collects blocks within a transaction.
type blockReader struct {
	s     *Store
	ws    int32
	now   time.Time
	days  map[time.Time]bool // that have blocks
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
SELECT level, start, upto, false FROM rollup_spans WHERE workspace_id = $1::int4 AND start >= $2::timestamptz AND start < $3::timestamptz
UNION ALL
SELECT DISTINCT level, start, NULL::timestamptz, true FROM rollup_marks WHERE workspace_id = $1::int4 AND level = 1 AND start >= $2::timestamptz AND start < $3::timestamptz`

// look finds out which hours and days have blocks.
func (r *blockReader) look(ctx context.Context, tx pgx.Tx, reads []stats.Read) error {
	r.days = map[time.Time]bool{}
	from, to := period(reads)
	rows, err := tx.Query(ctx, sqlSpans, r.ws, from.Truncate(24*time.Hour), to)
	if err != nil {
		return err
	}
	var level rollup.Level
	var start time.Time
	var upto *time.Time
	var mark bool
	_, err = pgx.ForEachRow(rows, []any{&level, &start, &upto, &mark}, func() error {
		start = start.UTC()
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

// stored fetches the blocks that there are, and decodes them on all processors.
func (r *blockReader) stored(ctx context.Context, tx pgx.Tx, reads []stats.Read) error {
	batch := &pgx.Batch{}
	for _, w := range r.want(reads) {
		batch.Queue(sqlBlocks, r.ws, w.level, w.starts, w.cubes, w.services)
	}
	if batch.Len() == 0 {
		return nil
	}
	results := tx.SendBatch(ctx, batch)
	var raws []rawBlock
	for range batch.Len() {
		rows, err := results.Query()
		if err == nil {
			raws, err = pgx.AppendRows(raws, rows, func(row pgx.CollectableRow) (b rawBlock, err error) {
				err = row.Scan(&b.Level, &b.Start, &b.Cube, &b.Service, &b.raw)
				return b, err
			})
		}
		if err != nil {
			_ = results.Close()
			return err
		}
	}
	if err := results.Close(); err != nil {
		return err
	}
	return r.decode(raws)
}

type rawBlock struct {
	rollup.Block
	raw []byte
}

func (r *blockReader) decode(raws []rawBlock) error {
	blocks := make([]rollup.Block, len(raws))
	var g errgroup.Group
	n := runtime.GOMAXPROCS(0)
	for worker := range n {
		g.Go(func() (err error) {
			for i := worker; i < len(raws); i += n {
				b := raws[i].Block
				b.Start = b.Start.UTC()
				if b.Table, err = rollup.Decode(b.Cube, raws[i].raw); err != nil {
					return err
				}
				blocks[i] = b
			}
			return nil
		})
	}
	err := g.Wait()
	r.out.Blocks = append(r.out.Blocks, blocks...)
	return err
}

// want groups reads that have the same times. A cube that two plans read is
// fetched once for each stretch of time.
func (r *blockReader) want(reads []stats.Read) []wanted {
	type key struct {
		level rollup.Level
		start time.Time
	}
	type cubeOf struct {
		cube    rollup.Cube
		service string
	}
	needs := map[key]map[cubeOf]bool{}
	add := func(k key, read stats.Read) {
		if needs[k] == nil {
			needs[k] = map[cubeOf]bool{}
		}
		for _, service := range orNone(read.Services) {
			needs[k][cubeOf{read.Cube, service}] = true
		}
	}
	for _, read := range reads {
		if !read.Fine {
			r.each(read, func(level rollup.Level, start time.Time) { add(key{level, start}, read) })
		}
	}
	groups := map[string]*wanted{}
	var order []string
	for k, set := range needs {
		w := wanted{level: k.level}
		for c := range set {
			if !slices.Contains(w.cubes, int16(c.cube)) {
				w.cubes = append(w.cubes, int16(c.cube))
			}
			if !slices.Contains(w.services, c.service) {
				w.services = append(w.services, c.service)
			}
		}
		slices.Sort(w.cubes)
		slices.Sort(w.services)
		name := string(rune('0' + k.level))
		for _, c := range w.cubes {
			name += string(rune('A' + c))
		}
		for _, s := range w.services {
			name += "\x00" + s
		}
		if groups[name] == nil {
			groups[name] = &w
			order = append(order, name)
		}
		groups[name].starts = append(groups[name].starts, k.start)
	}
	out := make([]wanted, len(order))
	for i, name := range order {
		out[i] = *groups[name]
		slices.SortFunc(out[i].starts, time.Time.Compare)
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
