package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/fault"
	"errata/internal/seal"
	"errata/internal/store"
)

const (
	signingSecret = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	botToken      = "xoxb-1234567890-hushhushhush"
)

func slackSpec(name string) store.IntegrationSpec {
	return store.IntegrationSpec{Kind: store.Slack, Name: name, Account: "T0DESK0001", Unfurl: true, Enabled: true, Secrets: store.Secrets{store.SigningSecret: signingSecret, store.BotToken: botToken}}
}

func TestIntegrations(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode}).with(t, seal.NewKey())
		ctx, ws := t.Context(), store.DefaultWorkspace
		added, err := f.AddIntegration(ctx, ada, ws, slackSpec("desk"))
		require.NoError(t, err)
		assert.Equal(t, []string{store.BotToken, store.SigningSecret}, added.Secrets, "names only")
		assert.Equal(t, []any{"slack", "desk", "T0DESK0001", false, true, true, "ada"}, []any{added.Kind, added.Name, added.Account, added.Customers, added.Unfurl, added.Enabled, added.UpdatedBy})

		var stored string
		require.NoError(t, f.db.QueryRow(ctx, `SELECT secrets::text FROM integrations WHERE id = $1`, added.ID).Scan(&stored))
		assert.NotContains(t, stored, signingSecret)
		assert.NotContains(t, stored, botToken)
		d, err := f.Door(ctx, added.ID)
		require.NoError(t, err)
		assert.Equal(t, []any{ws, signingSecret, botToken, ""}, []any{d.Workspace, d.Secrets[store.SigningSecret], d.Secrets[store.BotToken], d.Locked})
		assert.NotContains(t, fmt.Sprintf("%+v", d), signingSecret)

		change := slackSpec("help desk")
		change.Customers, change.Secrets = true, store.Secrets{store.BotToken: ""}
		set, err := f.SetIntegration(ctx, ada, ws, added.ID, change)
		require.NoError(t, err)
		assert.Equal(t, []any{"help desk", true}, []any{set.Name, set.Customers})
		assert.Equal(t, []string{store.SigningSecret}, set.Secrets, "what is not named stays, what is empty goes")
		list, err := f.Integrations(ctx, ws)
		require.NoError(t, err)
		assert.Equal(t, []store.Integration{set}, list)

		var details string
		require.NoError(t, f.db.QueryRow(ctx, `SELECT details::text FROM audit WHERE action = 'integration.set' AND target = $1 AND actor_label = 'ada'`, added.ID).Scan(&details))
		assert.Contains(t, details, `["customers", "name", "secrets.bot_token"]`)
		require.NoError(t, f.RemoveIntegration(ctx, ada, ws, added.ID))
		_, err = f.Door(ctx, added.ID)
		assert.True(t, fault.Is(err, fault.NotFound))
		var all string
		require.NoError(t, f.db.QueryRow(ctx, `SELECT string_agg(action || coalesce(details::text, ''), ' ' ORDER BY id) FROM audit WHERE target = $1`, added.ID).Scan(&all))
		assert.Equal(t, 3, strings.Count(all, "integration."))
		assert.NotContains(t, all, signingSecret)
		assert.NotContains(t, all, botToken)
	}
}

func TestIntegrationsAreRefused(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	for field, spoil := range map[string]func(*store.IntegrationSpec){
		"name":                   func(i *store.IntegrationSpec) { i.Name = "a\nb" },
		"kind":                   func(i *store.IntegrationSpec) { i.Kind = "teams" },
		"account":                func(i *store.IntegrationSpec) { i.Account = "acme" },
		"secrets.signing_secret": func(i *store.IntegrationSpec) { i.Secrets = store.Secrets{store.BotToken: botToken} },
		"secrets.bot_token": func(i *store.IntegrationSpec) {
			i.Secrets = store.Secrets{store.SigningSecret: signingSecret, store.BotToken: "hunter2"}
		},
		"secrets.more": func(i *store.IntegrationSpec) {
			i.Secrets = store.Secrets{store.SigningSecret: signingSecret, "more": "x"}
		},
	} {
		bad := slackSpec("desk")
		spoil(&bad)
		_, err := f.AddIntegration(ctx, ada, ws, bad)
		require.True(t, fault.Is(err, fault.Unprocessable), "%s: %v", field, err)
		assert.Equal(t, field, fault.Of(err).Details["field"])
	}
	for _, account := range []string{"", "acme.zendesk.com", "https://acme.zendesk.com", "Acme", "-a", "a-", "a b", "a;script-src", "*", strings.Repeat("a", 64)} {
		_, err := f.AddIntegration(ctx, ada, ws, store.IntegrationSpec{Kind: store.Zendesk, Name: "z", Account: account})
		assert.True(t, fault.Is(err, fault.Unprocessable), account)
	}
	_, err := f.AddIntegration(ctx, ada, ws, slackSpec("desk"))
	require.NoError(t, err)
	_, err = f.AddIntegration(ctx, ada, ws, slackSpec("desk"))
	assert.Equal(t, "integration_name_taken", fault.Of(err).Code)
	for n := 1; n < store.MaxIntegrations; n++ {
		_, err = f.AddIntegration(ctx, ada, ws, slackSpec(fmt.Sprint(n)))
		require.NoError(t, err)
	}
	_, err = f.AddIntegration(ctx, ada, ws, slackSpec("one too many"))
	assert.Equal(t, "too_many_integrations", fault.Of(err).Code)
}

