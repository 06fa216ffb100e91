package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/ruleset"
	"errata/internal/store"
)

// alertFixture writes minutes as ingest would have, at any time.
type alertFixture struct {
	*fixture
	t *testing.T
}

// noon is a Friday, so that weekends are not in the way.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func openAlerts(t *testing.T) alertFixture {
	t.Helper()
	f := alertFixture{open(t, store.Options{}), t}
	require.NoError(t, f.EnsurePartitions(t.Context(), noon.AddDate(0, 0, -30), noon.AddDate(0, 0, 2)))
	_, err := f.db.Exec(t.Context(), `INSERT INTO channels (workspace_id, id, name, kind, settings, secrets, level, updated_by)
VALUES (1, '019335f0-0000-7000-8000-000000000001', 'pager', 'webhook', '{}', '{}', 'notify', 'test')`)
	require.NoError(t, err)
	return f
}

// traffic writes requests and failures for every minute from one to another.
func (f alertFixture) traffic(service string, from, to time.Time, requests, failures int) {
	f.t.Helper()
	_, err := f.db.Exec(f.t.Context(), `
INSERT INTO request_minutes (workspace_id, minute, key, n, source, slot, service, environment, method, endpoint)
SELECT 1, m, md5($1 || 'r')::uuid, $4, 1, 0, $1, 'production', 'POST', '/v1/charges' FROM generate_series($2::timestamptz, $3::timestamptz - interval '1 minute', interval '1 minute') m`,
		service, from, to, requests)
	require.NoError(f.t, err)
	f.fail(service, "boom", 500, 2, from, to, failures, []string{"acme", "beta", "gamma"})
}

// fail writes failures: family 1 are limits, 2 ours, 3 upstream.
func (f alertFixture) fail(service, code string, status, family int, from, to time.Time, n int, customers []string) {
	f.t.Helper()
	if n == 0 {
		return
	}
	_, err := f.db.Exec(f.t.Context(), `
INSERT INTO error_minutes (workspace_id, minute, key, slot, alert_minute, role, family, status, n, n_late, service, environment, method, endpoint, code, provider, release)
SELECT 1, m, md5($1 || $2)::uuid, 0, m, 0, $3, $4, $5, 0, $1, 'production', 'POST', '/v1/charges', $2, '', 'r1' FROM generate_series($6::timestamptz, $7::timestamptz - interval '1 minute', interval '1 minute') m`,
		service, code, family, status, n, from, to)
	require.NoError(f.t, err)
	counts := make([]int32, len(customers))
	for i := range counts {
		counts[i] = int32(max(n/len(customers), 1))
	}
	_, err = f.db.Exec(f.t.Context(), `
INSERT INTO customer_minutes (workspace_id, minute, alert_minute, role, family, status, service, environment, method, endpoint, code, customers, counts)
SELECT 1, m, m, 0, $3, $4, $1, 'production', 'POST', '/v1/charges', $2, $5, $6 FROM generate_series($7::timestamptz, $8::timestamptz - interval '1 minute', interval '1 minute') m`,
		service, code, family, status, customers, counts, from, to)
	require.NoError(f.t, err)
}

// story is two days of quiet, twelve minutes in which most fails, and quiet again.
func (f alertFixture) story(service string) {
	f.traffic(service, noon.Add(-48*time.Hour), noon, 300, 1)
	f.traffic(service, noon, noon.Add(12*time.Minute), 300, 200)
	f.traffic(service, noon.Add(12*time.Minute), noon.Add(time.Hour), 300, 1)
}

// told are the messages that were queued, oldest first.
func (f alertFixture) told() (out []string) {
	f.t.Helper()
	rows, err := f.db.Query(f.t.Context(), `
SELECT to_char(d.created_at AT TIME ZONE 'UTC', 'HH24:MI') || ' ' || d.kind || ' INC-' || i.number || ' ' || i.service || ' ' || (d.message -> 'incidents' -> 0 ->> 'level') || ' ' || (d.message -> 'incidents' -> 0 -> 'rule' ->> 'letter')
FROM deliveries d JOIN incidents i ON i.workspace_id = d.workspace_id AND i.id = d.incident_id ORDER BY d.created_at, i.number, d.seq`)
	require.NoError(f.t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		require.NoError(f.t, rows.Scan(&s))
		if at, about, _ := strings.Cut(s, " "); strings.HasPrefix(about, "resolved") { // after ten clear minutes of its own
			require.True(f.t, at >= "12:20" && at <= "12:40", s)
			s = about
		}
		out = append(out, s)
	}
	require.NoError(f.t, rows.Err())
	return out
}

func (f alertFixture) tick(s *store.Store, at time.Time) store.Evaluated {
	f.t.Helper()
	e, err := s.EvaluateAlerts(f.t.Context(), at)
	require.NoError(f.t, err)
	return e
}

