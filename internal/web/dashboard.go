package web

import (
	"math"

	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/chart"
	"errata/internal/store"
)

// dashboardRefresh is how often the dashboard reads itself anew, in seconds.
const dashboardRefresh = 60

type dashboardPage struct {
	frame
	Controls  controls
	Refresh   int
	Problem   string
	AsOf      asOf
	Tiles     []tile
	Families  panel
	Left      []ranking // two columns, below each other on a phone
	Right     []ranking
	Heat      panel
	Budget    budget
	NoTotals  bool
	Collector string
	// Nothing is set where the period has neither failures nor requests.
	Nothing *nothingHere
}

// nothingHere says why a page of statistics is empty.
type nothingHere struct {
	First   bool   // nothing has ever been reported
	Filters []link // what the page is narrowed by, each leading to it without
	Newest  moment
	Wider   link // a longer period
}

func (w *web) dashboard(c *gin.Context) error {
	v, err := w.newView(c, "/d", dashboardRefresh)
	page := dashboardPage{frame: w.frame(c, "Dashboard", "dashboard"), Collector: w.CollectorURL, Refresh: v.refresh}
	if v.values["refresh"] != "" {
		page.Reload = v.refresh
	}
	d := v.dashboard()
	if err == nil {
		err = w.fillDashboard(c, d, &page)
	}
	var status int
	if page.Problem, status, err = problem(err); err != nil {
		return err
	}
	page.Controls = v.controls(d.services.labels(), d.environments.labels())
	return w.render(c, status, "dashboard", page)
}

// fillDashboard reads everything: the questions in one transaction, deploys, new
// issues, incidents and collectors by a query each.
func (w *web) fillDashboard(c *gin.Context, d *dashboard, page *dashboardPage) error {
	ctx, ws, began := c.Request.Context(), member(c).Workspace, time.Now()
	slos, err := w.Store.SLOs(ctx, ws)
	if err != nil {
		return err
	}
	d.aimAt(slos)
	if err := w.answer(ctx, ws, d.now, &d.asked); err != nil {
		return err
	}
	collectors, err := w.Store.Collectors(ctx)
	if err != nil {
		return err
	}
	page.AsOf = d.asOf(d.failures, collectors)
	if d.failures.Why == "" && d.failures.total() == 0 && d.requests.total() == 0 {
		page.Nothing, err = w.whyNothing(c, d.view)
		timed(c, began)
		return err
	}
	from, to := d.filter.From, d.filter.To
	deploys, err := w.Store.Deploys(ctx, ws, store.DeployFilter{Service: d.filter.Service, Environment: d.filter.Environment, From: to.Add(-max(newFor, to.Sub(from))), To: to})
	if err != nil {
		return err
	}
	if err := w.overlay(ctx, ws, d.view); err != nil {
		return err
	}
	most := maxRows
	if d.narrowed() { // some of them are left out again
		most = 3 * maxRows
	}
	issues, err := w.Store.NewIssues(ctx, ws, d.filter.Service, to.Add(-newFor), to, most)
	if err != nil {
		return err
	}
	timed(c, began)
	if s := d.failures.one(); s != nil {
		d.blank = s.TotalBefore == 0 && (d.requests.one() == nil || d.requests.one().TotalBefore == 0)
	}
	page.NoTotals = d.rate.Why == "" && d.rate.NoTotals
	page.Budget = d.budget(d.budgets, w.SLO)
	page.Tiles = []tile{
		d.flowTile(d.requests, d.failures),
		d.rateTile("5xx", chart.Us, d.serverRate, d.serverErrors, d.failures5xx()),
		d.rateTile("429", chart.Limits, d.limitedRate, d.limited, d.view.failures("status", "429")),
		d.customersTile(d.customers),
		page.Budget.tile(),
	}
	page.Families = d.familyPanel(deploys)
	page.Left = []ranking{d.topCodes(), d.newIssues(issues, deploys), d.newCodes()}
	page.Right = []ranking{d.topEndpoints(), d.limitsByCustomer()}
	page.Heat = d.heat()
	return w.callByName(c, page.Right)
}

func (d *dashboard) failures5xx() string { return d.view.failures("status", "5xx") }

// whyNothing finds out why there is nothing to show.
func (w *web) whyNothing(c *gin.Context, v *view) (*nothingHere, error) {
	o, err := w.Store.Overview(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return nil, err
	}
	out := &nothingHere{First: o.Newest.IsZero(), Newest: w.moment(o.Newest)}
	for _, name := range viewNames {
		if value := v.values[name]; value != "" && !slices.Contains([]string{"from", "to", "tz", "compare", "refresh", "top"}, name) {
			out.Filters = append(out.Filters, link{Label: name + " " + value, Path: v.with(name, "")})
		}
	}
	for _, r := range []string{"24h", "7d", "30d"} {
		if out.Wider = (link{Label: r, Path: v.with("from", "now-"+r, "to", "")}); !o.Newest.IsZero() && o.Newest.After(v.now.Add(-rangeOf(r))) && rangeOf(r) > v.length() {
			return out, nil
		}
	}
	out.Wider = link{}
	return out, nil
}

func rangeOf(r string) time.Duration {
	return map[string]time.Duration{"24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "30d": 30 * 24 * time.Hour}[r]
}

// familyPanel is how much fails, and on whose side: as a share of the requests
// where they are counted.
func (d *dashboard) familyPanel(deploys []store.Deploy) panel {
	r, title, all, note := d.familyRates, "Failures per request, by side", d.rate, d.rate.uncovered()
	if r.Why != "" || d.rate.NoTotals || len(r.Series) == 0 {
		r, title, all, note = d.families, "Failures by side", d.failures, ""
	}
	if r.Why != "" {
		return panel{ID: "families", Title: title, Empty: r.Why}
	}
	p := d.plot("families", title, r, familyName)
	byFamily(&p)
	if len(p.Series) == 0 { // requests, and none of them failed
		p.Series = []chart.Series{{Name: "us", Tone: chart.Us, Values: flat(p, d.now)}}
	}
	d.compared(&p, all)
	p.Marks = d.marks(deploys)
	return stacked(p, note)
}

// flat is zeros up to now.
func flat(p chart.Plot, now time.Time) []float64 {
	var out []float64
	for t := p.From; t.Before(now) && len(out) < chart.MaxPoints; t = t.Add(max(p.Step, time.Minute)) {
		out = append(out, 0)
	}
	return out
}

func share(part, whole float64) float64 {
	if whole <= 0 {
		return math.NaN()
	}
	return part / whole
}
