package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/silence"
	"errata/internal/store"
)

const (
	maxSilenceBody = 64 << 10
	nextWindows    = 3
)

// Silences is what the API needs of the store for silences.
type Silences interface {
	WorkspaceSilences(ctx context.Context, ws int32, now time.Time) ([]silence.Silence, error)
	PastSilences(ctx context.Context, ws int32, now time.Time, limit int) ([]silence.Silence, error)
	SaveSilence(ctx context.Context, actor store.Actor, ws int32, now time.Time, s silence.Silence) (silence.Silence, error)
	EndSilence(ctx context.Context, actor store.Actor, ws int32, now time.Time, id string) (silence.Silence, error)
	SilencePreview(ctx context.Context, ws int32, now time.Time, s silence.Silence) (store.SilencePreview, error)
}

// silences lists those that have not ended, or the last that have.
func (a *api) silences(c *gin.Context) error {
	p, err := query(c, "state")
	if err != nil {
		return err
	}
	now := a.Now()
	var list []silence.Silence
	switch p["state"] {
	case "", "current":
		list, err = a.Store.WorkspaceSilences(c.Request.Context(), workspace(c), now)
	case "ended":
		list, err = a.Store.PastSilences(c.Request.Context(), workspace(c), now, store.MaxPage)
	default:
		err = invalid("state", "must be 'current' (in force or to come) or 'ended'")
	}
	if err != nil {
		return err
	}
	out := []silenceView{}
	for _, s := range list {
		out = append(out, viewSilence(s, now))
	}
	return reply(c, http.StatusOK, struct {
		Silences []silenceView `json:"silences"`
	}{out})
}

// silenceView says what the clock makes of a silence.
type silenceView struct {
	silence.Silence
	RuleID  *string      `json:"rule_id"`
	InForce bool         `json:"in_force"`
	Until   *event.Time  `json:"until"` // when it is in force no more
	Next    []event.Time `json:"next"`  // when it begins
}

func viewSilence(s silence.Silence, now time.Time) silenceView {
	v := silenceView{Silence: s, RuleID: orNull(s.RuleID), InForce: s.InForce(now), Next: []event.Time{}}
	if until := s.Until(now); !until.IsZero() {
		v.Until = &event.Time{Time: until}
	}
	for _, t := range s.Next(now, nextWindows) {
		v.Next = append(v.Next, event.Time{Time: t})
	}
	return v
}

func (a *api) createSilence(c *gin.Context) error { return a.saveSilence(c, "", http.StatusCreated) }

// changeSilence puts a silence in the place of what it was.
func (a *api) changeSilence(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	return a.saveSilence(c, id, http.StatusOK)
}

func (a *api) saveSilence(c *gin.Context, id string, status int) error {
	s, err := a.readSilence(c)
	if err != nil {
		return err
	}
	s.ID = id
	now := a.Now()
	saved, err := a.Store.SaveSilence(c.Request.Context(), actor(c), workspace(c), now, s)
	if err != nil {
		return err
	}
	return reply(c, status, viewSilence(saved, now))
}

// readSilence takes times as every list does: RFC 3339, or now+2h.
func (a *api) readSilence(c *gin.Context) (s silence.Silence, err error) {
	var from, to string
	in := struct {
		Environment *string `json:"environment"`
		Service     *string `json:"service"`
		Method      *string `json:"method"`
		Endpoint    *string `json:"endpoint"`
		Code        *string `json:"code"`
		Customer    *string `json:"customer"`
		Family      *string `json:"family"`
		RuleID      *string `json:"rule_id"`
		Reason      *string `json:"reason"`
		Cron        *string `json:"cron"`
		Minutes     *int    `json:"minutes"`
		TimeZone    *string `json:"time_zone"`
		StartsAt    *string `json:"starts_at"`
		EndsAt      *string `json:"ends_at"`
	}{&s.Environment, &s.Service, &s.Method, &s.Endpoint, &s.Code, &s.Customer, &s.Family, &s.RuleID, &s.Reason, &s.Cron, &s.Minutes, &s.TimeZone, &from, &to}
	if err := readJSON(c, maxSilenceBody, &in); err != nil {
		return s, err
	}
	if s.StartsAt.Time, err = instant("starts_at", from, a.Now()); err != nil {
		return s, err
	}
	s.EndsAt.Time, err = instant("ends_at", to, a.Now())
	return s, err
}

func (a *api) endSilence(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	now := a.Now()
	ended, err := a.Store.EndSilence(c.Request.Context(), actor(c), workspace(c), now, id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, viewSilence(ended, now))
}

// previewSilence says what a silence would have muted. It changes nothing, so
// that everybody who can see may ask.
func (a *api) previewSilence(c *gin.Context) error {
	s, err := a.readSilence(c)
	if err != nil {
		return err
	}
	now := a.Now()
	if s.Reason == "" {
		s.Reason = "a preview" // it is asked for before one is given
	}
	if s.EndsAt.IsZero() {
		s.EndsAt.Time = now.Add(silence.MaxLength)
	}
	if s, err = s.Check(now); err != nil {
		return err
	}
	p, err := a.Store.SilencePreview(c.Request.Context(), workspace(c), now, s)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, p)
}
