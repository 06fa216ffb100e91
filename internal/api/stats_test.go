package api

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

// The fixture's failures, as an hour counts them: decisions of this package
// only. What blocks say is the business of the tests of rollup, stats and store.
func TestStats(t *testing.T) {
	f := newFixture(t)
	total := 0.0
	for _, e := range f.mem.events {
		if e.Role == event.Primary {
			total++
		}
	}
	require.Positive(t, total)
	series := decode[struct {
		Step   string
		Series []struct {
			Labels map[string]string
			Points [][2]any
			Total  float64
		}
	}](t, f.get("/v1/stats/series?by=family&from=now-3h&to=now%2B1h&compare=week"))
	sum := 0.0
	for _, s := range series.Series {
		assert.NotEmpty(t, s.Labels["family"])
		assert.Len(t, s.Points, 5*12, "five-minute steps of five whole hours")
		for _, p := range s.Points {
			if v, ok := p[1].(float64); ok {
				sum += v
			}
		}
	}
	assert.Equal(t, total, sum)
	assert.Equal(t, "5m", series.Step)

	top := decode[struct {
		Rows []struct {
			Value, Errors, Requests float64
		}
	}](t, f.get("/v1/stats/top?measure=rate&from=now-3h&to=now%2B1h&limit=1"))
	require.Len(t, top.Rows, 1)
	assert.InDelta(t, top.Rows[0].Errors/top.Rows[0].Requests, top.Rows[0].Value, 1e-9)

	heat := decode[struct {
		Columns []string
		Max     float64
		Rows    []struct {
			Labels map[string]string
			Values []*float64
		}
	}](t, f.get("/v1/stats/heatmap?from=now-3h&to=now%2B1h&step=1h"))
	assert.Len(t, heat.Columns, 5)
	assert.Positive(t, heat.Max)
	for _, row := range heat.Rows {
		assert.Contains(t, row.Labels, "endpoint")
		assert.Len(t, row.Values, 5)
	}
}

func TestStatsRefuses(t *testing.T) {
	f := newFixture(t)
	for query, says := range map[string]string{
		"measure=median":              `"field":"measure"`,
		"by=colour":                   `"field":"by"`,
		"by=code,code":                `"field":"by"`,
		"step=7":                      `"field":"step"`,
		"step=90s":                    `"field":"step"`,
		"step=1m&from=now-7d&by=code": `must be a multiple of 1h`,
		"limit=201":                   `"field":"limit"`,
		"compare=month":               `"field":"compare"`,
		"from=now-500d":               `"field":"from"`,
		"from=now%2B1h":               `"field":"from"`,
		"q=%22connection%20reset%22":  `unsupported_combination`,
		"by=release":                  `"with_service"`,
		"measure=rate&by=customer":    `unsupported_combination`,
		"by=service,code,status,family,environment":           `takes 4 dimensions`,
		"measure=rate&by=service,method,endpoint,environment": `takes 3 dimensions`,
		"measure=rate&release=1":                              `unsupported_combination`,
		"issue=00000000-0000-0000":                            `"field":"issue"`,
		"by=code,customer&limit=3":                            `filter on one service`,
		"measure=requests&by=provider":                        `unsupported_combination`,
	} {
		w := f.get("/v1/stats/series?" + query)
		assert.Equal(t, 422, w.Code, query)
		assert.Contains(t, w.Body.String(), says, query)
	}
}
