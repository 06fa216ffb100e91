package store

import (
	"sync"
	"sync/atomic"
	"time"

	"errata/internal/rollup"
)

// Blocks of hours and days that are over hardly ever change, and pages ask for
// the same ones again and again. Decoded tables are kept with the time at which
// their span was made; when it is made anew they are not found any more.

// spanID is an hour or a day.
type spanID struct {
	level rollup.Level
	start time.Time
}

// blockID is one block of a workspace, or what it has of one customer.
type blockID struct {
	level    rollup.Level
	start    time.Time
	cube     rollup.Cube
	service  string
	customer string
}

type cacheKey struct {
	ws int32
	blockID
	until time.Time     // of a stretch, from blockID.start on
	by    rollup.DimSet // what it tells apart
}

type cachedTable struct {
	built time.Time
	table *rollup.Table // nil: there is none
	size  int
}

// tableCache holds at most room bytes; 0 for none. When it is full, some go, as
// the map gives them.
type tableCache struct {
	mu   sync.Mutex
	room int
	used int
	kept map[cacheKey]cachedTable
}

// get gives a table that was made at that time; nil if it is known that there is
// none. Nobody may change it.
func (c *tableCache) get(k cacheKey, built time.Time) (t *rollup.Table, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.kept[k]
	return e.table, ok && e.built.Equal(built)
}

func (c *tableCache) put(k cacheKey, built time.Time, t *rollup.Table) {
	e := cachedTable{built, t, 200 + len(k.service) + len(k.customer)}
	if t != nil {
		e.size += t.Size()
	}
	if built.IsZero() || e.size > c.room/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = map[cacheKey]cachedTable{}
	}
	c.used += e.size - c.kept[k].size
	c.kept[k] = e
	for old, o := range c.kept {
		if c.used <= c.room {
			return
		}
		if old != k {
			c.used -= o.size
			delete(c.kept, old)
		}
	}
}

// manyWords is how many of them are numbered before it begins anew: some 100 MB.
const manyWords = 1 << 20

// wordNumbers is the Index that cached tables share.
type wordNumbers struct{ index atomic.Pointer[rollup.Index] }

func (w *wordNumbers) now() *rollup.Index {
	if x := w.index.Load(); x != nil && x.Len() < manyWords {
		return x
	}
	fresh := &rollup.Index{}
	w.index.Store(fresh)
	return fresh
}
