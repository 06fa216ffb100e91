package web

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/linkout"
	"errata/internal/story"
)

// request answers the question that Errata is for: what happened to this ID?
func (w *web) request(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	trail, err := w.Store.Trail(c.Request.Context(), member(c).Workspace, id)
	if fault.Is(err, fault.NotFound) {
		return w.nothing(c, http.StatusNotFound, []string{id}, nil, 0)
	}
	if err != nil {
		return err
	}
	return w.show(c, trail, trail.Summary.EventID)
}

// event shows one failure, with the rest of its trace where there is one.
func (w *web) event(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	ctx, ws := c.Request.Context(), member(c).Workspace
	e, err := w.Store.Event(ctx, ws, id)
	if err != nil {
		return err
	}
	trail := event.NewTrail(e.ID, []event.Event{e})
	if e.TraceID != "" {
		around, err := w.Store.Trail(ctx, ws, e.TraceID)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err == nil && around.Find(e.ID) != nil {
			trail = around
		}
	}
	return w.show(c, trail, e.ID)
}

func (w *web) show(c *gin.Context, trail event.Trail, focus string) error {
	login := member(c)
	if err := w.Store.Audit(c.Request.Context(), login.Workspace, login.Actor, "request.view", focus, nil); err != nil {
		return err
	}
	e := trail.Find(focus)
	if answered := trail.Find(trail.Summary.EventID); e.Role != event.Primary && answered != nil {
		e = answered
	}
	book, err := w.book(c)
	if err != nil {
		return err
	}
	now := w.Now()
	around, err := w.Store.Around(c.Request.Context(), login.Workspace, e, now)
	if err != nil {
		return err
	}
	known := w.knownIncident(around.Incident)
	page := w.requestPage(trail, focus, catalog.Resolve(book, seen(&trail, focus), now, catalog.About{Incident: known != nil && known.Open}))
	page.Known, page.JustThem = known, justThemOf(e, around.Blast, now)
	links, err := w.Store.Links(c.Request.Context(), login.Workspace)
	if err != nil {
		return err
	}
	for _, l := range linkout.Fill(links, &trail, trail.Find(focus)) {
		if l.URL != "" {
			page.Links = append(page.Links, l)
		}
	}
	page.Settings = len(links) == 0 && login.Decides
	if page.Desk, err = w.deskBeside(c, trail.Events, focus); err != nil {
		return err
	}
	page.frame = w.frame(c, page.Heading, "")
	return w.render(c, http.StatusOK, "request", page)
}

// requestPage is the answer, in the order in which it is needed.
type requestPage struct {
	frame
	Heading   string // status and code
	CodePath  string
	Verdict   string
	Began     string // where it began, when that was elsewhere
	Attempts  []story.Attempts
	Family    event.Family
	Side      string
	Time      moment
	Facts     []fact
	Message   string
	Retry     catalog.Retry
	RetryFrom string
	Reply     string
	Replies   []catalog.Reply // others that may fit
	EditPath  string
	Why       catalog.Explanation
	Fields    []event.FieldError
	Details   text
	Timeline  []step
	ByTime    bool // of some steps it is not known who called them
	Truncated bool
	Traces    []string
	Exception *event.Exception
	Stack     text
	Raw       text
	Headers   []row
	IDs       []row
	Notes     []string
	Known     *knownIncident // that it was part of
	JustThem  justThem
	Links     []linkout.Link // to where else it can be looked at
	Settings  bool           // nobody has set any, and this reader can
	Desk      *teamDesk      // what the team keeps beside it
}

// fact is one of the circumstances; Path leads to more like it.
type fact struct{ Name, Value, Path string }

// seen is what the Event with that ID is explained as.
func seen(trail *event.Trail, id string) event.Event {
	if id == trail.Summary.EventID {
		return story.Seen(trail)
	}
	return *trail.Find(id)
}

