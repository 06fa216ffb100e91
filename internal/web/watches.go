package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
)

// watchChannels are those by which somebody can be told that an ID arrived, if
// there is one to wait for.
func (w *web) watchChannels(c *gin.Context, absences []absence) (out []choice, err error) {
	if !slices.ContainsFunc(absences, func(a absence) bool { return a.Watch }) {
		return nil, nil
	}
	list, err := w.Store.Channels(c.Request.Context(), member(c).Workspace)
	for _, c := range list {
		if c.Enabled && (c.Kind == "email" || c.Kind == "webhook") {
			out = append(out, choice{Value: c.ID, Label: c.Name})
		}
	}
	return out, err
}

// watchRow is an ID that somebody waits for.
type watchRow struct {
	ID, Value, Path, Says, By, Channel string
	Arrived                            bool
}

func (w *web) watches(c *gin.Context) (out []watchRow, err error) {
	list, err := w.Store.Watches(c.Request.Context(), member(c).Workspace, w.Now())
	for _, one := range list {
		row := watchRow{ID: one.ID, Value: one.Value, Path: requestPath(one.Value), By: one.By, Channel: one.Channel, Arrived: one.ArrivedAt != nil}
		switch one.State {
		case "arrived":
			row.Says = "arrived " + w.moment(one.ArrivedAt.Time).Ago
		case "rejected":
			row.Says = "came in " + w.moment(one.ArrivedAt.Time).Ago + " and was rejected"
		case "ended":
			row.Says = "did not arrive within 24 h"
		default:
			row.Says = "waiting; ends " + w.moment(one.EndsAt.Time).Ago
		}
		out = append(out, row)
	}
	return out, err
}

// decideWatch begins to wait for an ID, or ends it, and leads home, where it is
// shown.
func (w *web) decideWatch(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	ctx, login := c.Request.Context(), member(c)
	var err error
	to := "/#watches"
	switch c.PostForm("do") {
	case "watch":
		id := strings.TrimSpace(c.PostForm("id"))
		_, err = w.Store.Watch(ctx, login.Actor, login.Workspace, w.Now(), id, c.PostForm("channel"))
		if fault.Is(err, fault.Conflict) && fault.Of(err).Code == "already_arrived" {
			to, err = requestPath(id), nil
		}
	case "unwatch":
		err = w.Store.RemoveWatch(ctx, login.Actor, login.Workspace, c.PostForm("watch"))
		if fault.Is(err, fault.NotFound) { // somebody else was faster
			err = nil
		}
	default:
		err = invalid("Choose what to do.")
	}
	if err == nil {
		c.Redirect(http.StatusSeeOther, to)
	}
	return err
}
