package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/fault"
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
	return w.showCustomer(c, customer, nil)
}

// showCustomer shows a customer, with what stood against a change of the name.
func (w *web) showCustomer(c *gin.Context, customer string, refused *fault.Fault) error {
	named, err := w.namingOf(c, customer)
	if err != nil {
		return err
	}
	if named != nil && refused != nil {
		named.Problem, named.Typed = refused.Message, strings.ToValidUTF8(c.PostForm("name"), "")
	}
	if !member(c).Reads {
		return w.customerOutside(c, customer, named, refused)
	}
	t, err := w.newTopic(c, pathOfCustomer(customer), "7d", "customer", customer)
	page := w.topicPage(c, "Customer", named.heading(customer), "")
	if page.Naming, page.Refused = named, refused; named != nil && named.Name != "" {
		page.Facts = []fact{{"Customer ID", customer, ""}}
	}
	return w.showTopic(c, t, page, err, func() error {
		d := &customerTopic{topic: t}
		err := w.fillCustomer(c, d, page)
		if err == nil && !page.Quiet.known() && (named == nil || named.Name == "") {
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
	names := t.where.labels()
	t.codes = t.inside.ask(most(within(t.versus(stats.Errors, rollup.Family, rollup.Code), names), 200))
	t.endpoints = t.inside.ask(most(within(t.over(stats.Errors, rollup.Service, rollup.Method, rollup.Endpoint), names), 200))
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
	side := tellSide(t.ours.total(), t.limited.total(), t.theirs.total(), all)
	if partOf(t.theirs.total(), all) >= .5 {
		side += " The codes below say what to correct."
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

// tellSide says on whose side most of it was.
func tellSide(ours, limited, theirs, all float64) string {
	of := func(n float64) float64 { return partOf(n, all) }
	switch {
	case of(ours) >= .5:
		return percent(of(ours)) + " of what failed for them was on our side. They can only try again; tell them what we do about it."
	case of(limited) >= .5:
		return percent(of(limited)) + " of what failed for them was their own limits. Ask them to send fewer requests at a time, pause after each refusal, or raise the limit."
	case of(theirs) >= .5:
		return percent(of(theirs)) + " of what failed for them lay with their requests."
	}
	return "What failed for them is a mixture: tell them about each code by itself."
}

// plainCustomer is a customer as support sees it.
type plainCustomer struct {
	frame
	Heading, ID string
	Naming      *naming
	Sides       []sideRow
	Tell        string
	Problem     string // why it is not known
}

type sideRow struct {
	Family event.Family
	Words  string
	N      int64
}

const plainDays = 7 * 24 * time.Hour

// customerOutside says what a customer is called, and on whose side it was what failed
// for them. By which codes, where and when is for engineers; of one request support
// sees it on its page.
func (w *web) customerOutside(c *gin.Context, customer string, named *naming, refused *fault.Fault) error {
	now, status := w.Now(), refusedStatus(refused)
	page := plainCustomer{Heading: named.heading(customer), Naming: named}
	if page.Heading != customer {
		page.ID = customer
	}
	began, ask := time.Now(), &asked{}
	failed := ask.ask(stats.Question{Measure: stats.Errors, Whole: true, Hours: true, Filter: event.Filter{Customer: customer, From: now.Add(-plainDays), To: now}, By: []rollup.Dim{rollup.Family}})
	if customer == "" {
		failed.question.Filter.Query = "-customer:*"
	}
	if err := w.answer(c.Request.Context(), member(c).Workspace, now, ask); err != nil {
		return err
	}
	timed(c, began)
	of := map[event.Family]float64{}
	for _, s := range failed.Series {
		of[event.Family(s.Labels[0])] += s.Total
	}
	for _, f := range []event.Family{event.FamilyUs, event.FamilyUpstream, event.FamilyLimits, event.FamilyCaller} {
		if n := int64(of[f]); n > 0 {
			page.Sides = append(page.Sides, sideRow{f, sideWords[string(f)], n})
		}
	}
	ours := of[event.FamilyUs] + of[event.FamilyUpstream]
	if all := ours + of[event.FamilyLimits] + of[event.FamilyCaller]; all > 0 {
		page.Tell = tellSide(ours, of[event.FamilyLimits], of[event.FamilyCaller], all)
	} else if refused == nil && (named == nil || named.Name == "") {
		status = http.StatusNotFound
	}
	page.Problem = failed.Why
	page.frame = w.frame(c, page.Heading, "")
	return w.render(c, status, "plaincustomer", page)
}
