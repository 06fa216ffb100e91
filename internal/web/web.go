// Package web is what a support agent sees: one box for whatever a customer
// sent, and a page that says what happened, whose side it was on, and what to
// write back.
//
// Pages are rendered on the server and work without scripts; a few kilobytes
// of JavaScript add copy buttons and keys. Nothing that is pasted is stored,
// logged, or put into an address.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	ql "errata/internal/query"
	"errata/internal/slo"
	"errata/internal/stats"
	"errata/internal/store"
)

// Reader is what the pages need of the store.
type Reader interface {
	Trail(ctx context.Context, ws int32, id string) (event.Trail, error)
	Lookup(ctx context.Context, ws int32, ids []string) (map[string][]store.Hit, error)
	Near(ctx context.Context, ws int32, id string, limit int) ([]store.Hit, error)
	Events(ctx context.Context, ws int32, f event.Filter, limit int, cursor string) (store.Page, error)
	Values(ctx context.Context, ws int32, field ql.Field, prefix string, limit int) ([]string, error)
	Event(ctx context.Context, ws int32, id string) (event.Event, error)
	EndpointsTaking(ctx context.Context, ws int32, method, path string, limit int) ([]store.EndpointName, error)
	Overview(ctx context.Context, ws int32) (store.Overview, error)
	ReleaseReport(ctx context.Context, ws int32, service, environment, release string, now time.Time) (store.ReleaseReport, error)
	Rejections(ctx context.Context, ws int32, limit int, cursor string) ([]event.Rejection, string, error)
	KeyScopes(ctx context.Context, ws int32, id string) ([]auth.Scope, error)
	UseLoginLink(ctx context.Context, hash []byte) (store.Login, error)
	RecentLooks(ctx context.Context, ws int32, actor string, limit int) ([]store.Look, error)
	Audit(ctx context.Context, ws int32, actor store.Actor, action, target string, details any) error
	Stats(ctx context.Context, ws int32, now time.Time, questions ...stats.Question) ([]stats.Answer, error)
	Deploys(ctx context.Context, ws int32, f store.DeployFilter) ([]store.Deploy, error)
	NewIssues(ctx context.Context, ws int32, service string, from, to time.Time, limit int) ([]store.NewIssue, error)
	Collectors(ctx context.Context) ([]store.Collector, error)
	Refusals(ctx context.Context, ws int32, hours int) ([]store.Refused, error)
	Issues(ctx context.Context, ws int32, f event.IssueFilter, limit int, cursor string) (store.IssuePage, error)
	Issue(ctx context.Context, ws int32, id string) (event.IssueDetail, error)
	ChangeIssue(ctx context.Context, actor store.Actor, ws int32, id string, c store.IssueChange) error
	CommentIssue(ctx context.Context, actor store.Actor, ws int32, id, body string) error
	LinkTicket(ctx context.Context, actor store.Actor, ws int32, id, url string) error
	UnlinkTicket(ctx context.Context, actor store.Actor, ws int32, id, url string) error
	JobRuns(ctx context.Context) ([]store.JobRun, error)
	SLOs(ctx context.Context, ws int32) ([]slo.SLO, error)
	SetSLO(ctx context.Context, actor store.Actor, ws int32, o slo.SLO) (slo.SLO, error)
	RemoveSLO(ctx context.Context, actor store.Actor, ws int32, id string) error
	Incidents
	Rules
	Silences
	Thinning
	Channels
	Catalogue
	Requests
	Customers
	Integrations
	Team
}

// Deps is what New needs. Logger, Now, Sessions and OnServerError may be nil;
// without Sessions they are kept in memory.
type Deps struct {
	Store         Reader
	Keys          *auth.Keyring
	Courier       Courier
	Desk          Desk
	PublicURL     string // where people reach the pages; "" for what a request says
	Sessions      scs.CtxStore
	Logger        *slog.Logger
	Version       string
	Now           func() time.Time
	CollectorURL  string  // where services send to, for the first steps
	SLO           float64 // percent that services without an objective are held to; 0 is DefaultSLO
	OnServerError func(c *gin.Context, f *fault.Fault)
}

type web struct {
	Deps
	sessions *scs.SessionManager
	origins  *http.CrossOriginProtection
	logins   *limiter
	views    *limiter // of public links
	assets   assets
	pages    pages
	dead     deadNow
}

// New makes the pages: everything that is not the API.
func New(deps Deps) http.Handler {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	if deps.CollectorURL == "" {
		deps.CollectorURL = "http://localhost:4318"
	}
	if deps.SLO == 0 {
		deps.SLO = DefaultSLO
	}
	w := &web{
		Deps: deps, sessions: newSessions(deps.Sessions), origins: http.NewCrossOriginProtection(),
		logins: newLimiter(), views: newViewLimiter(), assets: loadAssets(), pages: loadPages(),
	}
	r := edge.New(edge.Options{
		Service: "errata-web", Logger: deps.Logger, OnServerError: deps.OnServerError, WriteError: w.writeError,
	})
	// IDs are opaque and may contain an escaped slash or a plus sign; pathID
	// unescapes them.
	r.UseEscapedPath, r.UnescapePathValues = true, false
	w.routes(r)
	return r
}

