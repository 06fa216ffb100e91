package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/chart"
	"errata/internal/fault"
	ql "errata/internal/query"
	"errata/internal/rollup"
	"errata/internal/slo"
	"errata/internal/stats"
	"errata/internal/store"
)

// serviceTopic are the questions of a service's page, and what they were
// answered.
type serviceTopic struct {
	*topic
	traffic
	families, customers, who                   *reply
	codes, codeCustomers, endpoints, endpointR *reply
	environs                                   *reply
}

// traffic is what a page says of rates and durations.
type traffic struct {
	requests, failures, rate, server, serverErrors, limited, limitedErrors, p50, p95 *reply
}

func (t *topic) askTraffic() traffic {
	return traffic{
		requests: t.ask(t.versus(stats.Requests)), failures: t.ask(t.versus(stats.Errors)), rate: t.ask(t.versus(stats.Rate)),
		server: t.ask(narrow(t.versus(stats.Rate), "status:5xx")), serverErrors: t.ask(narrow(t.versus(stats.Errors), "status:5xx")),
		limited: t.ask(narrow(t.versus(stats.Rate), "status:429")), limitedErrors: t.ask(narrow(t.versus(stats.Errors), "status:429")),
		p50: t.ask(most(t.over(stats.P50), 1)), p95: t.ask(t.versus(stats.P95)),
	}
}

func (w *web) service(c *gin.Context) error { return w.showService(c, nil) }

// showService shows a service, with what stood against a change on its page.
func (w *web) showService(c *gin.Context, refused *fault.Fault) error {
	service, err := nameOf(c.Param("service"))
	if err != nil {
		return err
	}
	if to, ok := c.GetQuery("service"); ok && to != service { // picked
		path := "/services"
		if to != "" {
			path = pathOfService(to)
		}
		c.Redirect(http.StatusSeeOther, keptQuery(c, path, "service"))
		return nil
	}
	t, err := w.newTopic(c, pathOfService(service), "24h", "service", service)
	page := w.topicPage(c, "Service", service, "services")
	page.Refused = refused
	return w.showTopic(c, t, page, err, func() error { return w.fillService(c, &serviceTopic{topic: t}, service, page) })
}

func (w *web) fillService(c *gin.Context, t *serviceTopic, service string, page *topicPage) error {
	var err error
	if page.Silenced, err = w.silencesOver(c, service, t.filter.Environment); err != nil {
		return err
	}
	t.traffic = t.askTraffic()
	t.families = t.ask(t.over(stats.Errors, rollup.Family))
	t.who = t.ask(t.versus(stats.Customers))
	t.codes = t.ask(most(t.versus(stats.Errors, rollup.Family, rollup.Code), 200))
	t.codeCustomers = t.ask(most(t.over(stats.Customers, rollup.Family, rollup.Code), 200))
	endpoint := []rollup.Dim{rollup.Service, rollup.Method, rollup.Endpoint}
	t.endpoints = t.ask(most(t.over(stats.Errors, endpoint...), 1000))
	rates := most(t.over(stats.Rate, endpoint...), 1000)
	if t.values["top"] == byRate {
		rates.Least = lowTraffic
	}
	t.endpointR = t.ask(rates)
	t.customers = t.ask(most(narrow(t.over(stats.Errors, rollup.Customer), "customer:*"), topRows))
	t.environs = t.ask(most(t.over(stats.Errors, rollup.Environment), 20))
	aims, err := w.askAims(c, t.topic, slo.SLO{Service: service})
	if err != nil {
		return err
	}
	ok, err := w.read(c, t.topic, page, t.failures, t.requests)
	if err == nil {
		w.fillAims(c, t.topic, aims, page)
	}
	if err != nil || !ok {
		if err == nil && !page.Quiet.known() {
			return w.unseen(c, page.Quiet, "service", service, w.near(c, ql.Service, service, pathOfService), link{Label: "all services", Path: "/services"})
		}
		page.Controls = t.serviceControls(service)
		return err
	}
	page.Controls = t.serviceControls(service)
	deploys, err := w.deploysOf(c, t.topic)
	if err != nil {
		return err
	}
	reports, err := w.reports(c, deploys, t.now, 3)
	if err != nil {
		return err
	}
	if page.NoTotals = t.rate.Why == "" && t.rate.NoTotals; t.failures.sum() > 0 {
		page.All = t.view.failures()
	}
	if t.requests.total() > 0 { // else the tile of failures says as much
		page.Tiles = append(page.Tiles, t.flowTile(t.requests, t.failures))
	}
	page.Tiles = append(page.Tiles,
		t.failureTile(), t.rateTile("5xx", chart.Us, t.server, t.serverErrors, t.view.failures("status", "5xx")),
		t.rateTile("429", chart.Limits, t.limited, t.limitedErrors, t.view.failures("status", "429")), t.customersTile(t.who), t.tookTile(t.p95, t.p50),
	)
	page.Panels = []panel{t.familiesPanel("families", "Failures by side", t.families, t.failures, deploys)}
	page.Rankings = []ranking{
		t.codeRanking(t.codes, t.codeCustomers, service), t.endpointRanking(t.endpoints, t.endpointR, "Endpoints"), t.customerRanking(t.customers, t.failures.total()),
		t.releaseRanking(reports), t.plainRanking("environments", "Environments", "environment", "(none named)", t.environs, t.failures.total(), func(e string) string { return t.page.with("environment", e) }),
	}
	if note := t.rate.uncovered(); note != "" && t.rate.Why == "" {
		page.Says = append(page.Says, note)
	}
	return nil
}

