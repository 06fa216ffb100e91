package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/linkout"
	"errata/internal/store"
	"errata/internal/story"
)

// request answers the question that Errata is for: what happened to this ID?
func (w *web) request(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if c.Query("view") == "full" { // what engineers see
		if err := may(c, auth.Read); err != nil {
			return err
		}
	}
	asked := time.Now()
	trail, err := w.Store.Trail(c.Request.Context(), member(c).Workspace, id)
	spent := time.Since(asked)
	if fault.Is(err, fault.NotFound) {
		named, _, err := w.leads(c, "", []string{id})
		if err != nil {
			return err
		}
		return w.nothing(c, []string{id}, &pasted{}, named)
	}
	if err != nil {
		return err
	}
	if !member(c).Reads {
		return w.showOutside(c, trail, spent)
	}
	return w.show(c, trail, trail.Summary.EventID, spent)
}

// event shows one failure, with the rest of its trace where there is one.
func (w *web) event(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if c.Query("view") == "full" {
		if err := may(c, auth.Read); err != nil {
			return err
		}
	}
	ctx, ws, asked := c.Request.Context(), member(c).Workspace, time.Now()
	if !member(c).Reads { // the request that it belongs to
		trail, err := w.Store.Trail(ctx, ws, id)
		if err != nil {
			return err
		}
		return w.showOutside(c, trail, time.Since(asked))
	}
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
	return w.show(c, trail, e.ID, time.Since(asked))
}

// show is the page of a failure. Support sees what to say and to do; what engineers
// need is there for those who decide, and for others when they ask for it. The body as
// it was sent is shown only when it was asked for, and whoever does is in the audit log.
func (w *web) show(c *gin.Context, trail event.Trail, focus string, spent time.Duration) error {
	login, now, all := member(c), w.Now(), c.Query("view") == "full"
	ctx, ws := c.Request.Context(), login.Workspace
	action := "request.view"
	if all {
		action = "request.unmask"
	}
	if err := w.Store.Audit(ctx, ws, login.Actor, action, focus, nil); err != nil {
		return err
	}
	e := trail.Find(focus)
	if answered := trail.Find(trail.Summary.EventID); e.Role != event.Primary && answered != nil {
		e = answered
	}
	asked := time.Now()
	around, err := w.Store.Around(ctx, ws, e, now)
	if err != nil {
		return err
	}
	book, err := w.Store.Catalog(ctx, ws)
	if err != nil {
		return err
	}
	var links []linkout.Template
	var deploy *store.Deploy
	engineer := login.Decides || all
	if engineer {
		if links, err = w.Store.Links(ctx, ws); err != nil {
			return err
		}
		deploy = around.Deploy
	}
	beside := newBeside(&trail, e, deploy, now)
	if err := w.answerBeside(ctx, ws, now, beside); err != nil {
		return err
	}
	spent += time.Since(asked)

	about := catalog.About{Incident: around.Incident != nil && around.Incident.Open()}
	if of := trail.Find(focus).Customer; of == e.Customer || of == "" {
		about.CustomerName = around.Called
	}
	page := w.requestPage(trail, focus, book, about)
	page.Facts, page.Them = called(page.Facts, e.Customer, around.Called), around.Called
	page.Tries = triesOf(e, around.Attempts)
	page.Known, page.JustThem, page.Theirs = w.knownIncident(around.Incident), justThemOf(e, around.Blast, now), beside.theirs()
	if page.Engineer, page.All = engineer, all; engineer {
		page.Release = beside.release()
		page.Settings = len(links) == 0 && login.Decides
		for _, l := range linkout.Fill(links, &trail, trail.Find(focus)) {
			if l.URL != "" {
				page.Links = append(page.Links, l)
			}
		}
	}
	if page.Desk, err = w.deskBeside(c, trail.Events, focus); err != nil {
		return err
	}
	if page.Full = c.Request.URL.EscapedPath() + "?view=full"; !all {
		page.hide()
	}
	page.frame, page.Link = w.frame(c, page.Heading, ""), w.permalink(c, page.Desk)
	timed(c, time.Now().Add(-spent))
	return w.render(c, http.StatusOK, "request", page)
}

// permalink is the address to pass on: of the request, whichever of its IDs led here,
// or of the one failure that was opened.
func (w *web) permalink(c *gin.Context, d *teamDesk) string {
	if c.FullPath() == "/events/:id" {
		return w.base(c) + c.Request.URL.EscapedPath()
	}
	return w.base(c) + d.Back
}

// answerBeside asks what stands beside a failure, and once that is known, what is left.
func (w *web) answerBeside(ctx context.Context, ws int32, now time.Time, b *beside) error {
	if len(b.replies) > 0 {
		if err := w.answer(ctx, ws, now, &b.asked); err != nil {
			return err
		}
	}
	more, worthIt := b.sinceDeploy(now)
	if !worthIt {
		return nil
	}
	err := w.answer(ctx, ws, now, &more)
	if fault.Is(err, fault.Unprocessable) { // single minutes are not kept for as long as some failures
		b.before, err = nil, nil
	}
	return err
}

