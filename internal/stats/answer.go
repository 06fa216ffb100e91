package stats

import (
	"cmp"
	"math"
	"slices"
	"time"

	"errata/internal/rollup"
)

// Blocks is what was read for a plan, whatever else it holds. A block of an hour
// and one of its day never count both: whoever reads them sees to that.
type Blocks struct {
	Blocks []rollup.Block
	// Fine are cubes by the minute, for Reads that ask for them.
	Fine []rollup.Block
	// Index is shared by all questions about the blocks; nil makes one for each.
	Index *rollup.Index
	// Upto is up to when everything that has arrived is in the blocks.
	Upto time.Time
}

// Answer adds up the blocks. Where there are too many series to have the points
// of all, it finds the largest first, and then their points.
func (p *Plan) Answer(b Blocks) Answer {
	a, all := p.answer(b)
	if all {
		return a
	}
	whole := *p
	whole.Step, whole.shift = 0, 0
	top, _ := whole.answer(b)
	largest := *p
	largest.keep = [][]string{}
	for _, s := range top.Series {
		largest.keep = append(largest.keep, s.Labels)
	}
	a, _ = largest.answer(b)
	a.More, a.Covered, a.NoTotals, a.Exact = top.More, top.Covered, top.NoTotals, a.Exact && top.Exact
	return a
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
	if len(p.By) == 0 && len(now.keys) == 0 { // nothing is a number, too
		now.add(nil, &rollup.Group{N: make([]int64, p.points()), Customers: make([]rollup.Distinct, p.points())})
	}
	// Most of what there is does not get into the answer: first the totals.
	ranked := make([]rank, len(now.keys))
	for i, key := range now.keys {
		ranked[i] = rank{key, p.measure(&a, now, key, 0, p.points()), now.errors[key].Total()}
	}
	slices.SortFunc(ranked, func(x, y rank) int {
		return cmp.Or(cmp.Compare(known(y.total), known(x.total)), cmp.Compare(y.errors, x.errors), cmp.Compare(x.key, y.key))
	})
	if len(ranked) > p.Limit {
		a.More = len(ranked) - p.Limit
		ranked = ranked[:p.Limit]
	}
	for _, r := range ranked {
		a.Series = append(a.Series, p.series(&a, now, before, r.key))
	}
	return a, true
}

// rank is a series on its way into the answer.
type rank struct {
	key    string
	total  float64
	errors int64
}

func known(v float64) float64 {
	if math.IsNaN(v) {
		return -1
	}
	return v
}

// period is what one stretch of time has: failures and requests by series.
type period struct {
	keys     []string
	labels   map[string][]string
	errors   map[string]*rollup.Group
	took     map[string][]rollup.Histogram // by point
	requests sums
	failures int64 // all of them
	covered  int64 // those whose requests are counted
	folded   bool  // some customers are not known one by one
	full     bool  // there is more than there is room for
}

// sums are requests by the values of those dimensions that requests have.
type sums struct {
	by    []int // which of the question's By
	of    map[string]*rollup.Group
	total int64
}

func joined(values []string) string {
	out := ""
	for _, v := range values {
		out += v + "\x00"
	}
	return out
}

func (p *Plan) period(b *Blocks, shift time.Duration) *period {
	out := &period{labels: map[string][]string{}, errors: map[string]*rollup.Group{}}
	from, to := p.Filter.From.Add(-shift), p.Filter.To.Add(-shift)
	switch {
	case p.errors == 0:
	case p.Measure.quantile() > 0:
		p.durations(out, b, from, to)
	default:
		by := p.By
		if p.Measure == Rate {
			by = append(slices.Clone(by), rollup.Covered)
		}
		for _, g := range p.scan(b, p.errors, by, from, to, p.Measure == Customers, out) {
			values := g.Values[:len(p.By)]
			total := g.Total()
			out.failures += total
			if p.Measure == Rate {
				if g.Values[len(p.By)] == "" {
					continue
				}
				out.covered += total
			}
			out.add(values, &g)
		}
	}
	if p.requests != 0 {
		out.requests = p.sumRequests(b, from, to, out)
		if p.Measure == Requests {
			for _, g := range out.requests.of {
				out.add(g.Values, g)
			}
		} else {
			p.quiet(out)
		}
	}
	slices.Sort(out.keys)
	return out
}

