package stats

import (
	"math"
	"time"

	"errata/internal/rollup"
)

// series makes one series out of what both periods have under a key.
func (p *Plan) series(a *Answer, now, before *period, r rank) Series {
	key, n := r.key, p.points()
	s := Series{Labels: now.labels[key], Total: r.total, Same: math.NaN(), TotalBefore: math.NaN()}
	if p.Step == 0 {
		s.Values = []float64{r.total}
	} else {
		s.Values = p.values(a, now, key)
	}
	if p.Measure == Rate || p.Measure.quantile() > 0 {
		s.Errors = float64(now.errors[key].Total())
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
	if before.labels[key] == nil {
		before.labels[key] = s.Labels
	}
	s.Before = p.values(a, before, key)
	s.Same, s.TotalBefore = p.measure(a, now, key, 0, over), p.measure(a, before, key, 0, over)
	return s
}

func (p *Plan) values(a *Answer, o *period, key string) []float64 {
	if p.Step == 0 {
		return []float64{p.measure(a, o, key, 0, p.points())}
	}
	out := make([]float64, p.points())
	for i := range out {
		out[i] = p.measure(a, o, key, i, i+1)
	}
	return out
}

// measure is the answer for the points from lo to before hi.
func (p *Plan) measure(a *Answer, o *period, key string, lo, hi int) float64 {
	g := o.errors[key]
	if p.Measure == Rate {
		r := o.requests.find(o.labels[key])
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
		for i := lo; i < min(hi, len(o.took[key])); i++ {
			for bucket, n := range o.took[key][i] {
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
