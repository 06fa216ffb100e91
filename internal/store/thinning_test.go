package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
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

// met is a failure that a test has written.
type met struct {
	report
	event string
}

// writeThen writes what comes in as it happens.
func (f *fixture) writeThen(t testing.TB, reports ...report) []identity.Outcome {
	t.Helper()
	all := parts(reports...)
	for i := range all {
		all[i].Event.ReceivedAt = all[i].Event.OccurredAt
	}
	outs, err := f.Write(t.Context(), all)
	require.NoError(t, err)
	return outs
}

// crowd writes failures of random requests: of one to three services, of four hours of
// a day, some without a trace, some with another ID.
func (f *fixture) crowd(t testing.TB, r *rand.Rand, workspace int32, day time.Time, requests int) (out []met) {
	t.Helper()
	var batch []report
	for n := range requests {
		id := fmt.Sprintf("req_%s_%d", day.Format("0102"), n)
		at := day.Truncate(24 * time.Hour).Add(time.Duration(1+r.IntN(4))*time.Hour + time.Duration(r.IntN(3000))*time.Second)
		trace := traceOf(id)
		if r.IntN(5) == 0 {
			trace = ""
		}
		for service := range 1 + r.IntN(3) {
			if service > 0 && trace == "" {
				break
			}
			x := report{ws: workspace, src: event.FromHTTP, service: fmt.Sprint("service-", service), request: id, trace: trace, status: []int{429, 500}[r.IntN(2)], code: fmt.Sprint("code", r.IntN(3)),
				at: at.Add(time.Duration(service) * time.Millisecond), customer: "acme", salt: fmt.Sprint(service)}
			if service == 0 && r.IntN(3) == 0 {
				x.aliases = []event.Alias{{Kind: "ray", Value: "ray-" + id}}
			}
			batch = append(batch, x)
		}
	}
	for chunk := range slices.Chunk(batch, 500) {
		outs := f.writeThen(t, chunk...)
		for i := range outs {
			out = append(out, met{chunk[i], outs[i].EventID})
		}
	}
	return out
}

