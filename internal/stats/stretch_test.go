package stats

import (
	"fmt"
	"math/rand/v2"
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
	}
}
