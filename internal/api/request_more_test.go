package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/blast"
	"errata/internal/event"
	"errata/internal/retries"
)

// blastOf reads the part of a Trail that was asked for.
type blastOf struct {
	event.Trail
	BlastRadius *blast.Answer `json:"blast_radius"`
}

func TestBlastRadius(t *testing.T) {
	f := newIssueFixture(t)
	f.outage("billing")
	assert.Nil(t, decode[blastOf](t, f.get("/v1/requests/req_billing_1")).BlastRadius, "it costs more, and is asked for")
	got := decode[blastOf](t, f.get("/v1/requests/req_billing_1?include=blast_radius")).BlastRadius
	require.NotNil(t, got)
	assert.Equal(t, blast.KnownIncident, got.Verdict)
	assert.Equal(t, "Known incident INC-1", got.Title)
	assert.EqualValues(t, []int64{7, 120}, []int64{got.Customers, got.Events})
	assert.True(t, got.Incident.Open)
	assert.Nil(t, got.Normal, "nothing was counted a week ago")
	assert.InDelta(t, float64(*got.CustomerEvents)/120, *got.CustomerShare, 1e-9)

	for _, bad := range []string{"include=blast", "include=blast_radius,", "with=x", "include=blast_radius&include=blast_radius"} {
		w := f.get("/v1/requests/req_billing_1?" + bad)
		assert.Equal(t, http.StatusUnprocessableEntity, w.Code, bad)
	}
}

func TestAttempts(t *testing.T) {
	type attemptsOf struct {
		event.Trail
		Attempts *retries.Answer `json:"attempts"`
	}
	f := newIssueFixture(t)
	at := time.Now().Add(-time.Hour)
	for i, after := range []int{0, 4, 8} {
		f.send(event.Envelope{Service: "billing", Status: 429, Method: "POST", Endpoint: "/v1/charges", RequestID: fmt.Sprintf("req_try%d", i+1), Customer: "acme",
			OccurredAt: at.Add(time.Duration(after) * time.Second), Headers: map[string]string{"retry-after": "45", "idempotency-key": "order-42"}})
	}
	assert.Nil(t, decode[attemptsOf](t, f.get("/v1/requests/req_try2")).Attempts, "it costs more, and is asked for")
	got := decode[attemptsOf](t, f.get("/v1/requests/req_try2?include=attempts,blast_radius")).Attempts
	require.NotNil(t, got)
	assert.Equal(t, []int{2, 3, 3}, []int{got.This, got.Total, len(got.Attempts)})
	assert.Equal(t, "This was attempt 2 of 3 in 8 s; the customer waited 4 s where 45 s were asked for. No attempt waited for as long as was asked. "+
		"After attempt 3 no further failure was reported within 10 minutes of this one.", got.Text)
	w := f.get("/v1/requests/req_auth?include=attempts")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	assert.NotContains(t, w.Body.String(), `"attempts":null`, "where nothing is known, nothing is said")

	byKey := decode[event.Trail](t, f.get("/v1/requests/order-42"))
	assert.Equal(t, "req_try3", byKey.RequestID)
	assert.Len(t, byKey.Events, 1)
	pasted := decode[found](t, f.call("POST", "/v1/lookup", readKey, `{"text":"Idempotency-Key: order-42"}`))
	var ids []string
	for _, trail := range pasted.Trails {
		ids = append(ids, trail.RequestID)
	}
	assert.Equal(t, []string{"req_try3", "req_try2", "req_try1"}, ids, "a list, not one Trail of all")
	require.Len(t, pasted.Rows, 1)
	assert.Equal(t, "req_try3", pasted.Rows[0].RequestID)
	pasted = decode[found](t, f.call("POST", "/v1/lookup", readKey, `{"text":"X-Request-Id: req_try1\nIdempotency-Key: order-42"}`))
	require.Len(t, pasted.Trails, 1)
	assert.Equal(t, "req_try1", pasted.Trails[0].RequestID)
}
