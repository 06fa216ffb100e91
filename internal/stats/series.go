package stats

import (
	"math"
	"time"

	"errata/internal/rollup"
)

// series makes one series out of what both periods have of it.
func (p *Plan) series(a *Answer, now, before *period, r rank) Series {
	n := p.points()
	s := Series{Labels: r.values, Total: r.total, Same: math.NaN(), TotalBefore: math.NaN(), Rate: math.NaN()}
	if p.Step == 0 {
		s.Values = []float64{r.total}
	} else {
		s.Values = p.values(a, now, r.counted)
	}
	if p.Measure == Rate || p.Measure.quantile() > 0 {
		s.Errors = float64(r.all)
		if all := now.requests.find(s.Labels); all != nil {
			s.Requests = float64(all.Total()) / rollup.Scale
		}
	}
	for i := range s.Values { // times that have not come are no data
		if p.Step > 0 && !a.From.Add(time.Duration(i)*p.Step).Before(p.now) {
			s.Values[i] = math.NaN()
		}
	}
	if before == nil {
		return s
	}
	over := 1
	if p.Step > 0 {
		over = max(0, min(n, int(p.complete().Sub(a.From)/p.Step))) // none of a time that is to come
	}
	then := before.find(s.Labels)
	s.Before = p.values(a, before, &then)
	s.Same, s.TotalBefore = p.measure(a, now, r.counted, 0, over), p.measure(a, before, &then, 0, over)
	return s
}

func (p *Plan) values(a *Answer, o *period, c *counted) []float64 {
	if p.Step == 0 {
		return []float64{p.measure(a, o, c, 0, p.points())}
	}
	out := make([]float64, p.points())
	for i := range out {
		out[i] = p.measure(a, o, c, i, i+1)
	}
	return out
}

// measure is the answer for the points from lo to before hi.
func (p *Plan) measure(a *Answer, o *period, c *counted, lo, hi int) float64 {
	g := c.errors
	if p.Measure == Rate {
		r := o.requests.find(c.values)
		if r == nil {
			return math.NaN()
		}
		errors := int64(0)
		if g != nil {
			errors = g.Sum(lo, hi)
		}
		return ratio(errors, r.Sum(lo, hi))
	}
	if q := p.Measure.quantile(); q > 0 {
		all := rollup.Histogram{}
		for i := lo; i < min(hi, len(c.took)); i++ {
			for bucket, n := range c.took[i] {
				all[bucket] += n
			}
		}
		return all.Quantile(q)
	}
	if g == nil || lo >= hi {
		return 0
	}
	switch p.Measure {
	case Customers:
		n, exact := g.Distinct(lo, hi)
		a.Exact = a.Exact && exact
		return float64(n)
	case Requests:
		return float64(g.Sum(lo, hi)) / rollup.Scale
	}
	return float64(g.Sum(lo, hi))
}

// ratio is failures per request. Sources that count a failure and its request in
// different minutes make more than one of it now and then.
func ratio(errors, requests int64) float64 {
	if requests <= 0 {
		return math.NaN()
	}
	return min(float64(errors)/(float64(requests)/rollup.Scale), 1)
}
