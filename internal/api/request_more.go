package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/linkout"
	"errata/internal/retries"
	"errata/internal/store"
)

// Requests is what the API needs of the store besides the Trail itself.
type Requests interface {
	Around(ctx context.Context, ws int32, e *event.Event, now time.Time) (store.Around, error)
	Attempts(ctx context.Context, ws int32, e *event.Event, now time.Time) (*retries.Answer, error)
	Links(ctx context.Context, ws int32) ([]linkout.Template, error)
	SetLinks(ctx context.Context, actor store.Actor, ws int32, list []linkout.Template) ([]linkout.Template, error)
}

// What costs more than the Trail, and has to be asked for.
const (
	withBlast    = "blast_radius"
	withAttempts = "attempts"
	withLinks    = "links"
)

var includes = []string{withBlast, withAttempts, withLinks}

// included are the parts that the parameter names.
func included(c *gin.Context) ([]string, error) {
	p, err := query(c, "include")
	if err != nil || p["include"] == "" {
		return nil, err
	}
	parts := strings.Split(p["include"], ",")
	for _, part := range parts {
		if !slices.Contains(includes, part) {
			return nil, invalid("include", "takes %s, with commas between several; not '%.40s'", strings.Join(includes, ", "), part)
		}
	}
	return parts, nil
}

// include adds parts about the failure that the customer saw.
func (a *api) include(ctx context.Context, ws int32, trail *event.Trail, parts []string) error {
	seen := trail.Find(trail.Summary.EventID)
	if seen == nil {
		return nil
	}
	if slices.Contains(parts, withBlast) {
		around, err := a.Store.Around(ctx, ws, seen, a.Now())
		if err != nil {
			return err
		}
		trail.BlastRadius = around.Blast
	}
	if slices.Contains(parts, withAttempts) {
		list, err := a.Store.Attempts(ctx, ws, seen, a.Now())
		if err != nil {
			return err
		}
		if list != nil {
			trail.Attempts = list
		}
	}
	if slices.Contains(parts, withLinks) {
		list, err := a.Store.Links(ctx, ws)
		if err != nil {
			return err
		}
		trail.Links = linkout.Fill(list, trail, seen)
	}
	return nil
}
