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

// Some cubes have only failures that name a provider or a customer; and services'
// own cubes do not name their service. No question may be answered by less than it
// is about.
func TestNoAnswerLeavesFailuresOut(t *testing.T) {
	c := &rollup.Counted{}
	c.SetAll(map[rollup.Dim]string{rollup.Role: "primary", rollup.Service: "a", rollup.Family: "us", rollup.Code: "boom", rollup.Customer: "acme"})
	c.Errors(0, 5)
	c.Customers(0, 1)
	c.SetAll(map[rollup.Dim]string{rollup.Role: "primary", rollup.Service: "a", rollup.Family: "upstream", rollup.Code: "bust", rollup.Provider: "stripe"})
	c.Errors(0, 2)
	c.SetAll(map[rollup.Dim]string{rollup.Role: "primary", rollup.Service: "b", rollup.Family: "us", rollup.Code: "boom"})
	c.Errors(0, 11)
	b := Blocks{Blocks: rollup.BuildHour(now.Truncate(time.Hour).Add(-2*time.Hour), c)}
	for _, c := range []struct {
		by    []rollup.Dim
		query string
		want  float64 // below 0: refused
	}{
		{[]rollup.Dim{rollup.Service, rollup.Code}, "", 18},
		{[]rollup.Dim{rollup.Service, rollup.Release}, "", -1},
		{[]rollup.Dim{rollup.Service, rollup.Code}, "service:a", 7},
		{nil, "-provider:stripe", -1},
		{nil, "-provider:*", -1},
		{nil, "service:a -provider:stripe", 5},
		{nil, "provider:s*", 2},
		{[]rollup.Dim{rollup.Provider}, "", 2},
		{nil, "-customer:acme", -1},
		{nil, "customer:acme", 1},
		{nil, "service:a -customer:acme", -1},
		{nil, "service:a,b -service:a", 11},
		{nil, "service:a service:b", 0},
		{[]rollup.Dim{rollup.Release}, "service:a,b service:b,c", 11},
	} {
		p, err := NewPlan(Question{Measure: Errors, By: c.by, Whole: true, Filter: event.Filter{Query: c.query, From: now.Add(-24 * time.Hour), To: now}}, now)
		if c.want < 0 {
			assert.ErrorContains(t, err, "only failures that name one", "%v %s", c.by, c.query)
			continue
		}
		require.NoError(t, err, "%v %s", c.by, c.query)
		sum := 0.0
		for _, s := range p.Answer(b).Series {
			sum += s.Total
		}
		assert.InDelta(t, c.want, sum, 0, "%v %s", c.by, c.query)
	}
}

// The period before ends where this one begins, also where that was moved to a
// multiple of the step; a week is a week, however the period was widened.
func TestComparedPeriods(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		length, step time.Duration
		compare      Compare
		want         time.Duration
	}{
		{7 * day, 0, Previous, 169 * time.Hour},
		{10 * day, 7 * day, Previous, 12 * day},
		{6 * time.Hour, 90 * time.Minute, Previous, 7*time.Hour + 30*time.Minute},
		{day, 0, Week, 7 * day},
		{7 * day, 0, Week, 7 * day},
		{14 * day, 0, Week, 14 * day},
	} {
		p, err := NewPlan(Question{Measure: Errors, Step: c.step, Compare: c.compare, Filter: event.Filter{From: now.Add(-c.length), To: now}}, now)
		require.NoError(t, err)
		assert.Equal(t, c.want, p.shift, "%s by %s", c.length, c.compare)
		if c.compare == Previous {
			assert.Equal(t, p.Filter.To.Sub(p.Filter.From), p.shift, "%s by %s", c.length, p.Step)
		}
	}
}

func TestStepsNoLongerThanThePeriod(t *testing.T) {
	_, err := NewPlan(Question{Measure: Errors, Step: 9999 * 24 * time.Hour, Filter: event.Filter{From: now.Add(-24 * time.Hour), To: now}}, now)
	require.ErrorContains(t, err, "must not be longer than the period")
}

