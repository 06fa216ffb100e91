package web

import (
	"math"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/chart"
	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/incident"
	ql "errata/internal/query"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

const (
	// chartBefore and chartAfter are what the chart shows around an incident.
	chartBefore = time.Hour
	chartAfter  = 30 * time.Minute
	shownSample = 5
	// minutesFor is for how long a chart insists on minutes: however short failures
	// are kept, these are there. Later it takes what there is.
	minutesFor = 20 * time.Hour
	// longestShown is as long as statistics can be asked about.
	longestShown = 399 * 24 * time.Hour
)

// incidentTopic are the questions about an incident: how it went, with what comes
// before and after, and what its failures are.
type incidentTopic struct {
	*topic
	course                    *view // of the chart
	rate, failures, requests  *reply
	codes, customers, release *reply
	endpoints, all            *reply
}

// viewOf looks at what an incident is about, for some time.
func (w *web) viewOf(d *incident.Detail, from, to time.Time) (*view, error) {
	if oldest := to.Add(-longestShown); from.Before(oldest) {
		from = oldest
	}
	v := &view{path: incidentPath(&d.Record), values: map[string]string{}, now: w.Now().UTC(), zone: time.UTC, compare: stats.Week}
	v.values["service"], v.values["environment"], v.values["q"] = d.Service, d.Environment, familyQuery(&d.Record)
	if d.Provider != "" {
		v.values["q"] += " provider:" + ql.Quote(d.Provider)
	}
	v.values["from"] = from.UTC().Truncate(time.Minute).Format(time.RFC3339)
	v.values["to"] = to.UTC().Truncate(time.Minute).Add(time.Minute).Format(time.RFC3339)
	return v, v.read()
}

func (w *web) askIncident(d *incident.Detail) (*incidentTopic, error) {
	now := w.Now().UTC()
	end := now
	if d.ResolvedAt != nil {
		end = d.ResolvedAt.Time
	}
	course, err := w.viewOf(d, d.StartedAt.Add(-chartBefore), earlier(now, end.Add(chartAfter)))
	if err != nil {
		return nil, err
	}
	v, err := w.viewOf(d, d.StartedAt.Time, end)
	t := &incidentTopic{topic: &topic{view: v, page: v}, course: course}
	if err != nil {
		return t, err
	}
	over := func(m stats.Measure) *reply {
		q := course.question(m)
		if course.filter.To.Sub(course.filter.From) <= 2*time.Hour && now.Sub(course.filter.From) < minutesFor {
			q.Step = time.Minute
		}
		if m == stats.Requests { // which have no side
			q.Filter.Query = ""
		}
		return t.ask(q)
	}
	t.rate, t.failures, t.requests = over(stats.Rate), over(stats.Errors), over(stats.Requests)
	t.all = t.ask(most(t.over(stats.Errors), 1))
	t.codes = t.ask(most(t.versus(stats.Errors, rollup.Family, rollup.Code), 200))
	t.customers = t.ask(most(narrow(t.over(stats.Errors, rollup.Customer), "customer:*"), topRows))
	t.endpoints = t.ask(most(t.over(stats.Errors, rollup.Service, rollup.Method, rollup.Endpoint), 200))
	t.release = t.ask(most(narrow(t.over(stats.Errors, rollup.Release), "release:*"), topRows))
	return t, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// fillIncident adds what is counted: a chart, what it is made of, and samples.
func (w *web) fillIncident(c *gin.Context, d *incident.Detail, page *incidentPage) error {
	if page.Own != nil { // there is nothing to count
		return nil
	}
	ctx, ws, began := c.Request.Context(), member(c).Workspace, time.Now()
	t, err := w.askIncident(d)
	if err != nil {
		return err
	}
	if err := w.answer(ctx, ws, t.now, &t.asked); err != nil {
		return err
	}
	var deploys []store.Deploy
	if d.Service != "" {
		f := t.course.filter
		if deploys, err = w.Store.Deploys(ctx, ws, store.DeployFilter{Service: f.Service, Environment: f.Environment, From: f.From, To: f.To}); err != nil {
			return err
		}
	}
	page.Chart = t.chart(d, deploys)
	all := t.all.total()
	for i := range page.Facts {
		if page.Facts[i].Name == failuresFact && t.all.one() != nil {
			page.Facts[i].Value = count(all)
		}
	}
	page.Rankings = []ranking{t.codeRanking(t.codes, nil, d.Service), t.customerRanking(t.customers, all), t.endpointRanking(t.endpoints, nil, "Endpoints")}
	if d.Service != "" {
		page.Rankings = append(page.Rankings, t.plainRanking("releases", "Releases", "release", "", t.release, all, func(r string) string { return pathOfRelease(d.Service, d.Environment, r) }))
	}
	if t.all.Why == "" && (t.all.From.Before(t.filter.From) || t.all.To.After(t.filter.To)) {
		page.Chart.Notes = append(page.Chart.Notes, "What it is made of is counted from "+t.clock(t.all.From)+" to "+t.clock(t.all.To)+" UTC: so long ago, or for so long, single minutes are not kept apart.")
	}
	f := t.filter
	f.Role = event.Primary
	found, err := w.Store.Events(ctx, ws, f, shownSample, "")
	if err != nil {
		return err
	}
	page.Samples, page.All = w.rows(found.Events), t.view.failures()
	err = w.callByName(c, page.Rankings)
	timed(c, began)
	return err
}

// chart is the share of requests that failed, or how many did where nobody counts
// requests, with what is usual and from where on a rule holds.
func (t *incidentTopic) chart(d *incident.Detail, deploys []store.Deploy) panel {
	r, title := t.rate, "Share of requests that failed"
	counted := r.Why == "" && !r.NoTotals && len(r.Series) > 0
	if !counted {
		r, title = t.failures, "Failures"
	}
	if r.Why != "" {
		return panel{ID: "course", Title: title, Empty: r.Why}
	}
	p := t.course.plot("course", title, r, func([]string) (string, chart.Tone) { return "failed", chart.Tone(sideOf(&d.Record)) })
	switch {
	case d.Provider != "": // what is usual is known of its members only
	case counted:
		t.usualShare(&p, &d.Why)
	default:
		usualCount(&p, &d.Why)
	}
	p.Marks = t.course.marks(deploys)
	p.Marks = append(p.Marks, chart.Mark{At: d.FiredAt.Time, Label: "fired"})
	band := chart.Band{From: d.StartedAt.Time, Label: d.Name()}
	if d.ResolvedAt != nil {
		band.To = d.ResolvedAt.Time
		p.Marks = append(p.Marks, chart.Mark{At: band.To, Label: "over"})
	}
	p.Bands = []chart.Band{band}
	note := ""
	if !counted && t.rate.NoTotals {
		note = "Rates are unavailable: nobody counts the requests of this. These are counts."
	}
	return panel{ID: p.ID, Title: title, Chart: chart.Lines(p), Table: chart.Table(p), Notes: said([]string{note, t.rate.uncovered()})}
}

// usualShare draws between what shares the series lies 19 times of 20, for as many
// requests as each bucket had.
func (t *incidentTopic) usualShare(p *chart.Plot, why *detect.Why) {
	if why.Limit > 0 && why.Limit < 1 {
		p.Threshold = &chart.Threshold{Name: "can fire from", Value: 100 * why.Limit}
	}
	requests := t.requests.one()
	if why.Requests == 0 || requests == nil || t.requests.Step != t.rate.Step || !t.requests.From.Equal(t.rate.From) {
		return
	}
	b := &chart.Baseline{Name: "usual"}
	for _, n := range requests.Values {
		low, high := math.NaN(), math.NaN()
		if n > 0 {
			low, high = detect.Usual(why.Normal*n, why.Spread)
			low, high = 100*low/n, min(100*high/n, 100)
		}
		b.Low, b.High = append(b.Low, low), append(b.High, high)
	}
	p.Baseline = b
}

// usualCount does the same for counts, which only one rule knows what is usual of.
func usualCount(p *chart.Plot, why *detect.Why) {
	if why.Rule != detect.Count || len(p.Series) == 0 {
		return
	}
	each := p.Step.Minutes()
	if why.Window > 0 && why.Window <= 5 { // longer ones leave their worst minutes out
		p.Threshold = &chart.Threshold{Name: "can fire from", Value: why.Limit / float64(why.Window) * each}
	}
	low, high := detect.Usual(why.Normal*each, why.Spread)
	b := &chart.Baseline{Name: "usual"}
	for range p.Series[0].Values {
		b.Low, b.High = append(b.Low, low), append(b.High, high)
	}
	p.Baseline = b
}
