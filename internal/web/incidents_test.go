package web

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/incident"
	"errata/internal/store"
)

// outage lets most of what a service answers fail, and has that judged.
func (f *fixture) outage(service string, counted bool) {
	f.t.Helper()
	f.breaks(service, counted)
	_, err := f.EvaluateAlerts(f.t.Context(), f.now)
	require.NoError(f.t, err)
}

// breaks lets most of what a service answers fail for five minutes.
func (f *fixture) breaks(service string, counted bool) {
	f.t.Helper()
	last := f.now.Add(-30 * time.Second).Truncate(time.Minute).Add(-time.Minute)
	if counted {
		var requests []event.Requests
		for minutes := range 90 {
			requests = append(requests, event.Requests{Workspace: store.DefaultWorkspace, Minute: last.Add(-time.Duration(minutes) * time.Minute), N: float64(60 + minutes%7), Source: event.TotalsRequests,
				Series: event.Series{Service: service, Environment: "production", Method: "POST", Endpoint: "/v1/charges"}})
		}
		require.NoError(f.t, f.CountRequests(f.t.Context(), requests))
	}
	var list []event.Event
	if !counted { // counts say something once there have been some for three hours
		for hours := range 5 {
			at := last.Add(-time.Duration(hours+1) * time.Hour)
			for _, code := range []string{"internal_error", "timeout"} {
				list = append(list, event.Event{Service: service, Environment: "production", Status: 500, Code: code, Method: "POST", Endpoint: "/v1/charges", OccurredAt: at, ReceivedAt: at})
			}
		}
	}
	for n := range 200 {
		e := event.Event{Service: service, Status: 500, Code: "internal_error", Method: "POST", Endpoint: "/v1/charges", RequestID: fmt.Sprintf("req_%s_%d", service, n), Release: "2026.11.20-3",
			Customer: "customer-" + itoa(n%7), OccurredAt: last.Add(-time.Duration(n%5) * time.Minute).Add(time.Duration(n/5) * time.Second)}
		if n%4 == 0 {
			e.Code = "timeout"
		}
		list = append(list, e)
	}
	f.write(list...)
	require.NoError(f.t, f.AddDeploy(f.t.Context(), store.System, store.DefaultWorkspace, store.Deploy{Service: service, Environment: "production", Release: "2026.11.20-3", At: event.Time{Time: last.Add(-8 * time.Minute)}}))
}

func TestAlertsPages(t *testing.T) {
	f := newFixture(t).decides()
	quiet := f.get("/alerts")
	requireSound(t, quiet)
	assert.Contains(t, words(quiet.Find("main")), "Nothing fires, and nothing has so far.")
	assert.Contains(t, words(quiet.Find("main")), "an incident begins when far more of its requests fail than usual")
	assert.Zero(t, quiet.Find("nav .count").Length())
	assert.Contains(t, words(f.get("/alerts/history").Find("main")), "There has been no incident yet.")
	assert.Zero(t, f.get("/").Find(".now").Length())

	f.outage("checkout-api", true)
	p := f.get("/alerts")
	requireSound(t, p)
	assert.Equal(t, "1", words(p.Find("nav .count")))
	card := p.Find(".incidents li")
	require.Equal(t, 1, card.Length())
	for _, want := range []string{"INC-1 checkout-api 5xx", "page", "of requests (usual 0.1%)", "7 customers", "POST /v1/charges 100%", "internal_error 75%", "began 4 min after 2026.11.20-3"} {
		assert.Contains(t, words(card), want)
	}
	assert.Less(t, zipped(t, p.body), 15<<10)
	res := f.post("/i/1", nil, "do", "ack", "back", "/alerts")
	require.Equal(t, http.StatusSeeOther, res.code)
	assert.Equal(t, "/alerts", res.header.Get("Location"))
	assert.Contains(t, words(f.get("/alerts").Find(".incidents li")), "ada sees to it.")

	line := f.get("/").Find(".now")
	assert.Contains(t, words(line), "1 incident now checkout-api 5xx")
	assert.Equal(t, "/i/1", line.Find("a").AttrOr("href", ""))

	require.Equal(t, http.StatusSeeOther, f.post("/i/1", nil, "do", "resolve").code)
	over := f.get("/alerts")
	requireSound(t, over)
	assert.Contains(t, words(over.Find("main")), "The last one, INC-1 checkout-api 5xx, was over")
	require.Equal(t, http.StatusSeeOther, f.post("/i/1", nil, "do", "vote", "vote", "yes").code)
	history := f.get("/alerts/history?service=checkout-api&family=5xx&level=page")
	requireSound(t, history)
	assert.Less(t, zipped(t, history.body), 15<<10)
	require.Equal(t, 1, history.Find(".list tbody tr").Length())
	assert.Equal(t, "said to be useful", words(history.Find(".list tbody td").Last()))
	assert.Equal(t, "default11100%Make “default” less sensitive", words(history.Find(".rank tbody tr")), "votes are of rules")
	assert.Contains(t, words(f.get("/alerts/history?service=x").Find("main")), "No incident matches.")
	assert.Equal(t, 422, f.get("/alerts/history?cursor=x").code)
	assert.Equal(t, 422, f.get("/alerts/history?service=%FF").code)
}

