package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/rollup"
	"errata/internal/stats"
)

// Hours that are not over, and those that were counted in since their blocks
// were made, have something that is in no block, and for some questions blocks
// are too coarse. Readers make blocks of the minutes then (see openHour).

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
		err := r.s.open.read(ctx, tx, openKey{ws: r.ws, hour: t, from: later(t, h.upto)}, func(o *openHour) error {
			blocks, err := o.byHour.blocks(o)
			for _, b := range blocks {
				if needed[t][b.Cube] {
					r.out.Blocks = append(r.out.Blocks, b)
				}
			}
			return err
		})
		if err != nil {
			return err
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
	// A question about all services and one about some of them can both have read
	// a service's own cube.
	taken := map[blockID]stretch{}
	for k, wanted := range cubes {
		key := openKey{ws: r.ws, hour: k.hour, from: k.hour, service: k.service, built: r.built[spanID{rollup.Hour, k.hour}]}
		err := r.s.open.read(ctx, tx, key, func(o *openHour) error {
			blocks, err := o.byMinute.blocks(o)
			for _, b := range blocks {
				id := blockID{b.Level, b.Start, b.Cube, b.Service, ""}
				if _, ok := taken[id]; !ok && wanted[b.Cube] {
					taken[id] = k
				}
				if taken[id] == k {
					r.out.Fine = append(r.out.Fine, b)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
