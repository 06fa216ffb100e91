package store_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
	"errata/internal/thin"
)

// Of a failure that stays nothing is said about attempts, of which others may have
// gone: it would be wrong that none followed.
func TestThinningSaysNothingOfAttempts(t *testing.T) {
	f := open(t, store.Options{})
	at := ago(5)
	var all []report
	for n := range 4 {
		all = append(all, keyed(fmt.Sprint("req_", n), "key-1", at.Add(time.Duration(n)*time.Second)))
	}
	f.writeThen(t, all...)
	a, ids := f.attempts(t, all[0], now)
	require.NotNil(t, a)
	assert.Equal(t, "req_0* req_1 req_2 req_3", ids)
	f.setThinning(t, ws, "all", "service:billing", 3, 2)
	f.expire(t, ago(0))
	for _, r := range all {
		a, _ := f.attempts(t, r, now)
		assert.Nil(t, a)
	}
}

// The answer names the rule as it was then, and comes before "probably expired" and
// after "rejected".
func TestThinnedIsSaid(t *testing.T) {
	f := open(t, store.Options{})
	ctx := t.Context()
	day := ago(5)
	for n := range 5 {
		f.writeThen(t, report{src: event.FromHTTP, service: "edge", request: fmt.Sprint("req_", n), status: 429, code: "slow_down", at: day})
	}
	f.setThinning(t, ws, "bots", "service:edge status:429", 3, 1)
	plan, err := f.PlanThinning(ctx, ws, thin.Rule{Name: "bots", Match: "service:edge", AfterDays: 3, Keep: 2}, ago(0))
	require.NoError(t, err)
	assert.Equal(t, []any{int64(5), int64(3), 0.6}, []any{plan.Matched, plan.Goes, plan.Share})
	assert.Positive(t, plan.Bytes)
	assert.Equal(t, plan.Days, plan.Counted)
	f.expire(t, ago(0))
	require.NoError(t, f.RemoveThinningRule(ctx, boss, ws, "bots"))
	gone := ""
	for n := range 5 {
		if id := fmt.Sprint("req_", n); reason(t, f.Store, ws, id) != "" {
			gone = id
		}
	}
	require.NotEmpty(t, gone)
	by, err := f.ThinnedBy(ctx, ws, day, ago(0))
	require.NoError(t, err)
	assert.Equal(t, []string{"bots"}, by)
	by, err = f.ThinnedBy(ctx, ws, ago(4), ago(0))
	require.NoError(t, err)
	assert.Empty(t, by)
	_, err = f.Trail(ctx, ws, gone)
	said := fault.Of(err)
	assert.Equal(t, "It was counted on "+day.Format(time.DateOnly)+", and not kept: the rule 'bots' keeps 1 failure of each issue and hour after 3 days.", said.Message)
	b, err := json.Marshal(said.Details)
	require.NoError(t, err)
	assert.JSONEq(t, `{"reason":"thinned","retention_days":30,"request_id":"`+gone+`","day":"`+day.Format(time.DateOnly)+`","rule":"bots","kept":1,"after_days":3}`, string(b))
	require.NoError(t, f.Reject(ctx, ws, []event.Rejection{{Reason: "r", Source: event.FromHTTP, RequestID: gone, ReceivedAt: now, Message: "no"}}))
	assert.Equal(t, "rejected", reason(t, f.Store, ws, gone))
}
