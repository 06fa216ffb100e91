package api

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

func TestEventsFilter(t *testing.T) {
	f := newFixture(t)
	target := "/v1/events?service=billing&endpoint=/v1/charges/%7Bid%7D&method=post&code=PROVIDER_ERROR&status=5XX&family=us&role=primary" +
		"&customer=acme&environment=production&release=r1&provider=openai&issue=i1&from=now-1h&to=2026-11-20T13:05:00%2B01:00&q=two+words"
	require.Equal(t, 200, f.get(target).Code)
	assert.Equal(t, event.Filter{
		Service: "billing", Environment: "production", Endpoint: "/v1/charges/{id}", Method: "POST", Code: "provider_error", Status: "5xx",
		Family: event.FamilyUs, Role: event.Primary, Customer: "acme", Release: "r1", Provider: "openai", IssueID: "i1",
		From: noon.Add(-50 * time.Minute), To: noon.Add(5 * time.Minute), Query: "two words",
	}, f.mem.filter)

	require.Equal(t, 200, f.get("/v1/events?service=&status=").Code, "a form sends its empty fields")
	assert.Equal(t, event.Filter{}, f.mem.filter)
}

func TestEventsPages(t *testing.T) {
	f := newFixture(t)
	type page struct {
		Events []event.Event
		Next   *string
	}
	var seen []string
	target := "/v1/events?limit=2"
	for range 2 {
		p := decode[page](t, f.get(target))
		for _, e := range p.Events {
			seen = append(seen, e.ID)
		}
		if p.Next == nil {
			break
		}
		target = "/v1/events?limit=2&cursor=" + url.QueryEscape(*p.Next)
	}
	assert.Len(t, seen, 3)
	f.mem.events = nil
	assert.Contains(t, f.get("/v1/events").Body.String(), `{"events":[],"next":null}`)
}

func TestEventsNamesTheBadParameter(t *testing.T) {
	f := newFixture(t)
	for query, field := range map[string]string{
		"statuss=500":                          "statuss",
		"status=4200":                          "status",
		"status=9xx":                           "status",
		"status=-1":                            "status",
		"family=ours":                          "family",
		"role=boss":                            "role",
		"limit=0":                              "limit",
		"limit=201":                            "limit",
		"limit=x":                              "limit",
		"from=yesterday":                       "from",
		"to=now-1y":                            "to",
		"from=now&to=now-1h":                   "from",
		"service=a&service=b":                  "service",
		"q=%ff":                                "q",
		"q=status:9xx":                         "q",
		"q=a%00":                               "q",
		"q=" + strings.Repeat("a", maxValue+1): "q",
		"cursor=junk":                          "cursor",
		"%25s=1":                               "%s",
		"q=%zz":                                "query",
	} {
		w := f.get("/v1/events?" + query)
		assert.Equal(t, 422, w.Code, query)
		code, details := errorOf(t, w)
		assert.Equal(t, "validation_failed", code, query)
		assert.Equal(t, field, details["field"], query)
	}
}

func TestEventsSearch(t *testing.T) {
	f := newFixture(t)
	search := `service:billing status:5xx -customer:acme "connection reset"`
	require.Equal(t, 200, f.get("/v1/events?family=us&q="+url.QueryEscape(search)).Code)
	assert.Equal(t, event.Filter{Family: event.FamilyUs, Query: search}, f.mem.filter)

	f.mem.filter = event.Filter{}
	w := f.get("/v1/events?q=" + url.QueryEscape("timeout sevice:billing"))
	assert.Equal(t, 422, w.Code)
	code, details := errorOf(t, w)
	assert.Equal(t, "validation_failed", code)
	assert.Equal(t, map[string]any{"field": "q", "position": 9.0, "length": 6.0, "suggestion": "service"}, details)
	assert.Contains(t, w.Body.String(), "did you mean 'service'?")
	assert.Zero(t, f.mem.filter, "the store is not asked")
}

func TestInstant(t *testing.T) {
	for given, want := range map[string]time.Time{
		"":                              {},
		"now":                           noon,
		"now-1h":                        noon.Add(-time.Hour),
		"now+30s":                       noon.Add(30 * time.Second),
		"now 30s":                       noon.Add(30 * time.Second),
		"now-2d":                        noon.AddDate(0, 0, -2),
		"now-1w":                        noon.AddDate(0, 0, -7),
		"2026-11-20T14:02:35.123+02:00": noon.Add(2*time.Minute + 35123*time.Millisecond),
		"2026-11-20T14:02:35 02:00":     noon.Add(2*time.Minute + 35*time.Second),
	} {
		got, err := instant("from", given, noon)
		require.NoError(t, err, given)
		assert.True(t, want.Equal(got), given)
	}
	for _, bad := range []string{"now-", "now-1", "1h", "2026-11-20", "0001-01-01T00:00:00Z", "now-99999999h"} {
		_, err := instant("from", bad, noon)
		assert.Error(t, err, bad)
	}
}
