package store_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/rollup"
	"errata/internal/store"
)

// Hours and days that were rolled up before the codes of each service were counted
// answer like others, also where some of a day's hours are made anew.
func TestCodesOfServicesOfOlderBlocks(t *testing.T) {
	for _, cache := range []int{0, 1 << 20} {
		f := open(t, store.Options{StatsCache: cache})
		at := newest.Add(2 * time.Minute)
		f.write(t, scattered(rand.New(rand.NewPCG(31, 32)), 300)...)
		_, err := f.RollUp(t.Context(), at)
		require.NoError(t, err)
		have := func() int {
			return f.count(t, `SELECT count(*) FROM rollup_blocks WHERE cube = $1`, rollup.ServicesCodes)
		}
		require.Positive(t, have())
		lengths := []time.Duration{90 * time.Minute, 6 * time.Hour, 50 * time.Hour, 9*24*time.Hour + time.Hour}
		same := func() {
			t.Helper()
			for _, length := range lengths {
				f.requireSame(t, at, at.Add(-length), at)
			}
		}
		f.exec(t, `DELETE FROM rollup_blocks WHERE cube = $1`, rollup.ServicesCodes)
		same()
		assert.Zero(t, have(), "reading writes nothing")

		// What comes late has hours made anew, and days of hours of both kinds.
		f.write(t, scattered(rand.New(rand.NewPCG(33, 34)), 40)...)
		_, err = f.RollUp(t.Context(), at)
		require.NoError(t, err)
		require.Positive(t, have())
		same()
		mixed := f.count(t, `SELECT count(*) FROM rollup_blocks d WHERE level = 2 AND cube = $1 AND EXISTS (SELECT FROM rollup_blocks h WHERE h.level = 1 AND h.start >= d.start AND h.start < d.start + interval '1 day' AND h.cube = $2
			AND NOT EXISTS (SELECT FROM rollup_blocks c WHERE c.level = 1 AND c.start = h.start AND c.cube = $1))`, rollup.ServicesCodes, rollup.Services)
		assert.Zero(t, mixed, "a day has the codes of all of its hours, or none")
	}
}
