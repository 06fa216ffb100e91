package rollup

import (
	"cmp"
	"math/bits"
	"slices"
)

// keyed is a fact with the number of its cell. Cells are numbered by packing the
// numbers of a cube's dimensions into one integer, which sorts by the first
// dimension first.
type keyed struct {
	key  uint64
	fact uint32
}

// cell is what a block has a row for: the facts of list[lo:hi].
type cell struct {
	fact   uint32 // one of them
	lo, hi int
	n      int64
}

// gather sorts the facts of a cube into cells. Facts from counts on say which
// customers a cell has and count for nothing else. The order is that of a block's
// rows, service by service where each has a block of its own.
func (b *builder) gather(s *spec, facts []fact, counts int) []cell {
	shift := b.pack(s, facts, counts < len(facts))
	b.cells = b.cells[:0]
	for lo, hi := 0, 0; lo < len(b.list); lo = hi {
		c := cell{fact: b.list[lo].fact, lo: lo}
		for hi = lo; hi < len(b.list) && b.list[hi].key>>shift == b.list[lo].key>>shift; hi++ {
			if i := b.list[hi].fact; int(i) < counts {
				c.n += facts[i].n
			}
		}
		if c.hi = hi; c.n != 0 {
			b.cells = append(b.cells, c)
		}
	}
	return b.cells
}

// pack fills b.list, sorted. Facts of the same cell have the same key, or the
// same key>>shift where they are sorted by customer within.
func (b *builder) pack(s *spec, facts []fact, byCustomer bool) (shift int) {
	b.list = slices.Grow(b.list[:0], len(facts))
	for i := range facts {
		if s.cube != Providers || facts[i].v[Provider] != 0 {
			b.list = append(b.list, keyed{0, uint32(i)}) //nolint:gosec // memory ends before
		}
	}
	b.used = 0
	if s.own {
		b.column(facts, Service)
	}
	if s.fine || b.fine {
		b.room(6)
		for i := range b.list {
			k := &b.list[i]
			k.key = k.key<<6 | uint64(facts[k.fact].at&63)
		}
	}
	for _, d := range s.dims {
		b.column(facts, d)
	}
	if byCustomer {
		shift = b.column(facts, Customer)
	}
	b.sort()
	return shift
}

// column adds a dimension to the keys, and gives the number of its bits.
func (b *builder) column(facts []fact, d Dim) int {
	width := bits.Len(uint(max(len(b.dict[d].words)-1, 0))) //nolint:gosec // not negative
	b.room(width)
	for i := range b.list {
		k := &b.list[i]
		k.key = k.key<<width | uint64(facts[k.fact].v[d])
	}
	return width
}

// room makes it for so many more bits. There are too many different values for
// one integer only where an hour is extraordinary: then what is there is
// replaced by its rank, which takes at most as many bits as there are facts.
func (b *builder) room(width int) {
	if b.used+width > b.keyBits {
		b.sort()
		rank, last := uint64(0), uint64(0)
		for i := range b.list {
			k := &b.list[i]
			if i > 0 && k.key != last {
				rank++
			}
			last, k.key = k.key, rank
		}
		b.used = bits.Len64(rank)
	}
	b.used += width
}

const (
	digit = 11 // bits that are sorted by at once
	// fewKeys are sorted sooner by comparing them.
	fewKeys = 400
)

// sort sorts by key: digit by digit, beginning with the last, which takes time in
// proportion to the facts.
func (b *builder) sort() {
	if len(b.list) < fewKeys {
		slices.SortFunc(b.list, func(x, y keyed) int { return cmp.Compare(x.key, y.key) })
		return
	}
	b.spare = slices.Grow(b.spare[:0], len(b.list))[:len(b.list)]
	for shift := 0; shift < b.used; shift += digit {
		var starts [1 << digit]uint32
		for i := range b.list {
			starts[b.list[i].key>>shift&(1<<digit-1)]++
		}
		if starts[b.list[0].key>>shift&(1<<digit-1)] == uint32(len(b.list)) { //nolint:gosec // memory ends before
			continue // they are alike
		}
		sum := uint32(0)
		for i, n := range starts {
			starts[i], sum = sum, sum+n
		}
		for _, k := range b.list {
			at := &starts[k.key>>shift&(1<<digit-1)]
			b.spare[*at] = k
			*at++
		}
		b.list, b.spare = b.spare, b.list
	}
}
