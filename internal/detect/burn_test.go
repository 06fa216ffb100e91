package detect

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A budget may go too fast for longer than the hour that is looked at minute by
// minute: what it was in that time is said, and nothing else breaks.
func TestBurnOfLongWindows(t *testing.T) {
	for _, c := range []struct {
		name             string
		six, three       Counts
		each             int64 // errors of a minute of 100 requests
		window           int
		errors, requests int64
		level            Level
	}{
		{"six hours", Counts{Errors: 2700, Requests: 36_000}, Counts{Errors: 2700, Requests: 432_000}, 7, 360, 2700, 36_000, Page},
		{"three days", Counts{Errors: 720, Requests: 36_000}, Counts{Errors: 8640, Requests: 432_000}, 2, 4320, 8640, 432_000, Ticket},
	} {
		set := Default()
		set.Objective = 0.99
		in := Input{Minute: 1_000_000, Baseline: Baseline{Rate: float64(c.each) / 100, Requests: 100, SixHours: c.six, ThreeDays: c.three}}
		for i := range in.Last {
			in.Last[i] = Counts{Errors: c.each, Requests: 100}
		}
		s, out := Evaluate(State{}, &in, &set)
		require.True(t, s.Active(), c.name)
		require.NotEmpty(t, out)
		why := out[len(out)-1].Why
		assert.Equal(t, []any{Burn, c.window, c.errors, c.requests, c.level}, []any{why.Rule, why.Window, why.Errors, why.Requests, s.Level}, c.name)
		assert.InDelta(t, float64(c.errors)/float64(c.requests), why.Rate, 1e-9)
	}
}
