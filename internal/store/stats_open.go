package store

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/rollup"
	"errata/internal/stats"
)

// Hours that are not over, and those that were counted in since their blocks
// were made, have something that is in no block. Readers make blocks of it
// themselves, and may keep them for a moment (Options.StatsAge): pages come in
// bunches.

type openKey struct {
	ws       int32
	from, to time.Time
	service  string
	fine     bool
}

type openBlocks struct {
	keep time.Duration
	sync.Mutex
	blocks map[openKey][]rollup.Block
	at     map[openKey]time.Time
}

func (o *openBlocks) get(k openKey) ([]rollup.Block, bool) {
	o.Lock()
	defer o.Unlock()
	if o.keep == 0 || time.Since(o.at[k]) > o.keep {
		return nil, false
	}
	return o.blocks[k], true
}

func (o *openBlocks) put(k openKey, blocks []rollup.Block) {
	if o.keep == 0 {
		return
	}
	o.Lock()
	defer o.Unlock()
	if o.blocks == nil {
		o.blocks, o.at = map[openKey][]rollup.Block{}, map[openKey]time.Time{}
	}
	for old, at := range o.at {
		if time.Since(at) > o.keep {
			delete(o.at, old)
			delete(o.blocks, old)
		}
	}
	o.blocks[k], o.at[k] = blocks, time.Now()
}

// open adds what is in no block yet.
func (r *blockReader) open(ctx context.Context, tx pgx.Tx, reads []stats.Read) error {
	needed := map[time.Time]map[rollup.Cube]bool{}
	for _, read := range reads {
		if read.Fine {
			continue
		}
		for t := range r.hours {
			if t.Before(read.To) && t.Add(time.Hour).After(read.From) {
				if needed[t] == nil {
					needed[t] = map[rollup.Cube]bool{}
				}
				needed[t][read.Cube] = true
			}
		}
	}
	for _, t := range slices.SortedFunc(maps.Keys(needed), time.Time.Compare) {
		h := r.hours[t]
		if !r.isOpen(t, h) {
			continue
		}
		blocks, err := r.unrolled(ctx, tx, later(t, h.upto), t.Add(time.Hour), "", false)
		if err != nil {
			return err
		}
		for _, b := range blocks {
			if needed[t][b.Cube] {
				r.out.Blocks = append(r.out.Blocks, b)
			}
		}
	}
	return nil
}

// fine reads by the minute for questions about so short a time that blocks of an
// hour are too coarse.
func (r *blockReader) fine(ctx context.Context, tx pgx.Tx, reads []stats.Read) error {
	type stretch struct {
		hour    time.Time
		service string
	}
	cubes := map[stretch]map[rollup.Cube]bool{}
	for _, read := range reads {
		if !read.Fine {
			continue
		}
		for t := read.From.Truncate(time.Hour); t.Before(read.To); t = t.Add(time.Hour) {
			for _, service := range orNone(read.Services) {
				k := stretch{t, service}
				if cubes[k] == nil {
					cubes[k] = map[rollup.Cube]bool{}
				}
				cubes[k][read.Cube] = true
			}
		}
	}
	for k, wanted := range cubes {
		blocks, err := r.unrolled(ctx, tx, k.hour, k.hour.Add(time.Hour), k.service, true)
		if err != nil {
			return err
		}
		for _, b := range blocks {
			if wanted[b.Cube] && !r.hasFine(&b) {
				r.out.Fine = append(r.out.Fine, b)
			}
		}
	}
	return nil
}

// hasFine: a question about all services and one about some of them can both
// have read a service's own cube.
func (r *blockReader) hasFine(b *rollup.Block) bool {
	return slices.ContainsFunc(r.out.Fine, func(o rollup.Block) bool {
		return o.Cube == b.Cube && o.Service == b.Service && o.Start.Equal(b.Start)
	})
}

func (r *blockReader) unrolled(ctx context.Context, tx pgx.Tx, from, to time.Time, service string, fine bool) ([]rollup.Block, error) {
	k := openKey{r.ws, from, to, service, fine}
	if blocks, ok := r.s.unrolled.get(k); ok {
		return blocks, nil
	}
	c, err := readCounted(ctx, tx, r.ws, from, to, service)
	if err != nil {
		return nil, err
	}
	build := rollup.BuildHour
	if fine {
		build = rollup.BuildMinutes
	}
	blocks := build(from.Truncate(time.Hour), c)
	r.s.unrolled.put(k, blocks)
	return blocks, nil
}
