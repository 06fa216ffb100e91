package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

func TestRetention(t *testing.T) {
	f := newFixture(t)
	for _, jobs := range [][]store.JobRun{nil, {{Name: store.RetentionJob}}} {
		f.mem.jobs = jobs
		w := f.call(http.MethodGet, "/v1/retention?days=7", readKey, "")
		require.Equal(t, http.StatusOK, w.Code)
		var plan store.RetentionPlan
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &plan))
		assert.Len(t, plan.Days, 2)
		assert.Equal(t, noon.AddDate(0, 0, 7).Day(), plan.Days[0].DueAt.Day())
	}
	for _, days := range []string{"401", "-1", "x", ""} {
		w := f.call(http.MethodGet, "/v1/retention?days="+days, readKey, "")
		assert.Equal(t, http.StatusUnprocessableEntity, w.Code, days)
		assert.Contains(t, w.Body.String(), "'days'")
	}
	assert.Equal(t, http.StatusForbidden, f.call(http.MethodGet, "/v1/retention", ingestKey, "").Code)
}

func TestRetentionRunsForAdmins(t *testing.T) {
	f := newFixture(t)
	f.mem.jobs = []store.JobRun{{Name: store.RetentionJob}}
	assert.Equal(t, http.StatusForbidden, f.call(http.MethodPost, "/v1/retention/runs", readKey, "").Code)
	assert.Zero(t, f.mem.jobs[0].Failures)
	assert.Equal(t, http.StatusAccepted, f.call(http.MethodPost, "/v1/retention/runs", adminKey, "").Code)
	assert.EqualValues(t, 1, f.mem.jobs[0].Failures)
	assert.Equal(t, "admin", f.mem.actor.ID)
}
