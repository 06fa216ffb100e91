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

	index  map[string]int32
	key    []byte
	groups []Group
}

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
	dims := c.Dims()
	passes := s.passing(dims, t)
	by := make([][]uint32, len(s.By))
	for i, d := range s.By {
		by[i] = t.Cols[slices.Index(dims, d)]
	}
	local := newLocal(by, len(t.Words))
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
		id := local.find(i)
		if *id == 0 {
			*id = s.group(by, i, t.Words) + 1
		}
		if *id == unwanted+1 {
			continue
		}
		g := &s.groups[*id-1]
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

// local remembers which group the values in a table's row belong to, plus one;
// 0 is not yet known. One dimension is an index, two are one number, more are
// rare.
type local struct {
	by   [][]uint32
	one  []int32
	two  map[uint64]*int32 // up to four, where words are few
	many map[[maxCols]uint32]*int32
}

func newLocal(by [][]uint32, words int) *local {
	l := &local{by: by}
	switch len(by) {
	case 0:
		l.one = make([]int32, 1)
	case 1:
		l.one = make([]int32, words)
	case 2:
		l.two = map[uint64]*int32{}
	case 3, 4:
		if words <= 1<<16 {
			l.two = map[uint64]*int32{}
			break
		}
		fallthrough
	default:
		l.many = map[[maxCols]uint32]*int32{}
	}
	return l
}

func (l *local) find(row int) *int32 {
	switch len(l.by) {
	case 0:
		return &l.one[0]
	case 1:
		return &l.one[l.by[0][row]]
	case 2:
		return at(l.two, uint64(l.by[0][row])<<32|uint64(l.by[1][row]))
	}
	if l.two != nil {
		key := uint64(0)
		for k := range l.by {
			key = key<<16 | uint64(l.by[k][row])
		}
		return at(l.two, key)
	}
	var key [maxCols]uint32
	for k := range l.by {
		key[k] = l.by[k][row]
	}
	return at(l.many, key)
}

func at[K comparable](m map[K]*int32, k K) *int32 {
	id := m[k]
	if id == nil {
		id = new(int32)
		m[k] = id
	}
	return id
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

// unwanted is the number of a group that is left out.
const unwanted = -2

func (s *Scan) group(by [][]uint32, row int, words []string) int32 {
	s.key = s.key[:0]
	for _, col := range by {
		s.key = append(append(s.key, words[col[row]]...), 0)
	}
	if g, ok := s.index[string(s.key)]; ok {
		return g
	}
	values := make([]string, len(by))
	for i, col := range by {
		values[i] = words[col[row]]
	}
	if s.index == nil {
		s.index = map[string]int32{}
	}
	if s.Keep != nil && !s.Keep(values) {
		s.index[string(s.key)] = unwanted
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
	s.groups, s.index[string(s.key)] = append(s.groups, g), id
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
