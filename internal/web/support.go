package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/front"
	"errata/internal/incident"
	"errata/internal/store"
)

// Pages as support sees them: fed by package front, which lets nothing of the inside
// of services through, and with links only to what support can open.

// supportNames are their templates.
var supportNames = []string{"forbidden", "plaincode", "plaincustomer", "alertsnow"}

// showOutside is show for support. Whatever ID led here, it is about what the customer
// saw.
func (w *web) showOutside(c *gin.Context, trail event.Trail, spent time.Duration) error {
	ctx, login, now := c.Request.Context(), member(c), w.Now()
	focus := trail.Summary.EventID
	if err := w.Store.Audit(ctx, login.Workspace, login.Actor, "request.view", focus, nil); err != nil {
		return err
	}
	asked := time.Now()
	around, err := w.Store.Around(ctx, login.Workspace, trail.Find(focus), now)
	if err != nil {
		return err
	}
	book, err := w.Store.Catalog(ctx, login.Workspace)
	if err != nil {
		return err
	}
	e := front.Seen(&trail)
	beside := newBeside(&event.Trail{Services: []string{e.Service}}, &e, nil, now)
	if err := w.answerBeside(ctx, login.Workspace, now, beside); err != nil {
		return err
	}
	spent += time.Since(asked)

	page := requestPage{
		Heading: heading(&e), CodePath: pathOfCode(e.Service, e.Code), Family: e.Family, Time: momentAt(e.OccurredAt, now), Facts: factsOutside(&e),
		Began: front.Tell(&trail).RootCause, Message: e.Message, Fields: e.FieldErrors, Known: w.knownOutside(around.Incident), JustThem: justThemOf(&e, around.Blast, now), Theirs: beside.theirs(),
	}
	page.Facts, page.Them = called(page.Facts, e.Customer, around.Called), around.Called
	page.answered(front.Answer(book, e, now, catalog.About{Incident: around.Incident != nil && around.Incident.Open(), CustomerName: around.Called}), e.RequestID)
	page.Tries = triesOf(&e, around.Attempts)
	page.JustThem.Path = ""
	if page.Theirs != nil {
		page.Theirs.Path = "" // the customer's page is in the facts
		for i := range page.Theirs.Rows {
			page.Theirs.Rows[i].Path = ""
		}
	}
	if page.Desk, err = w.deskBeside(c, trail.Events, focus); err != nil {
		return err
	}
	page.frame, page.Link = w.frame(c, page.Heading, ""), w.permalink(c, page.Desk)
	timed(c, time.Now().Add(-spent))
	return w.render(c, http.StatusOK, "request", page)
}

// factsOutside lead nowhere but to the customer: what is behind them is for engineers.
func factsOutside(e *event.Event) []fact {
	var out []fact
	for _, f := range []fact{{Name: "Service", Value: e.Service}, {Name: "Endpoint", Value: joined(e.Method, e.Endpoint)}, {Name: "Customer", Value: e.Customer, Path: pathOfCustomer(e.Customer)},
		{Name: "Environment", Value: e.Environment}, {Name: "Limit", Value: catalog.Rate(e.RateLimit)}, {Name: "Request", Value: e.RequestID}} {
		if f.Value != "" {
			out = append(out, f)
		}
	}
	return out
}

// knownOutside is an incident as support sees it; nil for those of Errata itself.
func (w *web) knownOutside(r *incident.Record) *knownIncident {
	if r == nil || r.Own() {
		return nil
	}
	out := w.knownIncident(r)
	if out.Path = ""; out.Open {
		out.Path = alertsPath
	}
	out.Made, out.Silenced = "", nil
	return out
}

const alertsPath = "/alerts"

type alertsNowPage struct {
	frame
	Rows []*knownIncident
}

// alertsNow lists the incidents that last, with what to tell customers.
func (w *web) alertsNow(c *gin.Context) error {
	list, err := w.Store.Incidents(c.Request.Context(), member(c).Workspace, store.IncidentFilter{States: openStates}, shownOpen, "")
	if err != nil {
		return err
	}
	page := alertsNowPage{frame: w.frame(c, "Incidents", "alerts")}
	for i := range list.Incidents {
		if known := w.knownOutside(&list.Incidents[i]); known != nil {
			page.Rows = append(page.Rows, known)
		}
	}
	return w.render(c, http.StatusOK, "alertsnow", page)
}

// outside is the line of incidents on the home page of support.
func (l *nowLine) outside(list []incident.Record) *nowLine {
	if l == nil {
		return nil
	}
	out := &nowLine{}
	for i := range list {
		if !list[i].Own() {
			row := l.Rows[i]
			row.Path = alertsPath
			out.Rows = append(out.Rows, row)
		}
	}
	if out.Count = len(out.Rows); out.Count == 0 {
		return nil
	}
	return out
}

type plainCodePage struct {
	frame
	Heading, Service string
	Everywhere       string // the code in all services
	Why              catalog.Explanation
	Retry            string
	Known            bool
}

// plainCode says what a code means. How often it comes, where and for whom is for
// engineers.
func (w *web) plainCode(c *gin.Context, service, code string) error {
	book, err := w.book(c)
	if err != nil {
		return err
	}
	e := event.Event{Service: service, Code: event.CanonicalCode(code, 0), Role: event.Primary}
	if n, err := strconv.Atoi(strings.TrimPrefix(e.Code, "http_")); err == nil && n >= 100 && n < 600 {
		e.Status = n
	}
	e.Family = event.FamilyOf(e.Status, e.Code)
	page := plainCodePage{frame: w.frame(c, e.Code, ""), Heading: e.Code, Service: service, Why: book.Explain(e)}
	page.Why.SourceRefs = nil
	page.Retry, page.Known = retryWords[page.Why.RetryClass], page.Why.Source == catalog.ByCode
	if service != "" {
		page.Everywhere = pathOfCode("", e.Code)
	}
	return w.render(c, http.StatusOK, "plaincode", page)
}

// outside takes the links out of a row of a list, and what is known of a failure that
// no customer saw.
func (r *listRow) outside() {
	r.ServicePath, r.OperationPath, r.CustomerPath = "", "", ""
	if r.Role != event.Primary {
		r.Status, r.Code, r.Service, r.Operation = 0, "", "", ""
	}
}
