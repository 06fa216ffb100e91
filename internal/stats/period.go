package stats

import (
	"slices"
	"time"

	"errata/internal/rollup"
)

// period is what one stretch of time has: failures and requests by series.
type period struct {
	of       []counted
	byKey    map[string]int // positions in of, once somebody asked
	requests sums
	failures int64 // all of them
	covered  int64 // those whose requests are counted
	folded   bool  // some customers are not known one by one
	full     bool  // there is more than there is room for
}

// counted is what a period has of a series.
type counted struct {
	values []string
	errors *rollup.Group      // nil for none
	took   []rollup.Histogram // by point
}

// find gives what there is under some values; nothing, under the same values, where
// there is none.
func (o *period) find(values []string) counted {
	if o.byKey == nil {
		o.byKey = make(map[string]int, len(o.of))
		for i := range o.of {
			o.byKey[joined(o.of[i].values)] = i
		}
	}
	if i, ok := o.byKey[joined(values)]; ok {
		return o.of[i]
	}
	return counted{values: values}
}

func (o *period) add(values []string, g *rollup.Group) {
	o.of = append(o.of, counted{values: values, errors: g})
}

// sums are requests by the values of those dimensions that requests have.
type sums struct {
	by    []int // which of the question's By
	of    map[string]*rollup.Group
	total int64
}

// joined is a key of values.
func joined(values []string) string {
	n := len(values)
	for _, v := range values {
		n += len(v)
	}
	out := make([]byte, 0, n)
	for _, v := range values {
		out = append(append(out, v...), 0)
	}
	return string(out)
}

func (p *Plan) period(b *Blocks, shift time.Duration) *period {
	out := &period{}
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
		groups := p.scan(b, p.errors, by, from, to, p.Measure == Customers, out)
		out.of = make([]counted, 0, len(groups))
		for i := range groups {
			g := &groups[i]
			values := g.Values[:len(p.By)]
			total := g.Total()
			out.failures += total
			if p.Measure == Rate {
				if g.Values[len(p.By)] == "" {
					continue
				}
				out.covered += total
			}
			out.add(values, g)
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

// completeIn is complete in the period that begins at from: the one asked for, or
// the one that it is compared with.
func (p *Plan) completeIn(from time.Time) time.Time {
	return p.complete().Add(from.Sub(p.Filter.From))
}

// quiet adds the series of a rate that have requests and no failures, where
// requests know all its dimensions.
func (p *Plan) quiet(out *period) {
	if len(out.requests.by) != len(p.By) {
		return
	}
	for _, g := range out.requests.of {
		if out.find(g.Values).errors == nil {
			out.of = append(out.of, counted{values: g.Values, errors: &rollup.Group{Values: g.Values, N: make([]int64, len(g.N))}})
		}
	}
}

// durations sorts the failures of each series into histograms.
func (p *Plan) durations(out *period, b *Blocks, from, to time.Time) {
	at := map[string]int{}
	for _, g := range p.scan(b, p.errors, append(slices.Clone(p.By), rollup.Duration), from, to, false, out) {
		values, key := g.Values[:len(p.By)], joined(g.Values[:len(p.By)])
		i, ok := at[key]
		if !ok {
			i = len(out.of)
			at[key], out.of = i, append(out.of, counted{values: values, errors: &rollup.Group{Values: values, N: make([]int64, len(g.N))}, took: make([]rollup.Histogram, len(g.N))})
		}
		c := &out.of[i]
		for point, n := range g.N {
			if n == 0 {
				continue
			}
			if c.took[point] == nil {
				c.took[point] = rollup.Histogram{}
			}
			c.took[point].Add(g.Values[len(p.By)], n)
			c.errors.N[point] += n
		}
	}
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
	var room [256]byte
	key := room[:0]
	for _, i := range s.by {
		key = append(append(key, labels[i]...), 0)
	}
	return s.of[string(key)]
}
