package rollup

import "slices"

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

	index  map[groupKey]int32
	groups []Group
}

// maxBy is how many dimensions By may have.
const maxBy = 4

// groupKey are the numbers of a group's values.
type groupKey [maxBy]uint32

// Group is what a Scan found for one combination of values of By.
type Group struct {
	Values    []string
	N         []int64    // by step
	Customers []Distinct // by step, where Sets is set
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
	if hi-lo == 1 {
		return g.Customers[lo].Count()
	}
	var all Distinct
	for i := lo; i < hi; i++ {
		all.merge(&g.Customers[i])
	}
	return all.Count()
}

// Groups are what has been found, in no order.
func (s *Scan) Groups() []Group { return s.groups }

// Add reads a table. step gives the step of time that a row's At falls into, or
// -1 for none.
func (s *Scan) Add(c Cube, t *Table, step func(at uint16) int) {
	if len(t.N) == 0 {
		return
	}
	dims := c.Dims()
	passes := s.passing(dims, t)
	by := make([][]uint32, len(s.By))
	for i, d := range s.By {
		by[i] = t.Cols[slices.Index(dims, d)]
	}
	if s.Index == nil {
		s.Index = &Index{}
	}
	ids := s.Index.of(t)
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

func (s *Scan) passing(dims []Dim, t *Table) []pass {
	out := make([]pass, 0, len(s.Where))
	for d, f := range s.Where {
		p := pass{t.Cols[slices.Index(dims, d)], make([]bool, len(t.Words))}
		asked := make([]bool, len(t.Words))
		for _, w := range p.col {
			if !asked[w] {
				asked[w], p.ok[w] = true, f(t.Words[w])
			}
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
	values := make([]string, len(by))
	for i, col := range by {
		values[i] = words[col[row]]
	}
	if s.index == nil {
		s.index = map[groupKey]int32{}
	}
	if s.Keep != nil && !s.Keep(values) {
		s.index[key] = unwanted
		return unwanted
	}
	if s.Full = s.Full || s.Room > 0 && (len(s.groups)+1)*s.Steps > s.Room; s.Full {
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

// Merge adds another group's counts, step by step.
func (g *Group) Merge(o *Group) {
	for i, v := range o.N {
		g.N[i] += v
	}
	for i := range o.Customers {
		g.Customers[i].merge(&o.Customers[i])
	}
}
