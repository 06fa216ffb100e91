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

// Some cubes have only failures that name a provider or a customer; and services'
// own cubes do not name their service. No question may be answered by less than it
// is about.
func TestNoAnswerLeavesFailuresOut(t *testing.T) {
	b := Blocks{Blocks: rollup.BuildHour(now.Truncate(time.Hour).Add(-2*time.Hour), rollup.Counted{
		Errors: []rollup.ErrorCount{
			{Role: "primary", Service: "a", Family: "us", Code: "boom", N: 5},
			{Role: "primary", Service: "a", Family: "upstream", Code: "bust", Provider: "stripe", N: 2},
			{Role: "primary", Service: "b", Family: "us", Code: "boom", N: 11},
		},
		Customers: []rollup.CustomerCount{{Role: "primary", Service: "a", Family: "us", Code: "boom", Customer: "acme", N: 1}},
	})}
	for _, c := range []struct {
		by    []rollup.Dim
		query string
		want  float64 // below 0: refused
	}{
		{[]rollup.Dim{rollup.Service, rollup.Code}, "", -1},
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

// Customers that a block has no room for are counted together, and the answer
// says so.
func TestCustomersWithoutRoom(t *testing.T) {
	var c rollup.Counted
	for i := range 20_001 {
		c.Customers = append(c.Customers, rollup.CustomerCount{Role: "primary", Service: "a", Family: "us", Customer: fmt.Sprint("c", i), N: 2})
	}
	c.Customers[7].N = 1
	b := Blocks{Blocks: rollup.BuildHour(now.Truncate(time.Hour).Add(-2*time.Hour), c)}
	for _, customer := range []string{"", "c7", "c8"} {
		p, err := NewPlan(Question{Measure: Errors, By: []rollup.Dim{rollup.Customer}, Whole: true, Filter: event.Filter{Customer: customer, From: now.Add(-24 * time.Hour), To: now}}, now)
		require.NoError(t, err)
		assert.False(t, p.Answer(b).Exact, customer)
	}
}