func (w *web) requestPage(trail event.Trail, focus string, said catalog.Answer) requestPage {
	now := w.Now()
	e := trail.Find(focus)
	told, why := story.Tell(&trail), said.Explanation
	page := requestPage{
		Heading: heading(e), CodePath: pathOfCode(e.Service, e.Code), Verdict: why.Verdict, Family: seen(&trail, focus).Family, Side: why.Side, Time: momentAt(e.OccurredAt, now),
		Facts: facts(e), Message: e.Message, Retry: said.Retry, Reply: said.Replies[0].Text, Replies: said.Replies[1:], Why: why,
		Fields: e.FieldErrors, Details: pretty(e.Details), Timeline: timeline(&trail, focus), Attempts: told.Attempts, Truncated: trail.Truncated,
		Traces: trail.TraceIDs, Raw: pretty(e.Raw), Headers: headerRows(e.Headers), IDs: ids(e), Notes: e.Notes,
	}
	page.EditPath = pathOfEntry(catalog.Key{Service: e.Service, Code: e.Code}, "edit")
	if from := sources[page.Retry.Source]; from != "" && page.Retry.Seconds != nil {
		page.RetryFrom = catalog.Span(time.Duration(*page.Retry.Seconds*float64(time.Second))) + ", " + from
	}
	page.ByTime = byTime(page.Timeline)
	if e.Exception != nil {
		page.Exception, page.Stack = e.Exception, clamp(e.Exception.Stacktrace)
	}
	if root := trail.Find(trail.Summary.RootCauseEventID); root != nil && root.ID != e.ID {
		page.Began = told.RootCause
		if page.Exception == nil && root.Exception != nil { // where it began is what engineers ask for
			page.Exception, page.Stack = root.Exception, clamp(root.Exception.Stacktrace)
		}
	}
	return page
}

func heading(e *event.Event) string { return story.Heading(e) }

// sources are the origins of a waiting time in words.
var sources = map[string]string{
	"header": "from the Retry-After header", "body": "from the answer's body", "details": "from the answer's details",
	"ratelimit_header": "from the RateLimit header", "ratelimit_reset": "from the time at which the limit resets",
	"message": "from the answer's message",
}

func facts(e *event.Event) []fact {
	var out []fact
	add := func(name, value, path string) {
		if value != "" {
			out = append(out, fact{name, value, path})
		}
	}
	add("Service", e.Service, pathOfService(e.Service))
	add("Endpoint", joined(e.Method, e.Endpoint), pathOfEndpoint(e.Service, e.Method, e.Endpoint))
	add("Customer", e.Customer, pathOfCustomer(e.Customer))
	add("Environment", e.Environment, "/events?"+query("environment", e.Environment))
	add("Release", e.Release, pathOfRelease(e.Service, e.Environment, e.Release))
	if e.IssueID != "" {
		add("Problem", "All failures like this", issuePath(e.IssueID))
	}
	if e.Upstream != nil {
		add("Provider", joined(e.Upstream.Provider, e.Upstream.Code), "")
	}
	if e.RateLimit != nil {
		add("Limit", catalog.Rate(e.RateLimit), "")
	}
	if e.Attempt > 0 {
		add("Attempt", itoa(e.Attempt+1), "")
	}
	if e.DurationMS != nil {
		add("Took", milliseconds(*e.DurationMS), "")
	}
	return out
}

func ids(e *event.Event) []row {
	rows := []row{{"Request", e.RequestID}, {"Trace", e.TraceID}, {"Span", e.SpanID}, {"Parent span", e.ParentSpanID}}
	if e.Upstream != nil {
		rows = append(rows, row{"Provider's request", e.Upstream.RequestID})
	}
	for _, a := range e.Aliases {
		rows = append(rows, row{a.Kind, a.Value})
	}
	rows = append(rows, row{"Event", e.ID}, row{"Code as sent", e.RawCode}, row{"Path", e.Path}, row{"Instance", e.Instance}, row{"gRPC code", e.GRPCCode})
	var out []row
	seen := map[row]bool{}
	for _, r := range rows {
		if r.Value != "" && !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	return out
}
