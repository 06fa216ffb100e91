package store_test

import (
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
	"errata/internal/store"
)

// failing is a stretch of a drama: so many of a service's requests to an endpoint
// fail in each minute.
type failing struct {
	service, endpoint, code string
	from, to                int // minutes after noon
	n, status, family       int
	customers               []string
}

var many = []string{"acme", "beta", "gamma"}

// drama writes services to which all happens that can happen to an incident: it
// opens, gets members, gets louder, recovers, relapses, ends, comes back, goes
// stale, is muted; a code is new, and a customer has outgrown a limit.
func (f alertFixture) drama() {
	f.t.Helper()
	day, end := noon.Add(-30*time.Hour), noon.Add(2*time.Hour) // what is normal does not change any more
	for _, service := range []string{"checkout", "search", "ledger", "gate", "mail", "hushed"} {
		until := end
		if service == "ledger" {
			until = noon.Add(7 * time.Minute) // nothing is heard of it after that
		}
		f.requests(service, "/v1/charges", day, until, 300)
		f.failures(service, "/v1/charges", "boom", 500, 2, day, noon, 1, many)
	}
	f.requests("checkout", "/v1/refunds", day, end, 60)
	for _, x := range []failing{
		{"checkout", "/v1/charges", "boom", 0, 8, 200, 500, 2, many},
		{"checkout", "/v1/refunds", "boom", 2, 8, 50, 500, 2, many},
		{"checkout", "/v1/charges", "boom", 16, 19, 200, 500, 2, many},
		{"checkout", "/v1/charges", "boom", 40, 45, 200, 500, 2, many},
		{"search", "/v1/charges", "boom", 4, 9, 100, 500, 2, many[:1]},
		{"search", "/v1/charges", "boom", 9, 15, 100, 500, 2, many},
		{"ledger", "/v1/charges", "boom", 2, 7, 200, 500, 2, many},
		{"gate", "/v1/charges", "slow_down", 10, 25, 60, 429, 1, many[:1]},
		{"mail", "/v1/charges", "news", 12, 22, 3, 500, 2, many},
		{"hushed", "/v1/charges", "boom", 5, 26, 200, 500, 2, many},
	} {
		f.failures(x.service, x.endpoint, x.code, x.status, x.family, noon.Add(time.Duration(x.from)*time.Minute), noon.Add(time.Duration(x.to)*time.Minute), x.n, x.customers)
	}
	for _, sql := range []string{`
INSERT INTO silences (workspace_id, id, environment, service, method, endpoint, code, customer, family, reason, starts_at, ends_at, created_by)
VALUES (1, '019335f0-0000-7000-8000-000000000007', '', 'hushed', '', '', '', '', '', 'we know', $1::timestamptz - interval '1 hour', $1::timestamptz + interval '20 minutes', 'test')`, `
INSERT INTO channels (workspace_id, id, name, kind, settings, secrets, level, updated_by)
SELECT 1, '019335f0-0000-7000-8000-000000000002', 'night', 'webhook', '{}', '{}', 'page', 'test' WHERE $1::timestamptz IS NOT NULL`, `
INSERT INTO issues (workspace_id, id, fp_version, first_at, role, family, service, method, endpoint, status, code, title)
SELECT 1, md5(s)::uuid, 2, $1::timestamptz - interval '2 days', 0, 2, s, 'POST', '/v1/charges', 500, 'boom', 'Boom' FROM unnest(ARRAY['checkout', 'search', 'ledger', 'mail', 'hushed']) s`, `
INSERT INTO issue_hours (workspace_id, hour, issue_id, slot, release, n, first_at, last_at)
SELECT 1, $1::timestamptz - interval '2 days', md5(s)::uuid, 0, 'r1', 60, $1::timestamptz, $1::timestamptz FROM unnest(ARRAY['checkout', 'search', 'ledger', 'mail', 'hushed']) s`} {
		_, err := f.db.Exec(f.t.Context(), sql, noon)
		require.NoError(f.t, err)
	}
}

