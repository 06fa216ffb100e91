package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/ruleset"
	"errata/internal/stats"
	"errata/internal/store"
)

// table is the text of a ranking's rows.
func table(p page, id string) string {
	return words(p.Find("section[aria-labelledby=" + id + "-h] tbody"))
}

// numbers are the cells of a ranking's row.
func numbers(p page, id, label string) []string {
	var out []string
	p.Find("section[aria-labelledby=" + id + "-h] tbody tr").Each(func(_ int, tr *goquery.Selection) {
		if words(tr.Find("th .row")) == label {
			tr.Find("td").Each(func(_ int, td *goquery.Selection) { out = append(out, words(td)) })
		}
	})
	return out
}

func TestTopicPages(t *testing.T) {
	for _, totals := range []bool{true, false} {
		f := newFixture(t).signIn()
		f.trade(totals)
		for _, path := range topics() {
			p := f.get(path)
			require.Equal(t, 200, p.code, path)
			requireSound(t, p)
			assert.NotContains(t, p.Find("main").Text(), "NaN", path)
			assert.Less(t, zipped(t, p.body), 20<<10, path)
			assert.Contains(t, strings.Join(p.header.Values("Server-Timing"), " "), "db;dur=", path)
			assert.Zero(t, p.Find("main i, main script, main img").Length(), "%s: markup in a name", path)
			p.Find("main [href]").Each(func(_ int, s *goquery.Selection) {
				assert.NotContains(t, strings.ToLower(s.AttrOr("href", "")), "javascript", path)
			})
			if !totals { // a rate is never invented
				p.Find(".tiles li").Each(func(_ int, s *goquery.Selection) {
					assert.NotContains(t, words(s.Find("b")), "%", path)
				})
				assert.Zero(t, p.Find("thead th:contains(rate)").Not(".versus th").Length(), path)
			}
		}
	}
}

func TestServicePages(t *testing.T) {
	f := newFixture(t).signIn()
	f.trade(true)
	list := f.get("/services")
	quiet := numbers(list, "list", "quiet")
	require.Len(t, quiet, 8, "what never fails is there")
	assert.Equal(t, []string{"0", none}, quiet[:2])
	assert.Equal(t, []string{"0%", "0%"}, quiet[3:5])
	assert.Equal(t, []string{none, none, none}, numbers(list, "list", "search")[2:5], "whose requests are not counted")
	assert.Equal(t, "/services/billing?from=now-24h", list.Find("table.rank a.row").First().AttrOr("href", ""))

	p := f.get("/services/billing")
	tiles := p.Find(".tiles li")
	require.Equal(t, 6, tiles.Length())
	for i, want := range []string{"Requests 4", "Failures 0.", "5xx 0.", "429 0%", "Customers affected 2", "Failures took, p95"} {
		assert.Contains(t, words(tiles.Eq(i)), want)
	}
	assert.Contains(t, words(tiles.Eq(5)), "failures that say so, not of all requests")
	assert.Subset(t, numbers(p, "codes", "db_pool_exhausted"), []string{"90", "new", "1"})
	assert.Contains(t, table(p, "customers"), "mia@example.com")
	assert.Contains(t, table(p, "environments"), "production")
	assert.Contains(t, table(p, "releases"), "times as many failures as before")
	assert.Equal(t, 1, p.Find("section[aria-labelledby=releases-h] svg.interval").Length())
	assert.Equal(t, 1, p.Find(`svg.plot a[href="/releases?release=2026.11.20-3&service=billing"]`).Length(), "the deploy is marked")
	low := p.Find("section[aria-labelledby=endpoints-h] tr.low")
	assert.Equal(t, 1, low.Length())
	assert.Contains(t, words(low), "POST /v1/refunds")

	// Another service is picked.
	for query, want := range map[string]string{"service=search&from=now-6h": "/services/search?from=now-6h", "service=": "/services", "service=a%2Fb": "/services/a%2Fb"} {
		res := f.get("/services/billing?" + query)
		assert.Equal(t, http.StatusSeeOther, res.code)
		assert.Equal(t, want, res.header.Get("Location"))
	}
	assert.Equal(t, "/services/search", f.get("/services?service=search").header.Get("Location"))
	assert.Equal(t, 200, f.get("/services/billing?service=billing").code)
}

