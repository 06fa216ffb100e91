package api

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/incident"
	"errata/internal/normalize"
	"errata/internal/ruleset"
	"errata/internal/store"
)

type incidentList struct {
	Incidents []incident.Record
	Next      *string
}

// outage lets most of what a service answers fail for three minutes, and has that
// judged.
func (f *issueFixture) outage(service string) {
	f.t.Helper()
	now := time.Now()
	last := now.Add(-30 * time.Second).Truncate(time.Minute).Add(-time.Minute)
	var requests []event.Requests
	for minutes := range 60 {
		requests = append(requests, event.Requests{Workspace: store.DefaultWorkspace, Minute: last.Add(-time.Duration(minutes) * time.Minute), N: 60, Source: event.TotalsRequests,
			Series: event.Series{Service: service, Environment: "production", Method: "POST", Endpoint: "/v1/charges"}})
	}
	require.NoError(f.t, f.store.CountRequests(f.t.Context(), requests))
	var parts []identity.Part
	for n := range 120 {
		p, err := normalize.Item(event.Envelope{Source: event.FromHTTP, Service: service, Environment: "production", Status: 500, Method: "POST", Endpoint: "/v1/charges", FallbackCode: "boom",
			RequestID: fmt.Sprintf("req_%s_%d", service, n), Customer: "customer-" + strconv.Itoa(n%7), OccurredAt: last.Add(-time.Duration(n%3) * time.Minute).Add(time.Second)}, store.DefaultWorkspace, now)
		require.NoError(f.t, err)
		parts = append(parts, p)
	}
	_, err := f.store.Write(f.t.Context(), parts)
	require.NoError(f.t, err)
	_, err = f.store.EvaluateAlerts(f.t.Context(), now)
	require.NoError(f.t, err)
}

func TestIncidents(t *testing.T) {
	f := newIssueFixture(t)
	assert.Empty(t, decode[incidentList](t, f.get("/v1/alerts/incidents")).Incidents)
	f.outage("billing")
	list := decode[incidentList](t, f.get("/v1/alerts/incidents?service=billing&environment=production&family=5xx&level=page&state=open&from=now-1h&to=now&limit=1"))
	require.Len(t, list.Incidents, 1)
	r := list.Incidents[0]
	assert.Equal(t, "billing 5xx", r.Title)
	assert.Equal(t, []string{"boom"}, []string{r.Facts.Codes[0].Name})
	assert.Equal(t, int64(7), r.Facts.Customers)
	assert.Empty(t, decode[incidentList](t, f.get("/v1/alerts/incidents?state=resolved,stale")).Incidents)

	for _, ref := range []string{"1", "INC-1", r.ID} {
		d := decode[incidentView](t, f.get("/v1/alerts/incidents/"+ref))
		assert.Equal(t, r.ID, d.ID)
		assert.Len(t, d.Members, 2)
		assert.NotEmpty(t, d.Events)
		assert.False(t, d.Acceptable)
		assert.Contains(t, d.Tell, "some requests to billing fail because of an error on our side")
		assert.NotContains(t, d.Tell, "customer-")
	}
	code, _ := errorOf(t, f.get("/v1/alerts/incidents/2"))
	assert.Equal(t, "incident_not_found", code)

	post := func(key, deed, body string) incidentView {
		w := f.call(http.MethodPost, "/v1/alerts/incidents/INC-1/"+deed, key, body)
		if w.Code != http.StatusOK {
			return incidentView{Tell: strconv.Itoa(w.Code)}
		}
		return decode[incidentView](t, w)
	}
	for _, deed := range []string{"ack", "resolve", "vote"} {
		assert.Equal(t, "403", post(readKey, deed, `{"vote":"yes"}`).Tell, "readers decide nothing")
	}
	assert.Equal(t, "the admin key", post(adminKey, "ack", "").AckedBy)
	assert.Equal(t, incident.Noisy, post(adminKey, "vote", `{"vote":"noisy"}`).Useful)
	changed := post(adminKey, "vote", `{"vote":"yes"}`)
	assert.Equal(t, incident.Precision{RuleID: ruleset.DefaultID, Rule: "default", Days: 90, Fired: 1, Yes: 1}, changed.Precision)
	assert.Equal(t, "409", post(adminKey, "resolve", `{"accept_as_normal":true}`).Tell, "too young")
	done := post(adminKey, "resolve", "")
	assert.Equal(t, "resolved", done.State.String())
	assert.Equal(t, "the admin key", done.ResolvedBy)
	assert.Equal(t, "409", post(adminKey, "resolve", "{}").Tell)
	assert.Contains(t, done.Tell, "It is over.")
	rules := decode[struct{ Rules []incident.Precision }](t, f.get("/v1/alerts/precision")).Rules
	assert.Equal(t, []incident.Precision{changed.Precision}, rules)
}

func TestIncidentsRefuseNonsense(t *testing.T) {
	f := newIssueFixture(t)
	for query, field := range map[string]string{
		"family=us": "family", "level=loud": "level", "state=open,gone": "state", "from=yesterday": "from", "from=now&to=now-1h": "from", "limit=201": "limit", "cursor=x": "cursor", "q=x": "q",
	} {
		code, details := errorOf(t, f.get("/v1/alerts/incidents?"+query))
		assert.Equal(t, "validation_failed", code, query)
		assert.Equal(t, field, details["field"], query)
	}
	for body, field := range map[string]string{`{"vote":"no"}`: "vote", `{}`: "vote", `{"vote":"yes","by":"x"}`: "by"} {
		code, details := errorOf(t, f.call(http.MethodPost, "/v1/alerts/incidents/1/vote", adminKey, body))
		assert.Equal(t, "validation_failed", code, body)
		assert.Equal(t, field, details["field"], body)
	}
	assert.Equal(t, 404, f.call(http.MethodPost, "/v1/alerts/incidents/1/ack", adminKey, "").Code)
	assert.Equal(t, 400, f.call(http.MethodPost, "/v1/alerts/incidents/1/resolve", adminKey, "{").Code)
}
