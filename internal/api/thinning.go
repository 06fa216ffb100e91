package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/store"
	"errata/internal/thin"
)

const maxThinningBody = 16 << 10

// Thinning is what the API needs of the store for thinning rules.
type Thinning interface {
	ThinningRules(ctx context.Context, ws int32) ([]thin.Rule, error)
	SetThinningRule(ctx context.Context, actor store.Actor, ws int32, r thin.Rule) (thin.Rule, error)
	RemoveThinningRule(ctx context.Context, actor store.Actor, ws int32, name string) error
	PlanThinning(ctx context.Context, ws int32, r thin.Rule, now time.Time) (store.ThinningPlan, error)
}

func (a *api) thinningRoutes(v1 *gin.RouterGroup) {
	v1.GET("/thinning", edge.Handle(a.thinningRules))
	v1.POST("/thinning", edge.Handle(a.setThinningRule))
	v1.POST("/thinning/plan", edge.Handle(a.planThinning))
	v1.DELETE("/thinning/:name", edge.Handle(a.removeThinningRule))
}

func (a *api) thinningRules(c *gin.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	rules, err := a.Store.ThinningRules(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Rules []thin.Rule `json:"rules"`
	}{append([]thin.Rule{}, rules...)})
}

// readThinningRule reads a rule; what it does not say is as usual.
func readThinningRule(c *gin.Context) (thin.Rule, error) {
	in := struct {
		Name      string `json:"name"`
		Match     string `json:"match"`
		AfterDays int    `json:"after_days"`
		Keep      int    `json:"keep"`
		Enabled   bool   `json:"enabled"`
	}{AfterDays: thin.MinDays, Keep: thin.DefaultKeep, Enabled: true}
	err := readJSON(c, maxThinningBody, &in)
	return thin.Rule{Name: in.Name, Match: in.Match, AfterDays: in.AfterDays, Keep: in.Keep, Enabled: in.Enabled}, err
}

// setThinningRule sets a rule, in place of the one of that name.
func (a *api) setThinningRule(c *gin.Context) error {
	in, err := readThinningRule(c)
	if err != nil {
		return err
	}
	set, err := a.Store.SetThinningRule(c.Request.Context(), actor(c), workspace(c), in)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, set)
}

// planThinning tells what a rule would let go now. It changes nothing.
func (a *api) planThinning(c *gin.Context) error {
	in, err := readThinningRule(c)
	if err != nil {
		return err
	}
	if in.Name == "" {
		in.Name = "new"
	}
	plan, err := a.Store.PlanThinning(c.Request.Context(), workspace(c), in, a.Now())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, plan)
}

func (a *api) removeThinningRule(c *gin.Context) error {
	name, err := pathID(c, "name")
	if err != nil {
		return err
	}
	if err := a.Store.RemoveThinningRule(c.Request.Context(), actor(c), workspace(c), name); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
