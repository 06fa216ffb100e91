package rollup

import (
	"cmp"
	"slices"
)

// table sorts the rows and writes down the words they use.
func (b *builder) table(g *gatherer) Table {
	slices.SortFunc(g.rows, func(x, y row) int { return cmp.Or(cmp.Compare(x.at, y.at), slices.Compare(x.v[:], y.v[:])) })
	t := Table{At: make([]uint16, len(g.rows)), N: make([]int64, len(g.rows)), Cols: make([][]uint32, len(g.spec.dims))}
	b.renumber()
	all := make([]uint32, len(g.rows)*len(t.Cols))
	for k := range t.Cols {
		t.Cols[k] = all[k*len(g.rows) : (k+1)*len(g.rows)]
		for i := range g.rows {
			t.Cols[k][i] = b.number(&t, g.rows[i].v[k])
		}
	}
	if g.spec.sets {
		t.Sets = make([]Set, len(g.rows))
	}
	for i := range g.rows {
		t.At[i], t.N[i] = g.rows[i].at, g.rows[i].n
		if set := g.rows[i].set; set != nil {
			t.Sets[i] = set.set(func(name string) uint32 { return b.number(&t, b.id(name)) })
		}
	}
	return t
}

// renumber begins the words of another table.
func (b *builder) renumber() {
	b.round++
	if grow := len(b.words) - len(b.numbers); grow > 0 {
		b.numbers = append(b.numbers, make([]numbered, grow)...)
	}
}

// numbered is the index that a word has in the table of a round.
type numbered struct{ round, index uint32 }

// number is the index of a word in the table that is being made.
func (b *builder) number(t *Table, id uint32) uint32 {
	if int(id) >= len(b.numbers) { // a word since renumber
		b.numbers = append(b.numbers, make([]numbered, int(id)+1-len(b.numbers))...)
	}
	n := &b.numbers[id]
	if n.round != b.round {
		*n = numbered{b.round, uint32(len(t.Words))} //nolint:gosec // memory ends before
		t.Words = append(t.Words, b.words[id])
	}
	return n.index
}
