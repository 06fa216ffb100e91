// Package api is Errata's JSON API: what scripts, the command line, and other
// people's tools look failures up with. It reads from the store and decides
// nothing about failures itself; what a code means comes from the catalogue,
// and what an error of Errata looks like from edge.
//
// openapi.yaml describes every route and every answer; the tests hold it and
// this package against each other.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/slo"
	"errata/internal/stats"
	"errata/internal/store"
)

// Reader is what the API needs of the store.
type Reader interface {
	Trail(ctx context.Context, ws int32, id string) (event.Trail, error)
	Lookup(ctx context.Context, ws int32, ids []string) (map[string][]store.Hit, error)
	Absences(ctx context.Context, ws int32, ids []string) (map[string]store.Absence, error)
	Near(ctx context.Context, ws int32, id string, limit int) ([]store.Hit, error)
	Events(ctx context.Context, ws int32, f event.Filter, limit int, cursor string) (store.Page, error)
	Event(ctx context.Context, ws int32, id string) (event.Event, error)
	Rejections(ctx context.Context, ws int32, limit int, cursor string) ([]event.Rejection, string, error)
	Replay(ctx context.Context, actor store.Actor, ws int32, id string) (identity.Outcome, error)
	Endpoints(ctx context.Context, ws int32, service string) ([]store.Endpoint, error)
	Collectors(ctx context.Context) ([]store.Collector, error)
	Refusals(ctx context.Context, ws int32, hours int) ([]store.Refused, error)
	JobRuns(ctx context.Context) ([]store.JobRun, error)
	Pulse(ctx context.Context) (store.Pulse, error)
	AskJob(ctx context.Context, actor store.Actor, ws int32, name string) error
	Plan(ctx context.Context, ws int32, now time.Time, within time.Duration) (store.RetentionPlan, error)
	Deploys(ctx context.Context, ws int32, f store.DeployFilter) ([]store.Deploy, error)
	AddDeploy(ctx context.Context, actor store.Actor, ws int32, d store.Deploy) error
	ReleaseReport(ctx context.Context, ws int32, service, environment, release string, now time.Time) (store.ReleaseReport, error)
	Stats(ctx context.Context, ws int32, now time.Time, questions ...stats.Question) ([]stats.Answer, error)
	Keys(ctx context.Context, ws int32) ([]auth.Key, error)
	CreateKey(ctx context.Context, actor store.Actor, ws int32, name string, scopes []auth.Scope, secret string) (auth.Key, error)
	RevokeKey(ctx context.Context, actor store.Actor, ws int32, id string) error
	Issues
	SLOs
	Thinning
	Rules
	Silences
	Channels
	Incidents
	Catalogue
	Requests
	Customers
	Integrations
	Team
}

// Deps is what New needs. Metrics, OnServerError and Now may be nil; without an
// SLO it is slo.Default.
type Deps struct {
	Store         Reader
	Keys          *auth.Keyring
	Logger        *slog.Logger
	Metrics       http.Handler
	Ready         func(context.Context) error
	Version       string
	Now           func() time.Time
	SLO           float64 // percent that services without an objective are held to
	Courier       Courier
	Desk          Desk
	OnServerError func(c *gin.Context, f *fault.Fault)
}

type api struct{ Deps }

// New makes the API: everything under /v1, /openapi.json, /healthz, /readyz
// and /metrics.
func New(deps Deps) http.Handler { return engine(deps) }

func engine(deps Deps) *gin.Engine {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Logger == nil {
		deps.Logger = slog.Default()
	}
	if deps.SLO == 0 {
		deps.SLO = slo.Default
	}
	r := edge.New(edge.Options{Service: "errata-api", Logger: deps.Logger, OnServerError: deps.OnServerError})
	// IDs are opaque and may contain an escaped slash. Gin would unescape like
	// a query string, which turns '+' into a space: pathID does it instead.
	r.UseEscapedPath, r.UnescapePathValues = true, false
	(&api{deps}).routes(r)
	return r
}

