package ruleset

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/fault"
)

const (
	opsID   = "01970000-0000-7000-8000-000000000001"
	nightID = "01970000-0000-7000-8000-000000000002"
	oddID   = "01970000-0000-7000-8000-000000000003"
)

var someChannels = []Channel{{opsID, "ops"}, {nightID, "Night: on call"}, {oddID, opsID}}

func TestChannelsByName(t *testing.T) {
	r := New("x")
	r.Channels = []string{" ops ", strings.ToUpper(nightID), "ops", "Night: on call"}
	r, err := r.Check()
	require.NoError(t, err)
	assert.Equal(t, []string{nightID, "Night: on call", "ops"}, r.Channels)
	ids, err := Resolve(r.Channels, someChannels)
	require.NoError(t, err)
	assert.Equal(t, []string{opsID, nightID}, ids, "each once")
	ids, err = Resolve([]string{opsID}, someChannels)
	require.NoError(t, err)
	assert.Equal(t, []string{opsID}, ids, "an ID comes before a name that looks like one")

	for given, want := range map[string]string{
		"opss": "'opss'. Did you mean 'ops'?", "night: on cal": "Did you mean 'Night: on call'?", "payments": "There are: 01970000-0000-7000-8000-000000000001, Night: on call, ops.",
	} {
		_, err := Resolve([]string{"ops", given}, someChannels)
		require.True(t, fault.Is(err, fault.Unprocessable))
		assert.Contains(t, fault.Of(err).Message, want)
		assert.Equal(t, "channels", fault.Of(err).Details["field"])
	}
	_, err = Resolve([]string{"ops"}, nil)
	assert.Contains(t, fault.Of(err).Message, "There is no channel yet.")
	for _, bad := range [][]string{{""}, {"a\nb"}, {strings.Repeat("x", 101)}, {"\xff"}} {
		r.Channels = bad
		_, err := r.Check()
		assert.Equal(t, "channels", fault.Of(err).Details["field"])
	}
}

func TestFilesNameChannels(t *testing.T) {
	r := New("payments")
	r.Channels = []string{opsID, nightID, oddID}
	named := Named([]Rule{r}, someChannels)
	assert.Equal(t, []string{opsID, nightID, oddID}, r.Channels, "a copy")
	text := string(Write(named))
	assert.Contains(t, text, "    channels:\n      - 01970000-0000-7000-8000-000000000003\n      - \"Night: on call\"\n      - ops\n")
	back, mistakes := Read("r.yaml", []byte(text))
	require.Empty(t, mistakes)
	ids, err := Resolve(back[0].Channels, someChannels)
	require.NoError(t, err)
	assert.Equal(t, r.Channels, ids)

	// A file with IDs, and one with names, say the same.
	have := []Rule{r}
	have[0].ChannelNames = []string{"ops", "Night: on call", opsID}
	known := ChannelsOf(have)
	for _, channels := range [][]string{{opsID, nightID, oddID}, {"ops", "Night: on call", oddID}} {
		want := New("payments")
		want.Channels = channels
		p := Compare(Named(have, known), Named([]Rule{want}, known), true)
		assert.Empty(t, p.Ops)
		assert.Equal(t, 1, p.Same)
	}
	assert.Empty(t, ChannelsOf([]Rule{{Channels: []string{opsID}}}), "who says no names")
}
