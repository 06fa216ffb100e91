package month

import (
	"math"
	"math/rand/v2"
	"sort"
)

// wheel draws numbers by weight: it has the sums of the weights so far.
type wheel []float64

func newWheel(weights []float64) wheel {
	w, sum := make(wheel, len(weights)), 0.0
	for i, weight := range weights {
		sum += weight
		w[i] = sum
	}
	return w
}

// zipf is a wheel on which the nth number has a share of 1/n^s.
func zipf(n int, s float64) wheel {
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -s)
	}
	return newWheel(weights)
}

func (w wheel) spin(r *rand.Rand) int {
	return min(sort.SearchFloat64s(w, r.Float64()*w[len(w)-1]), len(w)-1)
}

// share is how often i is drawn.
func (w wheel) share(i int) float64 {
	if i == 0 {
		return w[0] / w[len(w)-1]
	}
	return (w[i] - w[i-1]) / w[len(w)-1]
}

// between draws a number, small ones as often as large ones.
func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// about draws a number whose logarithm is normal: mostly around the median,
// sometimes far above.
func about(r *rand.Rand, median, spread float64) float64 {
	return median * math.Exp(spread*r.NormFloat64())
}
