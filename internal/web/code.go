package web

import (
	"context"
	"fmt"
	"slices"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	ql "errata/internal/query"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

// codeTopic are the questions of a code's page, in one service or in all. Only
// services' own blocks know endpoints, customers and releases of a code: they are
// asked for afterwards, of those services that may have it.
type codeTopic struct {
	*topic
	failed, families, kinds, who, providers, failing *reply
	inside                                           asked
	perService, endpoints, customers, releases       *reply
}

// maxServicesRead is how many services' own blocks one question may read.
const maxServicesRead = 10

func (w *web) code(c *gin.Context, service, code string) error {
	subject := []string{"code", code}
	if service != "" {
		subject = append(subject, "service", service)
	}
	t, err := w.newTopic(c, pathOfCode(service, code), "7d", subject...)
	if t.filter.Code != "" {
		code = t.filter.Code // as it is counted, however it was written
	}
	page := w.topicPage(c, "Code", code, "codes")
	return w.showTopic(c, t, page, err, func() error {
		d := &codeTopic{topic: t}
		err := w.fillCode(c, d, service, page)
		if err == nil && !page.Quiet.known() {
			places := []link{{Label: "all codes", Path: "/codes"}}
			if service != "" {
				places = append(places, link{Label: code + " in all services", Path: pathOfCode("", code)}, link{Label: "the service " + service, Path: pathOfService(service)})
			}
			places = append(places, link{Label: "what the catalogue says of it", Path: page.Entry.Edit})
			return w.unseen(c, page.Quiet, "code", code, w.near(c, ql.Code, code, func(v string) string { return pathOfCode("", v) }), places...)
		}
		page.Controls = t.controls()
		page.Controls.Services = picks(service, "all services", t.services.labels())
		return err
	})
}

func (w *web) fillCode(c *gin.Context, t *codeTopic, service string, page *topicPage) error {
	t.failed = t.ask(t.versus(stats.Errors))
	t.families = t.ask(t.over(stats.Errors, rollup.Family))
	t.kinds = t.ask(most(t.over(stats.Errors, rollup.Family, rollup.Status), 50))
	t.who = t.ask(t.versus(stats.Customers))
	t.providers = t.ask(most(narrow(t.over(stats.Errors, rollup.Provider), "provider:*"), topRows))
	failing := t.over(stats.Errors, rollup.Service, rollup.Family, rollup.Status)
	failing.Filter.Code = ""
	t.failing = t.ask(most(failing, 10_000))
	book, err := w.book(c)
	if err != nil {
		return err
	}
	if ok, err := w.read(c, t.topic, page, t.failed, nil); err != nil || !ok {
		page.Entry = t.entry(book, service, nil)
		return err
	}
	list, err := w.fillLatest(c, t.topic, page, t.failed)
	if err != nil {
		return err
	}
	if err := w.readInside(c.Request.Context(), member(c).Workspace, t, list); err != nil {
		return err
	}
	var deploys []store.Deploy
	if service != "" {
		if deploys, err = w.deploysOf(c, t.topic); err != nil {
			return err
		}
	}
	page.Entry = t.entry(book, service, newest(list))
	page.Facts = t.facts(service, list)
	page.Tiles = []tile{t.countTile("Failures", t.failed, t.topic.failures()), t.customersTile(t.who)}
	page.Panels = []panel{t.familiesPanel("families", "Failures", t.families, t.failed, deploys)}
	if service == "" {
		page.Rankings = append(page.Rankings, t.plainRanking("services", "Services", "service", "", t.perService, t.failed.total(), func(s string) string { return t.about(pathOfCode(s, page.Heading)) }))
	}
	page.Rankings = append(page.Rankings, t.endpointRanking(t.endpoints, nil, "Endpoints"), t.customerRanking(t.customers, t.failed.total()), t.releasesWithIt(service))
	if len(t.providers.Series) > 0 {
		page.Rankings = append(page.Rankings, t.innerCodes(list))
	}
	if all := t.failed.total(); service == "" && t.perService.sum() < all {
		page.Says = append(page.Says, fmt.Sprintf("Services, endpoints, customers and releases are of %s of the failures: those in the %d services that were looked into.", percent(t.perService.sum()/all), maxServicesRead))
	}
	return nil
}

// readInside asks the services that may have the code.
func (w *web) readInside(ctx context.Context, ws int32, t *codeTopic, list []event.Event) error {
	names := t.suspects(list)
	ask := func(limit int, by ...rollup.Dim) *reply {
		return t.inside.ask(within(most(t.over(stats.Errors, by...), limit), names))
	}
	t.perService = ask(maxServicesRead, rollup.Service)
	t.endpoints = ask(200, rollup.Service, rollup.Method, rollup.Endpoint)
	t.releases = ask(200, rollup.Service, rollup.Release)
	t.customers = t.inside.ask(within(narrow(most(t.over(stats.Errors, rollup.Customer), topRows), "customer:*"), names))
	return w.answer(ctx, ws, t.now, &t.inside)
}

// suspects are services that may have the code: some of the latest failures, for
// codes that few have, then those that fail most with its side and status.
func (t *codeTopic) suspects(list []event.Event) []string {
	var out []string
	add := func(service string) {
		if !slices.Contains(out, service) {
			out = append(out, service)
		}
	}
	for i := range list {
		if len(out) < maxServicesRead/2 {
			add(list[i].Service)
		}
	}
	kinds := t.kinds.totals()
	for _, s := range t.failing.Series {
		if labelled(kinds, s.Labels[1:]...) != nil {
			add(s.Labels[0])
		}
	}
	for i := range list {
		add(list[i].Service)
	}
	return out
}

// within is a question about as many of some services as can be read.
func within(q stats.Question, names []string) stats.Question {
	q.Services = names[:min(len(names), maxServicesRead)]
	return q
}