// An outage is told once it is sure, and once it is over; a blip and what is
// normal are not.
func TestOutageIsTold(t *testing.T) {
	f := openAlerts(t)
	f.story("checkout")
	f.traffic("quiet", noon.Add(-48*time.Hour), noon.Add(time.Hour), 300, 2)
	f.traffic("blip", noon.Add(-48*time.Hour), noon, 300, 1)
	f.traffic("blip", noon, noon.Add(2*time.Minute), 300, 60)
	f.traffic("blip", noon.Add(2*time.Minute), noon.Add(time.Hour), 300, 1)
	for at := noon.Add(-5 * time.Minute); at.Before(noon.Add(50 * time.Minute)); at = at.Add(time.Minute) {
		e := f.tick(f.Store, at.Add(40*time.Second))
		assert.Equal(t, 1, e.Minutes)
		assert.Zero(t, f.tick(f.Store, at.Add(45*time.Second)).Minutes, "a minute is judged once")
	}
	assert.Equal(t, []string{"12:03 firing INC-1 checkout page B", "resolved INC-1 checkout page B"}, f.told())
	var why, member string
	var errors int64
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT i.why ->> 'rate', i.errors, m.endpoint FROM incidents i JOIN incident_members m ON m.incident_id = i.id ORDER BY m.endpoint DESC LIMIT 1`).Scan(&why, &errors, &member))
	assert.NotEmpty(t, why)
	assert.Greater(t, errors, int64(1500))
	assert.Equal(t, "/v1/charges", member)
	var states int
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT count(*) FROM alert_states`).Scan(&states))
	assert.Positive(t, states, "what may come back is remembered")
}

// However many processes are at it, and whenever one of them is replaced, the
// same incidents come out, told once.
func TestAnyNumberOfReplicasJudge(t *testing.T) {
	f := openAlerts(t)
	f.story("checkout")
	f.story("search")
	for at := noon.Add(-2 * time.Minute); at.Before(noon.Add(40 * time.Minute)); at = at.Add(time.Minute) {
		var all sync.WaitGroup
		for range 2 {
			fresh := reopen(t, store.Options{URL: f.url}) // it knows nothing yet
			all.Go(func() {
				_, err := fresh.EvaluateAlerts(t.Context(), at.Add(40*time.Second))
				assert.NoError(t, err)
				fresh.Close()
			})
		}
		all.Wait()
	}
	assert.Equal(t, []string{
		"12:03 firing INC-1 checkout page B", "12:03 firing INC-2 search page B",
		"resolved INC-1 checkout page B", "resolved INC-2 search page B",
	}, f.told())
}

// What breaks off, at whatever statement, is done again and told once.
func TestTickThatBreaksOff(t *testing.T) {
	f := openAlerts(t)
	f.story("checkout")
	broken := 0
	for at := noon.Add(-2 * time.Minute); at.Before(noon.Add(40 * time.Minute)); at = at.Add(time.Minute) {
		for n := 1; ; n++ {
			ctx, cancel := context.WithCancel(t.Context())
			s := reopen(t, store.Options{URL: f.url, Tracer: &breaker{after: n, cancel: cancel}})
			e, err := s.EvaluateAlerts(ctx, at.Add(40*time.Second))
			s.Close()
			cancel()
			if err == nil && !e.Busy { // the server has noticed that the last one is gone
				break
			}
			if err != nil {
				broken++
				n += at.Minute() % 3 // not all statements in each minute
			}
		}
	}
	assert.Greater(t, broken, 100)
	assert.Equal(t, []string{"12:03 firing INC-1 checkout page B", "resolved INC-1 checkout page B"}, f.told())
}

