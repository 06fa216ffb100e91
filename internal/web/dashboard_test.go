package web

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/slo"
	"errata/internal/stats"
	"errata/internal/store"
)

// week is what a small company has in a week: a few hundred failures of four
// sides, with a deploy that broke something an hour ago, and every request
// counted where totals are wanted.
func (f *fixture) week(totals bool) {
	f.t.Helper()
	r := rand.New(rand.NewPCG(7, 8))
	kinds := []event.Event{
		{Status: 429, Code: "rate_limit_exceeded", Service: "prompts-api", Method: "POST", Endpoint: "/v1/prompts/{id}/run", Customer: "acme"},
		{Status: 429, Code: "rate_limit_exceeded", Service: "prompts-api", Method: "POST", Endpoint: "/v1/prompts/{id}/run", Customer: "globex"},
		{Status: 422, Code: "validation_failed", Service: "billing", Method: "POST", Endpoint: "/v1/charges", Customer: "initech"},
		{Status: 404, Code: "not_found", Service: "billing", Method: "GET", Endpoint: "/v1/invoices/{id}", Customer: "acme"},
		{Status: 502, Code: "provider_error", Service: "prompts-api", Method: "POST", Endpoint: "/v1/prompts/{id}/run", Customer: "hooli"},
		{Status: 500, Code: "internal_error", Service: "search-api", Method: "GET", Endpoint: "/v1/search", Customer: "umbrella"},
		{Status: 401, Code: "invalid_api_key", Service: "edge-gateway", Method: "GET", Endpoint: "/v1/me"},
	}
	var list []event.Event
	add := func(e event.Event, at time.Time, release string) {
		e.OccurredAt, e.RequestID, e.Release = at, fmt.Sprintf("req_w%d", len(list)), release
		if len(list)%3 > 0 && e.Customer != "" {
			e.Customer = fmt.Sprintf("%s-%d", e.Customer, len(list)%17)
		}
		list = append(list, e)
	}
	for range 600 {
		age := time.Duration(r.Float64() * r.Float64() * float64(8*24*time.Hour))
		add(kinds[min(len(kinds)-1, int(math.Abs(r.NormFloat64())*2.2))], f.now.Add(-age), "2026.11.19-1")
	}
	broken := event.Event{Status: 503, Code: "db_pool_exhausted", Service: "checkout-api", Method: "POST", Endpoint: "/v1/charges", Customer: "acme", Message: "no connection left"}
	steady := event.Event{Status: 500, Code: "internal_error", Service: "checkout-api", Method: "POST", Endpoint: "/v1/refunds", Customer: "acme"}
	for i := range 40 {
		add(steady, f.now.Add(-time.Duration(i)*4*time.Hour-3*time.Hour), "2026.11.19-1")
	}
	for i := range 120 {
		add(broken, f.now.Add(-time.Duration(i*20)*time.Second), "2026.11.20-3")
	}
	f.write(list...)
	for _, d := range []store.Deploy{
		{Service: "checkout-api", Environment: "production", Release: "2026.11.20-3", At: event.Time{Time: f.now.Add(-42 * time.Minute)}},
		{Service: "prompts-api", Environment: "production", Release: "2026.11.19-4", At: event.Time{Time: f.now.Add(-19 * time.Hour)}},
	} {
		require.NoError(f.t, f.AddDeploy(context.Background(), store.System, store.DefaultWorkspace, d))
	}
	if totals {
		f.totals(kinds[0], 40, 8*24*time.Hour)
		f.totals(kinds[2], 9, 8*24*time.Hour)
		f.totals(kinds[5], 4, 8*24*time.Hour)
		f.totals(broken, 12, 8*24*time.Hour)
		f.totals(steady, 1, time.Hour) // low traffic
	}
	_, err := f.RollUp(context.Background(), f.now)
	require.NoError(f.t, err)
}

// totals counts requests of an Event's endpoint: n a minute, of which the older
// ones are told every ten minutes.
func (f *fixture) totals(e event.Event, n float64, since time.Duration) {
	f.t.Helper()
	var list []event.Requests
	for at := f.now.Add(-since).Truncate(10 * time.Minute); at.Before(f.now); {
		step := 10 * time.Minute
		if f.now.Sub(at) < 100*time.Minute {
			step = time.Minute
		}
		list = append(list, event.Requests{Workspace: store.DefaultWorkspace, Minute: at, N: n * step.Minutes(), Source: event.TotalsRequests,
			Series: event.Series{Service: e.Service, Environment: "production", Method: e.Method, Endpoint: e.Endpoint}})
		at = at.Add(step)
	}
	require.NoError(f.t, f.CountRequests(context.Background(), list))
}

