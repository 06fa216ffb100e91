package store

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A key that was added is always known; of others few are taken for known, until
// there are far more keys than memory may be spent on.
func TestKeyFilter(t *testing.T) {
	var f keyFilter
	assert.False(t, f.has(7))
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	var some []uint64
	wrong := func() float64 {
		const n = 100_000
		m := 0
		for range n {
			if f.has(r.Uint64()) {
				m++
			}
		}
		return float64(m) / n
	}
	for _, c := range []struct {
		keys int
		most float64
	}{{1 << 20, 0.0001}, {layerKeys + layerKeys/50, 0.0004}} {
		f.free()
		some = some[:0]
		for i := range c.keys {
			key := r.Uint64()
			f.add(key)
			if i%97 == 0 {
				some = append(some, key)
			}
		}
		for _, key := range some {
			assert.True(t, f.has(key))
		}
		assert.Less(t, wrong(), c.most, c.keys)
	}
	assert.Equal(t, 2, len(f.layers))
	f.free()
	assert.Zero(t, wrong())
}
