package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// aim sends the form of a page, and gives the page that it leads back to.
func (f *fixture) aim(path string, pairs ...string) page {
	f.t.Helper()
	res := f.post(path, nil, append([]string{"do", "set"}, pairs...)...)
	require.Equal(f.t, http.StatusSeeOther, res.code, res.body)
	require.Equal(f.t, path+"#slos", res.header.Get("Location"))
	return f.get(path)
}

// head are the figures at the top of a page.
func head(p page) string {
	return strings.Join(texts(p.Find("main > .facts dt, main > .facts dd")), " ")
}

// rowsOf are the rows of a table of budgets, as they are read.
func rowsOf(p page, section string) (out []string) {
	p.Find("section[aria-labelledby=" + section + "] tbody tr").Each(func(_ int, tr *goquery.Selection) {
		out = append(out, strings.Join(texts(tr.Find("th, .gauge > span, td.num, td.none")), " "))
	})
	return out
}

func objectiveRows(p page) []string { return rowsOf(p, "slos") }

func budgetRows(p page) string { return strings.Join(rowsOf(p, "budget-h"), "\n") }

func TestObjectivesOnPages(t *testing.T) {
	f := newFixture(t).decides()
	f.trade(true)
	p := f.get("/services/billing")
	assert.Regexp(t, `^SLO default 99.9%, not set Budget left [\d.]+% Burn 1 h, 6 h [\d.]+x, [\d.]+x$`, head(p))
	require.Len(t, objectiveRows(p), 1)
	assert.Contains(t, objectiveRows(p)[0], "Whole service default 99.9%, not set ")
	assert.Regexp(t, `% left [\d.]+x [\d.]+x$`, objectiveRows(p)[0])
	assert.Zero(t, p.Find("[value=remove]").Length(), "the default cannot be removed")
	assert.Contains(t, budgetRows(f.get("/d")), "billing default 99.9%, not set")

	p = f.aim("/services/billing", "objective", "99,5 %", "days", "7")
	requireSound(t, p)
	assert.Contains(t, head(p), "SLO 99.5% in 7 days Budget left ")
	require.Len(t, objectiveRows(p), 1, "in place of the default")
	p = f.aim("/services/billing", "objective", "60", "days", "") // again, in its place
	assert.Regexp(t, `SLO 60% Budget left 9\d\.\d%`, head(p))
	require.Len(t, objectiveRows(p), 1)
	assert.Regexp(t, `^Whole service 60% 99\.\d% left`, objectiveRows(p)[0])
	dashboard := f.get("/d")
	assert.Contains(t, budgetRows(dashboard), "billing 60% 9")
	assert.Contains(t, budgetRows(dashboard), "quiet default 99.9%, not set 100% left")
	assert.NotContains(t, budgetRows(dashboard), "billing default")

	// The nearest environment stands in the head.
	p = f.aim("/services/billing?environment=production", "objective", "99.95", "environment", "production")
	assert.Contains(t, head(p), "SLO in production 99.95%")
	assert.Contains(t, head(f.get("/services/billing")), "SLO 60%")
	assert.Len(t, objectiveRows(p), 2)
	assert.Contains(t, budgetRows(f.get("/d")), "billing production · 99.95% used up")
	assert.NotContains(t, budgetRows(f.get("/d?environment=staging")), "99.95%")
	assert.NotContains(t, budgetRows(f.get("/d?service=quiet")), "billing")

	// An endpoint has its own, or none.
	p = f.get("/e/billing/POST/v1/charges")
	assert.Contains(t, words(p.Find("section[aria-labelledby=slos] .none")), "none of its own")
	assert.Equal(t, "Service billing", head(p))
	p = f.aim("/e/billing/POST/v1/charges", "objective", "99")
	assert.Regexp(t, `^Service billing SLO 99% Budget left [\d.]+%`, head(p))
	requireSound(t, p)
	p = f.get("/services/billing")
	assert.Equal(t, "/e/billing/POST/v1/charges?from=now-24h", p.Find("section[aria-labelledby=slos] a.row").AttrOr("href", ""))
	assert.Contains(t, head(p), "SLO 60%", "an endpoint's is not its service's")
	assert.Empty(t, objectiveRows(f.get("/e/billing/GET/v1/invoices/%7Bid%7D")))

	for _, path := range []string{pathOfEndpoint("billing", "GET", "(other)"), pathOfEndpoint("billing", "GET", "")} {
		assert.Equal(t, 422, f.post(path, nil, "do", "set", "objective", "99").code, "what is no endpoint has none")
	}

	// Where requests are not counted there are no numbers.
	p = f.aim("/services/search", "objective", "99")
	assert.Equal(t, "SLO 99% Budget no request totals from search", head(p))
	assert.Contains(t, objectiveRows(p)[0], "99% no request totals from search")
	assert.Contains(t, budgetRows(f.get("/d")), "search 99% no request totals from search")

	// Names that nobody should have given.
	for _, path := range []string{pathOfService(strange), pathOfEndpoint(strange, "GET", strange)} {
		p = f.aim(path, "objective", "99", "environment", strange)
		requireSound(t, p)
		assert.Zero(t, p.Find("main i").Length(), "markup in a name")
		assert.Len(t, objectiveRows(p), 1, path)
		assert.Equal(t, 200, f.get("/d").code)
	}
}