func TestDashboardWithTotals(t *testing.T) {
	f := newFixture(t).signIn()
	f.week(true)
	for _, path := range []string{"/d", "/d?from=now-15m", "/d?from=now-6h", "/d?from=now-24h", "/d?from=now-7d", "/d?from=now-30d", "/d?from=now-24h&service=checkout-api", "/d?from=now-24h&tz=Europe/Berlin&compare=previous"} {
		p := f.get(path)
		require.Equal(t, 200, p.code, path)
		requireSound(t, p)
		for _, panel := range []string{"codes-h", "endpoints-h", "new-h", "limits-h", "newcodes-h", "budget-h", "heat-h", "families-h"} {
			assert.Equal(t, 1, p.Find("#"+panel).Length(), "%s: %s", path, panel)
		}
		assert.Equal(t, 5, p.Find(".tiles li").Length())
		assert.NotContains(t, p.Find("main").Text(), "NaN")
		assert.Contains(t, strings.Join(p.header.Values("Server-Timing"), " "), "db;dur=", path)
		assert.Zero(t, p.Find("#nototals").Length(), path)
	}

	p := f.get("/d?from=now-1h")
	tiles := p.Find(".tiles li")
	assert.Contains(t, words(tiles.Eq(0)), "Requests")
	assert.Contains(t, words(tiles.Eq(1)), "%")
	assert.Contains(t, words(p.Find("#families-h")), "per request")
	codes := p.Find("section[aria-labelledby=codes-h] tbody tr").First()
	assert.Contains(t, words(codes), "db_pool_exhausted us 120 new")
	assert.Contains(t, words(p.Find("section[aria-labelledby=newcodes-h] tbody")), "db_pool_exhausted")
	assert.NotContains(t, words(p.Find("section[aria-labelledby=newcodes-h] tbody")), "rate_limit_exceeded")
	news := p.Find("section[aria-labelledby=new-h] tbody tr").First()
	assert.Contains(t, words(news), "db_pool_exhausted us checkout-api · POST /v1/charges · 2 min after 2026.11.20-3")
	assert.Contains(t, words(p.Find("section[aria-labelledby=limits-h] tbody")), "acme")
	budget := p.Find("section[aria-labelledby=budget-h] tbody tr").First()
	assert.Equal(t, "checkout-api default 99.9%, not set", words(budget.Find("th")), "the least left comes first")
	assert.Regexp(t, `^Error budgets \d of \d at risk checkout-api burns `, words(tiles.Eq(4)))
	assert.Contains(t, words(budget.Find(".gauge > span")), "used up")
	assert.Contains(t, words(budget.Find("td.bad")), "x", "and burns now")
	assert.Equal(t, 1, p.Find("svg.plot a[href='/releases?release=2026.11.20-3&service=checkout-api']").Length(), "a deploy leads to its release")
	p.Find("section[aria-labelledby=endpoints-h] tbody tr").Each(func(_ int, s *goquery.Selection) {
		assert.Equal(t, strings.Contains(words(s), "/v1/refunds"), s.HasClass("low"), words(s))
	})
}

func TestDashboardWithoutTotals(t *testing.T) {
	f := newFixture(t).signIn()
	f.week(false)
	p := f.get("/d?from=now-6h")
	requireSound(t, p)
	tiles := p.Find(".tiles li")
	assert.Contains(t, words(tiles.Eq(0)), "Failures")
	for i := range 3 {
		assert.Contains(t, words(tiles.Eq(i)), "requests are not counted", "a rate is never invented")
		assert.NotContains(t, words(tiles.Eq(i).Find("b")), "%")
	}
	assert.Equal(t, "Failures by side", words(p.Find("#families-h")))
	assert.Contains(t, words(p.Find("#totals")), "collector.test:4318/v1/totals")
	assert.Contains(t, words(p.Find("section[aria-labelledby=budget-h] .none")), "needs to know how many requests")
	assert.Equal(t, none, words(p.Find("section[aria-labelledby=endpoints-h] tbody tr").First().Find("td").First()))
}