func TestEndpointPage(t *testing.T) {
	f := newFixture(t).signIn()
	f.trade(true)
	p := f.get("/e/billing/POST/v1/charges")
	tiles := p.Find(".tiles li")
	require.Equal(t, 5, tiles.Length())
	assert.Contains(t, words(tiles.Eq(0)), "Requests 3")
	assert.Contains(t, words(tiles.Eq(3)), "Customers affected 2")
	assert.Equal(t, []string{"page", "quiet"}, numbers(p, "rules", "default"))
	assert.Equal(t, "/alerts/silences/new?endpoint=%2Fv1%2Fcharges&method=POST&service=billing", p.Find("section[aria-labelledby=rules-h] p a").AttrOr("href", ""))
	assert.Equal(t, []string{"90", "1"}, numbers(p, "since", "db_pool_exhausted"))
	assert.Contains(t, words(p.Find("#since-h")), "Only seen since 2026.11.20-3")
	assert.Equal(t, latestRows, p.Find("table.list tbody tr").Length())
	assert.Equal(t, "/r/req_t420", p.Find("table.list a.row").First().AttrOr("href", ""))
	all := f.get(p.Find("section[aria-labelledby=latest] > p a").AttrOr("href", ""))
	assert.Equal(t, "/v1/charges", all.Find("input[name=endpoint]").AttrOr("value", ""))
	assert.Equal(t, pageSize, all.Find("table.list tbody tr").Length())

	for _, query := range []string{"service:search", "endpoint:/v1/invoices*", "-service:billing"} { // look elsewhere
		_, err := f.SaveRule(context.Background(), store.System, store.DefaultWorkspace, ruleset.Rule{Name: query, Query: query, Sensitivity: "normal", Level: "page", Enabled: true})
		require.NoError(t, err)
	}
	_, err := f.SaveRule(context.Background(), store.System, store.DefaultWorkspace, ruleset.Rule{Name: "here", Query: "service:billing method:post code:boom", Sensitivity: "normal", Level: "notify", Enabled: true})
	require.NoError(t, err)
	f.outage("billing", true)
	p = f.get("/e/billing/POST/v1/charges")
	assert.Equal(t, "defaulthere service:billing method:POST code:boom", words(p.Find("section[aria-labelledby=rules-h] tbody th")))
	assert.Regexp(t, `^1 incident, the last .* ago$`, numbers(p, "rules", "default")[1])

	// Without a method, and without a slash at the beginning.
	p = f.get(pathOfEndpoint("search", "", "Search/Query"))
	assert.Equal(t, "Endpoint Search/Query", words(p.Find("h1")))
	assert.Contains(t, table(p, "codes"), "service_unavailable")
	assert.NotZero(t, f.get(p.Find("section[aria-labelledby=latest] > p a").AttrOr("href", "")).Find("table.list tbody tr").Length())
	assert.Zero(t, f.get(pathOfEndpoint("search", "GET", "Search/Query")).Find("table.list").Length(), "another method is another endpoint")
}

func TestCodePages(t *testing.T) {
	f := newFixture(t).signIn()
	f.trade(false)
	list := f.get("/codes")
	assert.Subset(t, numbers(list, "list", "db_pool_exhausted"), []string{"90", "new", "1", "yes"})
	assert.Contains(t, numbers(list, "list", "ledger_drift"), "no, write it")
	only := f.get(list.Find(".views a").Eq(1).AttrOr("href", ""))
	assert.Contains(t, table(only, "list"), "ledger_drift")
	assert.NotContains(t, table(only, "list"), "db_pool_exhausted")
	assert.Equal(t, 2, only.Find(".controls form input[name=undocumented]").Length(), "the forms keep it")

	p := f.get("/codes/provider_error")
	assert.Contains(t, words(p.Find("section[aria-labelledby=entry]")), "A provider behind us failed")
	assert.Contains(t, words(p.Find("section[aria-labelledby=entry]")), "Retry? Yes, with growing pauses")
	assert.Contains(t, table(p, "services"), "prompts-api")
	assert.Contains(t, table(p, "providers"), "openai overloaded 20")
	assert.Contains(t, table(p, "endpoints"), "POST /v1/prompts/{id}/run prompts-api")
	assert.Contains(t, table(p, "customers"), "hooli")
	assert.Contains(t, table(p, "releases"), "2026.11.20-2 prompts-api")
	assert.Equal(t, latestRows, p.Find("table.list tbody tr").Length())

	limited := f.get("/codes/prompts-api/RATE_LIMIT_EXCEEDED")
	assert.Equal(t, "Code rate_limit_exceeded", words(limited.Find("h1")), "however it is written")
	assert.Contains(t, words(limited.Find(".facts")), "Also seen asRATE_LIMIT_EXCEEDED")
	unknown := f.get("/codes/billing/ledger_drift")
	assert.Contains(t, words(unknown.Find("section[aria-labelledby=entry]")), "The catalogue has no entry for this code")
	res := f.get("/codes/provider_error?service=prompts-api&from=now-6h")
	assert.Equal(t, "/codes/prompts-api/provider_error?from=now-6h", res.header.Get("Location"))
	assert.Equal(t, "/codes/provider_error", f.get("/codes/prompts-api/provider_error?service=").header.Get("Location"))
}

