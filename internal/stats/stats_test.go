package stats

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/rollup"
)

var now = time.Date(2026, 11, 20, 14, 20, 30, 0, time.UTC)

func TestPlanTakesTheSmallestCube(t *testing.T) {
	for name, c := range map[string]struct {
		q                Question
		errors, requests rollup.Cube
	}{
		"nothing":                   {Question{Measure: Errors}, rollup.Totals, 0},
		"family of a service":       {Question{Measure: Errors, By: []rollup.Dim{rollup.Family}, Filter: event.Filter{Service: "a"}}, rollup.ServiceTotals, 0},
		"codes":                     {Question{Measure: Rate, By: []rollup.Dim{rollup.Code}}, rollup.Codes, rollup.Requests},
		"codes of an endpoint":      {Question{Measure: Rate, By: []rollup.Dim{rollup.Code}, Filter: event.Filter{Service: "a", Endpoint: "/x"}}, rollup.ServiceDetail, rollup.Routes},
		"endpoints":                 {Question{Measure: Rate, By: []rollup.Dim{rollup.Service, rollup.Endpoint}}, rollup.Endpoints, rollup.Routes},
		"customers of all":          {Question{Measure: Customers}, rollup.Codes, 0},
		"who hits limits":           {Question{Measure: Errors, By: []rollup.Dim{rollup.Customer}, Filter: event.Filter{Family: event.FamilyLimits}}, rollup.Callers, 0},
		"customers of an endpoint":  {Question{Measure: Customers, By: []rollup.Dim{rollup.Code}, Filter: event.Filter{Query: "service:a,b endpoint:/x"}}, rollup.ServiceCallers, 0},
		"releases of a service":     {Question{Measure: Errors, By: []rollup.Dim{rollup.Release}, Filter: event.Filter{Service: "a"}}, rollup.ServiceDetail, 0},
		"providers":                 {Question{Measure: Errors, By: []rollup.Dim{rollup.Provider}, Filter: event.Filter{Status: "502"}}, rollup.Providers, 0},
		"requests of a service":     {Question{Measure: Requests, Filter: event.Filter{Service: "a"}}, 0, rollup.ServiceRequests},
		"services by a prefix":      {Question{Measure: Errors, Filter: event.Filter{Query: "service:a*"}}, rollup.Services, 0},
		"more services than cubes":  {Question{Measure: Errors, Filter: event.Filter{Query: "service:a,b,c,d,e,f,g,h,i,j,k"}}, rollup.Services, 0},
		"everything but a service":  {Question{Measure: Errors, Filter: event.Filter{Query: "-service:a"}}, rollup.Services, 0},
		"status, whatever its rate": {Question{Measure: Rate, Filter: event.Filter{Status: "5xx"}}, rollup.Totals, rollup.Requests},
	} {
		c.q.Filter.From, c.q.Filter.To = now.Add(-24*time.Hour), now
		p, err := NewPlan(c.q, now)
		require.NoError(t, err, name)
		assert.Equal(t, c.errors, p.errors, name)
		assert.Equal(t, c.requests, p.requests, name)
	}
}

// Four dimensions are counted together, three where a rate takes one for itself.
func TestFourDimensions(t *testing.T) {
	by := []rollup.Dim{rollup.Service, rollup.Code, rollup.Status, rollup.Family}
	for m, cube := range map[Measure]rollup.Cube{Errors: rollup.ServicesCodes, Customers: rollup.ServicesCodes, Rate: 0, P95: 0} {
		p, err := NewPlan(Question{Measure: m, By: by, Filter: event.Filter{From: now.Add(-24 * time.Hour), To: now}}, now)
		if cube == 0 {
			require.ErrorContains(t, err, "takes 3 dimensions at most with measure="+string(m))
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, cube, p.errors, m)
	}
	_, err := NewPlan(Question{Measure: Errors, By: append(by, rollup.Environment), Filter: event.Filter{From: now.Add(-24 * time.Hour), To: now}}, now)
	require.ErrorContains(t, err, "takes 4 dimensions at most")
	p, err := NewPlan(Question{Measure: Errors, By: by, Filter: event.Filter{Service: "a", From: now.Add(-24 * time.Hour), To: now}}, now)
	require.NoError(t, err)
	assert.Equal(t, rollup.ServiceDetail, p.errors, "of one service its own are fewer")
}

func TestPeriodsAndSteps(t *testing.T) {
	at := func(s string) time.Time {
		out, err := time.Parse("2006-01-02 15:04", s)
		require.NoError(t, err)
		return out
	}
	for _, c := range []struct {
		length   time.Duration
		by       []rollup.Dim
		from, to string
		step     string
	}{
		{15 * time.Minute, nil, "2026-11-20 14:05", "2026-11-20 14:21", "1m"},
		{time.Hour, []rollup.Dim{rollup.Code}, "2026-11-20 13:20", "2026-11-20 14:21", "1m"},
		{6 * time.Hour, nil, "2026-11-20 08:00", "2026-11-20 15:00", "5m"},
		{6 * time.Hour, []rollup.Dim{rollup.Code}, "2026-11-20 08:00", "2026-11-20 15:00", "1h"},
		{24 * time.Hour, nil, "2026-11-19 14:00", "2026-11-20 15:00", "15m"},
		{7 * 24 * time.Hour, nil, "2026-11-13 14:00", "2026-11-20 15:00", "2h"},
		{30 * 24 * time.Hour, nil, "2026-10-21 00:00", "2026-11-21 00:00", "6h"},
		{30 * 24 * time.Hour, []rollup.Dim{rollup.Code}, "2026-10-21 00:00", "2026-11-21 00:00", "1d"},
	} {
		p, err := NewPlan(Question{Measure: Errors, By: c.by, Filter: event.Filter{From: now.Add(-c.length), To: now}}, now)
		require.NoError(t, err)
		assert.Equal(t, at(c.from), p.Filter.From, c.length)
		assert.Equal(t, at(c.to), p.Filter.To, c.length)
		assert.Equal(t, c.step, StepText(p.Step), "%s by %v", c.length, c.by)
	}
}