// Where one service counts its requests and others do not, rates are about that
// one, and say so.
func TestDashboardCoversSome(t *testing.T) {
	f := newFixture(t).signIn()
	f.week(false)
	f.totals(event.Event{Service: "checkout-api", Method: "POST", Endpoint: "/v1/charges"}, 40, 7*24*time.Hour)
	p := f.get("/d?from=now-24h")
	assert.Regexp(t, `of [\d.]+% of the failures`, words(p.Find(".tiles li").Eq(1)))
	assert.Contains(t, words(p.Find("section[aria-labelledby=families-h]")), "Rates are of the services whose requests are counted")
}

func TestDashboardOfNothing(t *testing.T) {
	f := newFixture(t).signIn()
	p := f.get("/d")
	requireSound(t, p)
	assert.Contains(t, words(p.Find("main")), "Waiting for the first failure")
	assert.Contains(t, words(p.Find("#curl")), "http://collector.test:4318/v1/errors")

	f.samples() // twelve minutes to two hours ago
	p = f.get("/d?from=now-1h&service=nowhere&code=timeout")
	requireSound(t, p)
	assert.Equal(t, []string{"service nowhere ×", "code timeout ×"}, texts(p.Find("#nothing ~ .chips li")))
	p.Find("#nothing ~ .chips a").Each(func(i int, s *goquery.Selection) {
		href, _ := s.Attr("href")
		assert.Equal(t, []string{"/d?code=timeout&from=now-1h", "/d?from=now-1h&service=nowhere"}[i], href)
	})
	assert.Contains(t, words(p.Find("#nothing ~ p a")), "Show 24h")
	assert.Equal(t, "nowhere", words(p.Find("select[name=service] option[selected]")), "the filter that excludes all can be changed")

	p = f.get("/d?from=now-5m")
	assert.Contains(t, words(p.Find("main")), "The newest failure of all came 12 min ago")
}

func texts(s *goquery.Selection) []string {
	var out []string
	s.Each(func(_ int, e *goquery.Selection) { out = append(out, words(e)) })
	return out
}

// What roll-ups do not tell apart costs a panel, not the page.
func TestDashboardFilters(t *testing.T) {
	f := newFixture(t).signIn()
	f.week(true)
	p := f.get("/d?from=now-6h&code=rate_limit_exceeded")
	requireSound(t, p)
	assert.Equal(t, 200, p.code)
	assert.Contains(t, words(p.Find("section[aria-labelledby=limits-h]")), "not counted over all services. Choose one service to see it.")
	assert.Equal(t, "rate_limit_exceeded", words(p.Find("section[aria-labelledby=codes-h] tbody a")))
	assert.Contains(t, texts(p.Find(".controls .chips li")), "code rate_limit_exceeded ×")

	p = f.get("/d?from=now-6h&service=prompts-api&code=rate_limit_exceeded&environment=production")
	assert.NotContains(t, words(p.Find("main")), "not counted", "one service knows more")

	for query, says := range map[string]string{
		"q=timeout": "not by text", "q=service:": "", "from=yesterday": "such as 2026-11-20 14:00, or relative such as now-1h", "from=now-500d": "400 days", "tz=Moon": "time zone", "status=abc": "",
	} {
		p := f.get("/d?" + query)
		assert.Equal(t, 422, p.code, query)
		requireSound(t, p)
		assert.Contains(t, words(p.Find("main [role=alert]")), says, query)
		assert.Equal(t, 6, p.Find(".controls nav > a").Length(), "the way out is there")
	}
}

func TestDashboardLinksKeepPeriodAndFilter(t *testing.T) {
	f := newFixture(t).signIn()
	f.week(true)
	p := f.get("/d?from=now-6h&environment=production&tz=Europe/Berlin")
	follow := func(selector string) page {
		t.Helper()
		href, ok := p.Find(selector).First().Attr("href")
		require.True(t, ok, selector)
		next := f.get(href)
		require.Equal(t, 200, next.code, href)
		assert.Contains(t, href, "environment=production")
		return next
	}
	code := p.Find("section[aria-labelledby=codes-h] tbody tr").First()
	list := follow("section[aria-labelledby=codes-h] tbody a")
	assert.Contains(t, words(list.Find("table.list tbody tr").First()), words(code.Find("a")))
	assert.NotZero(t, follow("section[aria-labelledby=endpoints-h] tbody a").Find("table.list tbody tr").Length())
	assert.NotZero(t, follow("section[aria-labelledby=limits-h] tbody a[href]").Find("table.list tbody tr").Length())
	assert.NotZero(t, follow(".heat .row g a[href]").Find("table.list tbody tr").Length())
	assert.NotZero(t, follow(".tiles li:nth-child(2) a").Find("table.list tbody tr").Length())
	service := follow("section[aria-labelledby=budget-h] tbody a")
	assert.Equal(t, "Europe/Berlin", words(service.Find(".how [aria-current]").First()))
	for _, a := range []string{".controls nav > a", ".how a"} {
		p.Find(a).Each(func(_ int, s *goquery.Selection) {
			if href, _ := s.Attr("href"); href != "#main" {
				assert.Contains(t, href, "environment=production")
			}
		})
	}
}

