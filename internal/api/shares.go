package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/store"
)

// share makes a public link. Its path is in this answer and nowhere else.
func (a *api) share(c *gin.Context) error {
	in := struct {
		Days int `json:"days"`
	}{store.ShareDays}
	if err := readJSON(c, maxChangeBody, &in); err != nil {
		return err
	}
	trail, err := a.deskOf(c)
	if err != nil {
		return err
	}
	secret, share, err := a.Store.Share(c.Request.Context(), actor(c), workspace(c), a.Now(), trail.Summary.EventID, in.Days)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, struct {
		store.RequestShare
		Path string `json:"path"`
	}{share, "/s/" + secret})
}

func (a *api) shares(c *gin.Context) error { return a.replyShares(c) }

func (a *api) replyShares(c *gin.Context) error {
	ctx, ws := c.Request.Context(), workspace(c)
	on, err := a.Store.PublicLinks(ctx, ws)
	if err != nil {
		return err
	}
	list, err := a.Store.Shares(ctx, ws, a.Now())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Allowed bool                 `json:"public_links"`
		Shares  []store.RequestShare `json:"shares"`
	}{on, orEmpty(list)})
}

func (a *api) allowShares(c *gin.Context) error {
	var in struct {
		Allowed *bool `json:"public_links"`
	}
	if err := readJSON(c, maxChangeBody, &in); err != nil {
		return err
	}
	if in.Allowed == nil {
		return invalid("public_links", "must be true or false")
	}
	if err := a.Store.SetPublicLinks(c.Request.Context(), actor(c), workspace(c), *in.Allowed); err != nil {
		return err
	}
	return a.replyShares(c)
}

func (a *api) revokeShare(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := a.Store.RevokeShare(c.Request.Context(), actor(c), workspace(c), id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
