package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/silence"
	"errata/internal/store"
)

// newSilence shows the form, filled from the address.
func (w *web) newSilence(c *gin.Context) error {
	if err := mayDecide(c); err != nil {
		return err
	}
	in := typedSilence{}
	for _, name := range silenceFields {
		in[name] = firstBytes(strings.ToValidUTF8(c.Query(name), ""), maxValue)
	}
	return w.showSilence(c, in, "", nil, nil)
}

// makeSilence shows what a silence would have muted, or makes it.
func (w *web) makeSilence(c *gin.Context) error { return w.takeSilence(c, "") }

// editSilence shows the form of a silence that is there.
func (w *web) editSilence(c *gin.Context) error {
	s, err := w.oneSilence(c)
	if err != nil {
		return err
	}
	at := func(t time.Time) string { return t.UTC().Format(formTime) }
	in := typedSilence{"environment": s.Environment, "service": s.Service, "method": s.Method, "endpoint": s.Endpoint, "code": s.Code, "customer": s.Customer, "family": s.Family, "rule_id": s.RuleID,
		"reason": s.Reason, "cron": s.Cron, "time_zone": s.TimeZone, "starts_at": at(s.StartsAt.Time), "ends_at": at(s.EndsAt.Time)}
	if s.Window() {
		in["kind"], in["minutes"] = "window", itoa(s.Minutes)
	}
	if s.All() {
		in["all"] = "1"
	}
	return w.showSilence(c, in, s.ID, nil, nil)
}

// oneSilence is the silence of the address, for those who may change it. One that
// has ended cannot be changed.
func (w *web) oneSilence(c *gin.Context) (s silence.Silence, err error) {
	if err := mayDecide(c); err != nil {
		return s, err
	}
	id, err := pathID(c, "id")
	if err != nil {
		return s, err
	}
	all, err := w.Store.WorkspaceSilences(c.Request.Context(), member(c).Workspace, w.Now())
	if err != nil {
		return s, err
	}
	i := slices.IndexFunc(all, func(s silence.Silence) bool { return s.ID == id })
	if i < 0 {
		return s, fault.New(fault.NotFound, "silence_not_found", "There is no silence with this ID that lasts or is to come.")
	}
	return all[i], nil
}

// changeSilence ends a silence, makes it longer, or puts another in its place.
func (w *web) changeSilence(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	what := c.PostForm("do")
	if what != "end" && what != "longer" {
		id, err := pathID(c, "id")
		if err != nil {
			return err
		}
		return w.takeSilence(c, id)
	}
	err := w.endOrProlong(c, what)
	switch f := fault.Of(err); {
	case err == nil:
		c.Redirect(http.StatusSeeOther, silencesPath)
		return nil
	case f.Kind == fault.Unprocessable:
		return w.showSilences(c, http.StatusUnprocessableEntity, f.Message)
	case f.Kind == fault.Conflict || f.Code == "silence_not_found":
		return w.showSilences(c, http.StatusConflict, f.Message)
	}
	return err
}

func (w *web) endOrProlong(c *gin.Context, what string) error {
	ctx, login, now := c.Request.Context(), member(c), w.Now()
	s, err := w.oneSilence(c)
	if err != nil {
		return err
	}
	if what == "end" {
		_, err = w.Store.EndSilence(ctx, login.Actor, login.Workspace, now, s.ID)
		return err
	}
	until, err := time.Parse(time.RFC3339, c.PostForm("until"))
	if err != nil {
		return invalid("Choose how much longer it is to last.")
	}
	s.EndsAt = event.Time{Time: until}
	_, err = w.Store.SaveSilence(ctx, login.Actor, login.Workspace, now, s)
	return err
}

// takeSilence reads the form, and saves it or shows what it would have muted.
func (w *web) takeSilence(c *gin.Context, id string) error {
	if err := mayDecide(c); err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	ctx, login, now := c.Request.Context(), member(c), w.Now()
	in := typedSilence{}
	for _, name := range silenceFields {
		in[name] = strings.TrimSpace(strings.ReplaceAll(c.PostForm(name), "\r\n", "\n"))
	}
	preview := c.PostForm("do") == "preview"
	if !preview && c.PostForm("do") != "save" {
		return invalid("Choose what to do.")
	}
	s, err := in.read(now, preview)
	s.ID = id
	var saved silence.Silence
	var would store.SilencePreview
	switch {
	case err != nil:
	case preview:
		if s, err = s.Check(now); err == nil {
			would, err = w.Store.SilencePreview(ctx, login.Workspace, now, s)
		}
	default:
		saved, err = w.Store.SaveSilence(ctx, login.Actor, login.Workspace, now, s)
	}
	if f := fault.Of(err); err != nil {
		if f.Kind == fault.Unprocessable || f.Kind == fault.Conflict {
			return w.showSilence(c, in, id, f, nil)
		}
		return err
	}
	if preview {
		return w.showSilence(c, in, id, nil, w.previewOf(&s, &would))
	}
	c.Redirect(http.StatusSeeOther, silencesPath+"#s-"+saved.ID)
	return nil
}

func (w *web) previewOf(s *silence.Silence, p *store.SilencePreview) *silencePreview {
	out := &silencePreview{More: p.Truncated}
	switch {
	case p.Messages > 0:
		out.Said = "In the last " + itoa(store.PreviewDays) + " days it would have muted " + plural(p.Messages, "message", "messages") + " about " + plural(p.Count, "incident", "incidents") + "."
	case p.Looked == 0:
		out.Said = "In the last " + itoa(store.PreviewDays) + " days there was no message about this at all, so that nothing would have been muted."
	default:
		out.Said = "In the last " + itoa(store.PreviewDays) + " days it would have muted nothing: of " + plural(p.Looked, "message", "messages") + ", all were about something else, or about more than this."
	}
	for i := range p.Incidents {
		m := &p.Incidents[i]
		out.Rows = append(out.Rows, mutedRow{Name: "INC-" + itoa(m.Number), Title: strings.TrimSpace(m.Service + " " + m.Family + " " + m.Environment), Path: "/i/" + itoa(m.Number), Level: m.Level,
			Opened: w.moment(m.OpenedAt.Time), Muted: m.Messages, Told: m.Told})
	}
	return out
}