// A workspace sees its own; what is still on its way is said.
func TestDashboardSaysWhatIsMissing(t *testing.T) {
	f := newFixture(t).signIn()
	f.week(true)
	f.trouble()
	p := f.get("/d")
	assert.Contains(t, words(p.Find(".note.warn")), "4,812 reports are still on the way into the database; the oldest came 7 min ago")
	assert.Regexp(t, `, UTC · one bar is 1 minute · as of \d\d:\d\d:\d\d, data to \d\d:\d\d`, words(p.Find(".asof")))
	assert.Contains(t, words(p.Find(".key .sofar")), "so far")
}

func TestDashboardRefresh(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	for query, want := range map[string][2]string{"": {"60", ""}, "refresh=30": {"30", "30"}, "refresh=off": {"0", ""}, "from=2026-01-01&to=2026-01-02": {"0", ""}} {
		p := f.get("/d?" + query)
		every, _ := p.Find("[data-refresh]").Attr("data-refresh")
		assert.Equal(t, want[0], every, query)
		_, reload, _ := strings.Cut(p.body, `<noscript><meta http-equiv="refresh" content="`)
		if want[1] == "" {
			assert.Empty(t, reload, query)
		} else {
			assert.True(t, strings.HasPrefix(reload, want[1]), query)
		}
	}
}

// evilDashboards have hostile text everywhere that text comes from others.
func evilDashboards(fr frame) []any {
	v := &view{path: "/d", now: time.Now(), zone: time.UTC, values: map[string]string{}, filter: event.Filter{From: time.Now().Add(-time.Hour), To: time.Now()}}
	for _, name := range viewNames {
		v.values[name] = evil
	}
	d := v.dashboard()
	d.aimAt([]slo.SLO{{ID: evil, Service: evil, Environment: evil, Objective: 99, WindowDays: 7}, {ID: evil, Service: evil, Method: evil, Endpoint: evil, Objective: 99, WindowDays: 28}})
	d.held = nil // the default, too
	for _, r := range d.replies {
		labels := make([]string, len(r.question.By))
		for i := range labels {
			labels[i] = evil
		}
		r.Answer = stats.Answer{From: v.filter.From, To: v.filter.To, Step: time.Minute, Series: []stats.Series{{Labels: labels, Values: []float64{1, 2}, Total: 3, Requests: 4}}}
	}
	issues := []store.NewIssue{{ID: evil, Service: evil, Method: evil, Endpoint: evil, Code: evil, Title: evil, Family: event.Family(evil), FirstAt: v.now, N: 1}}
	deploys := []store.Deploy{{Service: evil, Environment: evil, Release: evil, URL: evil, At: event.Time{Time: v.now.Add(-time.Minute)}}}
	full := dashboardPage{frame: fr, Controls: v.controls([]string{evil}, []string{evil}), Tiles: []tile{d.flowTile(d.requests, d.failures), d.customersTile(d.customers)},
		Families: d.familyPanel(deploys), Left: []ranking{d.topCodes(), d.newIssues(issues, deploys), d.newCodes()}, Right: []ranking{d.topEndpoints(), d.limitsByCustomer()},
		Heat: d.heat(), Budget: d.budget(d.budgets, DefaultSLO), NoTotals: true, Collector: evil, AsOf: d.asOf(d.failures, nil)}
	return []any{
		full, dashboardPage{frame: fr, Controls: full.Controls, Problem: evil},
		dashboardPage{frame: fr, Controls: full.Controls, Nothing: &nothingHere{Filters: []link{{Label: evil, Path: evil}}, Wider: link{Label: evil, Path: evil}, Newest: moment{evil, evil, evil}}},
		dashboardPage{frame: fr, Controls: full.Controls, Nothing: &nothingHere{First: true}, Collector: evil},
	}
}

