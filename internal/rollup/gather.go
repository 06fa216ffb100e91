package rollup

import (
	"cmp"
	"slices"
)

// maxCallers bounds the rows of a block that names customers. Those with the
// fewest failures go into Other.
const maxCallers = 20_000

// maxCols is the largest number of dimensions of a cube.
const maxCols = 10

// cell is where something is counted.
type cell struct {
	at uint16
	v  [maxCols]uint32
}

type row struct {
	cell
	n   int64
	set *Distinct
}

type gatherer struct {
	spec    *spec
	service string
	named   bool // customers are a dimension
	timed   bool // durations are
	index   map[cell]int32
	rows    []row
}

// fewRows are looked through; more have an index.
const fewRows = 8

func (g *gatherer) row(c cell) *row {
	if len(g.rows) <= fewRows {
		for i := range g.rows {
			if g.rows[i].cell == c {
				return &g.rows[i]
			}
		}
	} else if i, ok := g.index[c]; ok {
		return &g.rows[i]
	}
	g.rows = append(g.rows, row{cell: c})
	switch n := len(g.rows); {
	case n == fewRows+1:
		g.reindex()
	case n > fewRows:
		g.index[c] = int32(n - 1) //nolint:gosec // memory ends before
	}
	return &g.rows[len(g.rows)-1]
}

func (g *gatherer) reindex() {
	g.index = make(map[cell]int32, 4*len(g.rows))
	for i := range g.rows {
		g.index[g.rows[i].cell] = int32(i) //nolint:gosec // memory ends before
	}
}

func newGatherer(s *spec, service string) *gatherer {
	return &gatherer{spec: s, service: service, named: slices.Contains(s.dims, Customer), timed: slices.Contains(s.dims, Duration)}
}

// kind is what is counted.
type kind int

const (
	ofErrors kind = iota
	ofCustomers
	ofDurations
	ofRequests
)

// takes reports whether a cube counts such things. What names customers or
// durations is counted apart from the rest: not every failure has them.
func (g *gatherer) takes(k kind) bool {
	switch k {
	case ofRequests:
		return g.spec.requests
	case ofDurations:
		return g.timed
	case ofCustomers:
		return g.named || g.spec.sets
	}
	return !g.spec.requests && !g.timed && !g.named
}

// limit folds what a block that names customers cannot hold.
func (g *gatherer) limit(other uint32) {
	col := slices.Index(g.spec.dims, Customer)
	if !g.named || len(g.rows) <= maxCallers {
		return
	}
	all := g.rows
	slices.SortFunc(all, func(x, y row) int {
		return cmp.Or(cmp.Compare(y.n, x.n), cmp.Compare(x.at, y.at), slices.Compare(x.v[:], y.v[:]))
	})
	g.rows = slices.Clone(all[:maxCallers])
	g.reindex()
	for _, r := range all[maxCallers:] {
		c := r.cell
		c.v[col] = other
		g.row(c).n += r.n
	}
}
