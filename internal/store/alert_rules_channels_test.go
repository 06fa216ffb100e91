package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/fault"
	"errata/internal/ruleset"
	"errata/internal/store"
)

func TestRulesNameChannels(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		ops, night := f.addChannel(t, spec("ops")), f.addChannel(t, spec("night"))
		r := f.saveRule(t, newRule("payments", func(r *ruleset.Rule) { r.Channels = []string{"night", ops.ID} }))
		assert.Equal(t, []string{ops.ID, night.ID}, r.Channels, "what is stored are IDs")
		assert.Equal(t, []string{"ops", "night"}, r.ChannelNames, "in the order of the IDs")
		same := r
		same.Channels = []string{"ops", "night"}
		assert.Equal(t, r.UpdatedAt, f.saveRule(t, same).UpdatedAt, "nothing is changed by naming them otherwise")

		// A channel that is renamed is still told.
		renamed := spec("operations")
		_, err := f.SetChannel(ctx, ada, ws, ops.ID, renamed, asIs)
		require.NoError(t, err)
		list, err := f.Rules(ctx, ws)
		require.NoError(t, err)
		assert.Equal(t, []string{}, list[0].ChannelNames)
		assert.Equal(t, []string{"operations", "night"}, list[1].ChannelNames)

		for ref, why := range map[string]string{"operation": "Did you mean 'operations'?", "ops": "There are: night, operations.", "01970000-0000-7000-8000-00000000000f": "that is not there: '01970000"} {
			_, err := f.SaveRule(ctx, ada, ws, newRule("x", func(r *ruleset.Rule) { r.Channels = []string{"night", ref} }))
			assert.Equal(t, "channels", fault.Of(err).Details["field"])
			assert.Contains(t, fault.Of(err).Message, why)
		}
		_, err = f.SaveRule(ctx, ada, 2, newRule("x", func(r *ruleset.Rule) { r.Channels = []string{"night"} }))
		assert.Contains(t, fault.Of(err).Message, "There is no channel yet.", "another workspace's")
		assert.Equal(t, "channel_in_use", fault.Of(f.RemoveChannel(ctx, ada, ws, night.ID)).Code)
	}
}
