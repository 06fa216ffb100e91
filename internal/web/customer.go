package web

import (
	"fmt"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/event"
	ql "errata/internal/query"
	"errata/internal/rollup"
	"errata/internal/stats"
)

// customerTopic are the questions of a customer's page. What only services' own
// blocks know is asked for afterwards, about those that failed for the customer.
type customerTopic struct {
	*topic
	failed, families, where, ours, limited, theirs *reply
	inside                                         asked
	codes, endpoints                               *reply
}

func (w *web) customer(c *gin.Context) error {
	customer, err := nameOf(c.Param("customer"))
	if err != nil {
		return err
	}
	t, err := w.newTopic(c, pathOfCustomer(customer), "7d", "customer", customer)
	page := w.topicPage(c, "Customer", customer, "")
	if customer == "" {
		page.Heading = "(no customer named)"
	}
	return w.showTopic(c, t, page, err, func() error {
		d := &customerTopic{topic: t}
		err := w.fillCustomer(c, d, page)
		if err == nil && !page.Quiet.known() {
			near := w.near(c, ql.Customer, customer, pathOfCustomer)
			return w.unseen(c, page.Quiet, "customer", customer, near, link{Label: "look up a request instead", Path: "/"})
		}
		return err
	})
}

func (w *web) fillCustomer(c *gin.Context, t *customerTopic, page *topicPage) error {
	t.failed = t.ask(t.versus(stats.Errors))
	t.families = t.ask(t.over(stats.Errors, rollup.Family))
	t.ours = t.ask(narrow(t.versus(stats.Errors), "family:us,upstream"))
	t.limited = t.ask(narrow(t.versus(stats.Errors), "family:limits"))
	t.theirs = t.ask(narrow(t.versus(stats.Errors), "family:caller"))
	t.where = t.ask(most(t.over(stats.Errors, rollup.Service), 1000))
	if ok, err := w.read(c, t.topic, page, t.failed, nil); err != nil || !ok {
		return err
	}
	names := servicesQuery(t.where.labels())
	t.codes = t.inside.ask(most(narrow(t.versus(stats.Errors, rollup.Family, rollup.Code), names), 200))
	t.endpoints = t.inside.ask(most(narrow(t.over(stats.Errors, rollup.Service, rollup.Method, rollup.Endpoint), names), 200))
	if err := w.answer(c.Request.Context(), member(c).Workspace, t.now, &t.inside); err != nil {
		return err
	}
	page.Tiles = []tile{
		t.countTile("Failures", t.failed, t.view.failures()), t.countTile("On our side", t.ours, t.view.failures("q", joined("family:us,upstream", t.values["q"]))),
		t.countTile("Limits", t.limited, t.view.failures("family", "limits")), t.countTile("Their requests", t.theirs, t.view.failures("family", "caller")),
	}
	page.Tiles[2].Note = percent(partOf(t.limited.total(), t.failed.total())) + " of their failures"
	page.Tell = t.tell()
	page.Says = append(page.Says, "Nobody counts the requests of one customer, so there are no rates here: more failures may be more requests.")
	page.Panels = []panel{t.familiesPanel("families", "Failures by side", t.families, t.failed, nil)}
	page.Rankings = []ranking{t.codeRanking(t.codes, nil, ""), t.endpointRanking(t.endpoints, nil, "Endpoints"),
		t.plainRanking("services", "Services", "service", "", t.where, t.failed.total(), func(s string) string { return t.about(pathOfService(s)) })}
	if left := len(t.where.Series) + t.where.More - maxServicesRead; left > 0 {
		page.Says = append(page.Says, fmt.Sprintf("Codes and endpoints are of the %d services that failed most for them, not of the other %d.", maxServicesRead, left))
	}
	_, err := w.fillLatest(c, t.topic, page, t.failed)
	return err
}

// tell is what to say to the customer of all this, in one go.
func (t *customerTopic) tell() string {
	all := t.failed.total()
	of := func(r *reply) float64 { return partOf(r.total(), all) }
	var side string
	switch {
	case of(t.ours) >= .5:
		side = percent(of(t.ours)) + " of what failed for them was on our side. They can only try again; tell them what we do about it."
	case of(t.limited) >= .5:
		side = percent(of(t.limited)) + " of what failed for them was their own limits. Ask them to send fewer requests at a time, pause after each refusal, or raise the limit."
	case of(t.theirs) >= .5:
		side = percent(of(t.theirs)) + " of what failed for them lay with their requests. The codes below say what to correct."
	default:
		side = "What failed for them is a mixture: tell them about each code by itself."
	}
	if len(t.codes.Series) == 0 || t.codes.Series[0].Total < all/2 {
		return side
	}
	top := t.codes.Series[0].Labels
	why := catalog.Explain(event.Event{Code: top[1], Family: event.Family(top[0])})
	if len(why.Fixes) == 0 {
		return side
	}
	return fmt.Sprintf("%s Mostly it was %s (%s): %s", side, top[1], why.Title, why.Fixes[0])
}
