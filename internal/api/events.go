package api

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/store"
)

// events lists failures, newest first, without raw bodies and stack traces.
func (a *api) events(c *gin.Context) error {
	p, err := query(c, append([]string{"limit", "cursor"}, filterParams...)...)
	if err != nil {
		return err
	}
	filter, err := p.filter(a.Now())
	if err != nil {
		return err
	}
	limit, cursor, err := p.page()
	if err != nil {
		return err
	}
	page, err := a.Store.Events(c.Request.Context(), workspace(c), filter, limit, cursor)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Events []event.Event `json:"events"`
		Next   *string       `json:"next"`
	}{orEmpty(page.Events), orNull(page.Next)})
}

func (a *api) event(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	e, err := a.Store.Event(c.Request.Context(), workspace(c), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, e)
}

// endpoints lists those of a service that are counted by name, and says
// whether there is room for more.
func (a *api) endpoints(c *gin.Context) error {
	p, err := query(c, "service")
	if err != nil {
		return err
	}
	service := p["service"]
	if service == "" || len(service) > maxValue {
		return invalid("service", "must name a service, in at most %d bytes", maxValue)
	}
	list, err := a.Store.Endpoints(c.Request.Context(), workspace(c), service)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Service   string           `json:"service"`
		Limit     int              `json:"limit"`
		Full      bool             `json:"full"`
		Endpoints []store.Endpoint `json:"endpoints"`
	}{service, store.MaxEndpoints, len(list) >= store.MaxEndpoints, orEmpty(list)})
}

// rejections lists what was refused, newest first. The next page is in the
// Link header.
func (a *api) rejections(c *gin.Context) error {
	p, err := query(c, "limit", "cursor")
	if err != nil {
		return err
	}
	limit, cursor, err := p.page()
	if err != nil {
		return err
	}
	rs, next, err := a.Store.Rejections(c.Request.Context(), workspace(c), limit, cursor)
	if err != nil {
		return err
	}
	if next != "" { // a bare list has no room for the cursor
		q := url.Values{"limit": {strconv.Itoa(limit)}, "cursor": {next}}
		c.Header("Link", "</v1/rejections?"+q.Encode()+`>; rel="next"`)
	}
	return reply(c, http.StatusOK, orEmpty(rs))
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
