package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/blast"
	"errata/internal/event"
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
