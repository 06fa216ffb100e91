package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/slack"
	"errata/internal/store"
)

// Integrations is what the pages need of the store for integrations.
type Integrations interface {
	Integrations(ctx context.Context, ws int32) ([]store.Integration, error)
	Integration(ctx context.Context, ws int32, id string) (store.Integration, error)
	AddIntegration(ctx context.Context, actor store.Actor, ws int32, spec store.IntegrationSpec) (store.Integration, error)
	SetIntegration(ctx context.Context, actor store.Actor, ws int32, id string, spec store.IntegrationSpec) (store.Integration, error)
	RemoveIntegration(ctx context.Context, actor store.Actor, ws int32, id string) error
	SetIntegrationToken(ctx context.Context, actor store.Actor, ws int32, id string, hash []byte) (store.Integration, error)
}

// Desk answers through integrations, and knows how they do.
type Desk interface {
	TestIntegration(ctx context.Context, actor store.Actor, ws int32, id string) (slack.Check, error)
	MakeToken(ctx context.Context, actor store.Actor, ws int32, id string) (token string, err error)
}

// integrationNames are the templates of these pages.
var integrationNames = []string{"integrations", "integration"}

func (w *web) integrationRoutes(member *gin.RouterGroup) {
	admin := member.Group("/settings/integrations", func(c *gin.Context) {
		if err := mayDecide(c); err != nil {
			edge.Write(c, err)
		}
	})
	admin.GET("", edge.Handle(w.integrations))
	admin.GET("/new", edge.Handle(w.newIntegration))
	admin.POST("/new", edge.Handle(w.addIntegration))
	admin.GET("/:id", edge.Handle(w.integration))
	admin.POST("/:id", edge.Handle(w.decideIntegration))
	admin.GET("/:id/errata-zendesk.zip", edge.Handle(w.zendeskApp))
}

func integrationPath(id string) string { return "/settings/integrations/" + id }

// integrationKinds are those that one can add.
var integrationKinds = []integrationKind{
	{store.Slack, "Slack", "/settings/integrations/new?kind=slack", "A command, /errata, that answers whoever asks and nobody else; and links to requests that say what they lead to."},
	{store.Zendesk, "Zendesk", "/settings/integrations/new?kind=zendesk", "A page beside each ticket that finds the IDs in it, says what happened, and puts a reply into the ticket."},
}

type integrationKind struct{ Kind, Title, Path, About string }

func kindOfIntegration(kind string) integrationKind {
	for _, k := range integrationKinds {
		if k.Kind == kind {
			return k
		}
	}
	return integrationKind{}
}

type integrationsPage struct {
	frame
	Done  string
	Rows  []integrationRow
	Kinds []integrationKind
	Full  bool
}

type integrationRow struct {
	Name, Path, Kind, Account string
	Health                    health
}

// integrations lists where people ask from, and how that goes.
func (w *web) integrations(c *gin.Context) error {
	list, err := w.Store.Integrations(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return err
	}
	page := integrationsPage{frame: w.frame(c, "Integrations", "settings"), Kinds: integrationKinds, Full: len(list) >= store.MaxIntegrations}
	if c.Query("done") == "removed" {
		page.Done = "The integration was removed. Nobody is answered through it any more."
	}
	for i := range list {
		one := &list[i]
		page.Rows = append(page.Rows, integrationRow{one.Name, integrationPath(one.ID), kindOfIntegration(one.Kind).Title, one.Account, w.healthOfIntegration(one)})
	}
	return w.render(c, http.StatusOK, "integrations", page)
}

func (w *web) healthOfIntegration(i *store.Integration) health {
	var h health
	if i.LastErrorAt != nil {
		h.Failing, h.Why = w.moment(i.LastErrorAt.Time), i.LastError
	}
	switch {
	case !i.Enabled:
		h.Tone, h.Word = "off", "off"
	case i.LastErrorAt != nil:
		h.Tone, h.Word = "bad", "trouble"
	case i.Kind == store.Zendesk && i.TokenAt == nil:
		h.Tone, h.Word = "bad", "no token yet"
	case i.LastUsedAt != nil:
		h.Word = "in use"
	default:
		h.Word = "not used yet"
	}
	return h
}

// base is where the pages are, for programs that are elsewhere.
func (w *web) base(c *gin.Context) string {
	if w.PublicURL != "" {
		return strings.TrimRight(w.PublicURL, "/")
	}
	scheme := "http"
	if c.Request.TLS != nil || strings.EqualFold(c.GetHeader("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + c.Request.Host
}
