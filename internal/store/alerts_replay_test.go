package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
	"errata/internal/incident"
	"errata/internal/ruleset"
	"errata/internal/slo"
	"errata/internal/store"
)

func (f alertFixture) replay(r ruleset.Rule, now time.Time) store.Replayed {
	f.t.Helper()
	out, err := f.ReplayRule(f.t.Context(), store.DefaultWorkspace, r, store.ReplaySpan{Now: now})
	require.NoError(f.t, err)
	assert.True(f.t, out.Complete)
	return out
}

// met is an issue that was seen in an hour.
func (f alertFixture) met(service, code string, at time.Time) {
	f.t.Helper()
	_, err := f.db.Exec(f.t.Context(), `
INSERT INTO issues (workspace_id, id, fp_version, first_at, role, family, service, method, endpoint, status, code, title)
VALUES (1, md5($1 || $2)::uuid, 1, $3, 0, 2, $1, 'POST', '/v1/charges', 500, $2, $2)`, service, code, at)
	require.NoError(f.t, err)
	_, err = f.db.Exec(f.t.Context(), `
INSERT INTO issue_hours (workspace_id, hour, issue_id, slot, n, first_at, last_at) VALUES (1, date_trunc('hour', $3::timestamptz), md5($1 || $2)::uuid, 0, 3, $3, $3)`, service, code, at)
	require.NoError(f.t, err)
}

// tables says what is in the tables of alerts: a replay leaves them as they are.
func (f alertFixture) tables() string {
	f.t.Helper()
	var all string
	require.NoError(f.t, f.db.QueryRow(f.t.Context(), `
SELECT concat_ws('|', (SELECT json_agg(x ORDER BY x::text) FROM alert_states x), (SELECT json_agg(x ORDER BY x::text) FROM incidents x), (SELECT json_agg(x ORDER BY x::text) FROM incident_members x),
  (SELECT json_agg(x ORDER BY x::text) FROM incident_events x), (SELECT json_agg(x) FROM alert_clock x), (SELECT json_agg(x) FROM alert_gaps x), (SELECT json_agg(x ORDER BY x::text) FROM deliveries x),
  (SELECT count(*) FROM audit), (SELECT json_agg(x ORDER BY x::text) FROM alert_rules x))`).Scan(&all))
	return all
}

// A replay finds what was found when it happened: the same incidents, of the same
// members, from the same minute to the same minute, for the same reason.
func TestReplayFindsWhatWasFound(t *testing.T) {
	f := openAlerts(t)
	f.story("checkout")
	f.traffic("quiet", noon.Add(-48*time.Hour), noon.Add(time.Hour), 300, 2)
	f.traffic("blip", noon.Add(-48*time.Hour), noon, 300, 1)
	f.traffic("blip", noon, noon.Add(2*time.Minute), 300, 60)
	f.traffic("blip", noon.Add(2*time.Minute), noon.Add(time.Hour), 300, 1)
	f.fail("uncounted", "boom", 503, 2, noon.Add(-48*time.Hour), noon.Add(5*time.Minute), 1, []string{"acme"}) // nobody counts its requests
	f.fail("uncounted", "boom", 503, 2, noon.Add(5*time.Minute), noon.Add(25*time.Minute), 60, []string{"acme", "beta"})
	f.fail("uncounted", "boom", 503, 2, noon.Add(25*time.Minute), noon.Add(time.Hour), 1, []string{"acme"})
	f.traffic("limits", noon.Add(-48*time.Hour), noon.Add(time.Hour), 300, 0)
	f.fail("limits", "slow_down", 429, 1, noon.Add(10*time.Minute), noon.Add(30*time.Minute), 40, []string{"acme"}) // one who outgrew it
	f.traffic("fresh", noon.Add(-48*time.Hour), noon.Add(time.Hour), 300, 0)
	f.met("fresh", "old", noon.Add(-30*time.Hour))
	f.fail("fresh", "never_before", 500, 2, noon.Add(20*time.Minute), noon.Add(26*time.Minute), 2, []string{"acme", "beta"}) // rule G
	f.traffic("burning", noon.Add(-48*time.Hour), noon.Add(-2*time.Hour), 300, 0)
	f.traffic("burning", noon.Add(-2*time.Hour), noon.Add(time.Hour), 300, 4) // not much, but of an objective
	f.story("spanned")                                                        // its requests are known from spans alone
	_, err := f.db.Exec(t.Context(), `UPDATE request_minutes SET source = 6 WHERE service = 'spanned'`)
	require.NoError(t, err)
	_, err = f.SetSLO(t.Context(), onCall, store.DefaultWorkspace, slo.SLO{Service: "burning", Objective: 99.9, WindowDays: 28})
	require.NoError(t, err)
	// Judged from hours before on, as a process that has been up for long does.
	for at := noon.Add(-6 * time.Hour); at.Before(noon.Add(time.Hour)); at = at.Add(time.Minute) {
		f.tick(f.Store, at.Add(40*time.Second))
	}
	before := f.tables()
	now := noon.Add(time.Hour - 20*time.Second) // when it was judged last
	out := f.replay(ruleset.Default(), now)
	assert.Equal(t, before, f.tables())
	live, err := f.Incidents(t.Context(), store.DefaultWorkspace, store.IncidentFilter{}, 100, "")
	require.NoError(t, err)
	require.NotEmpty(t, live.Incidents)
	tell := func(number int, title, level string, why detect.Why, started, fired time.Time, resolved any, errors int64, peak float64) string {
		return fmt.Sprintf("INC-%d %s %s %+v %s %s %v %d %.4f", number, title, level, why, started.Format("15:04"), fired.Format("15:04"), resolved, errors, peak)
	}
	var want, got []string
	for _, r := range live.Incidents {
		want = append(want, tell(r.Number, r.Title, r.Level.String(), r.Why, r.StartedAt.Time, r.OpenedAt.Time, r.ResolvedAt, r.Errors, r.Peak))
	}
	for _, r := range out.Incidents {
		got = append(got, tell(r.Number, r.Title, r.Level.String(), r.Why, r.StartedAt.Time, r.FiredAt.Time, r.ResolvedAt, r.Errors, r.Peak))
		assert.True(t, r.Now)
		assert.Empty(t, r.Rules)
	}
	assert.ElementsMatch(t, want, got)
	assert.Len(t, got, out.Count)
	assert.Equal(t, out.Count, out.NowCount, "it is the rule that there is")
	assert.Empty(t, out.Missed)
	titles := map[string]bool{}
	for _, i := range out.Incidents {
		titles[i.Title] = true
	}
	assert.Len(t, titles, 6, "%v", got)
	for _, letter := range []string{"A", "B", "E", "F", "G"} {
		assert.Contains(t, strings.Join(got, "\n"), "Rule:"+letter+" ")
	}
	t.Logf("%d ms: %v", out.TookMS, got)
}

