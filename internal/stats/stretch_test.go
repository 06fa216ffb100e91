package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/rollup"
)

// What is folded answers as the hours do that it was made of, wherever it ends.
func TestStretchesAnswerAsHours(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // a test
	pick := func(name string, n int) string { return fmt.Sprint(name, rng.IntN(n)) }
	var hours []rollup.Block
	for h := range 24 * 16 {
		c := &rollup.Counted{}
		for range rng.IntN(12) {
			c.SetAll(map[rollup.Dim]string{rollup.Role: "primary", rollup.Environment: pick("env", 2), rollup.Service: pick("service", 3), rollup.Method: "GET", rollup.Endpoint: pick("/v1/", 30),
				rollup.Family: pick("family", 2), rollup.Status: "500", rollup.Code: pick("code", 4), rollup.Customer: pick("customer", 200)})
			minute, n := rng.IntN(60), 1+rng.Int64N(3)
			c.Errors(minute, n)
			c.Customers(minute, n)
			if rng.IntN(2) == 0 {
				c.Requests(minute, event.TotalsRequests, float64(100*n))
			}
		}
		hours = append(hours, rollup.BuildHour(now.Truncate(time.Hour).Add(-time.Duration(h)*time.Hour), c)...)
	}
	memory, index := Memory{Room: 1 << 20}, rollup.Index{}
	for i := range 300 {
		q := Question{Measure: []Measure{Errors, Requests, Rate, Customers}[rng.IntN(4)], Whole: rng.IntN(4) > 0, Limit: 1 + rng.IntN(40), Compare: []Compare{NoCompare, Previous, Week}[rng.IntN(3)],
			By: [][]rollup.Dim{nil, {rollup.Service}, {rollup.Service, rollup.Endpoint}, {rollup.Endpoint}}[rng.IntN(4)]}
		q.Filter = event.Filter{From: now.Add(-time.Duration(3+rng.IntN(160)) * time.Hour), To: now.Add(-time.Duration(rng.IntN(3)) * time.Hour)}
		if rng.IntN(3) == 0 {
			q.Filter.Service = "service1"
		}
		q.Hours = q.Whole && rng.IntN(4) == 0
		p, err := NewPlan(q, now)
		require.NoError(t, err)
		b := Blocks{Blocks: hours, Open: now.Truncate(time.Hour).Add(-time.Duration(rng.IntN(30)) * time.Hour), Whole: map[Stretch]*rollup.Table{}}
		for _, r := range p.Reads() {
			if !r.Whole {
				continue
			}
			services := r.Services
			if len(services) == 0 {
				services = []string{""}
			}
			for _, service := range services {
				var of []rollup.Block
				for _, h := range hours {
					if h.Cube == r.Cube && h.Service == service && !h.Start.Before(r.From) && h.Start.Before(r.To) && h.Start.Before(b.Open) {
						of = append(of, h)
					}
				}
				b.Whole[Stretch{r.Cube, service, r.From, r.To, r.By}] = rollup.Fold(of, r.By)
			}
		}
		p.days = false // there are none here
		want := p.Answer(Blocks{Blocks: hours})
		got := p.Answer(b)
		// NaN is not itself.
		assert.Equal(t, fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", got), "question %d: %+v, open from %s", i, q, b.Open)
		// Nor does it matter what is remembered, of this question and of others, or how
		// much of what was read may change.
		b.Memory, b.Index = &memory, &index
		for range 2 {
			b.Stored = rng.IntN(len(hours) + 1)
			assert.Equal(t, fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", p.Answer(b)), "question %d, remembered: %+v", i, q)
		}
	}
	assert.Positive(t, memory.used)
	assert.LessOrEqual(t, memory.used, memory.Room)
}

// What is remembered is of the tables that were asked about, not of others.
func TestMemoryIsOfTheSameTables(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC)
	hour := func(n int64, customer string) []rollup.Block {
		c := &rollup.Counted{}
		c.SetAll(map[rollup.Dim]string{rollup.Role: "primary", rollup.Service: "billing", rollup.Family: "us", rollup.Status: "500", rollup.Code: "boom", rollup.Customer: customer})
		c.Errors(1, n)
		c.Customers(1, n)
		return rollup.BuildHour(now.Truncate(time.Hour).Add(-2*time.Hour), c)
	}
	memory, index := Memory{Room: 1 << 20}, rollup.Index{}
	for _, measure := range []Measure{Errors, Customers} {
		p, err := NewPlan(Question{Measure: measure, Step: time.Hour, Filter: event.Filter{From: now.Add(-6 * time.Hour), To: now}}, now)
		require.NoError(t, err)
		ask := func(owner string, blocks []rollup.Block, stored int) float64 {
			return p.Answer(Blocks{Blocks: blocks, Stored: stored, Open: now.Truncate(time.Hour), Index: &index, Memory: &memory, Owner: owner}).Series[0].Total
		}
		a, b := hour(3, "ada"), hour(5, "mia")
		all := slices.Concat(a, b)
		want := map[Measure][]float64{Errors: {3, 8, 5, 3}, Customers: {1, 2, 1, 1}}[measure]
		for range 2 {
			assert.Equal(t, want[0], ask("1", a, len(a)))
			assert.Equal(t, want[1], ask("1", all, len(a)), "with what came since")
			assert.Equal(t, want[2], ask("1", b, len(b)), "the hour was made anew")
			assert.Equal(t, want[3], ask("2", a, len(a)))
		}
	}
}

// Rates of the series in an answer are what a question about rates says of them.
func TestRatesOfTheLargest(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC)
	c := &rollup.Counted{}
	for i := range 30 {
		c.SetAll(map[rollup.Dim]string{rollup.Role: "primary", rollup.Service: "billing", rollup.Method: "GET", rollup.Endpoint: fmt.Sprint("/v1/", i), rollup.Family: "us", rollup.Status: "500", rollup.Code: "boom"})
		c.Errors(1, int64(1+i))
		if i%3 != 0 {
			c.Requests(1, event.TotalsRequests, float64(1000*(1+i%7)))
		}
	}
	b := Blocks{Blocks: rollup.BuildHour(now.Truncate(time.Hour).Add(-2*time.Hour), c)}
	q := Question{Measure: Errors, By: []rollup.Dim{rollup.Service, rollup.Method, rollup.Endpoint}, Limit: 10, Rates: true, Filter: event.Filter{From: now.Add(-24 * time.Hour), To: now}}
	answer := func(q Question) Answer {
		p, err := NewPlan(q, now)
		require.NoError(t, err)
		return p.Answer(b)
	}
	got := answer(q)
	require.Len(t, got.Series, 10)
	assert.False(t, got.NoTotals)
	of := map[string]Series{}
	for _, s := range answer(Question{Measure: Rate, Whole: true, By: q.By, Limit: 10_000, Filter: q.Filter}).Series {
		of[joined(s.Labels)] = s
	}
	rated := 0
	for _, s := range got.Series {
		want := of[joined(s.Labels)]
		if want.Requests > 0 {
			rated++
			assert.InDelta(t, want.Total, s.Rate, 1e-12)
			assert.Equal(t, want.Requests, s.Requests)
		} else {
			assert.Zero(t, s.Requests)
			assert.True(t, math.IsNaN(s.Rate))
		}
	}
	assert.Positive(t, rated)
	assert.Less(t, rated, 10)
}
