package rollup

import "slices"

// table writes down cells and the words they use. Facts from counts on say which
// customers there are.
func (b *builder) table(s *spec, facts []fact, counts int, cells []cell) Table {
	t := Table{numbers: &numbering{}, At: make([]uint16, len(cells)), N: make([]int64, len(cells)), Cols: make([][]uint32, len(s.dims))}
	b.round++
	all := make([]uint32, len(cells)*len(t.Cols))
	for k, d := range s.dims {
		t.Cols[k] = all[k*len(cells) : (k+1)*len(cells)]
		for i := range cells {
			t.Cols[k][i] = b.number(&t, d, facts[cells[i].fact].v[d])
		}
	}
	for i := range cells {
		t.N[i] = cells[i].n
		if s.fine || b.fine {
			t.At[i] = facts[cells[i].fact].at
		}
	}
	if s.sets {
		t.Sets = make([]Set, len(cells))
		for i := range cells {
			if c := &cells[i]; len(b.sets) > 0 {
				t.Sets[i] = b.union(&t, b.list[c.lo:c.hi])
			} else {
				t.Sets[i] = b.counted(&t, facts, counts, b.list[c.lo:c.hi])
			}
		}
	}
	return t
}

// counted is the Set of a cell whose facts from counts on are of customers, in
// their order. Who was counted, and then for something else, is not in it.
func (b *builder) counted(t *Table, facts []fact, counts int, list []keyed) Set {
	b.named.begin(len(b.dict[Customer].words))
	for lo, hi := 0, 0; lo < len(list); lo = hi {
		n := int64(0)
		for hi = lo; hi < len(list) && list[hi].key == list[lo].key; hi++ {
			if i := list[hi].fact; int(i) >= counts {
				n += facts[i].n
			}
		}
		if n > 0 {
			b.named.mark(facts[list[lo].fact].v[Customer])
		}
	}
	return b.setOf(t, b.named.list)
}

// sourceSet is the Set of a row that was read, and the words it is in. known are
// their numbers in the dictionary of customers, plus one, as far as they have
// been looked up.
type sourceSet struct {
	*Set
	words []string
	known []uint32
}

// union is the Set of all customers of rows that were read.
func (b *builder) union(t *Table, list []keyed) Set {
	b.named.begin(len(b.dict[Customer].words))
	for _, k := range list {
		from := &b.sets[k.fact]
		exact, ok := from.exact(len(from.words), b.named.scratch[:0])
		if !ok {
			return b.estimated(list)
		}
		b.named.scratch = exact
		for _, w := range exact {
			if from.known[w] == 0 {
				from.known[w] = b.dict[Customer].id(from.words[w]) + 1
			}
			b.named.mark(from.known[w] - 1)
		}
	}
	return b.setOf(t, b.named.list)
}

// estimated is union where some rows have sketches.
func (b *builder) estimated(list []keyed) Set {
	var d Distinct
	for _, k := range list {
		d.addSet(b.sets[k.fact].Set, b.sets[k.fact].words)
	}
	if d.sketch == nil { // the one there was cannot be read
		d.approximate()
	}
	return Set{Sketch: d.sketch}
}

func (b *builder) setOf(t *Table, customers []uint32) Set {
	most := maxExact
	if b.unbounded {
		most = maxFolded
	}
	if len(customers) > most {
		sketch := newSketch()
		for _, id := range customers {
			sketch.Insert([]byte(b.dict[Customer].text(id)))
		}
		return Set{Sketch: sketch}
	}
	exact := make([]uint32, len(customers))
	for i, id := range customers {
		exact[i] = b.number(t, Customer, id)
	}
	slices.Sort(exact)
	return Set{Exact: exact}
}

// marker lists numbers once each.
type marker struct {
	round   uint32
	seen    []uint32 // the round, by number
	list    []uint32
	scratch []uint32
}

func (m *marker) begin(numbers int) {
	m.round++
	m.list = m.list[:0]
	m.grow(numbers)
}

func (m *marker) grow(numbers int) {
	if more := numbers - len(m.seen); more > 0 {
		m.seen = append(m.seen, make([]uint32, more)...)
	}
}

func (m *marker) mark(id uint32) {
	m.grow(int(id) + 1)
	if m.seen[id] != m.round {
		m.seen[id] = m.round
		m.list = append(m.list, id)
	}
}

// collectWords finds the words of the dictionaries that are the same.
func (b *builder) collectWords() {
	for d := range b.dict {
		for id := len(b.global[d]); id < max(len(b.dict[d].words), 1); id++ {
			b.collect(Dim(d), uint32(id)) //nolint:gosec // numDims; memory ends before
		}
	}
}

func (b *builder) collect(d Dim, id uint32) {
	if b.ids == nil {
		b.ids = map[string]uint32{}
	}
	text := b.dict[d].text(id)
	word, ok := b.ids[text]
	if !ok {
		word = uint32(len(b.words)) //nolint:gosec // memory ends before
		b.words, b.ids[text] = append(b.words, text), word
		b.numbers = append(b.numbers, numbered{})
	}
	b.global[d] = append(b.global[d], word)
}

// numbered is the index that a word has in the table of a round.
type numbered struct{ round, index uint32 }

// number is the index of a value in the table that is being made.
func (b *builder) number(t *Table, d Dim, id uint32) uint32 {
	for int(id) >= len(b.global[d]) { // since collectWords
		b.collect(d, uint32(len(b.global[d]))) //nolint:gosec // memory ends before
	}
	n := &b.numbers[b.global[d][id]]
	if n.round != b.round {
		*n = numbered{b.round, uint32(len(t.Words))} //nolint:gosec // memory ends before
		t.Words = append(t.Words, b.words[b.global[d][id]])
	}
	return n.index
}
