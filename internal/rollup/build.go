package rollup

import (
	"cmp"
	"slices"
	"time"

	"errata/internal/event"
)

// BuildHour makes the blocks of an hour, in order of cube and service. Cubes
// without anything to count have none.
func BuildHour(start time.Time, c *Counted) []Block {
	return newBuilder(&c.dict).hour(start, c, SourcesOf(c), nil)
}

// BuildPart is BuildHour for what was counted in a part of it, where sources are
// those of the whole. Parts are put together by MergeHour.
func BuildPart(start time.Time, c *Counted, sources map[Answerer]event.Sources) []Block {
	return newBuilder(&c.dict).hour(start, c, sources, nil)
}

// MergeHour makes the blocks of an hour of those of its parts.
func MergeHour(start time.Time, parts []Block) []Block {
	return newBuilder(nil).merge(Hour, start, parts, func(_ *Block, at uint16) uint16 { return at })
}

// SourcesOf is who has counted requests in an hour.
func SourcesOf(c *Counted) map[Answerer]event.Sources {
	out := map[Answerer]event.Sources{}
	c.Sources(out)
	return out
}

// BuildMinutes is BuildPart with every cube by the minute, for who looks at an
// hour or two. They are put together by MergeMinutes, and not to be stored.
func BuildMinutes(start time.Time, c *Counted, sources map[Answerer]event.Sources) []Block {
	b := newBuilder(&c.dict)
	b.fine = true
	return b.hour(start, c, sources, nil)
}

// MergeMinutes is MergeHour for blocks with every cube by the minute.
func MergeMinutes(start time.Time, parts []Block) []Block {
	b := newBuilder(nil)
	b.fine = true
	return b.merge(Hour, start, parts, func(_ *Block, at uint16) uint16 { return at })
}

// AddHour adds to blocks that an hour has, where what they were made of is gone.
func AddHour(start time.Time, have []Block, c *Counted) []Block {
	added := newBuilder(&c.dict).hour(start, c, SourcesOf(c), have)
	return withoutPart(have, MergeHour(start, slices.Concat(have, added)))
}

// MergeDay makes the blocks of a day from those of its hours.
func MergeDay(start time.Time, hours []Block) []Block {
	return newBuilder(nil).merge(Day, start, hours, func(hour *Block, _ uint16) uint16 {
		return uint16(hour.Start.Sub(start) / time.Hour) //nolint:gosec // 0..23
	})
}

// Fold adds up blocks of one cube, and of one service where each has its own:
// what all of their time had by some of its dimensions, without a word on when.
// The others are "". A Table of it has as many rows as there are combinations.
func Fold(blocks []Block, by DimSet) *Table {
	b := newBuilder(nil)
	b.unbounded, b.by = true, by // it is not stored
	out := b.merge(Hour, time.Time{}, blocks, func(*Block, uint16) uint16 { return 0 })
	if len(out) == 0 {
		return &Table{}
	}
	return &out[0].Table
}

// builder makes blocks of facts.
type builder struct {
	dict      *[numDims]dictionary
	fine      bool // by step, whatever the cube
	unbounded bool // names all customers
	by        DimSet

	// The cube that is being made: its facts by cell, and what they take.
	list, spare   []keyed
	cells         []cell
	used, keyBits int
	sets          []sourceSet // of facts, where they have them

	// The words of the tables.
	words   []string
	ids     map[string]uint32 // index into words
	global  [numDims][]uint32 // index into words, by number in dict
	round   uint32
	numbers []numbered
	named   marker
}

func newBuilder(dict *[numDims]dictionary) *builder {
	if dict == nil {
		dict = &[numDims]dictionary{}
	}
	return &builder{dict: dict, keyBits: 64, by: ^DimSet(0)}
}

// hour makes blocks of what was counted, of which have may hold a part already.
func (b *builder) hour(start time.Time, c *Counted, sources map[Answerer]event.Sources, have []Block) []Block {
	b.cover(c, sources, have)
	requests := c.choose(sources)
	all := slices.Concat(c.errors, c.customers)
	for i := range c.errors {
		all[i].v[Customer] = 0
	}
	b.collectWords()
	var out []Block
	for i := range specs {
		switch s := &specs[i]; {
		case s.requests:
			out = b.blocks(out, Hour, start, s, requests, len(requests))
		case slices.Contains(s.dims, Duration):
			out = b.blocks(out, Hour, start, s, c.durations, len(c.durations))
		case slices.Contains(s.dims, Customer):
			out = b.blocks(out, Hour, start, s, c.customers, len(c.customers))
		case s.sets:
			out = b.blocks(out, Hour, start, s, all, len(c.errors))
		default:
			out = b.blocks(out, Hour, start, s, all[:len(c.errors)], len(c.errors))
		}
	}
	return inOrder(out)
}