// counted are the sums of every table that counts.
func (f *fixture) counted(t testing.TB) string {
	t.Helper()
	var out string
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT concat_ws(' ', (SELECT sum(n) FROM error_minutes), (SELECT sum(n) FROM issue_hours), (SELECT sum(n) FROM customer_counts), (SELECT count(*) FROM issues))`).Scan(&out))
	return out
}

// most is the largest number of failures that there are of an issue and hour, of those
// that a condition holds for.
func (f *fixture) most(t testing.TB, where string) int {
	t.Helper()
	return f.count(t, `SELECT coalesce(max(n), 0)::int FROM (SELECT count(*) n FROM events e WHERE merged_into IS NULL AND `+where+` GROUP BY workspace_id, issue_id, date_trunc('hour', occurred_at)) x`)
}

func (f *fixture) there(t testing.TB) map[string]bool {
	t.Helper()
	rows, err := f.db.Query(t.Context(), `SELECT id::text FROM events WHERE merged_into IS NULL`)
	require.NoError(t, err)
	out := map[string]bool{}
	for rows.Next() {
		var id string
		require.NoError(t, rows.Scan(&id))
		out[id] = true
	}
	require.NoError(t, rows.Err())
	return out
}

// requireTold holds that of every failure either it is there, or each of its IDs that
// nothing is there under is said to have been thinned out.
func (f *fixture) requireTold(t testing.TB, all []met) (kept, gone int) {
	t.Helper()
	there := f.there(t)
	var ids []string
	for _, m := range all {
		if there[m.event] {
			kept++
		} else {
			gone++
		}
		for _, id := range []string{m.request, m.trace} {
			if id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		for _, a := range m.aliases {
			ids = append(ids, a.Value)
		}
	}
	workspace := all[0].ws
	for chunk := range slices.Chunk(ids, 400) {
		hits, err := f.Lookup(t.Context(), workspace, chunk)
		require.NoError(t, err)
		absent := slices.DeleteFunc(slices.Clone(chunk), func(id string) bool { return len(hits[id]) > 0 })
		why, err := f.Absences(t.Context(), workspace, absent)
		require.NoError(t, err)
		for _, id := range absent {
			require.Equal(t, store.Thinned, why[id].Reason, id)
			require.NotEmpty(t, why[id].Rule, id)
		}
	}
	for _, m := range all { // what is there is found by all that it has
		if !there[m.event] {
			continue
		}
		hits, err := f.Lookup(t.Context(), workspace, slices.DeleteFunc([]string{m.request, m.trace}, func(id string) bool { return id == "" }))
		require.NoError(t, err)
		require.NotEmpty(t, hits, m.request)
		for id, found := range hits {
			require.True(t, slices.ContainsFunc(found, func(h store.Hit) bool { return h.EventID == m.event }), "%s leads to all of its failures", id)
		}
	}
	assert.Zero(t, f.count(t, `SELECT count(*) FROM aliases a WHERE NOT EXISTS (SELECT FROM events e WHERE e.workspace_id = a.workspace_id AND e.day = a.day AND e.id = a.event_id)`), "other IDs of what has gone")
	assert.Zero(t, f.count(t, `SELECT count(*) FROM event_parts p WHERE NOT EXISTS (SELECT FROM events e WHERE e.workspace_id = p.workspace_id AND e.day = p.day AND e.id = p.event_id)`), "reports of what has gone")
	return kept, gone
}

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

func requestsOf(all []met) (ids []string) {
	for _, m := range all {
		ids = append(ids, m.request)
	}
	return ids
}

// What stays of a request stays in all services that it went through, as far as their
// numbers allow.
func TestThinningKeepsWholeRequests(t *testing.T) {
	f := open(t, store.Options{})
	at := ago(5)
	var batch []report
	for n := range 200 {
		for service := range 3 {
			id := fmt.Sprint("req_", n)
			batch = append(batch, report{src: event.FromHTTP, service: fmt.Sprint("service-", service), request: id, trace: traceOf(id), status: 500, code: "boom", at: at.Add(time.Duration(n) * time.Second)})
		}
	}
	f.writeThen(t, batch...)
	f.setThinning(t, ws, "all", "code:boom", 3, 20)
	f.expire(t, ago(0))
	assert.Equal(t, 60, f.count(t, `SELECT count(*) FROM events WHERE parts > 0`))
	assert.Equal(t, 20, f.count(t, `SELECT count(*) FROM (SELECT trace_id FROM events WHERE parts > 0 GROUP BY trace_id HAVING count(*) = 3) x`))
}

// A request that failed more often than the rule keeps is kept in part rather than
// not at all; one that would be torn at the border goes whole.
func TestThinningOfRepeatedFailures(t *testing.T) {
	for keep, want := range map[int]int{1: 1, 3: 3, 5: 4, 8: 8} {
		f := open(t, store.Options{})
		var batch []report
		for n := range 3 {
			for try := range 4 {
				batch = append(batch, report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("req_", n, "_", try), trace: traceOf(fmt.Sprint(n)), status: 500, code: "boom", at: ago(5).Add(time.Duration(try) * 2 * time.Second), salt: fmt.Sprint(n)})
			}
		}
		f.writeThen(t, batch...)
		f.setThinning(t, ws, "all", "code:boom", 3, keep)
		f.expire(t, ago(0))
		assert.Equal(t, want, f.count(t, `SELECT count(*) FROM events WHERE parts > 0`), keep)
	}
}

// What merged into a failure goes with it.
func TestThinningTakesWhatWasMerged(t *testing.T) {
	f := open(t, store.Options{})
	at := ago(5)
	for n := range 6 {
		id := fmt.Sprint("req_", n)
		span := report{src: event.FromSpan, service: "billing", trace: hex(100+n, 32), span: hex(100+n, 16), status: 500, code: "boom", at: at.Add(time.Duration(n) * time.Minute)}
		http := report{src: event.FromHTTP, service: "billing", request: id, status: 500, code: "boom", at: span.at.Add(time.Second)}
		both := report{src: event.FromLog, service: "billing", request: id, trace: span.trace, span: span.span, status: 500, code: "boom", at: span.at.Add(2 * time.Second)}
		f.writeThen(t, span)
		f.writeThen(t, http)
		f.writeThen(t, both)
	}
	require.Positive(t, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NOT NULL`))
	require.Equal(t, 6, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`))
	f.setThinning(t, ws, "all", "service:billing", 3, 2)
	f.expire(t, ago(0))
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`))
	assert.Zero(t, f.count(t, `SELECT count(*) FROM events e WHERE merged_into IS NOT NULL AND day = $1 AND NOT EXISTS (SELECT FROM events t WHERE t.id = e.merged_into)`, at))
	assert.Zero(t, f.count(t, `SELECT count(*) FROM event_parts p WHERE NOT EXISTS (SELECT FROM events e WHERE e.id = p.event_id)`))
	for n := range 6 {
		for _, id := range []string{fmt.Sprint("req_", n), hex(100+n, 32)} {
			assert.Contains(t, []string{"", "thinned"}, reason(t, f.Store, ws, id), id)
		}
	}
}