func TestObjectivesAreRemoved(t *testing.T) {
	f := newFixture(t).decides()
	f.trade(true)
	p := f.aim("/services/billing", "objective", "99")
	id := p.Find("section[aria-labelledby=slos] input[name=id]").AttrOr("value", "")
	require.NotEmpty(t, id)
	assert.Equal(t, 303, f.post("/services/billing?from=now-7d", nil, "do", "remove", "id", id).code)
	assert.Contains(t, head(f.get("/services/billing")), "default 99.9%, not set")
	gone := f.post("/services/billing", nil, "do", "remove", "id", id)
	assert.Equal(t, 404, gone.code)
	assert.Contains(t, words(gone.Find("section[aria-labelledby=slos] [role=alert]")), "somebody may have removed it")
	assert.Equal(t, 1, gone.Find("h1").Length())
}

// What cannot be right is said on the page, with what was typed.
func TestObjectivesThatMakeNoSense(t *testing.T) {
	f := newFixture(t).decides()
	f.trade(true)
	for _, bad := range [][4]string{
		{"100", "28", "", "The 'objective' field must be a percentage from 50 to 99.999"},
		{"", "28", "", "The objective must be a percentage"}, {"a lot", "28", "", "such as 99.5"},
		{"99.5", "91", "", "The 'window_days' field must be a number of days from 1 to 90"}, {"99.5", "x", "", "must be a number"},
		{"99.5", "28", "a\x07", "The 'environment' field must be one line"},
	} {
		for _, path := range []string{"/services/billing?from=now-6h", "/e/billing/POST/v1/charges"} {
			p := f.post(path, nil, "do", "set", "objective", bad[0], "days", bad[1], "environment", bad[2])
			require.Equal(t, 422, p.code, bad)
			requireSound(t, p)
			assert.Contains(t, words(p.Find("section[aria-labelledby=slos] [role=alert]")), bad[3])
			assert.Equal(t, bad[0], p.Find("input[name=objective]").AttrOr("value", ""))
			assert.Equal(t, bad[1], p.Find("input[name=days]").AttrOr("value", ""))
		}
	}
	assert.Equal(t, 422, f.post("/services/billing", nil, "do", "dance").code)
	list, err := f.SLOs(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.Empty(t, list)
}

func TestWhoMaySetObjectives(t *testing.T) {
	f := newFixture(t).decides()
	f.trade(true)
	foreign := map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
	assert.Equal(t, 403, f.post("/services/billing", foreign, "do", "set", "objective", "99").code, "another site's form")
	f.client = f.newClient()
	assert.Equal(t, "/login?next=%2Fservices%2Fbilling", f.post("/services/billing", nil, "do", "set", "objective", "99").header.Get("Location"))
	f.signIn() // may read
	for _, path := range []string{"/services/billing", "/e/billing/POST/v1/charges"} {
		assert.Equal(t, 403, f.post(path, nil, "do", "set", "objective", "99").code)
		assert.Zero(t, f.get(path).Find("section[aria-labelledby=slos] form").Length())
	}
	list, err := f.SLOs(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.Empty(t, list)
}
