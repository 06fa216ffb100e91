package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

func (s *ruleShelf) Channels(context.Context, int32) ([]store.Channel, error) {
	return []store.Channel{{ID: "01970000-0000-7000-8000-000000000001", Name: "ops"}, {ID: "01970000-0000-7000-8000-000000000002", Name: "night"}}, nil
}

// Files name channels as people do, and a name that is wrong is told before
// anything is changed.
func TestRuleFilesNameChannels(t *testing.T) {
	s, url := newRuleServer(t)
	s.rules[1].Name, s.rules[1].ChannelNames = "odd", []string{"ops"}
	var out strings.Builder
	opt, ctx := Options{Server: url, Key: secret, Out: &out}, t.Context()
	require.NoError(t, ExportRules(ctx, opt))
	text := out.String()
	assert.Contains(t, text, "    channels:\n      - ops\n")
	differ := func(text string) (bool, error) {
		out.Reset()
		return DiffRules(ctx, opt, fileOf(t, text), true)
	}
	for _, same := range []string{text, strings.Replace(text, "- ops", "- 01970000-0000-7000-8000-000000000001", 1)} {
		yes, err := differ(same)
		require.NoError(t, err)
		assert.False(t, yes, out.String())
	}
	yes, err := differ(strings.Replace(text, "- ops", "- ops\n      - night", 1))
	require.NoError(t, err)
	assert.True(t, yes)
	assert.Contains(t, out.String(), "channels: ops → night, ops")
	_, err = differ(strings.Replace(text, "- ops", "- opps", 1))
	assert.ErrorContains(t, err, "The rule odd: The 'channels' field names a channel that is not there: 'opps'. Did you mean 'ops'?")
	require.NoError(t, ApplyRules(ctx, opt, fileOf(t, strings.Replace(text, "- ops", "- night", 1)), true, AskNobody))
	assert.Equal(t, []string{"night"}, s.rules[1].Channels, "the server finds out which one that is")
}