func (w *web) routes(r *gin.Engine) {
	r.Use(headers)
	r.GET("/static/:file", edge.Handle(w.static))

	// A wrong address has the box of every page for those who are signed in.
	r.NoRoute(noStore, w.loadSession, edge.Handle(nowhere))

	open := r.Group("", noStore, w.sameOrigin, w.loadSession)
	open.GET("/login", edge.Handle(w.loginForm))
	open.POST("/login", edge.Handle(w.loginWithKey))
	open.GET("/login/:token", edge.Handle(w.linkForm))
	open.POST("/login/:token", edge.Handle(w.loginWithLink))
	open.POST("/logout", edge.Handle(w.logout))
	open.POST("/theme", edge.Handle(w.setTheme))

	// Who may open what is decided in auth.Least, for every route in one place.
	member := open.Group("", w.requireSession, w.requireScope)
	member.GET("/", edge.Handle(w.home))
	member.GET("/d", edge.Handle(w.dashboard))
	member.POST("/find", edge.Handle(w.find))
	member.POST("/find/preview", edge.Handle(w.previewFind))
	member.GET("/r/*id", edge.Handle(w.request))
	member.GET("/events", edge.Handle(w.events))
	member.GET("/events/complete", edge.Handle(w.complete))
	member.GET("/events/:id", edge.Handle(w.event))
	member.GET("/issues", edge.Handle(w.issues))
	member.GET("/issues/complete", edge.Handle(w.completeIssues))
	member.GET("/issues/:id", edge.Handle(w.issue))
	member.POST("/issues", edge.Handle(w.decideMany))
	member.POST("/issues/:id", edge.Handle(w.decide))
	member.GET("/services", edge.Handle(w.services))
	member.GET("/services/:service", edge.Handle(w.service))
	member.POST("/services/:service", edge.Handle(w.decideService))
	member.GET("/e/:service/:method/*endpoint", edge.Handle(w.endpoint))
	member.POST("/e/:service/:method/*endpoint", edge.Handle(w.decideEndpoint))
	member.GET("/codes", edge.Handle(w.codes))
	member.GET("/codes/:first", edge.Handle(w.codeOrService))
	member.GET("/codes/:first/:code", edge.Handle(w.codeOrService))
	w.catalogRoutes(member)
	member.GET("/customers/:customer", edge.Handle(w.customer))
	member.POST("/customers/:customer", edge.Handle(w.nameCustomer))
	member.GET("/releases", edge.Handle(w.releases))
	member.GET("/rejections", edge.Handle(w.rejections))
	member.GET("/alerts", edge.Handle(w.alerts))
	member.GET("/alerts/history", edge.Handle(w.history))
	w.ruleRoutes(member)
	w.silenceRoutes(member)
	w.settingRoutes(member)
	w.teamRoutes(member)
	w.publicRoutes(r)
	member.GET("/alerts/channels", edge.Handle(w.channels))
	member.GET("/alerts/channels/new", edge.Handle(w.newChannel))
	member.POST("/alerts/channels/new", edge.Handle(w.addChannel))
	member.GET("/alerts/channels/:id", edge.Handle(w.channel))
	member.POST("/alerts/channels/:id", edge.Handle(w.decideChannel))
	member.GET("/alerts/deliveries", edge.Handle(w.deliveries))
	member.GET("/alerts/deliveries/:id", edge.Handle(w.delivery))
	member.POST("/alerts/deliveries/:id", edge.Handle(w.decideDelivery))
	w.integrationRoutes(member)
	member.GET("/i/:id", edge.Handle(w.incident))
	member.POST("/i/:id", edge.Handle(w.decideIncident))
	member.GET("/incidents/:id", edge.Handle(w.linkedIncident)) // as messages name them
}

// policy lets a page load what this server serves, and nothing else: what is
// in an error body can do nothing, even where escaping should fail.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func headers(c *gin.Context) {
	c.Header("Content-Security-Policy", policy)
	c.Header("X-Frame-Options", "DENY") // for what does not know frame-ancestors
	c.Header("Cross-Origin-Opener-Policy", "same-origin")
}

// noStore keeps what customers sent out of every cache on the way.
func noStore(c *gin.Context) { c.Header("Cache-Control", "no-store") }

// sameOrigin refuses forms that another site sends in the user's name.
func (w *web) sameOrigin(c *gin.Context) {
	if err := w.origins.Check(c.Request); err != nil {
		edge.Write(c, fault.New(fault.Forbidden, "cross_origin_request", "This form was sent from another site. Open the page here and send it again.").Because(err))
	}
}
