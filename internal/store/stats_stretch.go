package store

import (
	"encoding/binary"
	"hash/maphash"
	"time"

	"errata/internal/rollup"
	"errata/internal/stats"
)

// Most questions of a page do not ask when in its period something happened. The
// blocks of such a period, folded into one, are kept beside the blocks: they are
// as large as what there is to tell apart, however many hours they are of.

// toFold is a period of a cube of which the blocks have to be folded.
type toFold struct {
	stats.Stretch
	key   cacheKey
	built time.Time
	of    []blockID
}

// firstOpen is when the first of the hours begins that have something that is in
// no block yet; that of now, at the latest.
func (r *blockReader) firstOpen() time.Time {
	first := r.now.UTC().Truncate(time.Hour)
	for t, h := range r.hours {
		if r.isOpen(t, h) && t.Before(first) {
			first = t
		}
	}
	return first
}

func (r *blockReader) isOpen(t time.Time, h *hourState) bool {
	return h.marked && h.upto.Before(t.Add(time.Hour)) && !r.days[t.Truncate(24*time.Hour)]
}

// stretches takes those that are in the cache, and gives the others.
func (r *blockReader) stretches(reads []stats.Read) (missing []toFold) {
	r.out.Whole = map[stats.Stretch]*rollup.Table{}
	for _, read := range reads {
		if !read.Whole {
			continue
		}
		for _, service := range orNone(read.Services) {
			s := toFold{Stretch: stats.Stretch{Cube: read.Cube, Service: service, From: read.From, To: read.To, By: read.By}}
			if _, ok := r.out.Whole[s.Stretch]; ok {
				continue
			}
			one := read
			one.Days, one.To, one.Services = true, earlier(read.To, r.out.Open), []string{service}
			s.of = r.ids(one)
			s.key = cacheKey{ws: r.ws, blockID: blockID{0, read.From, read.Cube, service, read.Customer}, until: one.To, by: read.By}
			s.built = r.version(s.of)
			table, ok := r.s.tables.get(s.key, s.built)
			if r.out.Whole[s.Stretch] = table; !ok || table == nil {
				r.out.Whole[s.Stretch] = &rollup.Table{}
				if len(s.of) > 0 {
					missing = append(missing, s)
				}
			}
		}
	}
	return missing
}

var versions = maphash.MakeSeed()

// version tells blocks from what they were before: a time that stands for when
// all of them were made.
func (r *blockReader) version(ids []blockID) time.Time {
	var h maphash.Hash
	h.SetSeed(versions)
	var b [24]byte
	for _, id := range ids {
		binary.LittleEndian.PutUint64(b[:], uint64(id.level))                                          //nolint:gosec // bits
		binary.LittleEndian.PutUint64(b[8:], uint64(id.start.Unix()))                                  //nolint:gosec // bits
		binary.LittleEndian.PutUint64(b[16:], uint64(r.built[spanID{id.level, id.start}].UnixMicro())) //nolint:gosec // bits
		h.Write(b[:])                                                                                  //nolint:errcheck // it cannot fail
	}
	return time.UnixMicro(int64(h.Sum64() >> 1)) //nolint:gosec // positive
}

// fold makes stretches, and keeps them.
func (r *blockReader) fold(stretches []toFold, tables map[blockID]*rollup.Table) error {
	folded := make([]*rollup.Table, len(stretches))
	err := parallel(len(stretches), func(i int) error {
		var blocks []rollup.Block
		for _, id := range stretches[i].of {
			if t := tables[id]; t != nil {
				blocks = append(blocks, id.block(t))
			}
		}
		folded[i] = rollup.Fold(blocks, stretches[i].By)
		return nil
	})
	for i, s := range stretches {
		r.out.Whole[s.Stretch] = folded[i]
		r.s.tables.put(s.key, s.built, folded[i])
	}
	return err
}

func (id blockID) block(t *rollup.Table) rollup.Block {
	return rollup.Block{Level: id.level, Start: id.start, Cube: id.cube, Service: id.service, Customer: id.customer, Table: *t}
}
