package web

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/incident"
	"errata/internal/selfwatch"
)

// ownTrouble is what the page of an incident of Errata itself has instead of a
// chart and of what failures are made of.
type ownTrouble struct{ Do string }

func ownOf(d *incident.Detail) *ownTrouble {
	if !d.Own() {
		return nil
	}
	return &ownTrouble{selfwatch.Of(selfwatch.Condition(d.Why.Condition)).Do}
}

func ownFacts(d *incident.Detail) []fact {
	return []fact{{"About", "Errata itself", ""}, {"In trouble", grouped(int64(len(d.Members))), ""}, {"Noticed after", catalog.Span(max(d.OpenedAt.Sub(d.StartedAt.Time), 0)), ""}}
}

// paused says why nothing is judged, for a line on every page; "" where it is. That
// is not worth an error either.
func (w *web) paused(c *gin.Context) string {
	ctx, cancel := context.WithTimeout(c.Request.Context(), time.Second)
	defer cancel()
	p, err := w.Store.Pulse(ctx)
	if err != nil {
		w.Logger.DebugContext(ctx, "it is not known whether minutes are judged", "error", err)
		return ""
	}
	if since, stalled := p.Stalled(); stalled {
		return "Alerts do not work: no minute was judged since " + since.Format(humanTime) + " UTC. What fails now is told to nobody."
	}
	if !p.Late.IsZero() {
		return "Alerts are paused: a collector holds back reports that came since " + p.Late.Format(humanTime) + " UTC. What is missing on these pages may be among them."
	}
	return ""
}
