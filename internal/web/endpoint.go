package web

import (
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/chart"
	"errata/internal/event"
	"errata/internal/fault"
	ql "errata/internal/query"
	"errata/internal/rollup"
	"errata/internal/slo"
	"errata/internal/stats"
	"errata/internal/store"
)

// endpointTopic are the questions of an endpoint's page.
type endpointTopic struct {
	*topic
	traffic
	overTime, codes, codeCustomers, customers, who *reply
}

func (w *web) endpoint(c *gin.Context) error { return w.showEndpoint(c, nil) }

// endpointAsked is what the address names.
func endpointAsked(c *gin.Context) (out slo.SLO, err error) {
	if out.Service, err = nameOf(c.Param("service")); err != nil {
		return out, err
	}
	if out.Method, err = nameOf(c.Param("method")); err != nil {
		return out, err
	}
	out.Method = strings.ToUpper(out.Method)
	out.Endpoint, err = endpointOf(c.Param("endpoint"))
	return out, err
}

// hasName reports whether an endpoint is one: what names none, and what is counted
// with others, have no objective.
func hasName(about slo.SLO) bool { return about.Endpoint != "" && about.Endpoint != rollup.Other }

// showEndpoint shows an endpoint, with what stood against a change on its page.
func (w *web) showEndpoint(c *gin.Context, refused *fault.Fault) error {
	about, err := endpointAsked(c)
	if err != nil {
		return err
	}
	service, method, endpoint := about.Service, about.Method, about.Endpoint
	t, err := w.newTopic(c, pathOfEndpoint(service, method, endpoint), "24h", "service", service, "method", method, "endpoint", endpoint)
	page := w.topicPage(c, "Endpoint", endpointLabel(method, endpoint), "services")
	page.Facts, page.Refused = []fact{{"Service", service, t.about(pathOfService(service))}}, refused
	return w.showTopic(c, t, page, err, func() error {
		err := w.fillEndpoint(c, &endpointTopic{topic: t}, about, page)
		if err == nil && !page.Quiet.known() {
			near := w.near(c, ql.Endpoint, endpoint, func(e string) string { return "/events?" + query("service", service, "endpoint", e) })
			return w.unseen(c, page.Quiet, "endpoint", page.Heading, near, link{Label: "the service " + service, Path: pathOfService(service)}, link{Label: "all services", Path: "/services"})
		}
		page.Controls = t.fixed(service)
		return err
	})
}

func (w *web) fillEndpoint(c *gin.Context, t *endpointTopic, about slo.SLO, page *topicPage) error {
	t.traffic = t.askTraffic()
	t.overTime = t.ask(t.over(stats.Errors, rollup.Family, rollup.Code))
	t.codes = t.ask(most(t.versus(stats.Errors, rollup.Family, rollup.Code), 200))
	t.codeCustomers = t.ask(most(t.over(stats.Customers, rollup.Family, rollup.Code), 200))
	t.customers = t.ask(most(narrow(t.over(stats.Errors, rollup.Customer), "customer:*"), topRows))
	t.who = t.ask(t.versus(stats.Customers))
	aims, err := w.askAims(c, t.topic, about)
	if err != nil {
		return err
	}
	ok, err := w.read(c, t.topic, page, t.failures, t.requests)
	if err == nil && hasName(about) {
		w.fillAims(c, t.topic, aims, page)
	}
	if err != nil || !ok {
		return err
	}
	deploys, err := w.deploysOf(c, t.topic)
	if err != nil {
		return err
	}
	reports, err := w.reports(c, deploys, t.now, 1)
	if err != nil {
		return err
	}
	page.NoTotals = t.rate.Why == "" && t.rate.NoTotals
	page.Tiles = []tile{
		t.flowTile(t.requests, t.failures), t.rateTile("5xx", chart.Us, t.server, t.serverErrors, t.view.failures("status", "5xx")),
		t.rateTile("429", chart.Limits, t.limited, t.limitedErrors, t.view.failures("status", "429")), t.customersTile(t.who), t.tookTile(t.p95, t.p50),
	}
	page.Panels = []panel{t.codesPanel(deploys)}
	page.Rankings = []ranking{t.codeRanking(t.codes, t.codeCustomers, t.values["service"]), t.customerRanking(t.customers, t.failures.total())}
	for i := range reports {
		if only := t.onlySince(&reports[i]); len(only.Rows) > 0 {
			page.Rankings = append(page.Rankings, only)
		}
	}
	if hasName(about) {
		rules, err := w.rulesHere(c, t)
		if err != nil {
			return err
		}
		page.Rankings = append(page.Rankings, rules)
	}
	_, err = w.fillLatest(c, t.topic, page, t.failures)
	return err
}

// codesPanel is what failed over time, by code.
func (t *endpointTopic) codesPanel(deploys []store.Deploy) panel {
	const title = "Failures by code"
	if t.overTime.Why != "" {
		return panel{ID: "time", Title: title, Empty: t.overTime.Why}
	}
	p := t.plot("time", title, t.overTime, codeTone)
	t.compared(&p, t.failures)
	p.Marks = t.marks(deploys)
	return stacked(p)
}

// onlySince is what fails here since a release, and did not before it.
func (t *endpointTopic) onlySince(r *store.ReleaseReport) ranking {
	out := ranking{ID: "since", Title: "Only seen since " + r.Release, Columns: []column{{Name: "Code"}, {Name: "failures", Num: true}, {Name: "customers", Num: true, Title: "in this period"}},
		Notes: []string{"Not seen in the week before this release. "}, More: &link{Label: "About this release", Path: pathOfRelease(r.Service, r.Environment, r.Release)}}
	for _, n := range r.New {
		if n.Method != t.values["method"] || n.Endpoint != t.values["endpoint"] {
			continue
		}
		who := num(none)
		for _, s := range t.codeCustomers.Series {
			if s.Labels[1] == n.Code {
				who.Text = count(s.Total)
			}
		}
		out.Rows = append(out.Rows, rank{Label: n.Code, Path: t.about(pathOfCode(r.Service, n.Code)), Cells: []cell{t.failed(float64(n.N), "code", n.Code, "release", r.Release, "from", sinceDeploy(r), "to", ""), who}})
	}
	return out
}

// fillLatest adds the newest failures, where there are any.
func (w *web) fillLatest(c *gin.Context, t *topic, page *topicPage, failures *reply) ([]event.Event, error) {
	if t.values["endpoint"] == rollup.Other {
		page.LatestNote = "Many endpoints are counted together here. Each failure keeps its own: look among the failures of the service."
		page.All = t.failures("endpoint", "")
		return nil, nil
	}
	if failures.Why == "" && failures.sum() == 0 {
		return nil, nil
	}
	page.All = t.failures()
	list, err := w.latest(c, t)
	page.Latest = w.rows(list)
	return list, err
}
