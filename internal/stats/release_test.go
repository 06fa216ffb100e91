package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// stretch draws failures of a rate among requests, in bunches of some size.
func stretch(r *rand.Rand, steps int, requests, rate float64, bunch int) []Bucket {
	out := make([]Bucket, steps)
	for i := range out {
		n := 0
		for range int(requests) / bunch {
			if r.Float64() < rate {
				n += bunch
			}
		}
		out[i] = Bucket{float64(n), requests}
	}
	return out
}

func TestCompareStretches(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	c := CompareStretches(stretch(r, 100, 500, 0.01, 1), stretch(r, 50, 700, 0.03, 1))
	assert.Equal(t, Worse, c.Verdict)
	assert.InDelta(t, 3, c.Ratio, 0.5)
	assert.True(t, c.Low < c.Ratio && c.Ratio < c.High && c.ByRequests)
	assert.Contains(t, c.String(), "times as many failures as before")

	c = CompareStretches(stretch(r, 100, 500, 0.03, 1), stretch(r, 100, 500, 0.01, 1))
	assert.Equal(t, Better, c.Verdict)
	c = CompareStretches(stretch(r, 200, 500, 0.02, 1), stretch(r, 200, 500, 0.02, 1))
	assert.Equal(t, Similar, c.Verdict)
	c = CompareStretches([]Bucket{{1, 100}}, []Bucket{{3, 100}})
	assert.Equal(t, TooFew, c.Verdict)
	assert.Equal(t, "Too few failures to tell: 1 before, 3 since.", c.String())
	c = CompareStretches([]Bucket{{0, 100}, {0, 100}}, []Bucket{{40, 100}, {45, 100}})
	assert.Equal(t, Worse, c.Verdict)
	assert.True(t, math.IsNaN(c.Ratio))
	c = CompareStretches([]Bucket{{50, math.NaN()}, {52, math.NaN()}, {49, math.NaN()}}, []Bucket{{100, math.NaN()}, {103, math.NaN()}, {101, math.NaN()}})
	assert.Equal(t, Worse, c.Verdict)
	assert.False(t, c.ByRequests)
	assert.Contains(t, c.String(), "requests are not counted")
	assert.Equal(t, TooFew, CompareStretches(nil, nil).Verdict)
}

// Of 100 releases that change nothing, hardly any is called worse or better,
// also where failures come in bunches; one that triples the rate is found.
func TestComparisonsAreCalibrated(t *testing.T) {
	for _, bunch := range []int{1, 5, 20} {
		r := rand.New(rand.NewPCG(7, uint64(bunch)))
		wrong, found := 0, 0
		const n = 400
		for range n {
			if v := CompareStretches(stretch(r, 72, 400, 0.01, bunch), stretch(r, 72, 400, 0.01, bunch)).Verdict; v == Worse || v == Better {
				wrong++
			}
			if CompareStretches(stretch(r, 72, 400, 0.01, bunch), stretch(r, 72, 400, 0.03, bunch)).Verdict == Worse {
				found++
			}
		}
		assert.LessOrEqual(t, wrong, n*8/100, "bunches of %d", bunch)
		assert.GreaterOrEqual(t, found, n*95/100, "bunches of %d", bunch)
	}
}