// busy is a company of many services and endpoints with long names.
func (f *fixture) busy() {
	f.t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	var list []event.Event
	for i := range 3000 {
		n := r.IntN(60)
		list = append(list, event.Event{
			RequestID: fmt.Sprintf("req_b%d", i), OccurredAt: f.now.Add(-time.Duration(r.Float64() * float64(7*24*time.Hour))), Status: []int{400, 422, 429, 500, 502, 503}[r.IntN(6)],
			Code: fmt.Sprintf("some_code_that_says_what_happened_%d", r.IntN(30)), Service: fmt.Sprintf("service-of-team-%d-production", n), Method: "POST",
			Endpoint: fmt.Sprintf("/v1/organizations/{organization_id}/resources-%d/{resource_id}/actions", n), Customer: fmt.Sprintf("customer_%d", r.IntN(200)),
		})
	}
	f.write(list...)
	for i := range 40 {
		d := store.Deploy{Service: "billing", Environment: "production", Release: fmt.Sprintf("2026.11.20-%d", i), At: event.Time{Time: f.now.Add(-time.Duration(i) * 3 * time.Hour)}}
		require.NoError(f.t, f.AddDeploy(context.Background(), store.System, store.DefaultWorkspace, d))
	}
}

// A first visit fetches the page, its style and its script.
func TestDashboardBudgets(t *testing.T) {
	f := newFixture(t).signIn()
	f.busy()
	f.week(true)
	for _, from := range []string{"now-1h", "now-24h", "now-7d", "now-30d"} {
		p := f.get("/d?from=" + from)
		html := zipped(t, p.body)
		css, _ := p.Find("link[rel=stylesheet]").Attr("href")
		js, _ := p.Find("script").Attr("src")
		all := html + zipped(t, f.get(css).body) + zipped(t, f.get(js).body)
		t.Logf("%s: %d bytes of HTML, %d in all", from, html, all)
		assert.Less(t, html, 30<<10, from)
		assert.Less(t, all, 65<<10, from)
	}
}

// reads counts what a page asks of a real store.
type reads struct {
	Reader
	stats, others int
}

func (r *reads) Stats(ctx context.Context, ws int32, now time.Time, questions ...stats.Question) ([]stats.Answer, error) {
	r.stats++
	return r.Reader.Stats(ctx, ws, now, questions...)
}

func (r *reads) Deploys(ctx context.Context, ws int32, f store.DeployFilter) ([]store.Deploy, error) {
	r.others++
	return r.Reader.Deploys(ctx, ws, f)
}

func (r *reads) NewIssues(ctx context.Context, ws int32, service string, from, to time.Time, limit int) ([]store.NewIssue, error) {
	r.others++
	return r.Reader.NewIssues(ctx, ws, service, from, to, limit)
}

func (r *reads) SLOs(ctx context.Context, ws int32) ([]slo.SLO, error) {
	r.others++
	return r.Reader.SLOs(ctx, ws)
}

func (r *reads) Overview(ctx context.Context, ws int32) (store.Overview, error) {
	r.others++
	return r.Reader.Overview(ctx, ws)
}

func (r *reads) Collectors(ctx context.Context) ([]store.Collector, error) {
	r.others++
	return r.Reader.Collectors(ctx)
}

func (r *reads) Events(ctx context.Context, ws int32, f event.Filter, limit int, cursor string) (store.Page, error) {
	r.others = 99 // never single Events
	return r.Reader.Events(ctx, ws, f, limit, cursor)
}

// All numbers are of one moment: they come from one read.
func TestDashboardReadsOnce(t *testing.T) {
	f := newFixture(t)
	f.week(true)
	r := &reads{Reader: f.Store}
	f.server = httptest.NewServer(New(Deps{Store: r, Keys: auth.NewKeyring(f.KeyByHash, 0), Sessions: f.Sessions()}))
	t.Cleanup(f.server.Close)
	f.signIn()
	require.Equal(t, 200, f.get("/d?from=now-24h").code)
	assert.Equal(t, 1, r.stats)
	assert.Equal(t, 4, r.others, "objectives, deploys, new issues, collectors")
}

// A company that reports since this morning has nothing to compare with.
func TestDashboardOfTheFirstDay(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	p := f.get("/d?from=now-6h")
	assert.Equal(t, none, words(p.Find(".change").First()))
	assert.NotContains(t, words(p.Find("section[aria-labelledby=codes-h]")), "new")
	assert.Contains(t, words(p.Find("section[aria-labelledby=newcodes-h]")), "nothing can be called new")
	assert.Equal(t, "limit", words(p.Find("section[aria-labelledby=codes-h] tr:contains(rate_limit) .tag").First()), "sides are words")
}
