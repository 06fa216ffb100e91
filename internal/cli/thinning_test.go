package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
	"errata/internal/thin"
)

// thinShelf keeps thinning rules, each of which matches 130,000 failures.
type thinShelf struct {
	*shelf
	rules []thin.Rule
}

func (s *thinShelf) ThinningRules(context.Context, int32) ([]thin.Rule, error) { return s.rules, nil }

func (s *thinShelf) SetThinningRule(_ context.Context, actor store.Actor, _ int32, r thin.Rule) (thin.Rule, error) {
	r, err := r.Check(30)
	if err != nil {
		return r, err
	}
	r.CreatedBy, r.UpdatedBy, r.CreatedAt, r.UpdatedAt = actor.Label, actor.Label, event.Time{Time: noon}, event.Time{Time: noon}
	s.rules = append(s.rules, r)
	return r, nil
}

func (s *thinShelf) RemoveThinningRule(_ context.Context, _ store.Actor, _ int32, name string) error {
	for i := range s.rules {
		if s.rules[i].Name == name {
			s.rules = append(s.rules[:i], s.rules[i+1:]...)
			return nil
		}
	}
	return fault.New(fault.NotFound, "thinning_rule_not_found", "There is no such rule.")
}

func (s *thinShelf) PlanThinning(_ context.Context, _ int32, r thin.Rule, _ time.Time) (store.ThinningPlan, error) {
	r, err := r.Check(30)
	return store.ThinningPlan{Rule: r, Days: 27, Counted: 27, Matched: 130_000, Late: 1_200, Goes: 120_340, Share: 120_340. / 130_000, Bytes: 84_000_000}, err
}

func TestThinning(t *testing.T) {
	keys, _ := newServer(t)
	s := &thinShelf{shelf: keys}
	var out strings.Builder
	opt, ctx := Options{Server: serve(t, s, keys).URL, Key: secret, Out: &out}, t.Context()
	said := func(run func() error) string {
		t.Helper()
		out.Reset()
		require.NoError(t, run())
		return out.String()
	}
	assert.Contains(t, said(func() error { return ListThinning(ctx, opt) }), "every failure is kept")
	bots := thin.Rule{Name: "bots", Match: "service:edge status:429", AfterDays: 3, Keep: 100, Enabled: true}
	assert.Equal(t, "From the next run of retention on, the rule 'bots' keeps 100 failures of each issue and hour after 3 days, of service:edge status:429. What it would take now: errata thinning plan bots\n",
		said(func() error { return SetThinning(ctx, opt, bots) }))
	off := bots
	off.Name, off.Enabled = "off", false
	assert.Contains(t, said(func() error { return SetThinning(ctx, opt, off) }), "it lets nothing go")
	bad := bots
	bad.AfterDays = 1
	require.ErrorContains(t, SetThinning(ctx, opt, bad), "'after_days' field must be at least 3")

	lines := strings.Split(strings.TrimSpace(said(func() error { return ListThinning(ctx, opt) })), "\n")
	require.Len(t, lines, 3)
	assert.Equal(t, []string{"bots", "service:edge", "status:429", "100", "3", "days", "on"}, strings.Fields(lines[1])[:7])
	assert.Contains(t, lines[2], " off ")

	assert.Equal(t, "bots: would let go 120,340 of 130,000 failures (93%), about 84.0 MB, of 27 days.\n  1,200 came in less than two days ago, though older: they stay while they may be reported again.\n", said(func() error { return PlanThinning(ctx, opt, thin.Rule{Name: "bots"}) }))
	assert.Equal(t, 2, strings.Count(said(func() error { return PlanThinning(ctx, opt, thin.Rule{}) }), "would let go"))
	assert.Contains(t, said(func() error { return PlanThinning(ctx, opt, thin.Rule{Match: "service:*", AfterDays: 3, Keep: 5}) }), "new: would let go")
	require.ErrorContains(t, PlanThinning(ctx, opt, thin.Rule{Name: "none"}), "no thinning rule named none")
	asJSON := opt
	asJSON.JSON = true
	assert.Contains(t, said(func() error { return PlanThinning(ctx, asJSON, thin.Rule{Name: "bots"}) }), `"goes":120340`)

	assert.Contains(t, said(func() error { return RemoveThinning(ctx, opt, []string{"bots"}) }), "stays gone")
	require.ErrorContains(t, RemoveThinning(ctx, opt, []string{"bots"}), "There is no such rule")
}
