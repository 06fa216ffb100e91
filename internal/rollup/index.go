package rollup

import (
	"strings"
	"sync"
	"sync/atomic"
)

// Index numbers words over many tables, so that they can be told apart without
// being compared. The zero value is ready; it is safe for concurrent use, and
// may live as long as tables do.
type Index struct {
	mu  sync.Mutex
	ids map[string]uint32
}

// numbering is what an Index said of a table's words last.
type numbering struct{ last atomic.Pointer[indexed] }

type indexed struct {
	by  *Index
	ids []uint32
}

// Identity tells a table that was made once from all others, however often its
// header is copied; nil for one that nothing made.
type Identity = *numbering

// Identity is the table's.
func (t *Table) Identity() Identity { return t.numbers }

// Len is how many words are numbered.
func (x *Index) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.ids)
}

// of are the numbers of a table's words. They are kept with the table.
func (x *Index) of(t *Table) []uint32 {
	if t.numbers != nil {
		if last := t.numbers.last.Load(); last != nil && last.by == x {
			return last.ids
		}
	}
	ids := x.number(t.Words)
	if t.numbers != nil {
		t.numbers.last.Store(&indexed{x, ids})
	}
	return ids
}

func (x *Index) number(words []string) []uint32 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ids == nil {
		x.ids = map[string]uint32{}
	}
	out := make([]uint32, len(words))
	for i, w := range words {
		id, ok := x.ids[w]
		if !ok {
			id = uint32(len(x.ids))      //nolint:gosec // memory ends before
			x.ids[strings.Clone(w)] = id // the table's memory may go before the index
		}
		out[i] = id
	}
	return out
}
