package ingest

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/fault"
	"errata/internal/identity"
)

// costly is a database that takes its time, in the proportions of a real one:
// some for a transaction, and some for each Part.
type costly struct{}

func (costly) Write(_ context.Context, parts []identity.Part) ([]identity.Outcome, error) {
	time.Sleep(5*time.Millisecond + time.Duration(len(parts))*25*time.Microsecond)
	return make([]identity.Outcome, len(parts)), nil
}

// Without any limit set, a key with a thousand connections keeps the database
// as busy as it can be. What another key waits for is then the batches that are
// being written and its own, never the line of the first. The clock is a
// bubble's: the ratio is that of the design, whatever the machine does.
func TestLinesAreFairInTime(t *testing.T) {
	const requests = 40
	quietly := func(t *testing.T, b *batcher) (took []time.Duration) {
		for range requests {
			start := time.Now()
			_, err := b.submit(t.Context(), "quiet", make([]identity.Part, 1))
			require.NoError(t, err)
			took = append(took, time.Since(start))
			time.Sleep(7 * time.Millisecond)
		}
		slices.Sort(took)
		return took
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBatcher(costly{}, 0)
		alone := quietly(t, b)
		ctx, hush := context.WithCancel(t.Context())
		var noise sync.WaitGroup
		var refused atomic.Int64
		parts := make([]identity.Part, 100)
		for range 1000 {
			noise.Go(func() {
				for ctx.Err() == nil {
					if _, err := b.submit(context.Background(), "noisy", parts); err != nil {
						assert.True(t, fault.Is(err, fault.Unavailable))
						refused.Add(1)
						time.Sleep(time.Second)
					}
				}
			})
		}
		time.Sleep(time.Second) // a second of it, until its line is full
		beside := quietly(t, b)
		hush()
		noise.Wait()
		require.NoError(t, b.close(t.Context()))
		assert.Positive(t, refused.Load(), "the noise fills its half of the room")
		for _, q := range []float64{0.5, 0.95, 1} {
			i := int(q * (requests - 1))
			ratio := float64(beside[i]) / float64(alone[i])
			t.Logf("quantile %g: %v alone, %v beside the noise (×%.1f)", q, alone[i], beside[i], ratio)
			// A full batch takes eleven times as long as that of one Part; two of
			// them are waited for at most.
			assert.LessOrEqual(t, ratio, 23.0)
		}
	})
}
