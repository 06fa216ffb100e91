package store_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/parcel"
	"errata/internal/store"
)

func TestCollectorsAndRefusals(t *testing.T) {
	f := open(t, store.Options{})
	c := store.Collector{ID: uuid.NewString(), Host: "a", Version: "v1", StartedAt: event.Time{Time: now}, SpoolMax: 100, SpoolItems: 3, SpoolOldest: &event.Time{Time: now}, AwaySeconds: 1.5}
	what := event.Refusal{Workspace: ws, KeyID: "k", Key: "gateway\x00", Service: "bil\xffling", Reason: "rate_limit_exceeded"}
	other := event.Refusal{Workspace: ws + 1, KeyID: "k2", Key: "other", Service: "x", Reason: "rate_limit_exceeded"}
	require.NoError(t, f.ReportCollector(t.Context(), c, map[event.Refusal]int64{what: 2, other: 1}))
	c.SpoolItems, c.SpoolOldest = 0, nil
	require.NoError(t, f.ReportCollector(t.Context(), c, map[event.Refusal]int64{what: 5}))
	list, err := f.Collectors(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.True(t, list[0].Alive)
	assert.Zero(t, list[0].SpoolItems)
	assert.Nil(t, list[0].SpoolOldest)
	assert.InDelta(t, 1.5, list[0].AwaySeconds, 0.001)
	refused, err := f.Refusals(t.Context(), ws, 24)
	require.NoError(t, err)
	require.Len(t, refused, 1, "another workspace's are its own")
	assert.EqualValues(t, 7, refused[0].N)
}

// A rejected item is stored once by however many replays.
func TestReplay(t *testing.T) {
	f := open(t, store.Options{})
	part := report{src: event.FromHTTP, service: "billing", request: "req_poison", status: 500, code: "x", customer: "acme"}.part()
	item, err := parcel.Parcel{Parts: []identity.Part{part}}.Pack()
	require.NoError(t, err)
	require.NoError(t, f.Reject(t.Context(), ws, []event.Rejection{{Source: event.FromHTTP, Reason: "not_storable", Message: "m", RequestID: "req_poison", Item: item},
		{Source: event.FromHTTP, Reason: "validation_failed", Message: "m"}}))
	list, _, err := f.Rejections(t.Context(), ws, 10, "")
	require.NoError(t, err)
	ids := map[string]string{}
	for _, r := range list {
		ids[r.Reason] = r.ID
		assert.Equal(t, r.Reason == "not_storable", r.Replayable)
	}
	for _, want := range []identity.Verdict{identity.Accepted, identity.Duplicate} {
		out, err := f.Replay(t.Context(), store.System, ws, ids["not_storable"])
		require.NoError(t, err)
		assert.Equal(t, want, out.Verdict)
	}
	f.requireInvariant(t)
	trail, err := f.Trail(t.Context(), ws, "req_poison")
	require.NoError(t, err)
	assert.Len(t, trail.Events, 1)
	list, _, err = f.Rejections(t.Context(), ws, 10, "")
	require.NoError(t, err)
	for _, r := range list {
		assert.False(t, r.Replayable)
		assert.Equal(t, r.Reason == "not_storable", r.ReplayedAt != nil)
	}
	_, err = f.Replay(t.Context(), store.System, ws, ids["validation_failed"])
	assert.True(t, fault.Is(err, fault.Conflict))
	_, err = f.Replay(t.Context(), store.System, ws+1, ids["not_storable"])
	assert.True(t, fault.Is(err, fault.NotFound), "another workspace's")
	_, err = f.Replay(t.Context(), store.System, ws, "no uuid")
	assert.True(t, fault.Is(err, fault.NotFound))
}
