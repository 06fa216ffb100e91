package web

import (
	"context"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/chart"
	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/store"
)

// overlay looks for incidents of what a page is about, so that its charts show
// them. Of one customer, or of what callers do wrong, there are none.
func (w *web) overlay(ctx context.Context, ws int32, v *view) error {
	f := v.filter
	if f.Customer != "" || f.Family == event.FamilyCaller {
		return nil
	}
	span := store.IncidentSpan{Service: f.Service, Environment: f.Environment, Method: f.Method, Endpoint: f.Endpoint, Code: f.Code, From: f.From, To: f.To}
	switch f.Family {
	case event.FamilyLimits:
		span.Family = detect.Limits.String()
	case event.FamilyUs, event.FamilyUpstream:
		span.Family = detect.Server.String()
	}
	list, err := w.Store.IncidentsOver(ctx, ws, span)
	if err != nil {
		return err
	}
	for i := range list {
		r := &list[i]
		b := chart.Band{From: r.StartedAt.Time, Label: r.Name() + " " + r.Title, Href: incidentPath(r)}
		if r.ResolvedAt != nil {
			b.To = r.ResolvedAt.Time
		}
		v.bands = append(v.bands, b)
	}
	return nil
}

// bandLinks are the same for those who do not see the chart.
func bandLinks(p *chart.Plot) (out []link) {
	for _, b := range p.Bands {
		l := link{Label: b.Label, Path: b.Href, Title: "since " + b.From.In(p.Location).Format("2 Jan 15:04")}
		if !b.To.IsZero() {
			l.Title = b.From.In(p.Location).Format("2 Jan 15:04") + " – " + b.To.In(p.Location).Format("15:04")
		}
		out = append(out, l)
	}
	return out
}

// nowLine is what the search page says of incidents that last.
type nowLine struct {
	Count int
	Rows  []incidentRow // the newest of them
}

const shownNow = 3

func (w *web) nowLine(c *gin.Context, open int) (*nowLine, error) {
	if open == 0 {
		return nil, nil //nolint:nilnil // none
	}
	list, err := w.Store.Incidents(c.Request.Context(), member(c).Workspace, store.IncidentFilter{States: openStates}, shownNow, "")
	if err != nil || len(list.Incidents) == 0 {
		return nil, err
	}
	out := &nowLine{Count: max(open, len(list.Incidents)), Rows: w.incidentRows(list.Incidents)}
	if !member(c).Reads {
		out = out.outside(list.Incidents)
	}
	return out, nil
}

// SinceText is since when an incident lasts, as short as it is clear.
func (r incidentRow) SinceText() string {
	t, err := time.Parse(time.RFC3339Nano, r.Started.Machine)
	if err != nil {
		return r.Started.Human
	}
	return t.Format("15:04") + " UTC, " + strings.TrimSuffix(r.Started.Ago, " ago") + " ago"
}
