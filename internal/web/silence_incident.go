package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/incident"
	"errata/internal/silence"
)

// justThis is what "Silence 1 h" on an incident's page makes: what the incident is
// about, and nothing else.
func justThis(r *incident.Record) silence.Silence {
	return silence.Silence{Environment: r.Environment, Service: subjectOf(r), Family: r.Family, Reason: "incident #" + itoa(r.Number)}
}

// sameMatch reports whether two silences match the same, once and not as a window.
func sameMatch(a, b *silence.Silence) bool {
	key := func(s *silence.Silence) [9]string {
		return [9]string{s.Environment, s.Service, s.Method, s.Endpoint, s.Code, s.Customer, s.Family, s.RuleID, s.Cron}
	}
	return key(a) == key(b)
}

// lengthOfSilence is for how long something can be silent with one choice.
type lengthOfSilence struct {
	value, label string
	length       time.Duration
}

func lengthOf(offered []lengthOfSilence, value string) (time.Duration, bool) {
	i := slices.IndexFunc(offered, func(s lengthOfSilence) bool { return s.value == value })
	if i < 0 {
		return 0, false
	}
	return offered[i].length, true
}

// silenceFors are for how long an incident is silenced with one button.
var silenceFors = []lengthOfSilence{{"1h", "1 h", time.Hour}, {"4h", "4 h", 4 * time.Hour}, {"24h", "24 h", 24 * time.Hour}}

// silenceIncident silences what an incident is about. Asked for again it goes on
// for longer, instead of being there twice.
func (w *web) silenceIncident(c *gin.Context, ref string) error {
	ctx, login, now := c.Request.Context(), member(c), w.Now()
	length, ok := lengthOf(silenceFors, c.DefaultPostForm("for", silenceFors[0].value))
	if !ok {
		return invalid("An incident is silenced for 1h, 4h or 24h here. For anything else make a silence.")
	}
	d, err := w.Store.Incident(ctx, login.Workspace, ref)
	if err != nil {
		return err
	}
	if !d.Open() {
		return fault.New(fault.Conflict, "incident_resolved", "%s is over already.", d.Name())
	}
	s := justThis(&d.Record)
	all, err := w.Store.WorkspaceSilences(ctx, login.Workspace, now)
	if err != nil {
		return err
	}
	for i := range all {
		if sameMatch(&all[i], &s) && all[i].InForce(now) {
			s = all[i]
		}
	}
	if end := now.Add(length); end.After(s.EndsAt.Time) {
		s.EndsAt = event.Time{Time: end}
	}
	_, err = w.Store.SaveSilence(ctx, login.Actor, login.Workspace, now, s)
	return err
}

// fillSilenced says on an incident's page who is not told about it, and offers to
// silence it. A link in a message leads to the button; it does not press it.
func (w *web) fillSilenced(c *gin.Context, d *incident.Detail, page *incidentPage) error {
	all, err := w.Store.WorkspaceSilences(c.Request.Context(), member(c).Workspace, w.Now())
	if err != nil {
		return err
	}
	lines, err := w.silenced(c, all, []incident.Record{d.Record})
	if err != nil {
		return err
	}
	page.Silenced = lines[d.ID]
	if !d.Open() || slices.ContainsFunc(page.Silenced, func(s silenceLine) bool { return s.Own }) {
		return nil
	}
	s := justThis(&d.Record)
	page.Silence = &silenceDeed{What: s.What(""), Other: silencesPath + "/new?" + query("environment", s.Environment, "service", s.Service, "family", s.Family, "reason", s.Reason)}
	asked, wanted := c.Request.Method == http.MethodGet && page.Decides && c.Query("do") == "silence", c.Query("for")
	if _, ok := lengthOf(silenceFors, wanted); !ok {
		wanted = silenceFors[0].value
	}
	for _, f := range silenceFors {
		page.Silence.For = append(page.Silence.For, voteButton{f.value, f.label, asked && f.value == wanted})
	}
	if asked {
		page.Asked = "silence"
	}
	return nil
}

// silenceDeed are the buttons that silence an incident.
type silenceDeed struct {
	What  string
	For   []voteButton
	Other string // where other silences are made
}
