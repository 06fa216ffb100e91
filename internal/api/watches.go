package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/store"
)

// watches lists the IDs that somebody waits for.
func (a *api) watches(c *gin.Context) error { return a.replyWatches(c, http.StatusOK) }

func (a *api) replyWatches(c *gin.Context, status int) error {
	list, err := a.Store.Watches(c.Request.Context(), workspace(c), a.Now())
	if err != nil {
		return err
	}
	return reply(c, status, struct {
		Watches []store.RequestWatch `json:"watches"`
	}{orEmpty(list)})
}

func (a *api) addWatch(c *gin.Context) error {
	var in struct {
		RequestID string `json:"request_id"`
		ChannelID string `json:"channel_id"`
	}
	if err := readJSON(c, maxChangeBody, &in); err != nil {
		return err
	}
	if _, err := a.Store.Watch(c.Request.Context(), actor(c), workspace(c), a.Now(), in.RequestID, in.ChannelID); err != nil {
		return err
	}
	return a.replyWatches(c, http.StatusCreated)
}

func (a *api) removeWatch(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := a.Store.RemoveWatch(c.Request.Context(), actor(c), workspace(c), id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