// openDrama has days for no more than the drama: each costs a plan a little.
func openDrama(t *testing.T) alertFixture {
	t.Helper()
	f := alertFixture{open(t, store.Options{}), t}
	require.NoError(t, f.EnsurePartitions(t.Context(), noon.AddDate(0, 0, -2), noon))
	_, err := f.db.Exec(t.Context(), `INSERT INTO channels (workspace_id, id, name, kind, settings, secrets, level, updated_by)
VALUES (1, '019335f0-0000-7000-8000-000000000001', 'pager', 'webhook', '{}', '{}', 'notify', 'test')`)
	require.NoError(t, err)
	f.drama()
	_, err = f.db.Exec(t.Context(), `ANALYZE`)
	require.NoError(t, err)
	return f
}

// requests and failures write rows of minutes, of one endpoint.
func (f alertFixture) requests(service, endpoint string, from, to time.Time, n int) {
	f.t.Helper()
	_, err := f.db.Exec(f.t.Context(), `
INSERT INTO request_minutes (workspace_id, minute, key, n, source, slot, service, environment, method, endpoint)
SELECT 1, m, md5($1 || $2)::uuid, $5, 1, 0, $1, 'production', 'POST', $2 FROM generate_series($3::timestamptz, $4::timestamptz - interval '1 minute', interval '1 minute') m`,
		service, endpoint, from, to, n)
	require.NoError(f.t, err)
}

func (f alertFixture) failures(service, endpoint, code string, status, family int, from, to time.Time, n int, customers []string) {
	f.t.Helper()
	_, err := f.db.Exec(f.t.Context(), `
INSERT INTO error_minutes (workspace_id, minute, key, slot, alert_minute, role, family, status, n, n_late, service, environment, method, endpoint, code, provider, release)
SELECT 1, m, md5($1 || $2 || $3)::uuid, 0, m, 0, $4, $5, $6, 0, $1, 'production', 'POST', $2, $3, '', 'r1' FROM generate_series($7::timestamptz, $8::timestamptz - interval '1 minute', interval '1 minute') m`,
		service, endpoint, code, family, status, n, from, to)
	require.NoError(f.t, err)
	counts := make([]int32, len(customers))
	for i := range counts {
		counts[i] = int32(max(n/len(customers), 1))
	}
	_, err = f.db.Exec(f.t.Context(), `
INSERT INTO customer_minutes (workspace_id, minute, alert_minute, role, family, status, service, environment, method, endpoint, code, customers, counts)
SELECT 1, m, m, 0, $4, $5, $1, 'production', 'POST', $2, $3, $6, $7 FROM generate_series($8::timestamptz, $9::timestamptz - interval '1 minute', interval '1 minute') m`,
		service, endpoint, code, family, status, customers, counts, from, to)
	require.NoError(f.t, err)
}

var anyID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

// found is all that judging has left in the tables, but for IDs that are new each
// time: what must be the same whatever happened meanwhile.
func (f alertFixture) found() (out []string) {
	f.t.Helper()
	names := map[string]string{}
	rows, err := f.db.Query(f.t.Context(), `SELECT id::text, 'INC-' || number FROM incidents UNION ALL SELECT id::text, name FROM channels`)
	require.NoError(f.t, err)
	for rows.Next() {
		var id, name string
		require.NoError(f.t, rows.Scan(&id, &name))
		names[id] = name
	}
	require.NoError(f.t, rows.Err())
	for _, sql := range []string{
		`SELECT to_jsonb(i) - 'updated_at' FROM incidents i ORDER BY number`,
		`SELECT to_jsonb(m) FROM incident_members m JOIN incidents i ON i.id = m.incident_id ORDER BY i.number, m.n`,
		`SELECT to_jsonb(e) FROM incident_events e JOIN incidents i ON i.id = e.incident_id ORDER BY i.number, e.id`,
		`SELECT to_jsonb(d) - 'ended_at' FROM deliveries d JOIN incidents i ON i.id = d.incident_id ORDER BY i.number, d.channel_id, d.seq`,
		`SELECT to_jsonb(a) FROM alert_states a ORDER BY rule_id, family, environment, service, method, endpoint, code`,
		`SELECT to_jsonb(c) FROM alert_clock c`, `SELECT to_jsonb(g) FROM alert_gaps g ORDER BY from_minute`,
		`SELECT to_jsonb(s) - 'created_at' FROM silences s ORDER BY id`,
	} {
		rows, err := f.db.Query(f.t.Context(), sql)
		require.NoError(f.t, err, sql)
		for rows.Next() {
			var row string
			require.NoError(f.t, rows.Scan(&row))
			out = append(out, anyID.ReplaceAllStringFunc(row, func(id string) string { return names[id] }))
		}
		require.NoError(f.t, rows.Err())
	}
	return out
}