// Nothing of a period that has not begun can be compared, whatever there was
// before.
func TestComparesWhatHasNotBegun(t *testing.T) {
	last := now.Truncate(time.Hour).Add(3*time.Hour - 7*24*time.Hour)
	c := &rollup.Counted{}
	c.SetAll(map[rollup.Dim]string{rollup.Role: "primary", rollup.Service: "a"})
	c.Requests(40, event.TotalsRequests, 5)
	c.Errors(40, 1)
	b := Blocks{Blocks: rollup.BuildHour(last, c)}
	for _, m := range Measures {
		p, err := NewPlan(Question{Measure: m, Step: time.Minute, Compare: Week, Filter: event.Filter{From: now.Add(3 * time.Hour), To: now.Add(4 * time.Hour)}}, now)
		require.NoError(t, err)
		s := p.Answer(b).Series
		if len(s) > 0 {
			assert.NotEqual(t, 1.0, s[0].TotalBefore, m)
		}
	}
}

// Customers that a block has no room for are counted together, and the answer
// says so.
func TestCustomersWithoutRoom(t *testing.T) {
	c := &rollup.Counted{}
	c.SetAll(map[rollup.Dim]string{rollup.Role: "primary", rollup.Service: "a", rollup.Family: "us"})
	for i := range 20_001 {
		c.Set(rollup.Customer, fmt.Sprint("c", i))
		if i != 7 {
			c.Customers(0, 1)
		}
		c.Customers(0, 1)
	}
	b := Blocks{Blocks: rollup.BuildHour(now.Truncate(time.Hour).Add(-2*time.Hour), c)}
	for _, customer := range []string{"", "c7", "c8"} {
		p, err := NewPlan(Question{Measure: Errors, By: []rollup.Dim{rollup.Customer}, Whole: true, Filter: event.Filter{Customer: customer, From: now.Add(-24 * time.Hour), To: now}}, now)
		require.NoError(t, err)
		assert.False(t, p.Answer(b).Exact, customer)
	}
}

// Where there is no room for the points of all series, the answer is the same.
func TestLargestSeriesFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	name := func(prefix string, n int) string { return prefix + fmt.Sprint(r.IntN(n)) }
	var b Blocks
	for h := range 14 * 24 {
		c := &rollup.Counted{}
		for range 30 {
			minute, n := r.IntN(60), 1+r.Int64N(3)
			c.SetAll(map[rollup.Dim]string{rollup.Role: "primary", rollup.Service: name("s", 4), rollup.Endpoint: name("/", 5), rollup.Family: "us", rollup.Status: "500", rollup.Code: name("c", 6), rollup.Customer: name("u", 40)})
			c.Errors(minute, n)
			c.Customers(minute, n)
			c.Durations(minute, int16(r.IntN(90)), n)
			if s := name("s", 4); s != "s3" {
				c.SetAll(map[rollup.Dim]string{rollup.Service: s, rollup.Endpoint: name("/", 5)})
				c.Requests(r.IntN(60), event.TotalsRequests, float64(r.IntN(50)))
			}
		}
		b.Blocks = append(b.Blocks, rollup.BuildHour(now.Truncate(time.Hour).Add(-time.Duration(h)*time.Hour), c)...)
	}
	for _, q := range []Question{
		{Measure: Errors, By: []rollup.Dim{rollup.Service, rollup.Endpoint}},
		{Measure: Errors, By: []rollup.Dim{rollup.Customer}, Limit: 3},
		{Measure: Errors, By: []rollup.Dim{rollup.Code, rollup.Service}, Limit: 5, Filter: event.Filter{Query: "service:s0,s1,s2"}},
		{Measure: Requests, By: []rollup.Dim{rollup.Endpoint, rollup.Service}, Limit: 4},
		{Measure: Rate, By: []rollup.Dim{rollup.Service, rollup.Endpoint}, Limit: 4},
		{Measure: Rate, By: []rollup.Dim{rollup.Endpoint, rollup.Code}, Limit: 4, Filter: event.Filter{Query: "service:s0,s3"}},
		{Measure: Customers, By: []rollup.Dim{rollup.Service, rollup.Endpoint}, Limit: 4},
		{Measure: P95, By: []rollup.Dim{rollup.Code}, Limit: 2, Filter: event.Filter{Query: "service:s0,s3"}},
	} {
		for _, compare := range []Compare{NoCompare, Previous, Week} {
			q.Compare, q.Filter.From, q.Filter.To = compare, now.Add(-100*time.Hour), now
			p, err := NewPlan(q, now)
			require.NoError(t, err)
			want, all := p.answer(b)
			require.True(t, all)
			p.room = 300
			_, all = p.answer(b)
			require.False(t, all, "%v", q)
			require.Equal(t, fmt.Sprint(want), fmt.Sprint(p.Answer(b)), "%v", q) // NaN is not equal to itself
		}
	}
}
