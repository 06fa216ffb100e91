package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
	"errata/internal/fault"
	"errata/internal/ruleset"
	"errata/internal/store"
)

func newRule(name string, change ...func(r *ruleset.Rule)) ruleset.Rule {
	r := ruleset.New(name)
	for _, c := range change {
		c(&r)
	}
	return r
}

func (f *fixture) saveRule(t testing.TB, r ruleset.Rule) ruleset.Rule {
	t.Helper()
	saved, err := f.SaveRule(t.Context(), ada, store.DefaultWorkspace, r)
	require.NoError(t, err)
	return saved
}

func (f *fixture) namedChannel(t testing.TB, ws int32) string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	_, err := f.db.Exec(t.Context(), `INSERT INTO channels (workspace_id, id, name, kind, settings, secrets, level, updated_by) VALUES ($1, $2, $3, 'webhook', '{}', '{}', 'notify', 'ada')`, ws, id, id)
	require.NoError(t, err)
	return id
}

func (f *fixture) audited(t testing.TB, target string) (out []string) {
	t.Helper()
	rows, err := f.db.Query(t.Context(), `SELECT actor_label || ' ' || action FROM audit WHERE target = $1 ORDER BY at, id`, target)
	require.NoError(t, err)
	for rows.Next() {
		var s string
		require.NoError(t, rows.Scan(&s))
		out = append(out, s)
	}
	require.NoError(t, rows.Err())
	return out
}

func TestRules(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		list, err := f.Rules(ctx, ws)
		require.NoError(t, err)
		assert.Equal(t, []ruleset.Rule{ruleset.Default()}, list, "every workspace has it")

		channel := f.namedChannel(t, ws)
		first := f.saveRule(t, newRule(" payments ", func(r *ruleset.Rule) {
			r.Query, r.Sensitivity, r.Advanced, r.Channels, r.Runbook = "service:billing  method:post", detect.High, ruleset.Overrides{"min_rate": .005, "count_pages": 1}, []string{channel}, "https://wiki/x"
		}))
		assert.NoError(t, uuid.Validate(first.ID))
		assert.Equal(t, []any{"payments", "service:billing method:POST", "ada"}, []any{first.Name, first.Query, first.UpdatedBy})
		assert.WithinDuration(t, time.Now(), first.CreatedAt.Time, time.Minute)
		got, err := f.Rule(ctx, ws, first.ID)
		require.NoError(t, err)
		assert.Equal(t, first, got)
		assert.Equal(t, first, f.saveRule(t, first), "the same again changes nothing")

		changed := first
		changed.Level, changed.Enabled, changed.Advanced = "ticket", false, ruleset.Overrides{}
		leo := store.Actor{Kind: "session", ID: "link", Label: "leo"}
		second, err := f.SaveRule(ctx, leo, ws, changed)
		require.NoError(t, err)
		assert.Equal(t, []any{first.ID, "ticket", false, "leo", first.CreatedAt}, []any{second.ID, second.Level, second.Enabled, second.UpdatedBy, second.CreatedAt})
		assert.Empty(t, second.Advanced)
		f.saveRule(t, newRule("auth"))

		// The built-in rule becomes a row when it is changed, and is reset by removing it.
		whole := ruleset.Default()
		whole.Query = "-service:batch"
		assert.Equal(t, ruleset.DefaultID, f.saveRule(t, whole).ID)
		list, err = f.Rules(ctx, ws)
		require.NoError(t, err)
		require.Len(t, list, 3)
		assert.Equal(t, []string{"default", "auth", "payments"}, []string{list[0].Name, list[1].Name, list[2].Name})
		assert.Equal(t, "-service:batch", list[0].Query)
		for range 2 {
			require.NoError(t, f.RemoveRule(ctx, ada, ws, ruleset.DefaultID))
		}
		got, err = f.Rule(ctx, ws, ruleset.DefaultID)
		require.NoError(t, err)
		assert.Equal(t, ruleset.Default(), got)
		assert.Equal(t, []string{"ada rule.save", "ada rule.remove"}, f.audited(t, ruleset.DefaultID))

		for field, r := range map[string]ruleset.Rule{
			"query":    newRule("x", func(r *ruleset.Rule) { r.Query = "customer:acme" }),
			"channels": newRule("x", func(r *ruleset.Rule) { r.Channels = []string{channel, first.ID} }),
			"name":     newRule("auth"),
		} {
			_, err := f.SaveRule(ctx, ada, ws, r)
			assert.Equal(t, field, fault.Of(err).Details["field"])
		}
		for _, r := range []ruleset.Rule{newRule("auth"), newRule("default"), newRule("auth", func(r *ruleset.Rule) { r.ID = first.ID })} {
			_, err := f.SaveRule(ctx, ada, ws, r)
			assert.Equal(t, "rule_exists", fault.Of(err).Code)
		}

		// What is another workspace's is neither seen nor changed, nor are its channels.
		other, err := f.Rules(ctx, 2)
		require.NoError(t, err)
		assert.Equal(t, []ruleset.Rule{ruleset.Default()}, other)
		_, notSeen := f.Rule(ctx, 2, first.ID)
		_, notChanged := f.SaveRule(ctx, ada, 2, first)
		for _, err := range []error{notSeen, notChanged, f.RemoveRule(ctx, ada, 2, first.ID), f.RemoveRule(ctx, ada, ws, "nonsense")} {
			assert.Equal(t, "rule_not_found", fault.Of(err).Code)
		}
		_, err = f.SaveRule(ctx, ada, 2, newRule("x", func(r *ruleset.Rule) { r.Channels = []string{channel} }))
		assert.Equal(t, "channels", fault.Of(err).Details["field"])

		require.NoError(t, f.RemoveRule(ctx, ada, ws, first.ID))
		assert.True(t, fault.Is(f.RemoveRule(ctx, ada, ws, first.ID), fault.NotFound))
		assert.Equal(t, []string{"ada rule.save", "leo rule.save", "ada rule.remove"}, f.audited(t, first.ID))
		var edits int
		require.NoError(t, f.db.QueryRow(ctx, `SELECT jsonb_array_length(details->'changes') FROM audit WHERE target = $1 AND actor_label = 'leo'`, first.ID).Scan(&edits))
		assert.Equal(t, 4, edits, "level, enabled, and two numbers")
	}
}

// Of many who create rules at once, no more get one than there is room for, and
// a name is given once.
func TestRulesAreBounded(t *testing.T) {
	f := open(t, store.Options{})
	_, err := f.db.Exec(t.Context(), `INSERT INTO alert_rules (workspace_id, id, name, query, sensitivity, settings, level, channels, runbook, enabled, updated_by)
		SELECT 1, gen_random_uuid(), 'rule-' || n, '', 'normal', '{}', 'page', '{}', '', true, 'ada' FROM generate_series(1, $1::int) AS n`, ruleset.MaxRules-3)
	require.NoError(t, err)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = f.SaveRule(context.Background(), ada, store.DefaultWorkspace, newRule(fmt.Sprint("new-", i/2)))
		})
	}
	wg.Wait()
	codes := map[string]int{}
	for _, err := range errs {
		if err != nil {
			codes[fault.Of(err).Code]++
		}
	}
	assert.Equal(t, 6, codes["rule_exists"]+codes["too_many_rules"], "%v", codes)
	list, err := f.Rules(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.Len(t, list, ruleset.MaxRules, "with the one that every workspace has")
	last := list[len(list)-1]
	last.Level = "ticket"
	assert.Equal(t, "ticket", f.saveRule(t, last).Level, "what is there can be changed")
}