func (a *api) routes(r *gin.Engine) {
	r.GET("/openapi.json", edge.Handle(a.openAPI))
	r.GET("/healthz", edge.Handle(a.health))
	r.GET("/readyz", edge.Handle(a.ready))
	r.GET("/metrics", edge.Handle(a.metrics))

	// Who may what is decided in auth.Least, for every route in one place.
	v1 := r.Group("/v1", noStore, edge.Guard(a.Keys))
	v1.GET("/requests/:request_id", edge.Handle(a.request))
	v1.GET("/lookup", edge.Handle(a.lookupQuery))
	v1.POST("/lookup", edge.Handle(a.lookupText))
	v1.GET("/events", edge.Handle(a.events))
	v1.GET("/events/:id", edge.Handle(a.event))
	v1.GET("/issues", edge.Handle(a.issues))
	v1.GET("/issues/:id", edge.Handle(a.issue))
	v1.GET("/endpoints", edge.Handle(a.endpoints))
	v1.GET("/stats/series", edge.Handle(a.statsSeries))
	v1.GET("/stats/top", edge.Handle(a.statsTop))
	v1.GET("/stats/heatmap", edge.Handle(a.statsHeatmap))
	v1.GET("/deploys", edge.Handle(a.deploys))
	v1.GET("/releases", edge.Handle(a.releases))
	v1.GET("/rejections", edge.Handle(a.rejections))
	v1.GET("/refusals", edge.Handle(a.refusals))
	v1.GET("/collectors", edge.Handle(a.collectors))
	v1.GET("/slos", edge.Handle(a.slos))
	v1.GET("/links", edge.Handle(a.links))
	v1.GET("/retention", edge.Handle(a.retention))
	v1.GET("/alerts/rules", edge.Handle(a.rules))
	v1.GET("/alerts/rules/:id", edge.Handle(a.rule))
	v1.POST("/alerts/rules/replay", edge.Handle(a.replayRule))
	v1.GET("/alerts/silences", edge.Handle(a.silences))
	v1.POST("/alerts/silences/preview", edge.Handle(a.previewSilence))
	v1.GET("/alerts/channels", edge.Handle(a.channels))
	v1.GET("/alerts/channels/:id", edge.Handle(a.channel))
	v1.GET("/alerts/deliveries", edge.Handle(a.deliveries))
	v1.GET("/alerts/deliveries/:id", edge.Handle(a.delivery))
	v1.GET("/alerts/incidents", edge.Handle(a.incidents))
	v1.GET("/alerts/incidents/:id", edge.Handle(a.incident))
	v1.GET("/alerts/precision", edge.Handle(a.precision))

	v1.POST("/deploys", edge.Handle(a.addDeploy))

	v1.GET("/keys", edge.Handle(a.keys))
	v1.POST("/keys", edge.Handle(a.createKey))
	v1.DELETE("/keys/:id", edge.Handle(a.revokeKey))
	v1.PATCH("/issues", edge.Handle(a.changeIssues))
	v1.PATCH("/issues/:id", edge.Handle(a.changeIssue))
	v1.POST("/issues/:id/comments", edge.Handle(a.commentIssue))
	v1.POST("/issues/:id/tickets", edge.Handle(a.linkTicket))
	v1.DELETE("/issues/:id/tickets", edge.Handle(a.unlinkTicket))
	v1.PUT("/links", edge.Handle(a.setLinks))
	v1.PUT("/slos", edge.Handle(a.setSLO))
	v1.DELETE("/slos/:id", edge.Handle(a.removeSLO))
	v1.POST("/alerts/rules", edge.Handle(a.createRule))
	v1.PUT("/alerts/rules/:id", edge.Handle(a.changeRule))
	v1.DELETE("/alerts/rules/:id", edge.Handle(a.removeRule))
	v1.POST("/alerts/silences", edge.Handle(a.createSilence))
	v1.PUT("/alerts/silences/:id", edge.Handle(a.changeSilence))
	v1.POST("/alerts/silences/:id/end", edge.Handle(a.endSilence))
	v1.POST("/alerts/channels", edge.Handle(a.addChannel))
	v1.PUT("/alerts/channels/:id", edge.Handle(a.setChannel))
	v1.DELETE("/alerts/channels/:id", edge.Handle(a.removeChannel))
	v1.POST("/alerts/channels/:id/test", edge.Handle(a.testChannel))
	v1.POST("/alerts/deliveries/:id/redeliver", edge.Handle(a.redeliver))
	v1.POST("/alerts/incidents/:id/ack", edge.Handle(a.ackIncident))
	v1.POST("/alerts/incidents/:id/resolve", edge.Handle(a.resolveIncident))
	v1.POST("/alerts/incidents/:id/vote", edge.Handle(a.voteIncident))
	v1.POST("/rejections/:id/replay", edge.Handle(a.replay))
	v1.POST("/retention/runs", edge.Handle(a.runRetention))
	a.catalogRoutes(v1)
	a.customerRoutes(v1)
	a.integrationRoutes(v1)
	a.teamRoutes(v1)
	a.thinningRoutes(v1)
}

// noStore keeps what customers sent out of every cache on the way, refusals
// included.
func noStore(c *gin.Context) { c.Header("Cache-Control", "no-store") }
