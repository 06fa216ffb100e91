package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/incident"
	"errata/internal/store"
)

// Incidents is what the API needs of the store for incidents.
type Incidents interface {
	Incidents(ctx context.Context, ws int32, f store.IncidentFilter, limit int, cursor string) (store.IncidentPage, error)
	Incident(ctx context.Context, ws int32, ref string) (incident.Detail, error)
	AckIncident(ctx context.Context, actor store.Actor, ws int32, ref string, now time.Time) error
	ResolveIncident(ctx context.Context, actor store.Actor, ws int32, ref string, how store.Resolution) error
	VoteIncident(ctx context.Context, actor store.Actor, ws int32, ref string, vote incident.Vote, now time.Time) error
	Precision(ctx context.Context, ws int32) ([]incident.Precision, error)
}

const maxIncidentBody = 4 << 10

// incidentStates are the states of incidents; open stands for all but the last.
var incidentStates = []string{"firing", "recovering", "stale", "resolved"}

// incidents lists incidents, those that last first.
func (a *api) incidents(c *gin.Context) error {
	p, err := query(c, "limit", "cursor", "service", "environment", "family", "level", "state", "from", "to")
	if err != nil {
		return err
	}
	filter, err := p.incidentFilter(a)
	if err != nil {
		return err
	}
	limit, cursor, err := p.page()
	if err != nil {
		return err
	}
	page, err := a.Store.Incidents(c.Request.Context(), workspace(c), filter, limit, cursor)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Incidents []incident.Record `json:"incidents"`
		Next      *string           `json:"next"`
	}{orEmpty(page.Incidents), orNull(page.Next)})
}

func (p params) incidentFilter(a *api) (f store.IncidentFilter, err error) {
	for name, v := range p {
		if len(v) > maxValue && name != "cursor" {
			return f, invalid(name, "is longer than %d bytes", maxValue)
		}
	}
	f = store.IncidentFilter{Service: p["service"], Environment: p["environment"], Family: p["family"], Level: p["level"]}
	if err := oneOf("family", f.Family, "", "5xx", "429"); err != nil {
		return f, err
	}
	if err := oneOf("level", f.Level, "", "page", "ticket", "notify"); err != nil {
		return f, err
	}
	for _, name := range strings.FieldsFunc(p["state"], func(r rune) bool { return r == ',' }) {
		switch {
		case name == "open":
			f.States = append(f.States, incidentStates[:3]...)
		case slices.Contains(incidentStates, name):
			f.States = append(f.States, name)
		default:
			return f, invalid("state", "must be one or several, with commas, of: %s, open", strings.Join(incidentStates, ", "))
		}
	}
	now := a.Now()
	if f.From, err = instant("from", p["from"], now); err != nil {
		return f, err
	}
	if f.To, err = instant("to", p["to"], now); err != nil {
		return f, err
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return f, invalid("from", "must be before 'to'")
	}
	return f, nil
}

// incidentView is an incident with what can be said and done about it now.
type incidentView struct {
	incident.Detail
	Acceptable bool   `json:"acceptable_as_normal"`
	Tell       string `json:"text_for_customers"`
}

func (a *api) incident(c *gin.Context) error {
	ref, err := pathID(c, "id")
	if err != nil {
		return err
	}
	return a.replyIncident(c, ref)
}

func (a *api) replyIncident(c *gin.Context, ref string) error {
	d, err := a.Store.Incident(c.Request.Context(), workspace(c), ref)
	if err != nil {
		return err
	}
	d.Members, d.Events, d.Similar = orEmpty(d.Members), orEmpty(d.Events), orEmpty(d.Similar)
	return reply(c, http.StatusOK, incidentView{d, d.Acceptable(a.Now()), incident.ForCustomers(&d.Record)})
}

// ackIncident answers with the incident as it has become, as the next two do.
func (a *api) ackIncident(c *gin.Context) error {
	ref, err := pathID(c, "id")
	if err == nil {
		err = a.Store.AckIncident(c.Request.Context(), actor(c), workspace(c), ref, a.Now())
	}
	if err != nil {
		return err
	}
	return a.replyIncident(c, ref)
}

func (a *api) resolveIncident(c *gin.Context) error {
	var in struct {
		AcceptAsNormal bool `json:"accept_as_normal"`
	}
	ref, err := pathID(c, "id")
	if err == nil && c.Request.ContentLength != 0 {
		err = readJSON(c, maxIncidentBody, &in)
	}
	if err == nil {
		err = a.Store.ResolveIncident(c.Request.Context(), actor(c), workspace(c), ref, store.Resolution{At: a.Now(), AcceptAsNormal: in.AcceptAsNormal})
	}
	if err != nil {
		return err
	}
	return a.replyIncident(c, ref)
}

func (a *api) voteIncident(c *gin.Context) error {
	var in struct {
		Vote incident.Vote `json:"vote"`
	}
	ref, err := pathID(c, "id")
	if err == nil {
		err = readJSON(c, maxIncidentBody, &in)
	}
	if err == nil {
		err = a.Store.VoteIncident(c.Request.Context(), actor(c), workspace(c), ref, in.Vote, a.Now())
	}
	if err != nil {
		return err
	}
	return a.replyIncident(c, ref)
}

// precision says of each rule what people thought of what it found.
func (a *api) precision(c *gin.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	list, err := a.Store.Precision(c.Request.Context(), workspace(c))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, struct {
		Rules []incident.Precision `json:"rules"`
	}{orEmpty(list)})
}