func TestIncidentPage(t *testing.T) {
	f := newFixture(t).decides()
	f.outage("checkout-api", true)
	p := f.get("/i/1")
	require.Equal(t, 200, p.code, p.body)
	requireSound(t, p)
	assert.Less(t, zipped(t, p.body), 20<<10)
	text := words(p.Find("main"))
	for _, want := range []string{"INC-1 checkout-api 5xx", "firing for", "Rule B (fast):", "of requests", "Share of requests that failed", "can fire from", "Customers7", "internal_error", "customer-0",
		"POST /v1/charges", "a rule held, the incident began", "message: firing, but there is no channel for it", "some requests to checkout-api fail because of an error on our side", "Noticed after"} {
		assert.Contains(t, text, want)
	}
	assert.Equal(t, "INC-1 checkout-api 5xx", p.Find(`meta[property="og:title"]`).AttrOr("content", ""))
	assert.Contains(t, p.Find(`meta[property="og:description"]`).AttrOr("content", ""), "7 customers")
	assert.Equal(t, 1, p.Find("#course .band").Length())
	assert.Equal(t, 1, p.Find("#course .usual").Length(), "what is usual")
	assert.GreaterOrEqual(t, p.Find("#course-h ~ details tbody tr").Length(), 60, "by the minute")
	require.Equal(t, 5, p.Find("section[aria-labelledby=samples] a.row").Length())
	sample := p.Find("section[aria-labelledby=samples] a.row").First().AttrOr("href", "")
	assert.Equal(t, 2, p.Find("section[aria-labelledby=parts] tbody tr").Length())
	for _, href := range []string{"/i/0", "/i/2", "/i/x", "/incidents/nope"} {
		assert.Equal(t, 404, f.get(href).code, href)
	}

	d, err := f.Incident(t.Context(), store.DefaultWorkspace, "1")
	require.NoError(t, err)
	assert.Equal(t, f.server.URL+"/i/1", words(p.Find("#share")))
	linked := f.get("/incidents/" + d.ID + "?do=ack")
	assert.Equal(t, "/i/1?do=ack", linked.header.Get("Location"), "where messages lead")
	asked := f.get("/i/1?do=ack")
	assert.Equal(t, "Do you see to it?", words(asked.Find("#decide")))
	assert.Nil(t, f.incidentNow("1").AckedAt, "a link changes nothing")

	request := f.get(sample)
	requireSound(t, request)
	assert.Contains(t, words(request.Find(".now")), "Known incident INC-1 checkout-api 5xx firing since")
	assert.Contains(t, words(request.Find("#tell")), "some requests to checkout-api fail")
	assert.Contains(t, words(request.Find("#reply")), "a problem on our side that we know of", "what is known is sent first")
	assert.Equal(t, 2, request.Find("section[aria-labelledby=answer] details pre.reply").Length(), "the other replies are there")

	acked := f.incidentDeed("do", "ack")
	assert.Contains(t, words(acked.Find(".line")), "ada sees to it.")
	assert.Contains(t, words(acked.Find("#tell")), "Our engineers are looking into it.")
	assert.Equal(t, "late", f.incidentDeed("do", "vote", "vote", "late").Find("[aria-pressed=true]").AttrOr("value", ""))
	res := f.post("/i/1", nil, "do", "resolve", "normal", "1")
	assert.Equal(t, 409, res.code)
	assert.Contains(t, words(res.Find("[role=alert]")), "once it has lasted 24 h")
	over := f.incidentDeed("do", "resolve")
	requireSound(t, over)
	assert.Contains(t, words(over.Find(".line")), "ada ended it.")
	assert.Contains(t, words(over.Find("#tell")), "It is over.")
	assert.Zero(t, over.Find("[value=resolve]").Length())
	assert.Contains(t, words(f.get(sample).Find(".now")), "It was part of an incident INC-1 checkout-api 5xx over since")
	assert.Equal(t, 422, f.post("/i/1", nil, "do", "vote", "vote", "no").code)
	assert.Equal(t, 422, f.post("/i/1", nil, "do", "x").code)
	assert.Equal(t, 403, f.post("/i/1", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}, "do", "ack").code)

	f.client = f.newClient()
	login := f.get("/i/1")
	assert.Equal(t, "/login?next=%2Fi%2F1", login.header.Get("Location"))
	assert.Zero(t, f.get("/login?next=%2Fi%2F1").Find("meta[property], meta[name=description]").Length(), "nothing for those who are not signed in")
	f.signIn()
	reader := f.get("/i/1")
	assert.Zero(t, reader.Find("main form").Length())
	assert.Equal(t, 403, f.post("/i/1", nil, "do", "vote", "vote", "yes").code)
}

