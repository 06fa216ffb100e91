package stats

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
	"time"

	"errata/internal/rollup"
)

// Blocks is what was read for a plan, whatever else it holds: also hours of days
// that are there as a whole, for another plan. Each takes what it asked for.
type Blocks struct {
	Blocks []rollup.Block
	// Stored is how many of Blocks, from the first on, do not change any more.
	Stored int
	// Fine are cubes by the minute, for Reads that ask for them.
	Fine []rollup.Block
	// Whole are Reads that ask for it, as far as their time is before Open: what
	// comes later is in Blocks.
	Whole map[Stretch]*rollup.Table
	Open  time.Time
	// Index is shared by all questions about the blocks; nil makes one for each.
	Index *rollup.Index
	// Memory keeps what was added up of tables that do not change; nil for nothing.
	// Owner tells apart whose they are.
	Memory *Memory
	Owner  string
	// Upto is up to when everything that has arrived is in the blocks.
	Upto time.Time
}

// Stretch is what a cube counted from one time to another, folded.
type Stretch struct {
	Cube     rollup.Cube
	Service  string // of a cube of which each service has its own
	From, To time.Time
	By       rollup.DimSet // what it tells apart
}

// Answer adds up the blocks.
func (p *Plan) Answer(b Blocks) Answer {
	a := p.ranked(b)
	if p.rates != nil && len(a.Series) > 0 {
		p.rate(&a, b)
	}
	return a
}

// rate says the rates of the series of an answer.
func (p *Plan) rate(a *Answer, b Blocks) {
	these := *p.rates
	these.keep, these.Limit = a.labels(), len(a.Series)
	rates, _ := these.answer(b)
	a.Covered, a.NoTotals = rates.Covered, rates.NoTotals
	of := map[string]*Series{}
	for i := range rates.Series {
		of[joined(rates.Series[i].Labels)] = &rates.Series[i]
	}
	for i := range a.Series {
		if r := of[joined(a.Series[i].Labels)]; r != nil {
			a.Series[i].Rate, a.Series[i].Errors, a.Series[i].Requests = r.Total, r.Errors, r.Requests
		}
	}
}

func (a *Answer) labels() [][]string {
	out := make([][]string, len(a.Series))
	for i := range a.Series {
		out[i] = a.Series[i].Labels
	}
	return out
}

// ranked finds, where there are many more series than get into the answer, the
// largest first, and then their points.
func (p *Plan) ranked(b Blocks) Answer {
	if !p.ranks() {
		if a, all := p.answer(b); all {
			return a
		}
	}
	top, _ := p.whole().answer(b)
	these := *p
	these.keep = top.labels()
	a, _ := these.answer(b)
	a.More, a.Covered, a.NoTotals, a.Exact = top.More, top.Covered, top.NoTotals, a.Exact && top.Exact
	return a
}

// whole is the plan for the totals of the same series.
func (p *Plan) whole() *Plan {
	whole := *p
	whole.Step, whole.shift = 0, 0
	return &whole
}

// ranks: of endpoints and customers there are thousands, and a few are shown.
func (p *Plan) ranks() bool {
	return p.Step > 0 && !p.exact && (slices.Contains(p.By, rollup.Endpoint) || slices.Contains(p.By, rollup.Customer))
}

func (p *Plan) answer(b Blocks) (a Answer, all bool) {
	a = Answer{From: p.Filter.From, To: p.Filter.To, Step: p.Step, CompleteUntil: b.Upto, Exact: true, Covered: math.NaN()}
	now := p.period(&b, 0)
	var before *period
	if p.shift > 0 {
		before = p.period(&b, p.shift)
	}
	if now.full || before != nil && before.full {
		return a, false
	}
	a.Exact = !now.folded && (before == nil || !before.folded)
	a.NoTotals = p.Measure == Rate && now.requests.total == 0
	if now.failures > 0 && p.Measure == Rate {
		a.Covered = float64(now.covered) / float64(now.failures)
	}
	if len(p.By) == 0 && len(now.of) == 0 { // nothing is a number, too
		now.add(nil, &rollup.Group{N: make([]int64, p.points()), Customers: make([]rollup.Distinct, p.points())})
	}
	// Most of what there is does not get into the answer: first the totals.
	ranked := make([]rank, len(now.of))
	for i := range now.of {
		c := &now.of[i]
		ranked[i] = rank{c, p.measure(&a, now, c, 0, p.points()), c.errors.Total(), p.last(now, c)}
	}
	a.More = max(0, len(ranked)-p.Limit)
	for _, r := range largest(ranked, p.Limit) {
		a.Series = append(a.Series, p.series(&a, now, before, r))
	}
	return a, true
}

// rank is a series on its way into the answer.
type rank struct {
	*counted
	total float64
	all   int64 // failures
	last  int   // how far behind it stands, whatever its total
}

// last is where a series stands by Question.Least.
func (p *Plan) last(o *period, c *counted) int {
	switch {
	case p.Measure != Rate || p.Least <= 0:
		return 0
	case c.errors.Total() <= 0:
		return 2
	}
	if r := o.requests.find(c.values); r == nil || float64(r.Total()) < p.Least*rollup.Scale {
		return 1
	}
	return 0
}

// ranks is a heap whose first is the least of them.
type ranks []rank

func (r ranks) Len() int           { return len(r) }
func (r ranks) Less(i, j int) bool { return compareRanks(r[i], r[j]) > 0 }
func (r ranks) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *ranks) Push(any)          { panic("stats: nothing is added") }
func (r *ranks) Pop() any          { panic("stats: nothing is taken out") }

// largest sorts the n largest and leaves the others, of which there may be thousands,
// in no order.
func largest(all []rank, n int) []rank {
	if top := ranks(all[:min(n, len(all))]); len(top) < len(all) {
		heap.Init(&top)
		for _, r := range all[n:] {
			if compareRanks(r, top[0]) < 0 {
				top[0] = r
				heap.Fix(&top, 0)
			}
		}
		all = top
	}
	slices.SortFunc(all, compareRanks)
	return all
}

// compareRanks puts the largest first.
func compareRanks(x, y rank) int {
	if c := cmp.Compare(x.last, y.last); c != 0 {
		return c
	}
	if c := cmp.Compare(known(y.total), known(x.total)); c != 0 {
		return c
	}
	if c := cmp.Compare(y.all, x.all); c != 0 {
		return c
	}
	return slices.Compare(x.values, y.values)
}

func known(v float64) float64 {
	if math.IsNaN(v) {
		return -1
	}
	return v
}
