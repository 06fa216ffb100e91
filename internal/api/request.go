package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/story"
)

// maxHints is how many IDs are suggested for one that is not there.
const maxHints = 5

// request answers the question that Errata is for: what happened to this ID?
func (a *api) request(c *gin.Context) error {
	id, err := pathID(c, "request_id")
	if err != nil {
		return err
	}
	id = strings.TrimSpace(id)
	more, err := included(c)
	if err != nil {
		return err
	}
	if !engineer(c) {
		out, err := a.requestOutside(c, id, more)
		if err != nil {
			return err
		}
		return reply(c, http.StatusOK, out)
	}
	trail, err := a.trail(c.Request.Context(), workspace(c), id)
	if err != nil {
		return a.withHints(c.Request.Context(), workspace(c), id, err)
	}
	if err := a.include(c.Request.Context(), workspace(c), &trail, more); err != nil {
		return err
	}
	a.looked(c, trail)
	return reply(c, http.StatusOK, trail)
}

// trail reads a Trail and adds what the catalogue knows of the failure that
// the customer saw.
func (a *api) trail(ctx context.Context, ws int32, id string) (event.Trail, error) {
	trail, err := a.Store.Trail(ctx, ws, id)
	if err != nil {
		return event.Trail{}, err
	}
	book, err := a.Store.Catalog(ctx, ws)
	if err != nil {
		return event.Trail{}, err
	}
	if err := a.Store.NameTrails(ctx, ws, &trail); err != nil {
		return event.Trail{}, err
	}
	a.explain(&trail, book)
	return trail, nil
}

func (a *api) explain(trail *event.Trail, book *catalog.Book) {
	said := catalog.Resolve(book, story.Seen(trail), a.Now(), catalog.About{CustomerName: trail.Summary.CustomerName})
	trail.Explanation, trail.Retry, trail.Replies, trail.Story = said.Explanation, retry{said.Retry, maybe(said.Retry.At)}, said.Replies, story.Tell(trail)
}

// retry is catalog.Retry with its time as the API shows times.
type retry struct {
	catalog.Retry
	At *event.Time `json:"at,omitempty"`
}

// withHints adds near misses to a "not found". The hints are a courtesy: that
// they cannot be had is no reason to hide the answer.
func (a *api) withHints(ctx context.Context, ws int32, id string, err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) || f.Kind != fault.NotFound {
		return err
	}
	hints, hintErr := a.Store.Near(ctx, ws, id, maxHints)
	if hintErr != nil {
		a.Logger.WarnContext(ctx, "no look-alikes", "error", hintErr)
	}
	ids := []string{}
	for _, h := range hints {
		ids = append(ids, h.Value)
	}
	reach, reachErr := a.Store.Reach(ctx, ws)
	if reachErr != nil {
		a.Logger.WarnContext(ctx, "no word on how far the data reaches", "error", reachErr)
	}
	return f.With("did_you_mean", ids).With("environments", orEmpty(reach))
}
