package store_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/fault"
	"errata/internal/seal"
	"errata/internal/store"
)

// with opens the same database as a process with these keys.
func (f *fixture) with(t testing.TB, current string, previous ...string) *fixture {
	t.Helper()
	keys, err := seal.NewKeys(current, previous...)
	require.NoError(t, err)
	s, err := store.Open(t.Context(), store.Options{URL: f.url, Keys: keys})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	g := *f
	g.Store = s
	return &g
}

// lies is what the database has of all secrets.
func (f *fixture) lies(t testing.TB) (text string) {
	t.Helper()
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT coalesce(string_agg(secrets::text, ' '), '') FROM channels`).Scan(&text))
	return text
}

func TestSecretsAreEncrypted(t *testing.T) {
	plain := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	one, two := seal.NewKey(), seal.NewKey()
	c := plain.addChannel(t, spec("ops"))
	assert.Contains(t, plain.lies(t), "hush-ops", "without a key it is as it is")
	kept, err := plain.SecretsKept(ctx)
	require.NoError(t, err)
	assert.Equal(t, store.SecretsKept{Plain: 1}, kept)
	n, err := plain.SealChannels(ctx)
	require.NoError(t, err)
	assert.Zero(t, n)

	// A key comes: what lay there is read, and encrypted by whoever starts.
	f := plain.with(t, one)
	f.tell(t, 1, message(alert.KindFiring, alert.Ticket, 1), c.ID)
	due := f.claim(t)
	assert.Equal(t, "hush-ops", due.Secrets["secret"])
	f.record(t, due, done)
	var wg sync.WaitGroup
	changed := make([]int, 4)
	for i := range changed {
		wg.Go(func() {
			n, err := f.SealChannels(ctx)
			assert.NoError(t, err)
			changed[i] = n
		})
	}
	wg.Wait()
	assert.Equal(t, 1, changed[0]+changed[1]+changed[2]+changed[3], "once, however many start")
	assert.NotContains(t, f.lies(t), "hush")
	night := f.addChannel(t, spec("night"))
	assert.NotContains(t, f.lies(t), "hush")
	assert.Equal(t, []string{"secret"}, night.Secrets, "names are known")
	change := spec("ops")
	change.Secrets = store.Secrets{"previous_secret": "hush-old"}
	_, err = f.SetChannel(ctx, ada, ws, c.ID, change, asIs)
	require.NoError(t, err)
	_, err = f.RotateChannel(ctx, ada, ws, c.ID, "hush-new", asIs)
	require.NoError(t, err)
	assert.NotContains(t, f.lies(t), "hush")
	f.tell(t, 2, message(alert.KindUpdate, alert.Ticket, 1), c.ID)
	due = f.claim(t)
	assert.Equal(t, []string{"hush-new", "hush-ops", ""}, []string{due.Secrets["secret"], due.Secrets["previous_secret"], due.Locked})
	f.record(t, due, done)

	// The next key: first everybody can open both, then it seals.
	both := plain.with(t, two, one)
	n, err = both.SealChannels(ctx)
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	n, err = both.SealChannels(ctx)
	require.NoError(t, err)
	assert.Zero(t, n)
	f.tell(t, 3, message(alert.KindUpdate, alert.Ticket, 1), c.ID)
	due = plain.with(t, two).claim(t)
	assert.Equal(t, "hush-new", due.Secrets["secret"], "the old key may go")
	f.record(t, due, done)
	kept, err = f.SecretsKept(ctx)
	require.NoError(t, err)
	assert.Equal(t, 3, kept.Locked, "for who has only the old one")

	var told string
	require.NoError(t, f.db.QueryRow(ctx, `SELECT string_agg(action || details::text, ';') FROM audit`).Scan(&told))
	assert.Contains(t, told, "channel.encrypt")
	assert.NotContains(t, told, "hush")
}

// Who lacks the key says so, breaks nothing, and can be helped.
func TestWithoutTheKey(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	f = f.with(t, seal.NewKey())
	c := f.addChannel(t, spec("ops"))
	before := f.lies(t)
	for _, lost := range []*fixture{f.with(t, ""), f.with(t, seal.NewKey())} {
		n, err := lost.SealChannels(ctx)
		require.NoError(t, err)
		assert.Zero(t, n)
		assert.Equal(t, before, f.lies(t), "what cannot be read stays")
		list, err := lost.Channels(ctx, ws)
		require.NoError(t, err)
		assert.Equal(t, []string{"secret"}, list[0].Secrets)
		due, err := lost.ClaimTest(ctx, ada, ws, c.ID, "")
		require.NoError(t, err)
		assert.Contains(t, due.Locked, "ERRATA_SECRET_KEY")
		assert.Empty(t, due.Secrets)
		lost.record(t, due, store.Tried{Outcome: alert.Later, Error: due.Locked})

		change := spec("ops")
		change.Secrets = nil
		_, err = lost.SetChannel(ctx, ada, ws, c.ID, change, asIs)
		assert.Equal(t, "secret_key_missing", fault.Of(err).Code)
		_, err = lost.RotateChannel(ctx, ada, ws, c.ID, "hush-new", asIs)
		assert.Equal(t, "secret_key_missing", fault.Of(err).Code)
		change.Enabled = false
		_, err = lost.SetChannel(ctx, ada, ws, c.ID, change, asIs)
		require.NoError(t, err, "it can be switched off")
		assert.Equal(t, before, f.lies(t))
		change.Enabled = true
		_, err = f.SetChannel(ctx, ada, ws, c.ID, change, asIs)
		require.NoError(t, err, "who has the key loses nothing by that")
		before = f.lies(t)
	}
	// A box of another channel opens nowhere else.
	other := f.addChannel(t, spec("other"))
	_, err := f.db.Exec(ctx, `UPDATE channels SET secrets = (SELECT secrets FROM channels WHERE id = $1) WHERE id = $2`, c.ID, other.ID)
	require.NoError(t, err)
	due, err := f.ClaimTest(ctx, ada, ws, other.ID, "")
	require.NoError(t, err)
	assert.Contains(t, due.Locked, "changed in the database")
	f.record(t, due, never)

	// The secret is entered again.
	lost := f.with(t, seal.NewKey())
	_, err = lost.SetChannel(ctx, ada, ws, c.ID, spec("ops"), asIs)
	require.NoError(t, err)
	due, err = lost.ClaimTest(ctx, ada, ws, c.ID, "")
	require.NoError(t, err)
	assert.Equal(t, "hush-ops", due.Secrets["secret"])
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", due, due, due), "hush")
}
