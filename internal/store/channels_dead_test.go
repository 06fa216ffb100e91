package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/fault"
	"errata/internal/store"
)

func (f *fixture) dead(t testing.TB) []store.DeadChannel {
	t.Helper()
	list, err := f.DeadChannels(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	return list
}

func TestDeadChannels(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		c := f.addChannel(t, spec("ops"))
		f.addChannel(t, spec("well"))
		assert.Empty(t, f.dead(t))

		f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 1), c.ID)
		f.record(t, f.claim(t), later)
		assert.Empty(t, f.dead(t), "it is still tried")
		_, err := f.db.Exec(ctx, `UPDATE channels SET failing_since = failing_since - interval '11 minutes'`)
		require.NoError(t, err)
		require.Len(t, f.dead(t), 1, "for too long")
		assert.Equal(t, []any{0, "503"}, []any{f.dead(t)[0].Dead, f.dead(t)[0].Why})
		f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 2), c.ID)
		f.record(t, f.claim(t), never)
		f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 3), c.ID)
		f.record(t, f.claim(t), never)
		list := f.dead(t)
		require.Len(t, list, 1)
		assert.Equal(t, []any{c.ID, "ops", "404", 2, false}, []any{list[0].ID, list[0].Name, list[0].Why, list[0].Dead, list[0].Ended})
		other, err := f.DeadChannels(ctx, 2)
		require.NoError(t, err)
		assert.Empty(t, other, "another workspace's")

		// Somebody has seen it; what dies later is news.
		assert.True(t, fault.Is(f.DismissChannel(ctx, ada, 2, c.ID), fault.NotFound))
		assert.True(t, fault.Is(f.DismissChannel(ctx, ada, ws, "x"), fault.NotFound))
		require.NoError(t, f.DismissChannel(ctx, ada, ws, c.ID))
		assert.Empty(t, f.dead(t))
		var told int
		require.NoError(t, f.db.QueryRow(ctx, `SELECT count(*) FROM audit WHERE action = 'channel.dismiss' AND target = $1 AND actor_label = 'ada'`, c.ID).Scan(&told))
		assert.Equal(t, 1, told)
		f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 4), c.ID)
		f.record(t, f.claim(t), never)
		require.Len(t, f.dead(t), 1)
		assert.Equal(t, 1, f.dead(t)[0].Dead)

		// It delivers again.
		f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 5), c.ID)
		f.record(t, f.claim(t), done)
		assert.Empty(t, f.dead(t))

		// Its receiver ends it.
		f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 6), c.ID)
		f.record(t, f.claim(t), store.Tried{Outcome: alert.Disable, Error: "410"})
		list = f.dead(t)
		require.Len(t, list, 1)
		assert.True(t, list[0].Ended)
		assert.Contains(t, list[0].Why, "410")
		require.NoError(t, f.DismissChannel(ctx, ada, ws, c.ID))
		assert.Empty(t, f.dead(t))

		// A test in vain is seen by whoever made it.
		due, err := f.ClaimTest(ctx, ada, ws, c.ID, "")
		require.NoError(t, err)
		f.record(t, due, never)
		assert.Empty(t, f.dead(t))
	}
}

func TestRotateChannel(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	c := f.addChannel(t, spec("ops"))
	var checked store.ChannelSpec
	check := func(s store.ChannelSpec) error { checked = s; return nil }
	set, err := f.RotateChannel(ctx, ada, ws, c.ID, "hush-new", check)
	require.NoError(t, err)
	assert.Equal(t, []string{"previous_secret", "secret"}, set.Secrets)
	assert.Equal(t, []string{"hush-new", "hush-ops"}, []string{checked.Secrets["secret"], checked.Secrets["previous_secret"]})
	for secret, field := range map[string]string{"": "secrets.secret", "hush-new": "secrets.secret"} {
		_, err := f.RotateChannel(ctx, ada, ws, c.ID, secret, check)
		assert.Equal(t, field, fault.Of(err).Details["field"])
	}
	refuse := func(store.ChannelSpec) error { return fault.New(fault.Unprocessable, "validation_failed", "no") }
	assert.True(t, fault.Is(second(f.RotateChannel(ctx, ada, ws, c.ID, "hush-3", refuse)), fault.Unprocessable))
	assert.True(t, fault.Is(second(f.RotateChannel(ctx, ada, 2, c.ID, "hush-3", check)), fault.NotFound))
	var told string
	require.NoError(t, f.db.QueryRow(ctx, `SELECT string_agg(action || details::text, ';') FROM audit WHERE target = $1`, c.ID).Scan(&told))
	assert.Contains(t, told, "channel.rotate")
	assert.NotContains(t, told, "hush")
	f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 1), c.ID)
	due := f.claim(t)
	assert.Equal(t, []string{"hush-new", "hush-ops"}, []string{due.Secrets["secret"], due.Secrets["previous_secret"]}, "it signs with both")
}
