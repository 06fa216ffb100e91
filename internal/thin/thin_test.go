package thin_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/fault"
	"errata/internal/thin"
)

func TestCheck(t *testing.T) {
	good := thin.Rule{Name: " bots ", Match: " service:edge status:429 ", AfterDays: 3, Keep: 100}
	r, err := good.Check(30)
	require.NoError(t, err)
	assert.Equal(t, []string{"bots", "service:edge status:429"}, []string{r.Name, r.Match})
	for field, change := range map[string]func(*thin.Rule){
		"name":       func(r *thin.Rule) { r.Name = "a/b" },
		"match":      func(r *thin.Rule) { r.Match = "servcie:edge" },
		"after_days": func(r *thin.Rule) { r.AfterDays = 31 },
		"keep":       func(r *thin.Rule) { r.Keep = 0 },
	} {
		bad := good
		change(&bad)
		_, err := bad.Check(30)
		require.True(t, fault.Is(err, fault.Unprocessable), field)
		assert.Equal(t, field, fault.Of(err).Details["field"])
	}
	empty := good
	empty.Match = " "
	_, err = empty.Check(30)
	assert.ErrorContains(t, err, "service:* are all")
	for _, name := range []string{"", "-a", "a-", "ä", "a b", ".", strings.Repeat("a", 61), "a\n"} {
		require.Error(t, thin.CheckName(name), name)
	}
	for _, name := range []string{"a", "Bots-2.slow_ones", strings.Repeat("a", 60)} {
		require.NoError(t, thin.CheckName(name), name)
	}
}

func TestWhy(t *testing.T) {
	assert.Equal(t, "It was counted on 2026-11-03, and not kept: the rule 'bots' keeps 100 failures of each issue and hour after 3 days.", thin.Why("2026-11-03", "bots", 100, 3))
	assert.Contains(t, thin.Does("bots", 1, 3), "keeps 1 failure of each")
}