// points is how many steps are counted apart: without a Step those that are
// over, and those that are not.
func (p *Plan) points() int {
	if p.Step == 0 {
		return 2
	}
	return steps(p.Filter.From, p.Filter.To, p.Step)
}

// complete is when the last step that is over ended: up to then the period can
// be compared with another.
func (p *Plan) complete() time.Time {
	now := p.now.UTC()
	if now.After(p.Filter.To) {
		return p.Filter.To
	}
	if p.Step == 0 {
		return now.Truncate(p.finest())
	}
	return p.Filter.From.Add(now.Sub(p.Filter.From) / p.Step * p.Step)
}

// quiet adds the series of a rate that have requests and no failures, where
// requests know all its dimensions.
func (p *Plan) quiet(out *period) {
	if len(out.requests.by) != len(p.By) {
		return
	}
	for key, g := range out.requests.of {
		if out.errors[key] == nil {
			out.add(g.Values, &rollup.Group{Values: g.Values, N: make([]int64, len(g.N))})
		}
	}
}

// durations sorts the failures of each series into histograms.
func (p *Plan) durations(out *period, b *Blocks, from, to time.Time) {
	out.took = map[string][]rollup.Histogram{}
	for _, g := range p.scan(b, p.errors, append(slices.Clone(p.By), rollup.Duration), from, to, false, out) {
		values, key := g.Values[:len(p.By)], joined(g.Values[:len(p.By)])
		if out.took[key] == nil {
			out.took[key] = make([]rollup.Histogram, len(g.N))
			out.add(values, &rollup.Group{Values: values, N: make([]int64, len(g.N))})
		}
		for i, n := range g.N {
			if n == 0 {
				continue
			}
			if out.took[key][i] == nil {
				out.took[key][i] = rollup.Histogram{}
			}
			out.took[key][i].Add(g.Values[len(p.By)], n)
			out.errors[key].N[i] += n
		}
	}
}

func (o *period) add(values []string, g *rollup.Group) {
	key := joined(values)
	o.keys, o.labels[key], o.errors[key] = append(o.keys, key), values, g
}

// sumRequests adds requests up by those dimensions of By that they have.
func (p *Plan) sumRequests(b *Blocks, from, to time.Time, into *period) sums {
	out := sums{of: map[string]*rollup.Group{}}
	var by []rollup.Dim
	for i, d := range p.By {
		if slices.Contains([]rollup.Dim{rollup.Environment, rollup.Service, rollup.Method, rollup.Endpoint}, d) {
			by, out.by = append(by, d), append(out.by, i)
		}
	}
	groups := p.scan(b, p.requests, by, from, to, false, into)
	for i := range groups {
		out.of[joined(groups[i].Values)] = &groups[i]
		out.total += groups[i].Total()
	}
	return out
}

func (s *sums) find(labels []string) *rollup.Group {
	key := ""
	for _, i := range s.by {
		key += labels[i] + "\x00"
	}
	return s.of[key]
}