// cover marks the failures of services whose requests are counted.
func (b *builder) cover(c *Counted, sources map[Answerer]event.Sources, have []Block) {
	covered := map[[2]uint32]bool{} // by environment and service
	for i := range have {
		if t := &have[i].Table; have[i].Cube == Routes {
			for k := range t.N {
				covered[[2]uint32{b.dict[Environment].id(t.Words[t.Cols[0][k]]), b.dict[Service].id(t.Words[t.Cols[1][k]])}] = true
			}
		}
	}
	for who := range sources {
		covered[[2]uint32{b.dict[Environment].id(who.Environment), b.dict[Service].id(who.Service)}] = true
	}
	yes := b.dict[Covered].id("1")
	for _, list := range [][]fact{c.errors, c.customers} {
		for i := range list {
			list[i].v[Covered] = 0
			if v := &list[i].v; covered[[2]uint32{v[Environment], v[Service]}] {
				v[Covered] = yes
			}
		}
	}
}

// merge adds blocks up. at gives the new step of a row.
func (b *builder) merge(level Level, start time.Time, have []Block, at func(*Block, uint16) uint16) []Block {
	var out []Block
	for i := range specs {
		s := &specs[i]
		var facts []fact
		b.sets = b.sets[:0]
		for k := range have {
			if have[k].Cube == s.cube {
				facts = b.read(s, facts, &have[k], at)
			}
		}
		if len(facts) > 0 {
			b.collectWords()
			out = b.blocks(out, level, start, s, facts, len(facts))
		}
	}
	return inOrder(out)
}

// read appends a block's rows as facts.
func (b *builder) read(s *spec, facts []fact, have *Block, at func(*Block, uint16) uint16) []fact {
	t := &have.Table
	first := len(facts)
	facts = slices.Grow(facts, len(t.N))[:first+len(t.N)]
	rows := facts[first:]
	clear(rows)
	service := b.dict[Service].id(have.Service)
	for i := range rows {
		rows[i].v[Service], rows[i].n = service, t.N[i]
		if s.fine || b.fine {
			rows[i].at = at(have, t.At[i])
		}
	}
	known := make([]uint32, len(t.Words)) // number in dict, plus one
	for k, d := range s.dims {
		if !b.by.Has(d) {
			continue
		}
		clear(known)
		for i, w := range t.Cols[k] {
			if known[w] == 0 {
				known[w] = b.dict[d].id(t.Words[w]) + 1
			}
			rows[i].v[d] = known[w] - 1
		}
	}
	if s.sets {
		clear(known)
		for i := range rows {
			b.sets = append(b.sets, sourceSet{&t.Sets[i], t.Words, known})
		}
	}
	return facts
}

// blocks appends those of a cube: one, or one for each service.
func (b *builder) blocks(to []Block, level Level, start time.Time, s *spec, facts []fact, counts int) []Block {
	cells := b.gather(s, facts, counts)
	for len(cells) > 0 {
		n, service := len(cells), ""
		if s.own {
			id := facts[cells[0].fact].v[Service]
			service = b.dict[Service].text(id)
			n = 1
			for n < len(cells) && facts[cells[n].fact].v[Service] == id {
				n++
			}
		}
		table := func() Table {
			if n > maxCallers && !b.unbounded && slices.Contains(s.dims, Customer) {
				return b.limited(s, facts, cells[:n])
			}
			return b.table(s, facts, counts, cells[:n])
		}()
		to = append(to, Block{Level: level, Start: start.UTC(), Cube: s.cube, Service: service, Table: table})
		cells = cells[n:]
	}
	return to
}

func inOrder(blocks []Block) []Block {
	slices.SortFunc(blocks, func(x, y Block) int {
		return cmp.Or(cmp.Compare(x.Cube, y.Cube), cmp.Compare(x.Service, y.Service))
	})
	return blocks
}

// maxCallers bounds the rows of a block that names customers. Those with the
// fewest failures go into Other.
const maxCallers = 20_000

// limited is the table of what a block cannot hold, folded.
func (b *builder) limited(s *spec, facts []fact, cells []cell) Table {
	cells = slices.Clone(cells)
	slices.SortStableFunc(cells, func(x, y cell) int { return cmp.Compare(y.n, x.n) })
	folded := make([]fact, len(cells))
	other := b.dict[Customer].id(Other)
	for i, c := range cells {
		folded[i] = facts[c.fact]
		folded[i].n = c.n
		if i >= maxCallers {
			folded[i].v[Customer] = other
		}
	}
	again := newBuilder(b.dict)
	again.fine = b.fine
	again.collectWords()
	return again.table(s, folded, len(folded), again.gather(s, folded, len(folded)))
}
