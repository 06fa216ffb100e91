package web

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

// undeployed is about a release of which no deploy is known: the first that was
// ever seen of a service, or one of long ago. There is nothing to compare it
// with, but what fails with it can be shown.
func (w *web) undeployed(c *gin.Context, service, environment, release string, now time.Time) error {
	const days = 30
	r := &store.ReleaseReport{Deploy: store.Deploy{Service: service, Environment: environment, Release: release, At: event.Time{Time: now.Add(-days * 24 * time.Hour)}}}
	t, err := w.newTopic(c, "/releases", "30d", releaseSubject(r)...)
	if err != nil {
		return err
	}
	t.asked = asked{}
	t.values["from"], t.values["to"] = "now-30d", ""
	t.filter.From, t.filter.To = r.At.Time, now
	codes := t.ask(most(t.over(stats.Errors, rollup.Family, rollup.Code), 200))
	families := t.ask(t.over(stats.Errors, rollup.Family))
	if err := w.answer(c.Request.Context(), member(c).Workspace, t.now, &t.asked); err != nil {
		return err
	}
	if codes.sum() == 0 {
		return w.unseen(c, &quiet{Kept: days}, "release", service+" "+release, nil, link{Label: "releases of " + service, Path: "/releases?" + query("service", service, "from", "now-30d")})
	}
	page := &releasePage{topicPage: *w.topicPage(c, "Release", service+" "+release, "releases")}
	page.Facts = []fact{{"Service", service, t.about(pathOfService(service))}}
	page.Unknown = true
	page.Panels = []panel{t.familiesPanel("around", "Failures that name this release, last 30 days", families, nil, nil)}
	page.Rankings = []ranking{t.ownCodes(codes)}
	if _, err := w.fillLatest(c, t, &page.topicPage, codes); err != nil {
		return err
	}
	return w.render(c, http.StatusOK, "release", page)
}

// releaseSubject narrows to a release. Where no environment is named, all are
// meant.
func releaseSubject(r *store.ReleaseReport) []string {
	out := []string{"service", r.Service, "release", r.Release}
	if r.Environment != "" {
		out = append(out, "environment", r.Environment)
	}
	return out
}
