package detect

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// measure feeds a daily wave with noise, changed by change.
func measure(change func(i int, x float64) float64) (fired []int) {
	r := rand.New(rand.NewPCG(1, 8))
	v, at := NewValues(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 4000 {
		x := 50 + 20*math.Sin(2*math.Pi*float64(i)/288) + r.NormFloat64()
		if v.Add(at.Add(time.Duration(i)*5*time.Minute), change(i, x)) {
			fired = append(fired, i)
		}
	}
	return fired
}

func TestValues(t *testing.T) {
	assert.Empty(t, measure(func(_ int, x float64) float64 { return x }), "a wave and its noise")
	for name, change := range map[string]func(int, float64) float64{
		"above":    func(_ int, x float64) float64 { return x + 60 },
		"below":    func(_ int, x float64) float64 { return x - 60 },
		"no night": func(_ int, _ float64) float64 { return 70 },
	} {
		fired := measure(func(i int, x float64) float64 {
			if i >= 3000 && i < 3200 {
				return change(i, x)
			}
			return x
		})
		if assert.NotEmpty(t, fired, name) {
			assert.GreaterOrEqual(t, fired[0], 3000, name)
			assert.Less(t, fired[0], 3200, name)
			assert.LessOrEqual(t, len(fired), 2, name+": its end may be news, its middle is not")
		}
	}
	assert.Empty(t, measure(func(i int, x float64) float64 {
		if i%7 == 0 {
			return math.NaN()
		}
		return x
	}), "what is missing is no value")
}