func (f *fixture) incidentNow(ref string) incident.Detail {
	f.t.Helper()
	d, err := f.Incident(f.t.Context(), store.DefaultWorkspace, ref)
	require.NoError(f.t, err)
	return d
}

// incidentDeed sends one of the page's forms and gives the page that it leads to.
func (f *fixture) incidentDeed(pairs ...string) page {
	f.t.Helper()
	res := f.post("/i/1", nil, pairs...)
	require.Equal(f.t, http.StatusSeeOther, res.code, res.body)
	require.Equal(f.t, "/i/1", res.header.Get("Location"))
	return f.get("/i/1")
}

func TestIncidentWithoutTotals(t *testing.T) {
	f := newFixture(t).signIn()
	f.outage("checkout-api", false)
	p := f.get("/i/1")
	require.Equal(t, 200, p.code, p.body)
	requireSound(t, p)
	assert.Contains(t, words(p.Find("main")), "Rule F (count): ")
	assert.Contains(t, words(p.Find("main")), "Rates are unavailable: nobody counts the requests of this.")
	assert.Equal(t, "Failures", words(p.Find("#course-h")))
	assert.Equal(t, 1, p.Find("#course .limit").Length())
}

// An incident of days ago, and one that goes on for more than a day.
func TestOldIncidents(t *testing.T) {
	f := newFixture(t).decides()
	f.now = f.now.Add(-49 * time.Hour)
	f.outage("checkout-api", true)
	_, err := f.RollUp(f.t.Context(), time.Now())
	require.NoError(t, err)
	p := f.get("/i/1")
	require.Equal(t, 200, p.code, p.body)
	requireSound(t, p)
	assert.Contains(t, words(p.Find(".line")), "firing for 2 d")
	assert.Contains(t, words(p.Find("#course-h ~ details")), "Begins")
	require.Equal(t, 1, p.Find("[name=normal]").Length(), "it may be how it is now")
	require.Equal(t, http.StatusSeeOther, f.post("/i/1", nil, "do", "resolve", "normal", "1").code)
	assert.Contains(t, words(f.get("/i/1").Find(".line")), "ada said that this is how it is now.")

	f.now = f.now.Add(time.Hour)
	f.outage("search-api", true)
	require.NoError(t, f.ResolveIncident(t.Context(), store.System, store.DefaultWorkspace, "2", store.Resolution{At: f.now.Add(10 * time.Minute)}))
	over := f.get("/i/2")
	require.Equal(t, 200, over.code, over.body)
	assert.Contains(t, words(over.Find(".line")), "over, lasted 1")
	assert.Contains(t, words(over.Find("main")), "internal_error")
	assert.GreaterOrEqual(t, over.Find("#course-h ~ details tbody tr").Length(), 20)
}

