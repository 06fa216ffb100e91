package web

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/chart"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

// maxListed is how many rows a list of services or codes has.
const maxListed = 60

// services lists what reported failures or requests in the period.
func (w *web) services(c *gin.Context) error {
	if service := c.Query("service"); service != "" { // picked from the list
		c.Redirect(http.StatusSeeOther, keptQuery(c, pathOfService(service), "service"))
		return nil
	}
	t, err := w.newTopic(c, "/services", "24h")
	page := w.topicPage(c, "", "Services", "services")
	return w.showTopic(c, t, page, err, func() error { return w.fillServices(c, t, page) })
}

// keptQuery is another address with this one's parameters but for some.
func keptQuery(c *gin.Context, path string, without ...string) string {
	q := c.Request.URL.Query()
	for _, name := range without {
		q.Del(name)
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

type serviceList struct {
	failures, requests, rates, server, limited, customers, lines *reply
}

func (w *web) fillServices(c *gin.Context, t *topic, page *topicPage) error {
	by := rollup.Service
	l := serviceList{
		failures: t.ask(most(t.versus(stats.Errors, by), 10_000)), requests: t.ask(most(t.over(stats.Requests, by), 10_000)), rates: t.ask(most(t.over(stats.Rate), 1)),
		server: t.ask(most(narrow(t.over(stats.Rate, by), "status:5xx"), 10_000)), limited: t.ask(most(narrow(t.over(stats.Rate, by), "status:429"), 10_000)),
		customers: t.ask(most(t.over(stats.Customers, by), 10_000)),
	}
	lines := t.over(stats.Errors, by)
	lines.Limit = maxListed
	l.lines = t.ask(lines)
	if ok, err := w.read(c, t, page, l.failures, nil); err != nil || !ok && l.requests.sum() == 0 {
		return err
	}
	page.Quiet = nil // there are requests
	deploys, err := w.deploysOf(c, t)
	if err != nil {
		return err
	}
	page.NoTotals = l.rates.Why == "" && l.rates.NoTotals
	page.Rankings = []ranking{t.serviceRanking(&l, deploys)}
	return nil
}

func (t *topic) serviceRanking(l *serviceList, deploys []store.Deploy) ranking {
	out := ranking{ID: "list", Title: "By failures", Empty: l.failures.instead("No failures in this time."), Columns: []column{
		{Name: "Service"}, {Name: "failures", Num: true}, t.vs(), {Name: "requests/min", Num: true}, {Name: "5xx", Num: true, Title: "Failures with a status of 500 or more per request"},
		{Name: "429", Num: true, Title: "Failures with status 429 per request"}, {Name: "customers", Num: true}, {Name: "last release"}, {Spoken: "Trend"}}}
	last := map[string]store.Deploy{}
	for _, d := range deploys { // newest first
		if _, ok := last[d.Service]; !ok {
			last[d.Service] = d
		}
	}
	requests, server, limited, customers, lines := l.requests.totals(), l.server.totals(), l.limited.totals(), l.customers.totals(), l.lines.totals()
	rate := func(of map[string]*stats.Series, s *stats.Series) cell {
		if r := labelled(of, s.Labels...); r != nil && r.Requests > 0 {
			return cell{Text: percent(r.Total), Num: true, Title: "of " + count(r.Requests) + " requests"}
		}
		return cell{Text: none, Num: true, Title: "Requests of this service are not counted"}
	}
	add := func(s *stats.Series) {
		r := rank{Label: s.Labels[0], Path: t.about(pathOfService(s.Labels[0])),
			Cells: []cell{t.failed(s.Total, "service", s.Labels[0]), t.changed(s), num(none), rate(server, s), rate(limited, s), num(none), {Text: none}, {}}}
		if n := labelled(requests, s.Labels...); n != nil && n.Total > 0 {
			r.Cells[2].Text = perMinute(n.Total, t.length().Minutes())
			if n.Total < lowTraffic {
				r.Low = lowTrafficWhy
			}
		}
		if n := labelled(customers, s.Labels...); n != nil {
			r.Cells[5].Text = count(n.Total)
		}
		if len(deploys) == store.MaxDeploys {
			r.Cells[6].Title = "Not among the newest " + itoa(store.MaxDeploys) + " deploys of all services"
		}
		if d, ok := last[s.Labels[0]]; ok {
			r.Cells[6] = linked(d.Release, pathOfRelease(d.Service, d.Environment, d.Release))
			r.Cells[6].Num, r.Cells[6].Title = false, momentAt(d.At.Time, t.now).Ago
		}
		if n := labelled(lines, s.Labels...); n != nil {
			r.Cells[7].Drawn = spark(s.Labels[0], chart.Count, chart.Other, n.Values)
		}
		out.Rows = append(out.Rows, r)
	}
	failing := l.failures.totals()
	for i := range l.failures.Series[:min(maxListed, len(l.failures.Series))] {
		add(&l.failures.Series[i])
	}
	for i := range l.requests.Series { // what never failed
		if s := &l.requests.Series[i]; labelled(failing, s.Labels...) == nil && len(out.Rows) < maxListed {
			quiet := *s
			quiet.Total, quiet.Before = 0, nil
			add(&quiet)
		}
	}
	out.Notes = said([]string{t.further(l.failures, min(maxListed, len(l.failures.Series)), "services"), l.customers.estimated()})
	return out
}

// reports are how the newest releases do, the newest first.
func (w *web) reports(c *gin.Context, deploys []store.Deploy, now time.Time, n int) ([]store.ReleaseReport, error) {
	var out []store.ReleaseReport
	seen := map[[2]string]bool{}
	for _, d := range deploys {
		if k := [2]string{d.Environment, d.Release}; seen[k] || len(out) == n {
			continue
		} else {
			seen[k] = true
		}
		r, err := w.Store.ReleaseReport(c.Request.Context(), member(c).Workspace, d.Service, d.Environment, d.Release, now)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
