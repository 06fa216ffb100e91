package web

import (
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/stats"
)

var afternoon = time.Date(2026, 11, 20, 14, 7, 12, 0, time.UTC)

func viewOf(t testing.TB, query string) (*view, error) {
	t.Helper()
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/d?"+query, nil)
	w := &web{Deps: Deps{Now: func() time.Time { return afternoon }}}
	return w.newView(c, "/d", 60)
}

func TestViewReadsTheAddress(t *testing.T) {
	v, err := viewOf(t, "")
	require.NoError(t, err)
	assert.Equal(t, time.Hour, v.filter.To.Sub(v.filter.From))
	assert.Equal(t, stats.Week, v.compare)
	assert.Equal(t, 60, v.refresh)

	v, err = viewOf(t, "from=now-24h&to=now&service=billing&code=RateLimit&q=status:5xx&tz=Europe/Berlin&compare=previous&refresh=30")
	require.NoError(t, err)
	assert.Equal(t, 24*time.Hour, v.length())
	assert.Equal(t, "rate_limit", v.filter.Code)
	assert.Equal(t, "15:07", v.clock(afternoon))
	assert.Equal(t, stats.Previous, v.compare)
	assert.Equal(t, 30, v.refresh)

	v, err = viewOf(t, "from=2026-11-19T10:00&to=2026-11-19T12:00&tz=Europe/Berlin")
	require.NoError(t, err)
	assert.Equal(t, "2026-11-19T09:00:00Z", v.filter.From.Format(time.RFC3339), "fields of a form are in the page's zone")
	assert.Zero(t, v.refresh, "what is over does not change")

	for _, query := range []string{"from=yesterday", "from=now&to=now-1h", "tz=Local", "tz=../etc/passwd", "tz=Nowhere/Land", "compare=year", "refresh=1", "family=them", "service=" + url.QueryEscape("a\x00b")} {
		v, err := viewOf(t, query)
		assert.Error(t, err, query)
		assert.NotEmpty(t, v.controls(nil, nil).Ranges, "the page can be mended")
	}
}

func TestViewKeepsTheOtherParameters(t *testing.T) {
	v, err := viewOf(t, "from=now-6h&service=billing&code=timeout&tz=Europe/Berlin&refresh=off&cursor=x")
	require.NoError(t, err)
	assert.Equal(t, "/d?code=timeout&from=now-24h&refresh=off&service=billing&tz=Europe%2FBerlin", v.with("from", "now-24h"))
	assert.Equal(t, "/d?from=now-6h&refresh=off&service=billing&tz=Europe%2FBerlin", v.with("code", ""))
	assert.Equal(t, "/events?code=timeout&customer=a+b&from=now-6h&role=primary&service=billing", v.failures("customer", "a b"))
	assert.Equal(t, "/events?code=timeout&from=2026-11-20T13%3A00%3A00Z&role=primary&service=billing&to=2026-11-20T14%3A00%3A00Z",
		v.bucket(afternoon.Truncate(time.Hour).Add(-time.Hour), afternoon.Truncate(time.Hour)))
	c := v.controls([]string{"search", "edge", ""}, nil)
	assert.Equal(t, []choice{{"", "all services", false}, {"billing", "billing", true}, {"edge", "edge", false}, {"search", "search", false}}, c.Services, "what is chosen is there")
	assert.Equal(t, []link{{Label: "code timeout", Path: v.with("code", "")}}, c.Chips)
	assert.NotContains(t, c.Hidden, row{"service", "billing"})
	assert.Contains(t, c.Hidden, row{"from", "now-6h"})
	assert.NotContains(t, c.Kept, row{"from", "now-6h"})

	v, err = viewOf(t, "")
	require.NoError(t, err)
	assert.Equal(t, "/events?from=now-1h&role=primary", v.failures(), "the same period is said to pages with another default")
	assert.True(t, v.controls(nil, nil).Ranges[1].Chosen)
}

func TestNumbers(t *testing.T) {
	nan := math.NaN()
	for n, want := range map[float64]string{0: "0", 1204: "1,204", 99_949: "99,949", 99_960: "100k", 1_234_567: "1.23M", 3e9: "3G"} {
		assert.Equal(t, want, count(n))
	}
	assert.Equal(t, none, count(nan))
	for n, want := range map[float64]string{0: "0%", .00001: "<0.01%", .0084: "0.84%", .012: "1.2%", .124: "12.4%", .9999: ">99.9%", 1: "100%"} {
		assert.Equal(t, want, percent(n))
	}
	assert.Equal(t, none, percent(nan))
	for n, want := range map[float64]string{4.12: "4.1x", 1: "1.0x", 18.4: "18x", 5000: ">999x"} {
		assert.Equal(t, want, factor(n))
	}
	assert.Equal(t, none, factor(nan))
	v := &view{}
	assert.Equal(t, "new", v.change(&stats.Series{Before: []float64{0}, Same: 3}))
	assert.Equal(t, none, v.change(&stats.Series{}))
	v.blank = true
	assert.Equal(t, none, v.change(&stats.Series{Before: []float64{0}, Same: 3}), "nothing is known of the time before")
	assert.Equal(t, "2.5", perMinute(150, 60))
	assert.Equal(t, "0.05", perMinute(3, 60))
	assert.Equal(t, "41,200", perMinute(41_200, 1))
	assert.Equal(t, event.FamilyUs, event.Family(toneOf("us")))
}