// scan reads the cube's blocks of a period. It notes in the period whether they
// name some customers together only, and whether there is too much.
func (p *Plan) scan(b *Blocks, c rollup.Cube, by []rollup.Dim, from, to time.Time, sets bool, into *period) []rollup.Group {
	n := p.points()
	list, fine := b.Blocks, false
	if p.exact && rollup.Hour.Step(c) > time.Minute {
		list, fine = b.Fine, true
	}
	one := rollup.Scan{By: ownBy(c, by), Where: p.filters(c, &into.folded), Steps: n, Sets: sets, Index: b.Index}
	if p.Step > 0 && p.keep == nil {
		one.Room = p.room / max(1, len(p.services))
	}
	if sets { // they take more than a number
		one.Room /= 8
	}
	keep := p.kept(by)
	// Services' own cubes do not name them: one scan for each.
	scans := map[string]*rollup.Scan{}
	for i := range list {
		block := &list[i]
		if block.Cube != c || !block.Start.Before(to) || !block.Start.Add(block.Level.Span()).After(from) {
			continue
		}
		if c.Own() && (!slices.Contains(p.services, block.Service) || !p.where.allows(rollup.Service, block.Service)) {
			continue // read for another question, or excluded by another condition
		}
		scan := scans[block.Service]
		if scan == nil {
			fresh := one
			if keep != nil {
				fresh.Keep = func(values []string) bool { return keep(withService(c, by, values, block.Service)) }
			}
			scan = &fresh
			scans[block.Service] = scan
		}
		step := block.Level.Step(c)
		if fine {
			step = time.Minute
		}
		scan.Add(c, &block.Table, func(at uint16) int {
			t := block.Start.Add(time.Duration(at) * step)
			switch {
			case t.Before(from) || !t.Before(to):
				return -1
			case p.Step > 0:
				return int(t.Sub(from) / p.Step)
			case t.Before(p.complete().Add(from.Sub(p.Filter.From))):
				return 0
			}
			return 1
		})
	}
	var out []rollup.Group
	for service, scan := range scans {
		into.full = into.full || scan.Full
		for _, g := range scan.Groups() {
			g.Values = withService(c, by, g.Values, service)
			out = append(out, g)
		}
	}
	if c.Own() && len(scans) > 1 && !slices.Contains(by, rollup.Service) {
		out = merged(out)
	}
	return out
}

// withService names the service where the cube does not.
func withService(c rollup.Cube, by []rollup.Dim, values []string, service string) []string {
	if k := slices.Index(by, rollup.Service); k >= 0 && c.Own() {
		return slices.Insert(slices.Clone(values), k, service)
	}
	return values
}

// kept says of values by some dimensions whether they belong to a series that
// gets into the answer; nil where all do. Dimensions that the question does not
// have are whatever they are.
func (p *Plan) kept(by []rollup.Dim) func(values []string) bool {
	if p.keep == nil {
		return nil
	}
	var shared, of []int // positions in by, and in By
	for i, d := range by {
		if k := slices.Index(p.By, d); k >= 0 {
			shared, of = append(shared, i), append(of, k)
		}
	}
	pick := func(values []string, at []int) string {
		key := ""
		for _, i := range at {
			key += values[i] + "\x00"
		}
		return key
	}
	wanted := map[string]bool{}
	for _, labels := range p.keep {
		wanted[pick(labels, of)] = true
	}
	return func(values []string) bool { return wanted[pick(values, shared)] }
}

func ownBy(c rollup.Cube, by []rollup.Dim) []rollup.Dim {
	if !c.Own() {
		return by
	}
	return slices.DeleteFunc(slices.Clone(by), func(d rollup.Dim) bool { return d == rollup.Service })
}

// merged adds up groups of several services.
func merged(groups []rollup.Group) []rollup.Group {
	index := map[string]int{}
	var out []rollup.Group
	for _, g := range groups {
		i, ok := index[joined(g.Values)]
		if !ok {
			index[joined(g.Values)] = len(out)
			out = append(out, g)
			continue
		}
		out[i].Merge(&g)
	}
	return out
}

// filters are the conditions that the cube can tell. For requests, what tells
// failures apart does not narrow them.
func (p *Plan) filters(c rollup.Cube, folded *bool) map[rollup.Dim]func(string) bool {
	out := map[rollup.Dim]func(string) bool{}
	for d := range p.where {
		if slices.Contains(c.Dims(), d) {
			out[d] = func(v string) bool { return p.where.allows(d, v) }
		}
	}
	if slices.Contains(c.Dims(), rollup.Customer) {
		out[rollup.Customer] = func(v string) bool {
			*folded = *folded || v == rollup.Other
			return p.where.allows(rollup.Customer, v)
		}
	}
	return out
}
