package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/store"
)

// Requests is what the API needs of the store besides the Trail itself.
type Requests interface {
	Around(ctx context.Context, ws int32, e *event.Event, now time.Time) (store.Around, error)
}

// withBlast is what costs more than the Trail, and has to be asked for.
const withBlast = "blast_radius"

var includes = []string{withBlast}

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
	if seen == nil || !slices.Contains(parts, withBlast) {
		return nil
	}
	around, err := a.Store.Around(ctx, ws, seen, a.Now())
	trail.BlastRadius = around.Blast
	return err
}
