package web

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
	"errata/internal/store"
)

// decideChannel does what a form of the channel's page asks for, and leads to
// what came of it.
func (w *web) decideChannel(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := mayDecide(c); err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	to, typed, err := w.carryOutChannel(c, id)
	if status := refusedAs(err); status != 0 {
		return w.showChannel(c, status, id, typed, fault.Of(err))
	} else if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

// carryOutChannel gives where that leads, and what was typed.
func (w *web) carryOutChannel(c *gin.Context, id string) (to string, typed *store.ChannelSpec, err error) {
	ctx, login := c.Request.Context(), member(c)
	to = channelPath(id)
	switch what := c.PostForm("do"); what {
	case "save":
		had, err := w.Store.Channel(ctx, login.Workspace, id)
		if err != nil {
			return to, nil, err
		}
		spec, err := readChannel(c, had.Kind)
		if err == nil {
			_, err = w.Store.SetChannel(ctx, login.Actor, login.Workspace, id, spec, w.Courier.Check)
		}
		return to + "?done=saved", &spec, err
	case "enable", "disable", "settle":
		return to + "?done=" + map[string]string{"enable": "enabled", "disable": "disabled", "settle": "settled"}[what], nil, w.switchChannel(c, id, what)
	case "rotate":
		_, err := w.Store.RotateChannel(ctx, login.Actor, login.Workspace, id, strings.TrimSpace(c.PostForm("new_secret")), w.Courier.Check)
		return to + "?done=rotated", nil, err
	case "test":
		d, err := w.Courier.Test(ctx, login.Actor, login.Workspace, id)
		return to + "?" + query("tested", d.ID) + "#tested", nil, err
	case "dismiss":
		err := w.Store.DismissChannel(ctx, login.Actor, login.Workspace, id)
		w.dead.forget(login.Workspace)
		return localPath(c.PostForm("back")), nil, err
	case "remove":
		if c.PostForm("sure") == "" {
			return to, nil, invalid("Nothing was removed: tick that you are sure.")
		}
		err := w.Store.RemoveChannel(ctx, login.Actor, login.Workspace, id)
		w.dead.forget(login.Workspace)
		return "/alerts/channels?done=removed", nil, err
	}
	return to, nil, invalid("Choose what to do.")
}

// switchChannel changes one thing about a channel, and leaves the rest.
func (w *web) switchChannel(c *gin.Context, id, what string) error {
	ctx, login := c.Request.Context(), member(c)
	had, err := w.Store.Channel(ctx, login.Workspace, id)
	if err != nil {
		return err
	}
	spec := specOf(&had)
	switch what {
	case "settle":
		spec.Secrets = store.Secrets{"previous_secret": ""}
	default:
		spec.Enabled = what == "enable"
	}
	_, err = w.Store.SetChannel(ctx, login.Actor, login.Workspace, id, spec, w.Courier.Check)
	w.dead.forget(login.Workspace)
	return err
}