func TestCustomerPage(t *testing.T) {
	f := newFixture(t).signIn()
	f.trade(true)
	p := f.get("/customers/mia@example.com")
	assert.Contains(t, words(p.Find("section[aria-labelledby=tell]")), "100% of what failed for them lay with their requests.")
	assert.Contains(t, words(p.Find("section[aria-labelledby=tell]")), "validation_failed (The input was refused)")
	assert.Contains(t, words(p.Find(".tiles li").Eq(2)), "0% of their failures")
	assert.Contains(t, words(p.Find("main")), "Nobody counts the requests of one customer")
	assert.Equal(t, []string{"60", "100%", "new"}, numbers(p, "codes", "validation_failed"))
	assert.Equal(t, []string{"60", "100%"}, numbers(p, "services", "billing"))
	assert.Contains(t, table(f.get("/customers/acme?service=prompts-api"), "codes"), "rate_limit_exceeded")
	assert.NotContains(t, table(f.get("/customers/acme?service=prompts-api"), "codes"), "ledger_drift")
}

func TestReleasePages(t *testing.T) {
	f := newFixture(t).signIn()
	f.trade(true)
	list := f.get("/releases?service=billing")
	assert.Equal(t, []string{"billing", "production"}, numbers(list, "list", "2026.11.20-3")[:2])
	p := f.get(list.Find("table.rank a.row").First().AttrOr("href", ""))
	require.Equal(t, 200, p.code)
	assert.Equal(t, 2, p.Find(".versus svg.interval").Length())
	assert.Contains(t, words(p.Find(".versus").First()), "times as many failures as before")
	assert.Equal(t, "noopener noreferrer", p.Find(`a[href="https://ci.example/runs/812"]`).AttrOr("rel", ""))
	assert.Equal(t, []string{"POST /v1/charges", "90"}, numbers(p, "new", "db_pool_exhausted"))
	assert.Contains(t, table(p, "codes"), "db_pool_exhausted")
	assert.Equal(t, 1, p.Find(`svg.plot a[href*="2026.11.20-3"]`).Length())
	// The numbers of both stretches lead to as many failures.
	p.Find(".versus").First().Find("tbody a").Each(func(_ int, s *goquery.Selection) {
		found := f.get(s.AttrOr("href", "")).Find("table.list tbody tr").Length()
		if n := words(s); len(n) < 3 && n <= itoa(pageSize) {
			assert.Equal(t, n, itoa(found))
		} else {
			assert.Equal(t, pageSize, found)
		}
	})
	first := f.get(pathOfRelease("billing", "production", "2026.11.20-2"))
	assert.Equal(t, 200, first.code)
	assert.Contains(t, words(first.Find(".note")), "the first that was ever seen of this service")
	assert.Contains(t, table(first, "codes"), "ledger_drift")
	assert.Zero(t, f.get(pathOfRelease(strange, "production", strange)).Find("main a[rel]").Length(), "an address that is none of the web's")
}

