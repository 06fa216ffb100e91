package stats

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/rollup"
)

// Of rates, those of few requests come last, and what never failed after them, also
// where there are points and only some get into the answer.
func TestRatesOfFewRequestsComeLast(t *testing.T) {
	c := &rollup.Counted{}
	for _, e := range []struct {
		endpoint         string
		failed, requests int
	}{{"/often", 300, 1000}, {"/seldom", 1, 1000}, {"/once", 1, 1}, {"/rare", 2, 40}, {"/never", 0, 5000}, {"/uncounted", 9, 0}} {
		c.SetAll(map[rollup.Dim]string{rollup.Role: "primary", rollup.Service: "billing", rollup.Method: "GET", rollup.Endpoint: e.endpoint, rollup.Family: "us", rollup.Status: "500", rollup.Code: "boom"})
		if e.failed > 0 {
			c.Errors(1, int64(e.failed))
		}
		if e.requests > 0 {
			c.Requests(1, event.TotalsRequests, float64(e.requests))
		}
	}
	b := Blocks{Blocks: rollup.BuildHour(now.Truncate(time.Hour).Add(-2*time.Hour), c)}
	for _, whole := range []bool{true, false} {
		for least, want := range map[float64][]string{0: {"/once", "/often", "/rare", "/seldom", "/never", "/uncounted"}, 100: {"/often", "/seldom", "/once", "/rare", "/uncounted", "/never"}} {
			for limit := 1; limit <= len(want); limit++ {
				q := Question{Measure: Rate, By: []rollup.Dim{rollup.Service, rollup.Method, rollup.Endpoint}, Whole: whole, Least: least, Limit: limit, Filter: event.Filter{From: now.Add(-24 * time.Hour), To: now}}
				p, err := NewPlan(q, now)
				require.NoError(t, err)
				var got []string
				for _, s := range p.Answer(b).Series {
					got = append(got, s.Labels[2])
				}
				assert.Equal(t, want[:limit], got, fmt.Sprint(whole, least))
			}
		}
	}
}
