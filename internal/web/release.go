package web

import (
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/fault"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

type releasePage struct {
	topicPage
	CI      string // where the release was made; "" where nobody said
	Unknown bool   // no deploy of it is known
	Sides   []comparison
	Window  string
}

// comparison is what was before a deploy, against what has been since.
type comparison struct {
	Name, Statement string
	Verdict         stats.Verdict
	Drawn           template.HTML
	Before, After   stretch
}

type stretch struct{ Failures, Requests, Rate, Path string }

// around is how much is shown before and after a deploy.
const around = 24 * time.Hour

func (w *web) release(c *gin.Context) error {
	service, environment, release := c.Query("service"), c.Query("environment"), c.Query("release")
	for _, s := range []string{service, environment, release} {
		if len(s) > maxValue {
			return fault.New(fault.Invalid, "invalid_request", "The name in the address is too long.")
		}
		if _, err := nameOf(segment(s)); err != nil {
			return err
		}
	}
	began, now := time.Now(), w.Now().UTC()
	report, err := w.Store.ReleaseReport(c.Request.Context(), member(c).Workspace, service, environment, release, now)
	if fault.Is(err, fault.NotFound) {
		return w.undeployed(c, service, environment, release, now)
	}
	if err != nil {
		return err
	}
	page := &releasePage{topicPage: *w.topicPage(c, "Release", service+" "+release, "releases")}
	if err := w.fillRelease(c, &report, now, page); err != nil {
		return err
	}
	timed(c, began)
	return w.render(c, http.StatusOK, "release", page)
}

func (w *web) fillRelease(c *gin.Context, r *store.ReleaseReport, now time.Time, page *releasePage) error {
	t, err := w.newTopic(c, "/releases", "24h", releaseSubject(r)...)
	if err != nil {
		return err
	}
	t.asked = asked{}
	t.period(r.At.Add(-around), r.At.Add(around))
	ran := t.over(stats.Errors, rollup.Family, rollup.Code)
	ran.Filter.From, ran.Filter.To = r.At.Add(-time.Hour), t.now
	codes := t.ask(most(ran, 200))
	all := *t
	all.view = t.without("release")
	families := t.ask(all.over(stats.Errors, rollup.Family))
	if err := w.answer(c.Request.Context(), member(c).Workspace, t.now, &t.asked); err != nil {
		return err
	}
	deploys, err := w.Store.Deploys(c.Request.Context(), member(c).Workspace, store.DeployFilter{Service: r.Service, Environment: r.Environment, From: t.filter.From, To: t.filter.To})
	if err != nil {
		return err
	}
	if err := w.overlay(c.Request.Context(), member(c).Workspace, all.view); err != nil {
		return err
	}
	page.Facts = releaseFacts(t, r, now)
	if strings.HasPrefix(r.URL, "https://") || strings.HasPrefix(r.URL, "http://") {
		page.CI = r.URL
	}
	page.Window = catalog.Span(r.Window)
	page.Sides = []comparison{all.side("All failures", r, r.All, ""), all.side("On our side", r, r.Server, "family:us,upstream")}
	page.Panels = []panel{all.familiesPanel("around", "24 hours before and after, all releases", families, nil, deploys)}
	t.values["from"], t.values["to"] = sinceDeploy(r), ""
	t.filter.From, t.filter.To = r.At.Add(-time.Hour), t.now
	page.Rankings = []ranking{t.newRanking(r), t.ownCodes(codes)}
	_, err = w.fillLatest(c, t, &page.topicPage, codes)
	return err
}

// period is another one than the address says.
func (v *view) period(from, to time.Time) {
	v.values["from"], v.values["to"] = from.UTC().Truncate(time.Minute).Format(time.RFC3339), to.UTC().Truncate(time.Minute).Format(time.RFC3339)
	v.filter.From, v.filter.To = from.UTC(), to.UTC()
}

func releaseFacts(t *topic, r *store.ReleaseReport, now time.Time) []fact {
	out := []fact{{"Service", r.Service, t.about(pathOfService(r.Service))}}
	if r.Environment != "" {
		out = append(out, fact{"Environment", r.Environment, ""})
	}
	name := "Deployed"
	if !r.Reported {
		name = "First seen failing"
	}
	at := momentAt(r.At.Time, t.now)
	out = append(out, fact{name, at.Human + ", " + at.Ago, ""})
	if r.Before != nil {
		out = append(out, fact{"Before it", r.Before.Release, pathOfRelease(r.Before.Service, r.Before.Environment, r.Before.Release)})
	}
	if r.Until.Before(now) {
		out = append(out, fact{"Ran until", momentAt(r.Until, t.now).Human, ""})
	}
	return out
}

// side shows both stretches, each leading to its failures.
func (t *topic) side(name string, r *store.ReleaseReport, c stats.Comparison, terms string) comparison {
	out := comparison{Name: name, Statement: c.String(), Verdict: c.Verdict, Drawn: interval(c)}
	const step = 5 * time.Minute // as the report has it
	deployed := r.At.UTC().Truncate(step)
	path := func(from, to time.Time) string { return t.bucket(from, to, "q", joined(terms, t.values["q"])) }
	out.Before = stretchOf(c.Before, path(deployed.Add(-r.Window), deployed))
	out.After = stretchOf(c.After, path(deployed.Add(step), deployed.Add(step+r.Window)))
	return out
}

func stretchOf(b stats.Bucket, path string) stretch {
	s := stretch{Failures: count(b.Errors), Requests: none, Rate: none, Path: path}
	if b.Requests > 0 {
		s.Requests, s.Rate = count(b.Requests), percent(min(b.Errors/b.Requests, 1))
	}
	return s
}

// newRanking is what fails with the release and did not in the week before.
func (t *topic) newRanking(r *store.ReleaseReport) ranking {
	out := ranking{ID: "new", Title: "New with this release", Empty: "Nothing: what fails with it failed before, too.", Columns: []column{{Name: "Code"}, {Name: "endpoint"}, {Name: "failures", Num: true}}}
	for _, n := range r.New {
		where := linked(endpointLabel(n.Method, n.Endpoint), t.about(pathOfEndpoint(r.Service, n.Method, n.Endpoint)))
		where.Num = false
		s := &stats.Series{Labels: []string{r.Service, n.Method, n.Endpoint}, Total: float64(n.N)}
		failed := t.endpointFailed(s, "code", n.Code)
		out.Rows = append(out.Rows, rank{Label: n.Code, Path: t.about(pathOfCode(r.Service, n.Code)), Cells: []cell{where, failed}})
	}
	if len(r.New) > 0 {
		out.Notes = []string{"Codes at endpoints that no release had in the 7 days before."}
	}
	return out
}

// ownCodes is what the release failed with, whenever.
func (t *topic) ownCodes(codes *reply) ranking {
	out := t.codeRanking(codes, nil, t.values["service"])
	out.Title, out.Empty = "Failures that name this release", codes.instead("None so far.")
	for i := range out.Rows { // there is no time to compare with
		out.Rows[i].Cells = out.Rows[i].Cells[:2]
	}
	out.Columns = out.Columns[:3]
	return out
}

// without is the view as if a parameter were not there.
func (v *view) without(name string) *view {
	out := *v
	out.values = map[string]string{}
	for k, value := range v.values {
		if k != name {
			out.values[k] = value
		}
	}
	if name == "release" {
		out.filter.Release = ""
	}
	return &out
}