func TestTopicsThatNobodySaw(t *testing.T) {
	f := newFixture(t).signIn()
	assert.Contains(t, words(f.get("/codes").Find("main")), "No failure has been reported at all")
	f.trade(true)
	for path, near := range map[string]string{
		"/services/billin": "/services/billing", "/codes/db_pool_exhaustion": "/codes/db_pool_exhausted", "/codes/billing/rate_limit": "/codes/rate_limit_exceeded", "/customers/acne": "/customers/acme",
		"/e/billing/POST/v1/charge": "/events?endpoint=%2Fv1%2Fcharges&service=billing", "/releases?service=billing&release=1": "/releases?from=now-30d&service=billing",
	} {
		p := f.get(path)
		assert.Equal(t, http.StatusNotFound, p.code, path)
		requireSound(t, p)
		assert.Contains(t, words(p.Find("h1")), "has been seen")
		assert.NotZero(t, p.Find(`main a[href="`+near+`"]`).Length(), "%s: %s", path, words(p.Find("main")))
	}
	for _, bad := range []string{"/services/%ff", "/codes/%00", "/e/a/b/%ff", "/releases?service=%ff&release=x"} {
		assert.Contains(t, []int{400, 422}, f.get(bad).code, bad)
	}
	assert.Equal(t, 422, f.get("/services/"+strings.Repeat("a", 600)).code)
	assert.Equal(t, 422, f.get("/services/billing?from=yesterday").code)

	// Known, but not in this period.
	at := f.now.Add(-20 * 24 * time.Hour)
	p := f.get("/customers/acme?" + query("from", at.Format(time.RFC3339), "to", at.Add(time.Hour).Format(time.RFC3339), "environment", "production"))
	assert.Equal(t, 200, p.code)
	assert.Contains(t, words(p.Find("section[aria-labelledby=quiet]")), "The last day with any was "+f.now.Format("2 January")+". Show 24h Show 7d Show 30d")
	assert.Equal(t, 1, p.Find(".chips a").Length()-p.Find(".controls .chips a").Length())
	assert.Equal(t, 200, f.get(p.Find("#quiet ~ p a").First().AttrOr("href", "")).code)
}

// Whatever a page leads to is there, for the strangest names too.
func TestTopicsLeadSomewhere(t *testing.T) {
	f := newFixture(t).signIn()
	f.trade(true)
	todo, seen := []string{"/services", "/codes", "/releases", "/events?service=billing&method=POST&endpoint=/v1/charges&code=db_pool_exhausted"}, map[string]bool{}
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		p := f.get(path)
		require.Equal(t, 200, p.code, path)
		requireSound(t, p)
		if strings.HasPrefix(path, "/events") || strings.HasPrefix(path, "/r/") {
			assert.NotZero(t, p.Find("h1.verdict, table.list tbody tr").Length(), "%s has nothing", path)
		}
		p.Find(".controls, details").Remove()
		p.Find("main a[href^='/']").Each(func(_ int, s *goquery.Selection) {
			href := s.AttrOr("href", "")
			u, err := url.Parse(href)
			require.NoError(t, err, href)
			kind := u.EscapedPath() // one of each page, and of each list that filters by the same
			switch {
			case strings.HasPrefix(kind, "/r/"):
				kind = "/r/"
			case kind == "/events":
				if s.Closest("svg").Length() > 0 || words(s) == "0" || strings.HasPrefix(words(s.Closest("li").Find("b")), "0") { // of nothing
					return
				}
				q := u.Query()
				for _, name := range []string{"from", "to"} {
					q.Del(name)
				}
				kind += q.Encode()
			case kind == "/releases":
				kind += u.RawQuery
			}
			if !seen[kind] && len(seen) < 150 {
				seen[kind] = true
				todo = append(todo, href)
			}
		})
	}
	for _, path := range []string{pathOfService(strange), pathOfEndpoint(strange, "GET", strange), pathOfCustomer(strange), pathOfEndpoint("search", "", "Search/Query"), "/codes/billing/ledger_drift", "/r/"} {
		assert.True(t, seen[path], "nothing leads to %s", path)
	}
}

