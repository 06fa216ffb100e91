package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/fault"
	"errata/internal/store"
)

// asIs is the check of a kind of channel that needs nothing.
func asIs(store.ChannelSpec) error { return nil }

func spec(name string) store.ChannelSpec {
	return store.ChannelSpec{Name: name, Kind: "webhook", Settings: map[string]string{"url": "https://example.com/" + name}, Secrets: store.Secrets{"secret": "hush-" + name},
		Level: alert.Notify, Hourly: store.DefaultHourly, Enabled: true}
}

func (f *fixture) addChannel(t testing.TB, s store.ChannelSpec) store.Channel {
	t.Helper()
	c, err := f.AddChannel(t.Context(), ada, store.DefaultWorkspace, s, asIs)
	require.NoError(t, err)
	return c
}

func TestChannels(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		var checked store.ChannelSpec
		check := func(c store.ChannelSpec) error { checked = c; return nil }
		ops, err := f.AddChannel(ctx, ada, ws, spec("ops"), check)
		require.NoError(t, err)
		assert.Equal(t, []string{"secret"}, ops.Secrets, "names only")
		assert.Equal(t, "ada", ops.UpdatedBy)
		assert.Equal(t, store.Secrets{"secret": "hush-ops"}["secret"], checked.Secrets["secret"], "whoever checks sees them")
		night := f.addChannel(t, spec("night"))

		change := spec("operations")
		change.Secrets, change.Fallback, change.Hourly, change.Level = store.Secrets{"previous_secret": "old"}, night.ID, 5, alert.Page
		set, err := f.SetChannel(ctx, ada, ws, ops.ID, change, check)
		require.NoError(t, err)
		assert.Equal(t, "hush-ops", checked.Secrets["secret"], "what is not named stays")
		assert.Equal(t, []string{"previous_secret", "secret"}, set.Secrets)
		assert.Equal(t, []any{"operations", night.ID, 5, alert.Page}, []any{set.Name, *set.Fallback, set.Hourly, set.Level})
		change.Secrets = store.Secrets{"previous_secret": ""}
		set, err = f.SetChannel(ctx, ada, ws, ops.ID, change, check)
		require.NoError(t, err)
		assert.Equal(t, []string{"secret"}, set.Secrets)

		list, err := f.Channels(ctx, ws)
		require.NoError(t, err)
		require.Len(t, list, 2)
		assert.Equal(t, []string{"night", "operations"}, []string{list[0].Name, list[1].Name})
		other, err := f.Channels(ctx, 2)
		require.NoError(t, err)
		assert.Empty(t, other, "another workspace's")

		for want, err := range map[string]error{
			"channel_name_taken": second(f.AddChannel(ctx, ada, ws, spec("night"), asIs)),
			"channel_in_use":     f.RemoveChannel(ctx, ada, ws, night.ID),
			"channel_not_found":  f.RemoveChannel(ctx, ada, 2, night.ID),
		} {
			assert.Equal(t, want, fault.Of(err).Code)
		}
		for field, break_ := range map[string]func(*store.ChannelSpec){
			"name": func(s *store.ChannelSpec) { s.Name = "a\nb" }, "level": func(s *store.ChannelSpec) { s.Level = "loud" }, "hourly": func(s *store.ChannelSpec) { s.Hourly = 0 },
			"fallback": func(s *store.ChannelSpec) { s.Fallback = ops.ID }, "kind": func(s *store.ChannelSpec) { s.Kind = "email" },
		} {
			wrong := change
			break_(&wrong)
			_, err := f.SetChannel(ctx, ada, ws, ops.ID, wrong, asIs)
			assert.Equal(t, field, fault.Of(err).Details["field"])
		}
		refuse := func(store.ChannelSpec) error { return fault.New(fault.Unprocessable, "validation_failed", "no") }
		assert.True(t, fault.Is(second(f.SetChannel(ctx, ada, ws, ops.ID, change, refuse)), fault.Unprocessable))

		require.NoError(t, f.RemoveChannel(ctx, ada, ws, ops.ID))
		require.NoError(t, f.RemoveChannel(ctx, ada, ws, night.ID), "nothing needs it any more")

		// Nothing that is written down about it has a secret in it.
		var told string
		require.NoError(t, f.db.QueryRow(ctx, `SELECT string_agg(action || ' ' || details::text, '; ' ORDER BY id) FROM audit WHERE target = $1`, ops.ID).Scan(&told))
		assert.Contains(t, told, `"changed": ["name", "secrets.previous_secret", "settings.url"]`)
		assert.Contains(t, told, "channel.remove")
		assert.NotContains(t, told, "hush")
		assert.NotContains(t, told, "https://")
	}
}

func second[T any](_ T, err error) error { return err }

func TestSecretsShowNowhere(t *testing.T) {
	var log strings.Builder
	s := spec("ops")
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "spec", s, "secrets", s.Secrets)
	assert.NotContains(t, log.String()+fmt.Sprintf("%v %+v %#v %s", s, s, s, s.Secrets), "hush")
}

// A rule that names only one channel would tell all of them without it.
func TestAChannelOfARuleStays(t *testing.T) {
	f := open(t, store.Options{})
	c := f.addChannel(t, spec("ops"))
	_, err := f.db.Exec(t.Context(), `INSERT INTO alert_rules (workspace_id, id, name, query, sensitivity, settings, level, channels, runbook, enabled, updated_by)
		VALUES (1, gen_random_uuid(), 'billing', '', 'normal', '{}', 'page', ARRAY[$1::uuid], '', true, 'ada')`, c.ID)
	require.NoError(t, err)
	err = f.RemoveChannel(t.Context(), ada, store.DefaultWorkspace, c.ID)
	assert.Equal(t, "channel_in_use", fault.Of(err).Code)
	assert.Contains(t, fault.Of(err).Message, `"billing"`)
}

func TestChannelsAreBounded(t *testing.T) {
	f := open(t, store.Options{})
	for i := range store.MaxChannels - 2 {
		f.addChannel(t, spec(fmt.Sprint("c", i)))
	}
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = f.AddChannel(context.Background(), ada, store.DefaultWorkspace, spec(fmt.Sprint("new", i)), asIs)
		})
	}
	wg.Wait()
	refused := 0
	for _, err := range errs {
		if err != nil {
			require.Equal(t, "too_many_channels", fault.Of(err).Code, err)
			refused++
		}
	}
	assert.Equal(t, 4, refused)
}