// What a rule would change is said before it is saved: what it would find no more,
// what others find as well, and what people said of that.
func TestReplayComparesRules(t *testing.T) {
	f := openAlerts(t)
	f.story("checkout")
	f.story("search")
	f.judged(noon.Add(-2*time.Minute), noon.Add(45*time.Minute))
	require.NoError(t, f.VoteIncident(t.Context(), onCall, store.DefaultWorkspace, "1", incident.Noisy, noon.Add(time.Hour)))
	now := noon.Add(46 * time.Minute)

	added := ruleset.New("searches")
	added.Query, added.Level, added.Enabled = "service:search", "notify", false
	out := f.replay(added, now)
	require.Len(t, out.Incidents, 1)
	one := out.Incidents[0]
	assert.Equal(t, "search", one.Service)
	assert.Equal(t, detect.Notify, one.Level)
	assert.Equal(t, []string{"default"}, one.Rules)
	assert.Equal(t, []string{"search", "POST /v1/charges"}, one.Parts)
	assert.Equal(t, 2, one.Number)
	assert.Zero(t, out.NowCount+out.Pages)
	assert.Empty(t, out.Missed, "the other rule goes on finding what it finds")

	narrowed := ruleset.Default()
	narrowed.Query = "-service:checkout"
	out = f.replay(narrowed, now)
	assert.Equal(t, []int{1, 1, 2}, []int{out.Count, out.Pages, out.NowCount})
	require.Len(t, out.Missed, 1)
	assert.Equal(t, "checkout", out.Missed[0].Service)
	assert.Equal(t, 1, out.Missed[0].Number)
	assert.Equal(t, incident.Noisy, out.Missed[0].Useful)
	assert.Equal(t, []string{"default"}, out.Missed[0].Rules)

	deaf := ruleset.Default()
	deaf.Advanced = ruleset.Overrides{"min_errors": 1_000_000, "fast_errors": 1_000_000, "slow_errors": 1_000_000, "low_errors": 1_000_000}
	out = f.replay(deaf, now)
	assert.Zero(t, out.Count)
	assert.Len(t, out.Missed, 2)

	nothing := ruleset.New("nothing")
	nothing.Query = "service:nobody"
	out = f.replay(nothing, now)
	assert.Zero(t, out.Count+len(out.Missed))
}

func TestReplayRefuses(t *testing.T) {
	f := openAlerts(t)
	f.story("checkout")
	replay := func(r ruleset.Rule, span store.ReplaySpan) string {
		span.Now = noon.Add(time.Hour)
		_, err := f.ReplayRule(t.Context(), store.DefaultWorkspace, r, span)
		require.Error(t, err)
		return code(err)
	}
	wrong := ruleset.New("x")
	wrong.Query = "customer:acme"
	assert.Equal(t, "validation_failed", replay(wrong, store.ReplaySpan{}))
	gone := ruleset.New("gone")
	gone.ID = "019335f0-0000-7000-8000-000000000009"
	assert.Equal(t, "rule_not_found", replay(gone, store.ReplaySpan{}))
	for _, days := range []int{-1, 15} {
		assert.Equal(t, "validation_failed", replay(ruleset.Default(), store.ReplaySpan{Days: days}))
	}
	assert.Equal(t, "replay_too_large", replay(ruleset.Default(), store.ReplaySpan{For: time.Millisecond}))
	_, err := f.ReplayRule(t.Context(), store.DefaultWorkspace, ruleset.Default(), store.ReplaySpan{Now: noon, Days: 1})
	require.NoError(t, err, "nothing was left behind by what was refused")
}
