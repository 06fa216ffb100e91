package web

import (
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Endpoints are ranked by rate where that is asked for, and those with too few
// requests to tell come last, whatever theirs is.
func TestTopEndpointsByRate(t *testing.T) {
	const top = "section[aria-labelledby=endpoints-h] "
	rates := func(p page, cell int) (busy, few []float64) {
		t.Helper()
		p.Find(top + "tbody tr").Each(func(_ int, tr *goquery.Selection) {
			rate, err := strconv.ParseFloat(strings.Trim(words(tr.Find("td").Eq(cell)), "<>%"), 64)
			require.NoError(t, err, words(tr))
			if tr.HasClass("low") {
				few = append(few, rate)
				return
			}
			assert.Empty(t, few, "%s comes after what has too few requests", words(tr))
			busy = append(busy, rate)
		})
		return busy, few
	}
	f := newFixture(t).signIn()
	f.week(true)
	const here = "/d?environment=production&from=now-6h"
	p := f.get(here)
	link := p.Find(top + ".views a").Not("[aria-current]")
	assert.Equal(t, "rate", words(link))
	assert.Equal(t, here+"&top=rate#endpoints-h", link.AttrOr("href", ""))
	p = f.get(link.AttrOr("href", ""))
	requireSound(t, p)
	busy, few := rates(p, 0)
	assert.Greater(t, len(busy), 1)
	assert.IsNonIncreasing(t, busy)
	assert.Len(t, few, 1)
	assert.Greater(t, few[0], busy[len(busy)-1], "else it says nothing")
	assert.Contains(t, words(p.Find(top)), "Grey, and last: fewer than 100 requests in this period. That is too few to tell a rate")
	assert.Equal(t, "rate", words(p.Find(top+".views [aria-current]")))
	assert.Equal(t, here+"#endpoints-h", p.Find(top+".views a").First().AttrOr("href", ""), "the way back")
	assert.Equal(t, 2, p.Find(".controls form input[name=top][value=rate]").Length(), "the forms keep it")
	assert.Zero(t, p.Find(".controls .chips").Length(), "it is no filter")
	p.Find("main a[href^='/']").Each(func(_ int, s *goquery.Selection) {
		if href := s.AttrOr("href", ""); !strings.HasPrefix(href, "/d?") {
			assert.NotContains(t, href, "top=", "it is about this page")
		}
	})
	assert.Equal(t, 422, f.get("/d?top=wombats").code)

	// The same numbers, in another order.
	byRate, byFailures := rowsByName(p, top), rowsByName(f.get(here+"&top=failures"), top)
	for name, cells := range byRate {
		if have, ok := byFailures[name]; ok {
			assert.Equal(t, have[:2], cells[:2], name)
		}
	}

	f = newFixture(t).signIn()
	f.trade(true)
	p = f.get("/services/billing?top=rate")
	requireSound(t, p)
	busy, few = rates(p, 1)
	assert.Len(t, busy, 2)
	assert.IsNonIncreasing(t, busy)
	assert.Len(t, few, 1)
	assert.Equal(t, "/services/billing#endpoints-h", strings.Replace(p.Find(top+".views a").First().AttrOr("href", ""), "?from=now-24h", "", 1))
	assert.Equal(t, rowsByName(f.get("/services/billing"), top), rowsByName(p, top))
	assert.Zero(t, f.get("/services/search").Find(top+".views").Length(), "whose requests are not counted")
}

func rowsByName(p page, table string) map[string][]string {
	out := map[string][]string{}
	p.Find(table + "tbody tr").Each(func(_ int, tr *goquery.Selection) { out[words(tr.Find("th"))] = texts(tr.Find("td")) })
	return out
}

// Where nobody counts requests, there is nothing to rank by rate, and the page says so.
func TestNoRatesToRankBy(t *testing.T) {
	const top = "section[aria-labelledby=endpoints-h] "
	f := newFixture(t).signIn()
	f.week(false)
	without := f.get("/d?from=now-6h")
	assert.Zero(t, without.Find(top+".views").Length())
	p := f.get("/d?from=now-6h&top=rate")
	requireSound(t, p)
	assert.Equal(t, texts(without.Find(top+"tbody tr")), texts(p.Find(top+"tbody tr")))
	assert.Contains(t, words(p.Find(top)), "Not ranked by rate: there is none, since nobody counts the requests here.")
	assert.Equal(t, 1, p.Find(top+".views a").First().Length(), "the way back")
	p = f.get("/services/checkout-api?from=now-6h&top=rate")
	assert.Contains(t, words(p.Find(top)), "Not ranked by rate: there is none")
	assert.NotZero(t, p.Find(top+"tbody tr").Length())
}
