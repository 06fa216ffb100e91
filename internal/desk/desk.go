// Package desk answers people who ask from where they are: in Slack, by a command
// or a link, and beside a ticket in Zendesk. It reads from the store as the pages
// do, and says the same.
//
// Nobody has a session here. Slack signs its requests; the page in Zendesk is given
// a token by the app that frames it. Either belongs to one integration, which
// belongs to one workspace and answers one account.
package desk

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"errata/internal/catalog"
	"errata/internal/customer"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/notify"
	"errata/internal/slack"
	"errata/internal/store"
)

// Store is what the desk needs of the store.
type Store interface {
	Door(ctx context.Context, id string) (store.Door, error)
	Integration(ctx context.Context, ws int32, id string) (store.Integration, error)
	SetIntegrationToken(ctx context.Context, actor store.Actor, ws int32, id string, hash []byte) (store.Integration, error)
	NoteIntegration(ctx context.Context, ws int32, id, wrong string) error
	Lookup(ctx context.Context, ws int32, ids []string) (map[string][]store.Hit, error)
	Trail(ctx context.Context, ws int32, id string) (event.Trail, error)
	NameTrails(ctx context.Context, ws int32, trails ...*event.Trail) error
	Absences(ctx context.Context, ws int32, ids []string) (map[string]store.Absence, error)
	Near(ctx context.Context, ws int32, id string, limit int) ([]store.Hit, error)
	Catalog(ctx context.Context, ws int32) (*catalog.Book, error)
	CustomersCalled(ctx context.Context, ws int32, text string) ([]customer.Named, error)
	Looked(ctx context.Context, actor store.Actor, ws int32, events ...string)
	Audit(ctx context.Context, ws int32, actor store.Actor, action, target string, details any) error
	Event(ctx context.Context, ws int32, id string) (event.Event, error)
	Desk(ctx context.Context, ws int32, events []event.Event, focus string) (store.Desk, error)
	AddTicket(ctx context.Context, actor store.Actor, ws int32, eventID, address string) error
}

// Sender sends to the outside, where that is allowed; *notify.Sender is one.
type Sender interface {
	Post(ctx context.Context, to, token notify.Secret, payload any) (notify.Answer, error)
}

// Deps is what New needs. All but Store and Sender may be zero.
type Deps struct {
	Store         Store
	Sender        Sender
	Logger        *slog.Logger
	Now           func() time.Time
	PublicURL     string        // where the pages are; without it answers have no links, and no link is unfurled
	Patience      time.Duration // after which Slack is answered that the answer comes later; 2 s
	SlackHooks    string        // where late answers may go; slack.Origin
	SlackAPI      string        // https://slack.com/api
	Frames        func(subdomain string) []string
	OnServerError func(c *gin.Context, f *fault.Fault)
}

// Desk answers. Close it to wait for what is under way.
type Desk struct {
	Deps
	http    http.Handler
	files   files
	later   later
	mu      sync.Mutex
	limiter map[string]*rate.Limiter
}

// New makes a Desk.
func New(deps Deps) *Desk {
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Patience == 0 {
		deps.Patience = 2 * time.Second // of the three that Slack waits
	}
	if deps.SlackHooks == "" {
		deps.SlackHooks = slack.Origin
	}
	if deps.SlackAPI == "" {
		deps.SlackAPI = "https://slack.com/api"
	}
	if deps.Frames == nil {
		deps.Frames = func(subdomain string) []string { return []string{"https://" + subdomain + ".zendesk.com"} }
	}
	d := &Desk{Deps: deps, files: loadFiles(), limiter: map[string]*rate.Limiter{}}
	d.later.start(deps.Logger)
	d.http = d.engine()
	return d
}

// ServeHTTP serves /integrations and /embed.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.http.ServeHTTP(w, r) }

// Close waits for late answers until ctx ends, and breaks off those that remain.
func (d *Desk) Close(ctx context.Context) { d.later.close(ctx) }

func (d *Desk) engine() *gin.Engine {
	r := edge.New(edge.Options{Service: "errata-desk", Logger: d.Logger, OnServerError: d.OnServerError})
	r.Use(closed)
	r.POST("/integrations/slack/:id/commands", edge.Handle(d.command))
	r.POST("/integrations/slack/:id/events", edge.Handle(d.event))
	r.GET("/embed/zendesk/:id", edge.Handle(d.sidebar))
	r.POST("/embed/zendesk/:id/session", edge.Handle(d.session))
	r.POST("/embed/zendesk/:id/lookup", edge.Handle(d.embedLookup))
	r.POST("/embed/zendesk/:id/ticket", edge.Handle(d.linkTicket))
	r.GET("/embed/static/:file", edge.Handle(d.static))
	return r
}

// closed is for all that is no page: nothing may load, frame or keep it.
func closed(c *gin.Context) {
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	c.Header("Cache-Control", "no-store")
}

const (
	// askRate is more than a support team asks through one integration.
	askRate, askBurst = 10, 30
	// maxLimiters bounds the memory for integrations.
	maxLimiters = 1000
)

// mayAsk holds back an integration that asks too often.
func (d *Desk) mayAsk(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.limiter[id]
	if l == nil {
		if len(d.limiter) >= maxLimiters {
			clear(d.limiter)
		}
		l = rate.NewLimiter(askRate, askBurst)
		d.limiter[id] = l
	}
	return l.Allow()
}

// door is the integration that a request's address names; a fault NotFound where
// it is of another kind.
func (d *Desk) door(c *gin.Context, kind string) (store.Door, error) {
	door, err := d.Store.Door(c.Request.Context(), c.Param("id"))
	if err == nil && door.Kind != kind {
		err = fault.New(fault.NotFound, "integration_not_found", "There is no integration with this ID; somebody may have removed it.")
	}
	return door, err
}

// note keeps how an integration is doing; that it cannot is no reason not to
// answer.
func (d *Desk) note(ctx context.Context, door *store.Door, wrong string) {
	if err := d.Store.NoteIntegration(ctx, door.Workspace, door.ID, wrong); err != nil {
		d.Logger.WarnContext(ctx, "cannot note the use of an integration", "integration", door.ID, "error", err)
	}
}

func disabled() error {
	return fault.New(fault.Forbidden, "integration_disabled", "This integration is switched off. An admin can switch it on under Settings, Integrations.")
}
