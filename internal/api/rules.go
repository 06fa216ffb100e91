package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"errata/internal/detect"
	"errata/internal/ruleset"
	"errata/internal/store"
)

const maxRuleBody = 64 << 10

// Rules is what the API needs of the store for alert rules.
type Rules interface {
	Rules(ctx context.Context, ws int32) ([]ruleset.Rule, error)
	Rule(ctx context.Context, ws int32, id string) (ruleset.Rule, error)
	SaveRule(ctx context.Context, actor store.Actor, ws int32, r ruleset.Rule) (ruleset.Rule, error)
	RemoveRule(ctx context.Context, actor store.Actor, ws int32, id string) error
	ReplayRule(ctx context.Context, ws int32, r ruleset.Rule, span store.ReplaySpan) (store.Replayed, error)
}

// rules lists the rules of a workspace and, if asked to, the numbers that a rule
// may have of its own.
func (a *api) rules(c *gin.Context) error {
	p, err := query(c, "include")
	if err != nil {
		return err
	}
	if v := p["include"]; v != "" && v != "numbers" {
		return invalid("include", "must be 'numbers', or be left out")
	}
	list, err := a.Store.Rules(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	out := struct {
		Rules   []ruleset.Rule `json:"rules"`
		Numbers []numberView   `json:"numbers,omitempty"`
	}{Rules: orEmpty(list)}
	if p["include"] != "" {
		if out.Numbers, err = numbers(); err != nil {
			return err
		}
	}
	return reply(c, http.StatusOK, out)
}

// numberView is a number of a rule, and what it is in each sensitivity; 1 and 0
// of one that is true or false.
type numberView struct {
	Name   string  `json:"name"`
	Group  string  `json:"group"`
	Unit   string  `json:"unit"`
	About  string  `json:"about"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Whole  bool    `json:"whole"`
	Switch bool    `json:"switch"`
	Low    float64 `json:"low"`
	Normal float64 `json:"normal"`
	High   float64 `json:"high"`
}

func numbers() ([]numberView, error) {
	var out []numberView
	for i := range ruleset.Numbers {
		n := &ruleset.Numbers[i]
		v := numberView{Name: n.Name, Group: n.Group, Unit: n.Unit, About: n.About, Min: n.Min, Max: n.Max, Whole: n.Whole(), Switch: n.Switch()}
		for s, to := range map[detect.Sensitivity]*float64{detect.Low: &v.Low, detect.Normal: &v.Normal, detect.High: &v.High} {
			set, err := s.Settings()
			if err != nil {
				return nil, err
			}
			*to = n.Of(set)
		}
		out = append(out, v)
	}
	return out, nil
}

func (a *api) rule(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	r, err := a.Store.Rule(c.Request.Context(), workspace(c), id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, r)
}

func (a *api) createRule(c *gin.Context) error { return a.saveRule(c, "", http.StatusCreated) }

// changeRule puts a rule in the place of what it was: what is left out is as for
// a new one.
func (a *api) changeRule(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	return a.saveRule(c, id, http.StatusOK)
}

func (a *api) saveRule(c *gin.Context, id string, status int) error {
	r := ruleset.New("")
	in := struct {
		Name        *string             `json:"name"`
		Query       *string             `json:"query"`
		Sensitivity *detect.Sensitivity `json:"sensitivity"`
		Advanced    *ruleset.Overrides  `json:"advanced"`
		Level       *string             `json:"level"`
		Channels    *[]string           `json:"channels"`
		Runbook     *string             `json:"runbook"`
		Enabled     *bool               `json:"enabled"`
	}{&r.Name, &r.Query, &r.Sensitivity, &r.Advanced, &r.Level, &r.Channels, &r.Runbook, &r.Enabled}
	if err := readJSON(c, maxRuleBody, &in); err != nil {
		return err
	}
	r.ID = id
	saved, err := a.Store.SaveRule(c.Request.Context(), actor(c), workspace(c), r)
	if err != nil {
		return err
	}
	return reply(c, status, saved)
}

func (a *api) removeRule(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := a.Store.RemoveRule(c.Request.Context(), actor(c), workspace(c), id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
