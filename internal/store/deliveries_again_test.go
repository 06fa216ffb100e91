package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/fault"
	"errata/internal/store"
)

func TestTooManyMessagesAreADigest(t *testing.T) {
	f := open(t, store.Options{})
	few := spec("ops")
	few.Hourly = 3
	c := f.addChannel(t, few)
	pager := spec("pager")
	pager.Kind, pager.Hourly = "pagerduty", 1
	f.addChannel(t, pager)
	for n := range 10 {
		f.tell(t, 1, message(alert.KindFiring, alert.Ticket, n))
	}
	var ops, pages int
	for _, s := range f.drain(t) {
		if s == "ops 1 firing" {
			ops++
		} else {
			pages++
		}
	}
	assert.Equal(t, []int{3, 10}, []int{ops, pages}, "who tracks incidents needs every message")

	f.tell(t, 2, message(alert.KindResolved, alert.Ticket, 9), c.ID) // it was never told: both go
	f.tell(t, 2, message(alert.KindUpdate, alert.Ticket, 8), c.ID)
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 77), c.ID)
	assert.Equal(t, []string{"ops 1 firing"}, f.drain(t), "a page is not held back")
	f.pass(t, 59*time.Minute)
	assert.Empty(t, f.drain(t))
	f.pass(t, 2*time.Minute)
	due := f.claim(t)
	require.NotNil(t, due)
	assert.Equal(t, alert.KindDigest, due.Kind)
	var told []int64
	for _, i := range due.Message.Incidents {
		told = append(told, i.Number)
	}
	assert.Equal(t, []int64{3, 4, 5, 6, 7, 8}, told)
	f.record(t, due, done)
	assert.Nil(t, f.claim(t))
	assert.Equal(t, 7, f.count(t, `SELECT count(*) FROM deliveries WHERE state = 'dropped' AND why = 'told in the digest ' || $1`, due.ID))

	// What a digest told is known: its end is told, too.
	f.tell(t, 2, message(alert.KindResolved, alert.Ticket, 3), c.ID)
	assert.Equal(t, []string{"ops 2 resolved"}, f.drain(t))
}

// More room lets go what was held back for the want of it.
func TestHeldBackMessagesAreReleased(t *testing.T) {
	f := open(t, store.Options{})
	few := spec("ops")
	few.Hourly = 1
	c := f.addChannel(t, few)
	for n := range 3 {
		f.tell(t, 1, message(alert.KindFiring, alert.Ticket, n))
	}
	assert.Len(t, f.drain(t), 1)
	few.Hourly = 10
	_, err := f.SetChannel(t.Context(), ada, store.DefaultWorkspace, c.ID, few, asIs)
	require.NoError(t, err)
	assert.Equal(t, []string{"ops 1 firing", "ops 1 firing"}, f.drain(t))
}

func TestRedelivery(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	c := f.addChannel(t, spec("ops"))
	f.tell(t, 1, message(alert.KindFiring, alert.Page, 1))
	due := f.claim(t)
	_, err := f.Redeliver(ctx, ada, ws, due.ID)
	assert.Equal(t, "delivery_not_sendable", fault.Of(err).Code, "it is being sent")
	f.record(t, due, never)
	d, err := f.Redeliver(ctx, ada, ws, due.ID)
	require.NoError(t, err)
	assert.Equal(t, store.Waiting, d.State)
	again := f.claim(t)
	assert.Equal(t, []any{due.ID, 2}, []any{again.ID, again.N})
	f.record(t, again, done)
	_, err = f.Redeliver(ctx, ada, ws, due.ID)
	require.NoError(t, err, "what was sent can be sent again")
	assert.Len(t, f.drain(t), 1)
	_, err = f.Redeliver(ctx, ada, 2, due.ID)
	assert.True(t, fault.Is(err, fault.NotFound))
	require.NoError(t, f.RemoveChannel(ctx, ada, ws, c.ID))
	_, err = f.Redeliver(ctx, ada, ws, due.ID)
	assert.True(t, fault.Is(err, fault.Conflict))
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM audit WHERE action = 'delivery.redeliver'`))
}

func TestTestsAreTriedOnce(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	off := spec("ops")
	off.Enabled = false
	c := f.addChannel(t, off)
	due, err := f.ClaimTest(ctx, ada, ws, c.ID, "https://errata.example")
	require.NoError(t, err)
	assert.Equal(t, []any{alert.KindTest, due.ID, 1}, []any{due.Kind, due.Message.ID, due.N})
	f.record(t, due, later)
	assert.Equal(t, []string{"1 test dead"}, f.log(t, c.ID))
	_, err = f.Redeliver(ctx, ada, ws, due.ID)
	assert.True(t, fault.Is(err, fault.Conflict))
	_, err = f.ClaimTest(ctx, ada, ws, uuid.NewString(), "")
	assert.Equal(t, "channel_not_found", fault.Of(err).Code)

	// One that was broken off is not made up for.
	_, err = f.SetChannel(ctx, ada, ws, c.ID, spec("ops"), asIs)
	require.NoError(t, err)
	_, err = f.ClaimTest(ctx, ada, ws, c.ID, "")
	require.NoError(t, err)
	f.pass(t, 2*time.Minute)
	assert.Nil(t, f.claim(t))
	assert.Equal(t, []string{"1 test dead", "1 test dead"}, f.log(t, c.ID))
}
