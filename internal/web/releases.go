package web

import (
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

// releases lists the deploys of the period, or compares one release with what
// ran before it.
func (w *web) releases(c *gin.Context) error {
	if c.Query("release") != "" && c.Query("service") != "" {
		return w.release(c)
	}
	t, err := w.newTopic(c, "/releases", "7d")
	page := w.topicPage(c, "", "Releases", "releases")
	return w.showTopic(c, t, page, err, func() error { return w.fillReleases(c, t, page) })
}

func (w *web) fillReleases(c *gin.Context, t *topic, page *topicPage) error {
	ctx, ws := c.Request.Context(), member(c).Workspace
	since := most(t.over(stats.Errors, rollup.Service, rollup.Release), 1000)
	var failing *reply
	if t.values["service"] != "" { // only services' own blocks know releases
		failing = t.ask(since)
	}
	if err := w.answer(ctx, ws, t.now, &t.asked); err != nil {
		return err
	}
	collectors, err := w.Store.Collectors(ctx)
	if err != nil {
		return err
	}
	page.AsOf = t.asOf(t.services, collectors)
	deploys, err := w.Store.Deploys(ctx, ws, store.DeployFilter{Service: t.values["service"], Environment: t.values["environment"], Release: t.values["release"], From: t.filter.From, To: t.filter.To})
	if err != nil {
		return err
	}
	page.Rankings = []ranking{t.deployRanking(deploys, failing)}
	return nil
}

func (t *topic) deployRanking(deploys []store.Deploy, failing *reply) ranking {
	out := ranking{ID: "list", Title: "Deploys, newest first", Columns: []column{{Name: "Release"}, {Name: "service"}, {Name: "environment"}, {Name: "deployed"}, {Name: "known from"}},
		Empty: "No deploy is known of this time. Send release with each failure, or tell each deploy to POST /v1/deploys; docs/api.md says how."}
	if failing != nil {
		out.Columns = append(out.Columns, column{Name: "failures", Num: true, Title: "in this period, that name the release"})
	}
	for _, d := range deploys {
		known := cell{Text: "its first failure", Title: "Nobody reported the deploy: it was first seen failing then"}
		if d.Reported {
			known = cell{Text: "a report"}
		}
		service := linked(d.Service, t.about(pathOfService(d.Service)))
		service.Num = false
		r := rank{Label: d.Release, Path: pathOfRelease(d.Service, d.Environment, d.Release), Cells: []cell{service, {Text: d.Environment}, {Text: t.clock(d.At.Time), Title: momentAt(d.At.Time, t.now).Ago}, known}}
		if failing != nil {
			n := 0.0
			if s := labelled(failing.totals(), d.Service, d.Release); s != nil {
				n = s.Total
			}
			r.Cells = append(r.Cells, t.failed(n, "service", d.Service, "release", d.Release))
		}
		out.Rows = append(out.Rows, r)
	}
	if len(deploys) == store.MaxDeploys {
		out.Notes = []string{"These are the newest " + itoa(store.MaxDeploys) + "."}
	}
	return out
}

// sinceDeploy is when a release began to fail at the earliest, for filters.
func sinceDeploy(r *store.ReleaseReport) string {
	return r.At.Add(-time.Hour).UTC().Truncate(time.Minute).Format(time.RFC3339)
}