// A period that is not over is compared with as much of the one before.
func TestComparesLikeWithLike(t *testing.T) {
	hour := func(h time.Time, n int64) []rollup.Block {
		c := &rollup.Counted{}
		c.SetAll(map[rollup.Dim]string{rollup.Role: "primary", rollup.Service: "a", rollup.Family: "us", rollup.Code: "boom"})
		c.Errors(10, n)
		c.Errors(50, n)
		return rollup.BuildHour(h, c)
	}
	start := now.Truncate(time.Hour)
	var b Blocks
	for i := range 24 {
		b.Blocks = append(b.Blocks, hour(start.Add(-time.Duration(i+1)*time.Hour), 3)...)
		b.Blocks = append(b.Blocks, hour(start.Add(-time.Duration(i+1)*time.Hour-7*24*time.Hour), 1)...)
	}
	b.Blocks = append(b.Blocks, hour(start.Add(-7*24*time.Hour), 100)...) // the hour that is not over, a week ago
	for _, whole := range []bool{true, false} {
		p, err := NewPlan(Question{Measure: Errors, By: []rollup.Dim{rollup.Code}, Whole: whole, Compare: Week, Filter: event.Filter{From: now.Add(-24 * time.Hour), To: now}}, now)
		require.NoError(t, err)
		a := p.Answer(b)
		require.Len(t, a.Series, 1)
		assert.InDelta(t, 24*6, a.Series[0].Total, 0)
		assert.InDelta(t, 3, a.Series[0].Change(), 1e-9)
	}
}

// Seven days are compared with the seven before them, and what has not come yet
// with nothing.
func TestComparesWeeks(t *testing.T) {
	for length, weeks := range map[time.Duration]int{time.Hour: 1, 7 * 24 * time.Hour: 1, 8 * 24 * time.Hour: 2, 30 * 24 * time.Hour: 5} {
		p, err := NewPlan(Question{Measure: Errors, Compare: Week, Filter: event.Filter{From: now.Add(-length), To: now}}, now)
		require.NoError(t, err)
		assert.Equal(t, time.Duration(weeks)*7*24*time.Hour, p.shift, length)
	}
	for _, m := range Measures {
		p, err := NewPlan(Question{Measure: m, Compare: Week, Filter: event.Filter{From: now.Add(time.Hour), To: now.Add(2 * time.Hour)}}, now)
		require.NoError(t, err)
		for _, s := range p.Answer(Blocks{}).Series {
			assert.True(t, math.IsNaN(s.Change()), m)
		}
	}
}

func TestNothingIsANumber(t *testing.T) {
	p, err := NewPlan(Question{Measure: Rate, Filter: event.Filter{From: now.Add(-time.Hour), To: now}}, now)
	require.NoError(t, err)
	a := p.Answer(Blocks{})
	require.Len(t, a.Series, 1)
	assert.True(t, a.NoTotals)
	assert.True(t, math.IsNaN(a.Series[0].Total))
	p, err = NewPlan(Question{Measure: Errors, Filter: event.Filter{From: now.Add(-time.Hour), To: now.Add(time.Hour)}}, now)
	require.NoError(t, err)
	s := p.Answer(Blocks{}).Series[0]
	assert.Zero(t, s.Total)
	assert.True(t, math.IsNaN(s.Values[len(s.Values)-1]), "it has not come yet")
}

// Lists count by whole hours, and agree with what is answered for them.
func TestHoursAreNeitherMoreNorLess(t *testing.T) {
	at := time.Date(2026, 11, 20, 14, 20, 0, 0, time.UTC)
	for length, from := range map[time.Duration]time.Time{
		10 * time.Minute: at.Truncate(time.Hour), 24 * time.Hour: at.Add(-24*time.Hour - 20*time.Minute), 20 * 24 * time.Hour: at.Add(-20*24*time.Hour - 20*time.Minute),
	} {
		p, err := NewPlan(Question{Measure: Customers, Whole: true, Hours: true, Filter: event.Filter{Service: "billing", Code: "boom", From: at.Add(-length), To: at}}, at)
		require.NoError(t, err)
		at, until := from, at.Add(40*time.Minute)
		for _, r := range p.Reads() { // one after the other
			assert.Equal(t, Read{Cube: r.Cube, Services: []string{"billing"}, From: at, To: r.To, Days: true, Whole: true, By: r.By}, r)
			at = r.To
		}
		assert.Equal(t, until, at)
	}
}
