package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/linkout"
)

// maxLinksBody has room for as many links as a workspace takes.
const maxLinksBody = 128 << 10

type linkList struct {
	Links []linkout.Template `json:"links"`
}

func (a *api) links(c *gin.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	list, err := a.Store.Links(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, linkList{append([]linkout.Template{}, list...)})
}

// setLinks puts a list in the place of the one there was.
func (a *api) setLinks(c *gin.Context) error {
	var in linkList
	if err := readJSON(c, maxLinksBody, &in); err != nil {
		return err
	}
	if in.Links == nil {
		return invalid("links", "must be a list; an empty one takes all links away")
	}
	set, err := a.Store.SetLinks(c.Request.Context(), actor(c), workspace(c), in.Links)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, linkList{set})
}
