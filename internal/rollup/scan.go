package rollup

import (
	"slices"
	"sync"
)

// Scan adds up the rows of Tables that pass its filters, by the values of some
// dimensions and by step of time. The tables may be of different cubes, as long
// as each has the dimensions that are asked for.
type Scan struct {
	By []Dim
	// Where says for a dimension which of its values count. A dimension that is
	// missing here counts with all its values.
	Where map[Dim]func(value string) bool
	// Steps is how many steps of time there are.
	Steps int
	// Sets: count distinct customers as well.
	Sets bool
	// Keep says which groups are wanted; nil for all.
	Keep func(values []string) bool
	// Room is how many steps of all groups together there may be; 0 for any
	// number. Full: there were more, and what was found is not all.
	Room int
	Full bool

	// Index numbers the words of tables; nil makes one. Scans share it.
	Index *Index
	// Base has been added up before, by a scan with the same conditions and the same
	// Index. This one goes on from it and leaves it as it is, so that many can.
	Base *Scan

	index    map[groupKey]int32
	groups   []Group
	instead  map[int32]int32 // groups of Base → those that stand for them now
	verdicts map[Dim][]verdict
}

// verdict is what a filter says of a word.
type verdict uint8

const (
	unasked verdict = iota
	fails
	holds
)

// MaxBy is how many dimensions By may have.
const MaxBy = 4

// groupKey are the numbers of a group's values.
type groupKey [MaxBy]uint32

// Group is what a Scan found for one combination of values of By.
type Group struct {
	Values    []string
	N         []int64    // by step
	Customers []Distinct // by step, where Sets is set

	unions *unions // of a scan that is over
	from   *Group  // what this is a copy of, and was added to
}

// unions are the distinct customers of several steps of a group, as far as they
// were asked for.
type unions struct {
	mu   sync.Mutex
	kept map[[2]int]Distinct
}

// Total adds up the steps.
func (g *Group) Total() (n int64) { return g.Sum(0, len(g.N)) }

// Sum adds up the steps from lo to before hi.
func (g *Group) Sum(lo, hi int) (n int64) {
	for _, v := range g.N[lo:hi] {
		n += v
	}
	return n
}

// Distinct counts the customers of the steps from lo to before hi.
func (g *Group) Distinct(lo, hi int) (n int64, exact bool) {
	all := g.union(lo, hi)
	return all.Count()
}

// union is for reading only, unless it is made one's own.
func (g *Group) union(lo, hi int) (all Distinct) {
	if hi-lo == 1 {
		return g.Customers[lo]
	}
	if g.unions != nil {
		g.unions.mu.Lock()
		defer g.unions.mu.Unlock()
		if all, ok := g.unions.kept[[2]int{lo, hi}]; ok {
			return all
		}
		defer func() {
			if g.unions.kept == nil || len(g.unions.kept) > 8 {
				g.unions.kept = map[[2]int]Distinct{}
			}
			all.settle()
			g.unions.kept[[2]int{lo, hi}] = all
		}()
	}
	if g.from != nil {
		all = g.from.union(lo, hi)
		all.shared = true
	}
	for i := lo; i < hi; i++ {
		if g.from == nil || !g.Customers[i].shared { // else nothing was added
			all.merge(&g.Customers[i])
		}
	}
	return all
}

// End says that nothing more is added. From now on it can be Base, and many may read
// it at a time.
func (s *Scan) End() {
	s.Where, s.Keep, s.verdicts = nil, nil, nil
	for i := range s.groups {
		if s.Sets {
			s.groups[i].unions = &unions{}
			for k := range s.groups[i].Customers {
				s.groups[i].Customers[k].settle()
			}
		}
	}
}

// Groups are what has been found, in no order. Nobody may change them.
func (s *Scan) Groups() []Group {
	if s.Base == nil {
		return s.groups
	}
	base := s.Base.Groups()
	out := make([]Group, len(base), len(base)+len(s.groups)-len(s.instead))
	copy(out, base)
	replaces := make([]bool, len(s.groups))
	for old, own := range s.instead {
		out[old], replaces[own] = s.groups[own], true
	}
	for i := range s.groups {
		if !replaces[i] {
			out = append(out, s.groups[i])
		}
	}
	return out
}