// Where a provider fails, whoever calls it, that is one incident of its own.
func TestIncidentOfAProvider(t *testing.T) {
	f := newFixture(t).decides()
	last := f.now.Add(-30 * time.Second).Truncate(time.Minute).Add(-time.Minute)
	var list []event.Event
	for n := range 200 {
		list = append(list, event.Event{Service: "prompts-api", Status: 502, Code: "provider_error", Method: "POST", Endpoint: "/v1/run", RequestID: fmt.Sprintf("req_p%d", n), Customer: "customer-" + itoa(n%7),
			Upstream: &event.UpstreamInfo{Provider: "open ai", Code: "overloaded"}, OccurredAt: last.Add(-time.Duration(n%5) * time.Minute).Add(time.Duration(n/5) * time.Second)})
	}
	f.write(list...)
	f.count("prompts-api", "POST", "/v1/run", 60)
	_, err := f.EvaluateAlerts(f.t.Context(), f.now)
	require.NoError(t, err)
	p := f.get("/i/1")
	require.Equal(t, 200, p.code, p.body)
	requireSound(t, p)
	assert.Contains(t, words(p.Find("h1")), "open ai upstream errors")
	assert.Contains(t, words(p.Find(".facts")), "Provider")
	assert.Equal(t, 5, p.Find("section[aria-labelledby=samples] a.row").Length())
	assert.NotContains(t, words(p.Find("#tell")), "open ai", "customers are not told whose it is")
	request := f.get("/r/req_p7")
	assert.Contains(t, words(request.Find(".now")), "INC-1 open ai upstream errors")
	assert.Equal(t, 1, f.get("/services/prompts-api?from=now-1h").Find("svg .band").Length())
	assert.Contains(t, words(f.incidentDeed("do", "silence").Find(".silenced")), "Nobody is told about 5xx of open ai in production.", "the provider's, not every service's")
	require.Equal(t, http.StatusSeeOther, f.post("/i/1", nil, "do", "resolve").code)
	assert.Contains(t, words(f.get("/i/1").Find(".line")), "ada ended it.")
}

// Charts show the incidents of what they are about, and name them below.
func TestIncidentsOnCharts(t *testing.T) {
	f := newFixture(t).signIn()
	f.samples()
	f.outage("checkout-api", true)
	for _, path := range []string{"/d", "/d?service=checkout-api", "/services/checkout-api?from=now-1h", "/e/checkout-api/POST/v1/charges?from=now-1h", "/codes/checkout-api/timeout?from=now-1h", "/d?family=us"} {
		p := f.get(path)
		require.Equal(t, 200, p.code, path)
		requireSound(t, p)
		assert.Equal(t, 1, p.Find("svg .band").Length(), path)
		over := p.Find(".over")
		assert.Contains(t, words(over), "INC-1 checkout-api 5xx (since ", path)
		assert.Equal(t, "/i/1", over.Find("a").AttrOr("href", ""), path)
	}
	for _, path := range []string{"/d?service=prompts-api", "/services/prompts-api?from=now-1h", "/customers/customer-1", "/d?family=limits", "/codes/rate_limit_exceeded", "/d?environment=staging"} {
		assert.Zero(t, f.get(path).Find("svg .band").Length(), path)
	}
	assert.Zero(t, f.get("/r/req_9f3a21").Find(".now").Length(), "another service's failure")
}

func evilIncident() *incident.Detail {
	r := incident.Record{ID: evil, Number: 1, Title: evil, Environment: evil, Service: evil, State: detect.Firing, Why: detect.Why{Note: evil, Customer: evil, Persist: evil},
		AckedBy: evil, Useful: incident.Vote(evil), Facts: incident.Facts{Endpoints: []alert.Member{{Method: evil, Endpoint: evil, Share: 1}}, Codes: []alert.Share{{Name: evil}},
			Samples: []string{evil}, Deploy: &incident.Deploy{Release: evil}, Runbook: evil}}
	return &incident.Detail{Record: r, Members: []incident.Part{{Name: evil, Service: evil, Method: evil, Endpoint: evil, Why: r.Why}},
		Events: []incident.Happened{{Kind: evil, Actor: evil}, {Kind: "joined", Part: evil}, {Kind: "told", Text: evil}}, Similar: []incident.Record{r}, Precision: incident.Precision{Rule: evil, Yes: 1}}
}

func evilIncidentPage(w *web, fr frame) incidentPage {
	p := w.incidentPage(evilIncident())
	p.frame, p.Decides, p.Problem, p.Asked, p.Accept, p.All = fr, true, evil, "ack", true, evil
	p.Samples = []listRow{{Path: evil, Code: evil, ID: evil, Customer: evil, Service: evil}}
	p.Chart = panel{ID: "x", Title: evil, Empty: evil, Notes: []string{evil}, Incidents: []link{{Label: evil, Path: evil, Title: evil}}}
	return p
}