// A workspace has nothing of another's.
func TestIntegrationsAreTheWorkspaces(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws, other := t.Context(), store.DefaultWorkspace, int32(2)
	mine, err := f.AddIntegration(ctx, ada, ws, slackSpec("desk"))
	require.NoError(t, err)
	list, err := f.Integrations(ctx, other)
	require.NoError(t, err)
	assert.Empty(t, list)
	_, err = f.Integration(ctx, other, mine.ID)
	assert.True(t, fault.Is(err, fault.NotFound))
	_, err = f.SetIntegration(ctx, ada, other, mine.ID, slackSpec("theirs"))
	assert.True(t, fault.Is(err, fault.NotFound))
	_, err = f.SetIntegrationToken(ctx, ada, other, mine.ID, nil)
	assert.True(t, fault.Is(err, fault.NotFound))
	assert.True(t, fault.Is(f.RemoveIntegration(ctx, ada, other, mine.ID), fault.NotFound))
	require.NoError(t, f.NoteIntegration(ctx, other, mine.ID, "not theirs to say"))
	for _, id := range []string{"", "x", "00000000-0000-0000-0000-000000000000"} {
		_, err = f.Door(ctx, id)
		assert.Equal(t, "integration_not_found", fault.Of(err).Code)
	}
	got, err := f.Integration(ctx, ws, mine.ID)
	require.NoError(t, err)
	assert.Equal(t, mine, got)
}

func TestIntegrationTokens(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	z, err := f.AddIntegration(ctx, ada, ws, store.IntegrationSpec{Kind: store.Zendesk, Name: "tickets", Account: "acme", Enabled: true})
	require.NoError(t, err)
	assert.Nil(t, z.TokenAt)
	z, err = f.SetIntegrationToken(ctx, ada, ws, z.ID, auth.Hash("a token"))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), z.TokenAt.Time, time.Minute)
	d, err := f.Door(ctx, z.ID)
	require.NoError(t, err)
	assert.Equal(t, auth.Hash("a token"), d.TokenHash)
	z, err = f.SetIntegrationToken(ctx, ada, ws, z.ID, nil)
	require.NoError(t, err)
	assert.Nil(t, z.TokenAt)
	s, err := f.AddIntegration(ctx, ada, ws, slackSpec("desk"))
	require.NoError(t, err)
	_, err = f.SetIntegrationToken(ctx, ada, ws, s.ID, auth.Hash("a token"))
	assert.Equal(t, "no_embed_token", fault.Of(err).Code)
}

// A use ends what went wrong; who knocks again and again writes nothing.
func TestIntegrationsAreNoted(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	i, err := f.AddIntegration(ctx, ada, ws, slackSpec("desk"))
	require.NoError(t, err)
	look := func() store.Integration {
		got, err := f.Integration(ctx, ws, i.ID)
		require.NoError(t, err)
		return got
	}
	require.NoError(t, f.NoteIntegration(ctx, ws, i.ID, "first"))
	require.NoError(t, f.NoteIntegration(ctx, ws, i.ID, "second"))
	assert.Equal(t, "first", look().LastError)
	_, err = f.db.Exec(ctx, `UPDATE integrations SET last_error_at = now() - interval '11 seconds'`)
	require.NoError(t, err)
	require.NoError(t, f.NoteIntegration(ctx, ws, i.ID, "second"))
	assert.Equal(t, "second", look().LastError)
	require.NoError(t, f.NoteIntegration(ctx, ws, i.ID, ""))
	used := look()
	assert.Empty(t, used.LastError)
	assert.Nil(t, used.LastErrorAt)
	require.NotNil(t, used.LastUsedAt)
	require.NoError(t, f.NoteIntegration(ctx, ws, i.ID, ""))
	assert.Equal(t, used.LastUsedAt, look().LastUsedAt, "once a minute")
}

// Keys come and go as for channels.
func TestIntegrationSecretsUnderAKey(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	i, err := f.AddIntegration(ctx, ada, ws, slackSpec("desk"))
	require.NoError(t, err)
	kept, err := f.SecretsKept(ctx)
	require.NoError(t, err)
	assert.Equal(t, 2, kept.Plain)
	one, two := seal.NewKey(), seal.NewKey()
	for _, keys := range [][]string{{one}, {two, one}} {
		f = f.with(t, keys[0], keys[1:]...)
		n, err := f.SealIntegrations(ctx)
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		n, err = f.SealIntegrations(ctx)
		require.NoError(t, err)
		assert.Zero(t, n)
	}
	kept, err = f.SecretsKept(ctx)
	require.NoError(t, err)
	assert.Zero(t, kept.Plain)
	assert.Len(t, kept.Sealed, 1)
	lost := f.with(t, one)
	d, err := lost.Door(ctx, i.ID)
	require.NoError(t, err)
	assert.Contains(t, d.Locked, "does not have")
	assert.Empty(t, d.Secrets)
	change := slackSpec("desk")
	change.Secrets = nil
	_, err = lost.SetIntegration(ctx, ada, ws, i.ID, change)
	assert.Equal(t, "secret_key_missing", fault.Of(err).Code)
	_, err = lost.SetIntegration(ctx, ada, ws, i.ID, slackSpec("desk"))
	require.NoError(t, err, "entered again")

	// A box opens only where it was sealed.
	other, err := lost.AddIntegration(ctx, ada, ws, slackSpec("other"))
	require.NoError(t, err)
	_, err = f.db.Exec(ctx, `UPDATE integrations SET secrets = (SELECT secrets FROM integrations WHERE id = $1) WHERE id = $2`, i.ID, other.ID)
	require.NoError(t, err)
	d, err = lost.Door(ctx, other.ID)
	require.NoError(t, err)
	assert.Contains(t, d.Locked, "was changed in the database")
}