// Another workspace's data is nowhere.
func TestTopicsKeepToTheirWorkspace(t *testing.T) {
	f := newFixture(t).signIn()
	f.trade(true)
	secret := event.Event{OccurredAt: f.now.Add(-time.Minute), RequestID: "req_secret", Service: "billing", Environment: "production", Status: 503, Code: "secret_code", RawCode: "secret_code",
		Method: "POST", Endpoint: "/v1/charges", Customer: "acme", Release: "secret_release", Role: event.Primary, Family: event.FamilyUs, ReceivedAt: f.now}
	parts := make([]identity.Part, 3)
	for i := range parts {
		e := secret
		e.RequestID, e.Service = e.RequestID+itoa(i), []string{"billing", "secret_service", "billing"}[i]
		p := identity.Part{Workspace: 2, Source: event.FromHTTP, Own: [16]byte{byte(i + 1), 77}, Idempotent: true, HasOccurredAt: true, Event: e}
		p.Event.ID, p.Event.IssueID, p.Event.FingerprintVersion = identity.NewID(e.OccurredAt, p.Own, true), identity.FormatUUID([16]byte{9, byte(i)}), 1
		parts[i] = p
	}
	_, err := f.Write(t.Context(), parts)
	require.NoError(t, err)
	require.NoError(t, f.AddDeploy(t.Context(), store.System, 2, store.Deploy{Service: "billing", Environment: "production", Release: "secret_release", At: event.Time{Time: f.now.Add(-time.Hour)}}))
	answers, err := f.Stats(t.Context(), 2, f.now, stats.Question{Measure: stats.Errors, Whole: true, Filter: event.Filter{From: f.now.Add(-time.Hour), To: f.now}})
	require.NoError(t, err)
	require.EqualValues(t, 3, answers[0].Series[0].Total, "it is there")
	for _, path := range topics() {
		assert.NotContains(t, f.get(path).body, "secret", path)
	}
	for _, path := range []string{"/services/secret_service", "/codes/secret_code", "/codes/billing/secret_code", "/e/secret_service/POST/v1/charges", "/releases?service=billing&release=secret_release"} {
		assert.Equal(t, http.StatusNotFound, f.get(path).code, path)
	}
}

// counting counts what pages ask the store for.
type counting struct {
	*store.Store
	n int
}

func (s *counting) Stats(ctx context.Context, ws int32, now time.Time, q ...stats.Question) ([]stats.Answer, error) {
	s.n++
	return s.Store.Stats(ctx, ws, now, q...)
}

func (s *counting) Events(ctx context.Context, ws int32, f event.Filter, limit int, cursor string) (store.Page, error) {
	s.n++
	return s.Store.Events(ctx, ws, f, limit, cursor)
}

func (s *counting) Deploys(ctx context.Context, ws int32, f store.DeployFilter) ([]store.Deploy, error) {
	s.n++
	return s.Store.Deploys(ctx, ws, f)
}

func (s *counting) ReleaseReport(ctx context.Context, ws int32, service, environment, release string, now time.Time) (store.ReleaseReport, error) {
	s.n++
	return s.Store.ReleaseReport(ctx, ws, service, environment, release, now)
}

func (s *counting) Collectors(ctx context.Context) ([]store.Collector, error) {
	s.n++
	return s.Store.Collectors(ctx)
}

func (s *counting) Overview(ctx context.Context, ws int32) (store.Overview, error) {
	s.n++
	return s.Store.Overview(ctx, ws)
}

func TestTopicsAskLittle(t *testing.T) {
	f := newFixture(t)
	f.trade(true)
	s := &counting{Store: f.Store}
	f.server.Close()
	f.server = httptest.NewServer(New(Deps{Store: s, Keys: auth.NewKeyring(f.KeyByHash, 0), Sessions: f.Sessions()}))
	t.Cleanup(f.server.Close)
	f.signIn()
	for _, path := range topics() {
		s.n = 0
		require.Equal(t, 200, f.get(path).code)
		assert.LessOrEqual(t, s.n, 6, path)
	}
}

func TestTopicsNeedASession(t *testing.T) {
	f := newFixture(t)
	for _, path := range topics() {
		res := f.get(path)
		assert.Equal(t, http.StatusSeeOther, res.code, path)
		assert.Equal(t, "/login?next="+url.QueryEscape(path), res.header.Get("Location"))
	}
	f.trade(false)
	path := pathOfEndpoint(strange, "GET", strange) // names outlive the login
	back := f.post("/login", nil, "key", readKey, "next", path).header.Get("Location")
	assert.Equal(t, path, back)
	assert.Equal(t, 200, f.get(back).code)
}