// Broken off after any number of statements, a run leaves everything either there or
// told of, and what it left undone, another does.
func TestThinningCanBeBrokenOff(t *testing.T) {
	f := open(t, store.Options{})
	r := rand.New(rand.NewPCG(1, 2))
	all := f.crowd(t, r, 1, ago(5), 80)
	all = append(all, f.crowd(t, r, 1, ago(6), 80)...)
	f.setThinning(t, 1, "a", "service:service-0", 3, 2)
	f.setThinning(t, 1, "b", "service:*", 4, 1)
	broken, counted := 0, f.counted(t)
	for n := int64(4); ; n += 3 {
		ctx, cut := context.WithCancel(t.Context())
		c := &cutter{cut: cut}
		s := reopen(t, store.Options{URL: f.url, Tracer: c})
		c.left.Store(n)
		err := s.Expire(ctx, ago(0))
		s.Close()
		cut()
		if c.left.Load() > 0 {
			require.NoError(t, err)
			break
		}
		broken++
		if n%5 == 0 {
			for _, m := range all {
				require.NotEqual(t, "never_seen", reason(t, f.Store, 1, m.request), "%s after %d statements", m.request, n)
			}
		}
	}
	t.Logf("broken off %d times", broken)
	assert.Greater(t, broken, 10)
	there := f.there(t)
	gone := 0
	for _, m := range all {
		if !there[m.event] {
			gone++
		}
	}
	assert.Equal(t, gone, f.count(t, `SELECT sum((details->>'rows')::int) FROM audit WHERE action = 'thin'`), "all of it was noted")
	assert.LessOrEqual(t, f.most(t, "true"), 1)
	assert.Equal(t, counted, f.counted(t))
	f.requireTold(t, all)
}

// Two replicas thin at once, and others write what is late: nobody sees an error, and
// neither takes what the other keeps.
func TestThinningByTwoAtOnce(t *testing.T) {
	f := open(t, store.Options{})
	r := rand.New(rand.NewPCG(3, 4))
	var all []met
	for day := range 3 {
		all = append(all, f.crowd(t, r, 1, ago(5+day), 300)...)
	}
	f.setThinning(t, 1, "every", "service:*", 3, 3)
	groups := f.count(t, `SELECT count(DISTINCT (issue_id, date_trunc('hour', occurred_at))) FROM events`)
	var wg sync.WaitGroup
	for range 3 {
		s := reopen(t, store.Options{URL: f.url})
		wg.Go(func() { assert.NoError(t, settled(func() error { return s.Expire(t.Context(), ago(0)) })) })
	}
	late := aFailure("req_late", "code1", ago(6).Truncate(24*time.Hour).Add(90*time.Minute))
	late.service = "service-0"
	s := reopen(t, store.Options{URL: f.url})
	(&fixture{s, f.db, f.url}).writeThen(t, late)
	wg.Wait()
	assert.LessOrEqual(t, f.most(t, "request_id <> 'req_late'"), 3)
	assert.Contains(t, []string{"", "thinned"}, reason(t, f.Store, ws, "req_late"))
	assert.Equal(t, groups, f.count(t, `SELECT count(DISTINCT (issue_id, date_trunc('hour', occurred_at))) FROM events WHERE request_id <> 'req_late'`), "some of each stay")
	f.requireTold(t, all)

	// What came in late is found when the day is looked at again.
	f.exec(t, `SELECT pg_stat_force_next_flush()`)
	require.Eventually(t, func() bool {
		f.expire(t, ago(0))
		return f.most(t, "true") <= 3
	}, 20*time.Second, 500*time.Millisecond)
	assert.Contains(t, []string{"", "thinned"}, reason(t, f.Store, ws, "req_late"))
}

