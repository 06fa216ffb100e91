package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/identity"
)

// replayed is what became of a rejected item that was tried again.
type replayed struct {
	Verdict identity.Verdict `json:"verdict"` // accepted or duplicate
	EventID string           `json:"event_id"`
}

// replay tries to store a rejected item again.
func (a *api) replay(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	out, err := a.Store.Replay(c.Request.Context(), actor(c), workspace(c), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, replayed{out.Verdict, out.EventID})
}

// refusedHours is how far back refusals are listed.
const refusedHours = 24

// refusals lists what collectors did not take in the last day.
func (a *api) refusals(c *gin.Context) error {
	list, err := a.Store.Refusals(c.Request.Context(), workspace(c), refusedHours)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, gin.H{"refusals": orEmpty(list)})
}

// collectors lists the collectors and how full their spools are.
func (a *api) collectors(c *gin.Context) error {
	list, err := a.Store.Collectors(c.Request.Context())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, gin.H{"collectors": orEmpty(list)})
}
