package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/slo"
	"errata/internal/store"
)

const maxSLOBody = 64 << 10

// SLOs is what the API needs of the store for objectives.
type SLOs interface {
	SLOs(ctx context.Context, ws int32) ([]slo.SLO, error)
	SetSLO(ctx context.Context, actor store.Actor, ws int32, o slo.SLO) (slo.SLO, error)
	RemoveSLO(ctx context.Context, actor store.Actor, ws int32, id string) error
}

// slos lists the objectives that were set, and how they fare.
func (a *api) slos(c *gin.Context) error {
	p, err := query(c, "service", "environment")
	if err != nil {
		return err
	}
	all, err := a.Store.SLOs(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	var list []slo.SLO
	for _, o := range all {
		if (p["service"] == "" || o.Service == p["service"]) && (p["environment"] == "" || o.Environment == p["environment"]) {
			list = append(list, o)
		}
	}
	views, err := a.fare(c, list)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		SLOs    []sloView  `json:"slos"`
		Default defaultSLO `json:"default"`
	}{views, defaultSLO{a.SLO, slo.DefaultDays}})
}

// setSLO sets the objective of a scope, in place of one that it had.
func (a *api) setSLO(c *gin.Context) error {
	var in struct {
		Service     string  `json:"service"`
		Environment string  `json:"environment"`
		Method      string  `json:"method"`
		Endpoint    string  `json:"endpoint"`
		Objective   float64 `json:"objective"`
		WindowDays  int     `json:"window_days"`
	}
	in.WindowDays = slo.DefaultDays
	if err := readJSON(c, maxSLOBody, &in); err != nil {
		return err
	}
	set, err := a.Store.SetSLO(c.Request.Context(), actor(c), workspace(c), slo.SLO{
		Service: in.Service, Environment: in.Environment, Method: in.Method, Endpoint: in.Endpoint, Objective: in.Objective, WindowDays: in.WindowDays})
	if err != nil {
		return err
	}
	views, err := a.fare(c, []slo.SLO{set})
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, views[0])
}

func (a *api) removeSLO(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := a.Store.RemoveSLO(c.Request.Context(), actor(c), workspace(c), id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// fare finds out how objectives fare, as of one moment.
func (a *api) fare(c *gin.Context, list []slo.SLO) ([]sloView, error) {
	out := []sloView{}
	if len(list) == 0 {
		return out, nil
	}
	survey, now := slo.NewSurvey(list), a.Now()
	answers, err := a.Store.Stats(c.Request.Context(), workspace(c), now, survey.Questions(now)...)
	if err != nil {
		return nil, err
	}
	found := survey.Read(answers)
	for i := range found {
		out = append(out, viewSLO(&found[i]))
	}
	return out, nil
}

type (
	// sloView has no budget where requests are not counted, and says so.
	sloView struct {
		slo.SLO
		Budget   *budgetView `json:"budget"`
		Hour     *burnView   `json:"burn_1h"`
		SixHours *burnView   `json:"burn_6h"`
		Why      string      `json:"why,omitempty"`
	}
	budgetView struct {
		Left float64 `json:"left"`
		partView
	}
	burnView struct {
		Burn float64 `json:"burn"`
		partView
	}
	partView struct {
		From     event.Time `json:"from"`
		To       event.Time `json:"to"`
		Failures float64    `json:"failures"`
		Requests float64    `json:"requests"`
	}
	defaultSLO struct {
		Objective  float64 `json:"objective"`
		WindowDays int     `json:"window_days"`
	}
)

func viewSLO(s *slo.Status) sloView {
	v := sloView{SLO: s.SLO, Why: s.Why()}
	if s.Counted() {
		v.Budget = &budgetView{s.Left(), viewPart(s.Window)}
	}
	burn := func(p slo.Part) *burnView {
		if p.Requests <= 0 {
			return nil
		}
		return &burnView{s.Burn(p), viewPart(p)}
	}
	v.Hour, v.SixHours = burn(s.Hour), burn(s.SixHours)
	return v
}

func viewPart(p slo.Part) partView {
	return partView{event.Time{Time: p.From}, event.Time{Time: p.To}, p.Failures, p.Requests}
}
