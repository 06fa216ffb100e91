package event

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestEventJSONShowsMilliseconds(t *testing.T) {
	e := Event{ID: "e1", OccurredAt: noon.Add(123456 * time.Microsecond), ReceivedAt: noon.In(time.FixedZone("", 3600)), Service: "s", Message: "a < b & c"}
	b, err := json.Marshal(&e)
	require.NoError(t, err)
	assert.Contains(t, string(b), `{"id":"e1","occurred_at":"2026-11-20T12:00:00.123Z","received_at":"2026-11-20T12:00:00.000Z",`)
	assert.Contains(t, string(b), `"source":[]`)

	direct, err := e.MarshalJSON()
	require.NoError(t, err)
	assert.Contains(t, string(direct), "a < b & c")

	var back Event
	require.NoError(t, json.Unmarshal(b, &back))
	assert.Equal(t, "e1", back.ID)
	assert.True(t, back.OccurredAt.Equal(noon.Add(123*time.Millisecond)))
	assert.Equal(t, "a < b & c", back.Message)
}

func TestTrailAndRejectionJSON(t *testing.T) {
	b, err := json.Marshal(Trail{RequestID: "r", FirstAt: noon, LastAt: noon})
	require.NoError(t, err)
	assert.Contains(t, string(b), `{"request_id":"r","trace_ids":[],"services":[],"first_at":"2026-11-20T12:00:00.000Z","last_at":"2026-11-20T12:00:00.000Z",`)
	assert.Contains(t, string(b), `"events":[]`)

	b, err = json.Marshal(Rejection{ID: "x", ReceivedAt: noon, Reason: "validation_failed"})
	require.NoError(t, err)
	assert.Contains(t, string(b), `{"id":"x","received_at":"2026-11-20T12:00:00.000Z",`)
}
