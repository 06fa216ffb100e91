package detect

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// dayOf makes a day of blocks of 1,500 requests whose share of errors is drawn.
func dayOf(rate func(r *rand.Rand, block int) float64) *[DayBlocks]Stretch {
	r := rand.New(rand.NewPCG(11, 11))
	var day [DayBlocks]Stretch
	for i := range day {
		const requests = 1500
		errors, p := int64(0), rate(r, i)
		for range requests {
			if r.Float64() < p {
				errors++
			}
		}
		day[i] = Stretch{Counts: Counts{Errors: errors, Requests: requests}, Minutes: 5}
	}
	return &day
}

// Noise between neighbours is dispersion; two levels, blips and drift are not,
// but what they reach raises the limit, unless there are only a few of them.
func TestSpread(t *testing.T) {
	set := Default()
	for name, c := range map[string]struct {
		rate    func(*rand.Rand, int) float64
		phi     [2]float64
		high, h [2]float64 // of 5 and of 60 minutes
	}{
		"chance alone": {func(*rand.Rand, int) float64 { return 0.01 }, [2]float64{1, 1.15}, [2]float64{0.012, 0.015}, [2]float64{0.0100, 0.0115}},
		"noisy minutes": {func(r *rand.Rand, _ int) float64 { return 0.02 * r.Float64() },
			[2]float64{3.5, 7}, [2]float64{0.016, 0.022}, [2]float64{0.0105, 0.016}},
		"two levels": {func(_ *rand.Rand, i int) float64 { return []float64{0.005, 0.03}[i/(DayBlocks/2)] },
			[2]float64{1, 1.8}, [2]float64{0.03, 0.038}, [2]float64{0.028, 0.034}},
		"drift": {func(_ *rand.Rand, i int) float64 { return 0.01 + 0.008*math.Sin(float64(i)/20) },
			[2]float64{1, 1.5}, [2]float64{0.017, 0.024}, [2]float64{0.0165, 0.02}},
		"four blips": {func(_ *rand.Rand, i int) float64 { return []float64{0.01, 0.1}[max(1-i%70, 0)] },
			[2]float64{1, 6}, [2]float64{0.012, 0.016}, [2]float64{0.011, 0.020}},
	} {
		t.Run(name, func(t *testing.T) {
			day := dayOf(c.rate)
			within := func(want [2]float64, got float64) {
				t.Helper()
				assert.GreaterOrEqual(t, got, want[0])
				assert.LessOrEqual(t, got, want[1])
			}
			within(c.phi, dispersion(day, &set))
			within(c.high, high(day, 1, &set))
			within(c.h, high(day, 12, &set))
		})
	}
}

// Of few requests nothing can be said: one error of three is chance.
func TestSpreadOfLittle(t *testing.T) {
	set := Default()
	var day [DayBlocks]Stretch
	assert.InDelta(t, 1, dispersion(&day, &set), 0)
	assert.Zero(t, high(&day, 1, &set))
	for i := range day {
		day[i] = Stretch{Counts: Counts{Requests: 3}, Minutes: 5}
		if i%20 == 0 {
			day[i].Errors = 1
		}
	}
	assert.InDelta(t, 1, dispersion(&day, &set), 0)
	assert.Less(t, high(&day, 1, &set), 2*1.0/60)
	for i := 10; i < DayBlocks; i++ {
		day[i] = Stretch{} // an hour is not a day
	}
	assert.Zero(t, high(&day, 1, &set))
}
