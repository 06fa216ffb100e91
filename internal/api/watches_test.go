package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWatches(t *testing.T) {
	f := newIssueFixture(t)
	assert.JSONEq(t, `{"watches":[]}`, f.call("GET", "/v1/watches", readKey, "").Body.String())
	w := f.call("POST", "/v1/watches", readKey, `{"request_id":"req_late"}`)
	require.Equal(t, 201, w.Code, w.Body)
	list := decoded[struct {
		Watches []struct {
			ID, State, By string
			EndsAt        time.Time `json:"ends_at"`
		}
	}](t, w).Watches
	require.Len(t, list, 1)
	assert.Equal(t, []string{"waiting", "the read key"}, []string{list[0].State, list[0].By})
	assert.WithinDuration(t, time.Now().Add(24*time.Hour), list[0].EndsAt, time.Minute)
	assert.Equal(t, 409, f.call("POST", "/v1/watches", readKey, `{"request_id":"req_billing"}`).Code)
	for _, bad := range []string{`{}`, `{"request_id":"null"}`, `{"request_id":"req_1","channel_id":"x"}`, `{"id":"req_1"}`} {
		assert.Equal(t, 422, f.call("POST", "/v1/watches", readKey, bad).Code, bad)
	}
	assert.Equal(t, 204, f.call("DELETE", "/v1/watches/"+list[0].ID, readKey, "").Code)
	assert.Equal(t, 404, f.call("DELETE", "/v1/watches/"+list[0].ID, readKey, "").Code)
}
