package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/slack"
	"errata/internal/store"
)

const maxIntegrationBody = 64 << 10

// Integrations is what the API needs of the store for integrations.
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

func (a *api) integrationRoutes(v1 *gin.RouterGroup) {
	v1.GET("/integrations", edge.Handle(a.integrations))
	v1.POST("/integrations", edge.Handle(a.addIntegration))
	v1.GET("/integrations/:id", edge.Handle(a.integration))
	v1.PUT("/integrations/:id", edge.Handle(a.setIntegration))
	v1.DELETE("/integrations/:id", edge.Handle(a.removeIntegration))
	v1.POST("/integrations/:id/test", edge.Handle(a.testIntegration))
	v1.POST("/integrations/:id/token", edge.Handle(a.makeIntegrationToken))
	v1.DELETE("/integrations/:id/token", edge.Handle(a.endIntegrationToken))
}

func (a *api) integrations(c *gin.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	list, err := a.Store.Integrations(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Integrations []store.Integration `json:"integrations"`
	}{orEmpty(list)})
}

func (a *api) integration(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	found, err := a.Store.Integration(c.Request.Context(), workspace(c), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, found)
}

// readIntegration reads what somebody wants an integration to be.
func readIntegration(c *gin.Context) (store.IntegrationSpec, error) {
	var in struct {
		Kind      string            `json:"kind"`
		Name      string            `json:"name"`
		Account   string            `json:"account"`
		Customers bool              `json:"customers"`
		Unfurl    bool              `json:"unfurl"`
		Enabled   bool              `json:"enabled"`
		Secrets   map[string]string `json:"secrets"`
	}
	in.Unfurl, in.Enabled = true, true
	err := readJSON(c, maxIntegrationBody, &in)
	return store.IntegrationSpec{Kind: in.Kind, Name: in.Name, Account: in.Account, Customers: in.Customers, Unfurl: in.Unfurl, Enabled: in.Enabled, Secrets: in.Secrets}, err
}

func (a *api) addIntegration(c *gin.Context) error {
	spec, err := readIntegration(c)
	if err != nil {
		return err
	}
	added, err := a.Store.AddIntegration(c.Request.Context(), actor(c), workspace(c), spec)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, added)
}

// setIntegration puts an integration in place of the one that was there; secrets
// that are not given stay.
func (a *api) setIntegration(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	spec, err := readIntegration(c)
	if err != nil {
		return err
	}
	set, err := a.Store.SetIntegration(c.Request.Context(), actor(c), workspace(c), id, spec)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, set)
}

func (a *api) removeIntegration(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := a.Store.RemoveIntegration(c.Request.Context(), actor(c), workspace(c), id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (a *api) testIntegration(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	found, err := a.Desk.TestIntegration(c.Request.Context(), actor(c), workspace(c), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, found)
}

// makeIntegrationToken shows the token this once.
func (a *api) makeIntegrationToken(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	token, err := a.Desk.MakeToken(c.Request.Context(), actor(c), workspace(c), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, struct {
		Token string `json:"token"`
	}{token})
}

func (a *api) endIntegrationToken(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if _, err := a.Store.SetIntegrationToken(c.Request.Context(), actor(c), workspace(c), id, nil); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