// What came in so late that it may be reported again stays until that is over.
func TestThinningSparesWhatMayBeRepeated(t *testing.T) {
	f := open(t, store.Options{})
	var late []report
	for n := range 5 {
		late = append(late, report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("req_", n), status: 500, code: "boom", at: ago(5)})
	}
	f.write(t, late...) // today
	f.setThinning(t, ws, "all", "code:boom", 3, 2)
	plan, err := f.PlanThinning(t.Context(), ws, thin.Rule{Name: "all", Match: "code:boom", AfterDays: 3, Keep: 2}, ago(0))
	require.NoError(t, err)
	assert.Equal(t, []int64{5, 5, 0}, []int64{plan.Matched, plan.Late, plan.Goes})
	there := func() int { return f.count(t, `SELECT count(*) FROM events WHERE merged_into IS NULL`) }
	f.expire(t, ago(0).Add(time.Hour))
	assert.Equal(t, 5, there())
	for _, out := range f.write(t, late...) {
		assert.Equal(t, identity.Duplicate, out.Verdict)
	}
	f.expire(t, ago(-1))
	assert.Equal(t, 5, there())
	f.expire(t, ago(-2).Add(time.Hour))
	assert.Equal(t, 2, there(), "the day is looked at again without anything having happened to it")
}

// Of a failure that stays nothing is said about attempts, of which others may have
// gone: it would be wrong that none followed.
func TestThinningSaysNothingOfAttempts(t *testing.T) {
	f := open(t, store.Options{})
	at := ago(5)
	var all []report
	for n := range 4 {
		all = append(all, keyed(fmt.Sprint("req_", n), "key-1", at.Add(time.Duration(n)*time.Second)))
	}
	f.writeThen(t, all...)
	a, ids := f.attempts(t, all[0], now)
	require.NotNil(t, a)
	assert.Equal(t, "req_0* req_1 req_2 req_3", ids)
	f.setThinning(t, ws, "all", "service:billing", 3, 2)
	f.expire(t, ago(0))
	for _, r := range all {
		a, _ := f.attempts(t, r, now)
		assert.Nil(t, a)
	}
}

// The answer names the rule as it was then, and comes before "probably expired" and
// after "rejected".
func TestThinnedIsSaid(t *testing.T) {
	f := open(t, store.Options{})
	ctx := t.Context()
	day := ago(5)
	for n := range 5 {
		f.writeThen(t, report{src: event.FromHTTP, service: "edge", request: fmt.Sprint("req_", n), status: 429, code: "slow_down", at: day})
	}
	f.setThinning(t, ws, "bots", "service:edge status:429", 3, 1)
	plan, err := f.PlanThinning(ctx, ws, thin.Rule{Name: "bots", Match: "service:edge", AfterDays: 3, Keep: 2}, ago(0))
	require.NoError(t, err)
	assert.Equal(t, []any{int64(5), int64(3), 0.6}, []any{plan.Matched, plan.Goes, plan.Share})
	assert.Positive(t, plan.Bytes)
	assert.Equal(t, plan.Days, plan.Counted)
	f.expire(t, ago(0))
	require.NoError(t, f.RemoveThinningRule(ctx, boss, ws, "bots"))
	gone := ""
	for n := range 5 {
		if id := fmt.Sprint("req_", n); reason(t, f.Store, ws, id) != "" {
			gone = id
		}
	}
	require.NotEmpty(t, gone)
	by, err := f.ThinnedBy(ctx, ws, day, ago(0))
	require.NoError(t, err)
	assert.Equal(t, []string{"bots"}, by)
	by, err = f.ThinnedBy(ctx, ws, ago(4), ago(0))
	require.NoError(t, err)
	assert.Empty(t, by)
	_, err = f.Trail(ctx, ws, gone)
	said := fault.Of(err)
	assert.Equal(t, "It was counted on "+day.Format(time.DateOnly)+", and not kept: the rule 'bots' keeps 1 failure of each issue and hour after 3 days.", said.Message)
	b, err := json.Marshal(said.Details)
	require.NoError(t, err)
	assert.JSONEq(t, `{"reason":"thinned","retention_days":30,"request_id":"`+gone+`","day":"`+day.Format(time.DateOnly)+`","rule":"bots","kept":1,"after_days":3}`, string(b))
	require.NoError(t, f.Reject(ctx, ws, []event.Rejection{{Reason: "r", Source: event.FromHTTP, RequestID: gone, ReceivedAt: now, Message: "no"}}))
	assert.Equal(t, "rejected", reason(t, f.Store, ws, gone))
}
