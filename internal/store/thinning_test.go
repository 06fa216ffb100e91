package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/fault"
	"errata/internal/store"
	"errata/internal/thin"
)

var boss = store.Actor{Kind: "key", ID: "k", Label: "ana"}

func (f *fixture) setThinning(t testing.TB, ws int32, name, match string, afterDays, keep int) {
	t.Helper()
	_, err := f.SetThinningRule(t.Context(), boss, ws, thin.Rule{Name: name, Match: match, AfterDays: afterDays, Keep: keep, Enabled: true})
	require.NoError(t, err)
}

// thinAll keeps so many of everything.
func thinAll(keep int) thin.Rule {
	return thin.Rule{Name: "all", Match: "service:*", AfterDays: 3, Keep: keep, Enabled: true}
}

func TestThinningRules(t *testing.T) {
	f := open(t, store.Options{})
	ctx := t.Context()
	wrong := map[string]thin.Rule{
		"name":       {Match: "service:edge", AfterDays: 3, Keep: 1},
		"match":      {Name: "a", AfterDays: 3, Keep: 1},
		"after_days": {Name: "a", Match: "service:edge", AfterDays: 2, Keep: 1},
		"keep":       {Name: "a", Match: "service:edge", AfterDays: 3},
	}
	for field, r := range wrong {
		_, err := f.SetThinningRule(ctx, boss, ws, r)
		require.True(t, fault.Is(err, fault.Unprocessable), field)
		assert.Equal(t, field, fault.Of(err).Details["field"])
	}
	_, err := f.SetThinningRule(ctx, boss, ws, thin.Rule{Name: "a", Match: "service:edge", AfterDays: 31, Keep: 1})
	assert.ErrorContains(t, err, "at most 30")
	_, err = f.SetThinningRule(ctx, boss, ws, thin.Rule{Name: "a", Match: "servcie:edge", AfterDays: 3, Keep: 1})
	assert.Equal(t, "match", fault.Of(err).Details["field"])

	f.setThinning(t, ws, "bots", "service:edge status:429", 3, 100)
	f.setThinning(t, ws, "bots", "service:edge status:429", 3, 100) // the same again
	f.setThinning(t, ws, "bots", "service:edge status:429", 4, 50)
	f.setThinning(t, ws, "ant", "service:*", 3, 7)
	rules, err := f.ThinningRules(ctx, ws)
	require.NoError(t, err)
	require.Len(t, rules, 2)
	assert.Equal(t, []string{"ant", "bots"}, []string{rules[0].Name, rules[1].Name})
	assert.Equal(t, []any{"service:edge status:429", 4, 50, true, "ana"}, []any{rules[1].Match, rules[1].AfterDays, rules[1].Keep, rules[1].Enabled, rules[1].CreatedBy})
	theirs, err := f.ThinningRules(ctx, 2)
	require.NoError(t, err)
	assert.Empty(t, theirs)
	assert.True(t, fault.Is(f.RemoveThinningRule(ctx, boss, 2, "bots"), fault.NotFound))
	require.NoError(t, f.RemoveThinningRule(ctx, boss, ws, "bots"))
	assert.True(t, fault.Is(f.RemoveThinningRule(ctx, boss, ws, "bots"), fault.NotFound))
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM audit WHERE action = 'thinning.set' AND target = 'bots'`))
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM audit WHERE action = 'thinning.remove' AND actor_label = 'ana'`))

	for n := range thin.MaxRules - 1 {
		f.setThinning(t, ws, fmt.Sprint("r", n), "service:*", 3, 7)
	}
	_, err = f.SetThinningRule(ctx, boss, ws, thin.Rule{Name: "one-more", Match: "service:*", AfterDays: 3, Keep: 7})
	assert.ErrorContains(t, err, "too_many_thinning_rules")
}