// Who was away for twenty minutes catches up with fifteen, says which were not
// judged, and tells how things are now.
func TestBacklog(t *testing.T) {
	f := openAlerts(t)
	f.story("checkout")
	f.tick(f.Store, noon.Add(-10*time.Minute))
	e := f.tick(f.Store, noon.Add(10*time.Minute+40*time.Second))
	assert.Equal(t, 15, e.Minutes)
	assert.Positive(t, e.Gap)
	assert.Equal(t, []string{"12:10 firing INC-1 checkout page B"}, f.told())
	e = f.tick(f.Store, noon.Add(40*time.Minute))
	assert.Equal(t, 15, e.Minutes)
	assert.Len(t, f.told(), 2, "the end is told once")
	// A clock that was wrong is believed again once it is right.
	f.tick(f.Store, noon.Add(30*time.Hour))
	e = f.tick(f.Store, noon.Add(45*time.Minute))
	assert.Equal(t, 1, e.Minutes)
	assert.Len(t, f.told(), 2)
	var gaps int
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT count(*) FROM alert_gaps`).Scan(&gaps))
	assert.GreaterOrEqual(t, gaps, 3, fmt.Sprint(e))
}

// While a collector holds back what it has, quiet means nothing: nothing fires,
// and nothing is over.
func TestCollectorsThatAreBehind(t *testing.T) {
	f := openAlerts(t)
	f.story("checkout")
	behind := func(at time.Time, oldest any) {
		_, err := f.db.Exec(t.Context(), `
INSERT INTO collectors (id, host, version, started_at, seen_at, spool_bytes, spool_max, spool_items, spool_oldest, spool_damaged, database_away)
VALUES ('019335f0-0000-7000-8000-000000000009', 'h', 'v', now(), $1, 1, 1, 1, $2, 0, '0') ON CONFLICT (id) DO UPDATE SET seen_at = $1, spool_oldest = $2`, at, oldest)
		require.NoError(t, err)
	}
	for at := noon.Add(-2 * time.Minute); at.Before(noon.Add(50 * time.Minute)); at = at.Add(time.Minute) {
		now := at.Add(40 * time.Second)
		if at.Before(noon.Add(8 * time.Minute)) {
			behind(now, now.Add(-4*time.Minute))
		} else {
			behind(now, nil)
		}
		f.tick(f.Store, now)
	}
	assert.Equal(t, []string{"12:08 firing INC-1 checkout page B", "resolved INC-1 checkout page B"}, f.told())
}

// breaker cancels what is going on after so many statements.
type breaker struct {
	after  int
	cancel context.CancelFunc
}

func (b *breaker) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (b *breaker) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {
	if b.after--; b.after == 0 {
		b.cancel()
	}
}

// Rules judge what they are about beside each other; one that is off judges
// nothing, and what it had found ends.
func TestRulesJudge(t *testing.T) {
	f := openAlerts(t)
	f.story("checkout")
	f.story("search")
	rule := ruleset.New("checkout only")
	rule.Query, rule.Level, rule.Runbook = "service:checkout code:boom", "ticket", "https://runbooks.example/checkout"
	rule, err := f.SaveRule(t.Context(), store.Actor{Kind: "key", ID: "k", Label: "ci"}, ws, rule)
	require.NoError(t, err)
	off := ruleset.Default()
	off.Enabled = false
	_, err = f.SaveRule(t.Context(), store.Actor{Kind: "key", ID: "k", Label: "ci"}, ws, off)
	require.NoError(t, err)
	at := noon.Add(-2 * time.Minute)
	for ; at.Before(noon.Add(6 * time.Minute)); at = at.Add(time.Minute) {
		f.tick(f.Store, at.Add(40*time.Second))
	}
	assert.Equal(t, []string{"12:03 firing INC-1 checkout ticket B"}, f.told())
	var runbook, name string
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT message -> 'incidents' -> 0 ->> 'runbook', message -> 'incidents' -> 0 -> 'rule' ->> 'name' FROM deliveries`).Scan(&runbook, &name))
	assert.Equal(t, rule.Runbook, runbook)
	assert.Equal(t, rule.Name, name)

	rule.Enabled = false
	_, err = f.SaveRule(t.Context(), store.Actor{Kind: "key", ID: "k", Label: "ci"}, ws, rule)
	require.NoError(t, err)
	f.tick(f.Store, at.Add(40*time.Second))
	var phase, reason string
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT phase, reason FROM incidents`).Scan(&phase, &reason))
	assert.Equal(t, "resolved rule_off", phase+" "+reason)
}

// What is silenced is told once the silence is over, if it lasts that long.
func TestSilencesMute(t *testing.T) {
	f := openAlerts(t)
	f.story("checkout")
	f.story("search")
	for service, until := range map[string]time.Duration{"checkout": 7 * time.Minute, "search": 2 * time.Hour} {
		_, err := f.db.Exec(t.Context(), `
INSERT INTO silences (workspace_id, id, environment, service, method, endpoint, code, customer, family, reason, starts_at, ends_at, created_by)
VALUES (1, gen_random_uuid(), '', $1, '', '', '', '', '', 'we know', $2, $3, 'test')`, service, noon.Add(-time.Hour), noon.Add(until))
		require.NoError(t, err)
	}
	for at := noon.Add(-2 * time.Minute); at.Before(noon.Add(45 * time.Minute)); at = at.Add(time.Minute) {
		f.tick(f.Store, at.Add(40*time.Second))
	}
	assert.Equal(t, []string{"12:07 firing INC-1 checkout page B", "resolved INC-1 checkout page B"}, f.told())
	var muted, events int
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT (SELECT sum(muted) FROM silences), (SELECT count(*) FROM incident_events WHERE kind = 'muted')`).Scan(&muted, &events))
	assert.Equal(t, 2, muted, "once each")
	assert.Equal(t, 2, events)
}