// Add reads a table. step gives the step of time that a row's At falls into, or
// -1 for none.
func (s *Scan) Add(c Cube, t *Table, step func(at uint16) int) {
	if len(t.N) == 0 {
		return
	}
	dims := c.Dims()
	by := make([][]uint32, len(s.By))
	for i, d := range s.By {
		by[i] = t.Cols[slices.Index(dims, d)]
	}
	if s.Index == nil {
		s.Index = &Index{}
	}
	ids := s.Index.of(t)
	passes := s.passing(dims, t, ids)
	var last groupKey // values of the row before: neighbours are mostly alike
	id := int32(unknown)
	customer := slices.Index(dims, Customer)
	lastAt, lastStep := -1, -1
rows:
	for i := range t.N {
		if at := int(t.At[i]); at != lastAt {
			lastAt, lastStep = at, step(t.At[i])
		}
		if lastStep < 0 || lastStep >= s.Steps {
			continue
		}
		for _, p := range passes {
			if !p.ok[p.col[i]] {
				continue rows
			}
		}
		for k := range by {
			if v := by[k][i]; v != last[k] {
				last[k], id = v, unknown
			}
		}
		if id == unknown {
			id = s.find(by, i, ids, t.Words)
		}
		if id == unwanted {
			continue
		}
		g := &s.groups[id]
		g.N[lastStep] += t.N[i]
		if !s.Sets {
			continue
		}
		switch {
		case customer >= 0:
			g.Customers[lastStep].Add(t.Words[t.Cols[customer][i]])
		case t.Sets != nil:
			g.Customers[lastStep].addSet(&t.Sets[i], t.Words)
		}
	}
}

// pass is a filter, worked out for a table's words.
type pass struct {
	col []uint32
	ok  []bool
}

// passing asks each filter once about each word, however many tables have it.
func (s *Scan) passing(dims []Dim, t *Table, ids []uint32) []pass {
	if s.verdicts == nil {
		s.verdicts = map[Dim][]verdict{}
	}
	most := uint32(0)
	for _, id := range ids {
		most = max(most, id)
	}
	out := make([]pass, 0, len(s.Where))
	for d, f := range s.Where {
		known := s.verdicts[d]
		if n := int(most) + 1; n > len(known) {
			known = append(known, make([]verdict, n-len(known))...)
			s.verdicts[d] = known
		}
		p := pass{t.Cols[slices.Index(dims, d)], make([]bool, len(t.Words))}
		for _, w := range p.col {
			v := &known[ids[w]]
			if *v == unasked {
				if *v = fails; f(t.Words[w]) {
					*v = holds
				}
			}
			p.ok[w] = *v == holds
		}
		out = append(out, p)
	}
	return out
}

const (
	unknown  = -1
	unwanted = -2 // a group that is left out
)

// find gives the group that a row's values belong to.
func (s *Scan) find(by [][]uint32, row int, ids []uint32, words []string) int32 {
	var key groupKey
	for k, col := range by {
		key[k] = ids[col[row]]
	}
	if g, ok := s.index[key]; ok {
		return g
	}
	if s.index == nil {
		s.index = map[groupKey]int32{}
	}
	if s.Base != nil {
		if g, ok := s.Base.index[key]; ok {
			return s.insteadOf(key, g)
		}
	}
	values := make([]string, len(by))
	for i, col := range by {
		values[i] = words[col[row]]
	}
	if s.Keep != nil && !s.Keep(values) {
		s.index[key] = unwanted
		return unwanted
	}
	if s.Full = s.Full || s.Room > 0 && (s.size()+1)*s.Steps > s.Room; s.Full {
		return unwanted
	}
	g := Group{Values: values, N: make([]int64, s.Steps)}
	if s.Sets {
		g.Customers = make([]Distinct, s.Steps)
	}
	id := int32(len(s.groups)) //nolint:gosec // memory ends before
	s.groups, s.index[key] = append(s.groups, g), id
	return id
}

// size is how many groups there are.
func (s *Scan) size() int {
	if s.Base == nil {
		return len(s.groups)
	}
	return len(s.Base.groups) + len(s.groups) - len(s.instead)
}

// insteadOf makes a group of one's own of one of Base, which others read.
func (s *Scan) insteadOf(key groupKey, g int32) int32 {
	if g == unwanted {
		s.index[key] = unwanted
		return unwanted
	}
	id := int32(len(s.groups)) //nolint:gosec // memory ends before
	s.groups, s.index[key] = append(s.groups, s.Base.groups[g].Clone()), id
	if s.instead == nil {
		s.instead = map[int32]int32{}
	}
	s.instead[g] = id
	return id
}

// Clone is a copy that can be added to.
func (g *Group) Clone() Group {
	out := Group{Values: g.Values, N: slices.Clone(g.N), Customers: slices.Clone(g.Customers), from: g}
	for i := range out.Customers {
		out.Customers[i].shared = true
	}
	return out
}

// Merge adds another group's counts, step by step.
func (g *Group) Merge(o *Group) {
	for i, v := range o.N {
		g.N[i] += v
	}
	for i := range o.Customers {
		g.Customers[i].merge(&o.Customers[i])
	}
}
