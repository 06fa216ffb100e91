package simulate

import (
	"math"
	"math/rand/v2"
)

// gamma draws from a gamma distribution of mean 1: the smaller the shape, the
// wilder (Marsaglia and Tsang's method).
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * (shape + 1) / shape * math.Pow(r.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if u := r.Float64(); math.Log(u) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v / shape
		}
	}
}

// poisson draws a count; large ones by the normal distribution.
func poisson(r *rand.Rand, mean float64) int64 {
	switch {
	case mean <= 0:
		return 0
	case mean > 60:
		return max(int64(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())), 0)
	}
	n, limit := int64(0), math.Exp(-mean)
	for p := r.Float64(); p > limit; p *= r.Float64() {
		n++
	}
	return n
}

// binomial draws how many of n fail when each does with chance p.
func binomial(r *rand.Rand, n int64, p float64) int64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - binomial(r, n, 1-p)
	case float64(n)*p > 30:
		mean := float64(n) * p
		return min(max(int64(math.Round(mean+math.Sqrt(mean*(1-p))*r.NormFloat64())), 0), n)
	}
	// Jumps from failure to failure, which are few.
	failed, at, log := int64(0), int64(0), math.Log1p(-p)
	for {
		at += 1 + int64(math.Log(1-r.Float64())/log)
		if at > n || at <= 0 {
			return failed
		}
		failed++
	}
}

// between draws a number.
func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// walk is noise that remembers: an autoregressive process with a standard
// deviation, and a number of minutes that it needs to forget.
type walk struct{ at, keep, step float64 }

func newWalk(r *rand.Rand, sigma, minutes float64) walk {
	if sigma == 0 {
		return walk{}
	}
	keep := math.Exp(-1 / minutes)
	return walk{at: sigma * r.NormFloat64(), keep: keep, step: sigma * math.Sqrt(1-keep*keep)}
}

// next is the next factor, around 1.
func (w *walk) next(r *rand.Rand) float64 {
	if w.step == 0 {
		return 1
	}
	w.at = w.keep*w.at + w.step*r.NormFloat64()
	return math.Exp(w.at)
}
