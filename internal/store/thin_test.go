package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// Whatever the rules: at most so many stay, all that went is told of, all that stays
// is found, nothing is counted otherwise, and what people keep something with stays
// whole.
func TestThinning(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { thinning(t, seed) })
	}
}

func thinning(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	mode := []string{"", "exec"}[seed%2]
	f := open(t, store.Options{ExecMode: mode})
	ctx := t.Context()
	young, old := ago(3), ago(5)
	all := f.crowd(t, r, 1, old, 150)
	recent := f.crowd(t, r, 1, young, 60)
	theirs := f.crowd(t, r, 2, old, 60)
	keep := 1 + r.IntN(6)
	f.setThinning(t, 1, "every", "service:*", 3, keep)
	f.setThinning(t, 1, "codes", "code:code1", 3, 1+r.IntN(keep))

	// What somebody keeps something with.
	noted, shared, stated, ticketed, exemplar := all[r.IntN(40)], all[40+r.IntN(20)], all[60+r.IntN(20)], all[80+r.IntN(20)], all[100+r.IntN(20)]
	require.NoError(t, f.AddNote(ctx, boss, 1, noted.event, "told them to wait"))
	require.NoError(t, f.SetDeskStatus(ctx, boss, 1, stated.event, store.DeskAnswered))
	f.exec(t, `INSERT INTO request_shares (workspace_id, id, hash, event_id, expires_at, created_by) VALUES (1, gen_random_uuid(), 'x', $1, now(), 'ana')`, shared.event)
	f.exec(t, `INSERT INTO request_tickets (workspace_id, event_id, url, day, request_id, issue_id, system, key, actor_label) SELECT 1, id, 'https://t.example/1', day, request_id, issue_id, '', '', 'ana' FROM events WHERE id = $1`, ticketed.event)
	f.exec(t, `INSERT INTO exemplars (workspace_id, issue_id, day, event_id) SELECT 1, issue_id, day, id FROM events WHERE id = $1`, exemplar.event)
	watched := all[120+r.IntN(20)]
	f.exec(t, `INSERT INTO request_watches (workspace_id, id, value, actor_kind, actor_id, actor_label, created_at, ends_at, arrived_at, event_id) VALUES (1, gen_random_uuid(), $1, '', '', 'ana', now(), now(), now(), $2)`, watched.request, watched.event)
	spared := map[string]bool{exemplar.event: true}
	for _, m := range all {
		for _, kept := range []met{noted, shared, stated, ticketed, watched} {
			if m.request == kept.request {
				spared[m.event] = true
			}
		}
	}
	var quoted []string
	for id := range spared {
		quoted = append(quoted, "'"+id+"'")
	}
	notSpared := "id NOT IN (" + strings.Join(quoted, ", ") + ") AND workspace_id = 1 AND day < '" + young.Format(time.DateOnly) + "'"

	counted := f.counted(t)
	plan, err := f.Plan(ctx, 1, ago(0), 0)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(plan.Days, func(d store.PlannedDay) bool {
		return d.Rule == "every" && d.Partly && d.Due && d.Rows > 0 && d.Bytes > 0
	}))
	plan, err = f.Plan(ctx, 1, ago(0), 40*24*time.Hour)
	require.NoError(t, err)
	for _, day := range []time.Time{old, young} { // though both are going to expire by then
		require.True(t, slices.ContainsFunc(plan.Days, func(d store.PlannedDay) bool {
			return d.Rule == "every" && d.Day == day.Format(time.DateOnly) && d.Due == day.Equal(old)
		}))
	}
	f.expire(t, ago(0))
	assert.Equal(t, counted, f.counted(t), "what has gone stays counted")
	assert.LessOrEqual(t, f.most(t, notSpared), keep)
	assert.Positive(t, f.most(t, notSpared))
	there := f.there(t)
	for id := range spared {
		assert.True(t, there[id], "spared")
	}
	kept, gone := f.requireTold(t, all)
	assert.Positive(t, kept)
	assert.Positive(t, gone)
	t.Logf("keeping %d: %d stay, %d went", keep, kept, gone)
	for _, m := range recent {
		require.True(t, there[m.event], "too young")
	}
	for _, m := range theirs {
		require.True(t, there[m.event], "another workspace's")
	}
	assert.Equal(t, f.count(t, `SELECT count(DISTINCT (issue_id, date_trunc('hour', occurred_at))) FROM events WHERE workspace_id = 1`),
		f.count(t, `SELECT count(DISTINCT (h.issue_id, h.hour)) FROM issue_hours h JOIN events e ON e.id = ANY (h.samples) AND e.issue_id = h.issue_id WHERE h.workspace_id = 1`), "hours of issues name failures that are there")
	assert.Equal(t, "never_seen", reason(t, f.Store, 1, "req_never"))
	assert.Equal(t, gone, f.count(t, `SELECT sum((details->>'rows')::int) FROM audit WHERE action = 'thin' AND target = $1 AND workspace_id = 1`, old.Format(time.DateOnly)))

	// The same again finds nothing, and does not look.
	plan, err = f.Plan(ctx, 1, ago(0), 0)
	require.NoError(t, err)
	assert.False(t, slices.ContainsFunc(plan.Days, func(d store.PlannedDay) bool { return d.Rule != "" }))
	audited := f.count(t, `SELECT count(*) FROM audit`)
	f.expire(t, ago(0))
	assert.Equal(t, there, f.there(t))
	assert.Equal(t, audited, f.count(t, `SELECT count(*) FROM audit`))

	// A smaller number takes more, and says so.
	f.setThinning(t, 1, "every", "service:*", 3, 1)
	f.expire(t, ago(0))
	assert.LessOrEqual(t, f.most(t, notSpared), 1)
	f.requireTold(t, all)

	// When the rest of the day goes, what a rule took before is still told of so.
	f.expire(t, old.AddDate(0, 0, 32))
	a, err := f.Absences(ctx, 1, requestsOf(all))
	require.NoError(t, err)
	reasons := map[store.AbsenceReason]int{}
	for _, why := range a {
		reasons[why.Reason]++
	}
	assert.Positive(t, reasons[store.Thinned])
	assert.Positive(t, reasons[store.ProbablyExpired])
	assert.Zero(t, reasons[store.NeverSeen])
}