// serviceControls let another service be picked, which leads to its page.
func (t *serviceTopic) serviceControls(service string) controls {
	c := t.controls()
	c.Services = picks(service, "all services", t.services.labels())
	return c
}

// failureTile is all failures: as a share of requests where those are counted.
func (t *serviceTopic) failureTile() tile {
	out := t.rateTile("Failures", chart.Other, t.rate, t.failures, t.view.failures())
	if t.rate.one() != nil && !t.rate.NoTotals {
		out.Unit = "of requests"
	}
	return out
}

// releaseRanking says how the newest releases do.
func (t *topic) releaseRanking(reports []store.ReleaseReport) ranking {
	out := ranking{ID: "releases", Title: "Newest releases", Empty: "No release is known of the last 30 days. Send release with each failure, or each deploy to POST /v1/deploys.",
		Columns: []column{{Name: "Release"}, {Name: "Failures since"}, {Spoken: "Change", Title: "How many times as many as before, with the 95 % interval"}}}
	for i := range reports {
		r := &reports[i]
		out.Rows = append(out.Rows, rank{Label: r.Release, Path: pathOfRelease(r.Service, r.Environment, r.Release), Detail: joined(r.Environment, momentAt(r.At.Time, t.now).Ago),
			Cells: []cell{{Text: r.All.String()}, {Drawn: interval(r.All)}}})
	}
	if len(reports) > 0 {
		out.More = &link{Label: "All deploys", Path: t.about("/releases") + "&" + query("service", reports[0].Service)}
	}
	return out
}

// near are names of what failed lately that begin as this one does.
func (w *web) near(c *gin.Context, field ql.Field, name string, path func(string) string) []link {
	var out []link
	for _, length := range []int{len(name), 4, 2} {
		if length > len(name) || length == 0 {
			continue
		}
		values, err := w.Store.Values(c.Request.Context(), member(c).Workspace, field, firstBytes(name, length), maxSuggestions)
		if err != nil { // suggestions are not worth an error
			w.Logger.WarnContext(c.Request.Context(), "no suggestions", "error", err)
			return nil
		}
		for _, v := range values {
			if v != name {
				out = append(out, link{Label: v, Path: path(v)})
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}