// what happened to incidents by a minute, in words.
func (f alertFixture) happened() (kinds map[string]bool, n int) {
	f.t.Helper()
	kinds = map[string]bool{}
	rows, err := f.db.Query(f.t.Context(), `SELECT kind, count(*)::int FROM incident_events GROUP BY kind`)
	require.NoError(f.t, err)
	for rows.Next() {
		var kind string
		var of int
		require.NoError(f.t, rows.Scan(&kind, &of))
		kinds[kind] = true
		n += of
	}
	require.NoError(f.t, rows.Err())
	return kinds, n
}

// longFaults has tests of faults leave nothing out.
const longFaults = "ERRATA_ALERT_FAULTS"

// Whatever statement is the last that the database runs for somebody who judges,
// also within a batch, also if it is a COMMIT that nobody hears of, in each minute
// that changes an incident: what comes out is what an undisturbed process finds,
// told once. Half of the time it is the process that breaks off, which knows
// nothing when it comes back; half of the time its connection, and it goes on
// with what it remembers.
func TestBreakingOffAtEveryStatement(t *testing.T) {
	undisturbed := openDrama(t)
	before, after := -2, 95
	minute := func(n int) time.Time { return noon.Add(time.Duration(n)*time.Minute + 40*time.Second) }
	const quiet, changes, first = 0, 1, 2 // what a minute is: the first time that something happens, say
	changing := map[int]int{}
	last, kinds := 0, map[string]bool{}
	for n := before; n < after; n++ {
		undisturbed.tick(undisturbed.Store, minute(n))
		all, events := undisturbed.happened()
		switch {
		case len(all) != len(kinds):
			changing[n] = first
		case events != last:
			changing[n] = changes
		}
		last, kinds = events, all
	}
	for _, kind := range []string{"fired", "joined", "escalated", "recovering", "relapsed", "resolved", "reopened", "stale", "muted", "told"} {
		assert.True(t, kinds[kind], "the drama has no %s", kind)
	}
	want := undisturbed.found()

	_, all := os.LookupEnv(longFaults)
	for _, dies := range []string{"connection", "process"} {
		t.Run(dies, func(t *testing.T) {
			f := openDrama(t)
			through := pgtest.NewCutter(t, f.url)
			fresh := func() *store.Store { return reopen(t, store.Options{URL: through.URL}) }
			s := fresh()
			cuts, began := 0, time.Now()
			for n := before; n < after; n++ {
				step := 1 // from one break to the next: quick runs do not try each statement of each minute
				switch {
				case all || changing[n] == first && dies == "connection":
				case changing[n] == quiet:
					_, err := s.EvaluateAlerts(t.Context(), minute(n))
					require.NoError(t, err)
					continue
				case dies == "connection":
					step = 8
				default:
					step = 12
				}
				for at := 1 + (n-before)%step; ; at += step {
					if dies == "process" {
						s.Close()
						s = fresh()
					}
					through.Cut(at)
					if _, err := s.EvaluateAlerts(t.Context(), minute(n)); err == nil {
						break
					}
					cuts++
				}
				through.Cut(0)
			}
			t.Logf("broken off %d times in %v", cuts, time.Since(began))
			assert.Greater(t, cuts, 60)
			requireSame(t, want, f.found())
		})
	}
}

// requireSame shows where two lists of rows begin to differ, and little else.
func requireSame(t *testing.T, want, got []string) {
	t.Helper()
	shown := 0
	for _, x := range []struct {
		what       string
		list, from []string
	}{{"is missing", want, got}, {"is too much", got, want}} {
		for _, row := range x.list {
			if slices.Contains(x.from, row) {
				continue
			}
			if shown++; shown > 6 {
				break
			}
			nearest, same := "", -1
			for _, other := range x.from {
				n := 0
				for n < min(len(row), len(other)) && row[n] == other[n] {
					n++
				}
				if n > same {
					nearest, same = other, n
				}
			}
			t.Errorf("%s: %s\n there is: … %s", x.what, row, nearest[max(0, same-80):min(len(nearest), same+120)])
		}
	}
	assert.Len(t, got, len(want))
}
