package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The largest are those that sorting all of them puts first, in that order.
func TestLargest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9)) //nolint:gosec // a test
	for range 200 {
		all := make([]rank, rng.IntN(60))
		for i := range all {
			all[i] = rank{&counted{values: []string{fmt.Sprint(i % 7), fmt.Sprint(i)}}, float64(rng.IntN(5)), rng.Int64N(3), rng.IntN(3)}
			if rng.IntN(9) == 0 {
				all[i].total = math.NaN()
			}
		}
		n := 1 + rng.IntN(70)
		want := slices.SortedFunc(slices.Values(all), compareRanks)
		want = want[:min(n, len(want))]
		assert.Equal(t, fmt.Sprint(values(want)), fmt.Sprint(values(largest(all, n))))
	}
}

func values(ranked []rank) (out [][]string) {
	for _, r := range ranked {
		out = append(out, r.values)
	}
	return out
}