// requestPage is the answer, in the order in which it is needed.
type requestPage struct {
	frame
	Link      string // the page's whole address, for others who sign in
	Heading   string // status and code
	CodePath  string
	Verdict   string
	Began     string // where it began, when that was elsewhere
	Family    event.Family
	Side      string
	Time      moment
	Facts     []fact
	Message   string
	Them      string         // what people call the customer
	Known     *knownIncident // that it was part of
	JustThem  justThem
	Retry     catalog.Retry
	RetryFrom string
	Tries     *tries // the attempts under other request IDs
	Replies   []replyText
	EditPath  string
	Why       catalog.Explanation
	Fields    []event.FieldError
	Theirs    *theirs

	// What engineers see.
	Engineer  bool
	Release   string
	Timeline  []step
	ByTime    bool // of some steps it is not known who called them
	Attempts  []story.Attempts
	Truncated bool
	Links     []linkout.Link // to where else it can be looked at
	Settings  bool           // nobody has set any, and this reader can
	IDs       []row
	Notes     []string

	// What has to be asked for.
	All       bool
	Full      string // the page with it
	Hidden    bool   // there is some
	Details   text
	Exception *event.Exception
	Stack     text
	Raw       text
	Headers   []row
	Desk      *teamDesk // what the team keeps beside it
}

// hide takes out what has to be asked for.
func (p *requestPage) hide() {
	p.Hidden = p.Raw.Body != "" || p.Details.Body != "" || p.Exception != nil || len(p.Headers) > 0
	p.Raw, p.Details, p.Exception, p.Stack, p.Headers = text{}, text{}, nil, text{}, nil
}

// replyText is a reply with its form in Markdown.
type replyText struct {
	catalog.Reply
	ID, Markdown string
}

// fact is one of the circumstances; Path leads to more like it.
type fact struct{ Name, Value, Path string }

func (w *web) requestPage(trail event.Trail, focus string, book *catalog.Book, about catalog.About) requestPage {
	now := w.Now()
	e := trail.Find(focus)
	seen := *e
	if focus == trail.Summary.EventID {
		seen = story.Seen(&trail)
	}
	told := story.Tell(&trail)
	answer := catalog.Resolve(book, seen, now, about)
	page := requestPage{
		Heading: heading(e), CodePath: pathOfCode(e.Service, e.Code), Family: seen.Family, Time: momentAt(e.OccurredAt, now),
		Facts: facts(e), Message: e.Message,
		Fields: e.FieldErrors, Details: pretty(e.Details), Timeline: timeline(&trail, focus), Attempts: told.Attempts, Truncated: trail.Truncated,
		Raw: pretty(e.Raw), Headers: headerRows(e.Headers), IDs: ids(e), Notes: e.Notes,
	}
	page.answered(answer, e.RequestID)
	page.EditPath = pathOfEntry(catalog.Key{Service: e.Service, Code: e.Code}, "edit")
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

// answered puts in what the catalogue says.
func (p *requestPage) answered(a catalog.Answer, requestID string) {
	p.Verdict, p.Side, p.Retry, p.Why = a.Verdict, a.Side, a.Retry, a.Explanation
	for i, r := range a.Replies {
		t := replyText{Reply: r, ID: "reply", Markdown: markdown(r.Text, requestID)}
		if i > 0 {
			t.ID += itoa(i + 1)
		}
		p.Replies = append(p.Replies, t)
	}
	if from := sources[p.Retry.Source]; from != "" && p.Retry.Seconds != nil {
		p.RetryFrom = catalog.Span(time.Duration(*p.Retry.Seconds*float64(time.Second))) + ", " + from
	}
}

// special are the characters that Markdown takes for more than themselves within a
// line.
var special = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "<", "\\<", ">", "\\>", "#", "\\#", "~", "\\~")

// markdown is a reply for where Markdown is understood: the ID stands as code, and
// nothing else becomes more than it is.
func markdown(reply, id string) string {
	if id == "" || strings.ContainsAny(id, "`\n") {
		return special.Replace(reply)
	}
	parts := strings.Split(reply, id)
	for i := range parts {
		parts[i] = special.Replace(parts[i])
	}
	return strings.Join(parts, "`"+id+"`")
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
	add("Request", e.RequestID, "")
	if e.DurationMS != nil {
		add("Took", milliseconds(*e.DurationMS), "")
	}
	return out
}

func aliasName(kind string) string {
	if kind == event.Idempotency {
		return "Idempotency key"
	}
	return kind
}

func ids(e *event.Event) []row {
	rows := []row{{"Request", e.RequestID}, {"Trace", e.TraceID}, {"Span", e.SpanID}, {"Parent span", e.ParentSpanID}}
	if e.Upstream != nil {
		rows = append(rows, row{"Provider's request", e.Upstream.RequestID})
	}
	for _, a := range e.Aliases {
		rows = append(rows, row{aliasName(a.Kind), a.Value})
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
