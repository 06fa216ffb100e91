package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/store"
)

// maxPlan is how many days ahead a plan looks.
const maxPlan = 400

// retention tells what is going to go within some days, and when.
func (a *api) retention(c *gin.Context) error {
	p, err := query(c, "days")
	if err != nil {
		return err
	}
	days := 0
	if v, ok := p["days"]; ok {
		if days, err = strconv.Atoi(v); err != nil || days < 0 || days > maxPlan {
			return invalid("days", "must be a number from 0 to %d", maxPlan)
		}
	}
	plan, err := a.Store.Plan(c.Request.Context(), workspace(c), a.Now(), time.Duration(days)*24*time.Hour)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, plan)
}

// runRetention has what is due go now rather than within the hour. It serves all
// workspaces, and takes no more than the next run would have.
func (a *api) runRetention(c *gin.Context) error {
	if err := a.Store.AskJob(c.Request.Context(), actor(c), workspace(c), store.RetentionJob); err != nil {
		return err
	}
	return reply(c, http.StatusAccepted, struct {
		Job string `json:"job"`
	}{store.RetentionJob})
}
