package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/pgtest"
	"errata/internal/retries"
	"errata/internal/store"
)

// keyed is a report of a request that came with an idempotency key.
func keyed(request, key string, at time.Time, change ...func(*report)) report {
	r := report{src: event.FromHTTP, request: request, service: "billing", status: 429, code: "rate_limit_exceeded", customer: "acme", at: at}
	if key != "" {
		r.aliases = []event.Alias{{Kind: event.Idempotency, Value: key}}
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

// attempts are the request IDs of what was tried again, with an asterisk at the one
// that was asked about.
func (f *fixture) attempts(t testing.TB, r report, now time.Time) (*retries.Answer, string) {
	t.Helper()
	if r.ws == 0 {
		r.ws = ws
	}
	e := r.part().Event
	a, err := f.Attempts(t.Context(), r.ws, &e, now)
	require.NoError(t, err)
	around, err := f.Around(t.Context(), r.ws, &e, now)
	require.NoError(t, err)
	require.Equal(t, a, around.Attempts, "the page asks for it with all else")
	if a == nil {
		return nil, ""
	}
	var ids []string
	for _, one := range a.Attempts {
		id := one.RequestID
		if one.N == a.This {
			id += "*"
		}
		ids = append(ids, id)
	}
	return a, strings.Join(ids, " ")
}

func TestAttemptsByKey(t *testing.T) {
	f := open(t, store.Options{})
	other := f.otherWorkspace(t)
	const key = "8e03978e-40d5-43dd-bc93-6894a57f9324"
	third := keyed("r3", key, now)
	ms := time.Millisecond
	f.write(t,
		keyed("r1", key, now.Add(-10*time.Minute)), keyed("r2", key, now.Add(-4*time.Second)), third, keyed("r4", key, now.Add(10*time.Minute), func(r *report) { r.status, r.code = 500, "boom" }),
		// Just outside of ten minutes.
		keyed("early", key, now.Add(-10*time.Minute-ms)), keyed("late", key, now.Add(10*time.Minute+ms)),
		// Other keys, in look-alike spelling too, and none.
		keyed("other_key", "another-key", now), keyed("alike", strings.ToUpper(key), now), keyed("keyless", "", now),
		// Another kind of ID with the same value.
		keyed("correlated", "", now, func(r *report) { r.aliases = []event.Alias{{Kind: "correlation", Value: key}} }),
		// Another customer, service, endpoint, role, workspace.
		keyed("theirs", key, now, func(r *report) { r.customer = "globex" }), keyed("nobodys", key, now, func(r *report) { r.customer = "" }),
		keyed("service", key, now, func(r *report) { r.service = "gateway" }), keyed("endpoint", key, now, func(r *report) { r.endpoint = "/v1/refunds" }),
		keyed("call", key, now, func(r *report) { r.role = event.Upstream }), keyed("workspace", key, now, func(r *report) { r.ws = other }),
	)
	a, ids := f.attempts(t, third, now.Add(time.Hour))
	assert.Equal(t, "r1 r2 r3* r4", ids)
	assert.Equal(t, retries.ByKey, a.Basis)
	assert.Equal(t, "This was attempt 3 of 4 in 20 min; the customer waited 4 s. After attempt 4 no further failure was reported within 10 minutes of this one.", a.Text)
	_, ids = f.attempts(t, keyed("theirs", key, now, func(r *report) { r.customer = "globex" }), now)
	assert.Equal(t, "theirs*", ids)
	_, ids = f.attempts(t, keyed("workspace", key, now, func(r *report) { r.ws = other }), now)
	assert.Equal(t, "workspace*", ids)

	// What comes late is there, also one that is found out to have the key later.
	f.write(t, keyed("r2b", key, now.Add(-2*time.Second)))
	bare := keyed("r2c", "", now.Add(-time.Second), func(r *report) { r.trace, r.span = hex(7, 32), hex(7, 16) })
	f.write(t, bare)
	_, ids = f.attempts(t, third, now)
	assert.Equal(t, "r1 r2 r2b r3* r4", ids)
	bare.src, bare.aliases = event.FromSpan, third.aliases
	f.write(t, bare)
	_, ids = f.attempts(t, third, now)
	assert.Equal(t, "r1 r2 r2b r2c r3* r4", ids)
	// A report that was sent twice is one attempt.
	f.write(t, third)
	_, ids = f.attempts(t, third, now)
	assert.Equal(t, "r1 r2 r2b r2c r3* r4", ids)
}

// Near midnight the attempts of one request are of two days.
func TestAttemptsOverMidnight(t *testing.T) {
	f := open(t, store.Options{})
	midnight := now.Truncate(24 * time.Hour)
	before, after := keyed("before", "k-1", midnight.Add(-time.Second)), keyed("after", "k-1", midnight.Add(time.Second))
	alikeBefore, alikeAfter := keyed("alike_before", "", midnight.Add(-time.Second)), keyed("alike_after", "", midnight.Add(time.Second))
	f.write(t, before, after, alikeBefore, alikeAfter)
	for of, want := range map[*report]string{&before: "before* after", &after: "before after*", &alikeBefore: "alike_before* alike_after", &alikeAfter: "alike_before alike_after*"} {
		_, ids := f.attempts(t, *of, now)
		assert.Equal(t, want, ids)
	}
}

// Whatever follows a failure, it is not said to have gone well unless that was sent.
func TestAttemptsThatWentWell(t *testing.T) {
	f := open(t, store.Options{})
	first := keyed("r1", "k-1", now)
	f.write(t, first, keyed("r2", "k-1", now.Add(time.Minute), func(r *report) { r.status, r.code = 200, "" }))
	a, ids := f.attempts(t, first, now.Add(time.Hour))
	assert.Equal(t, "r1* r2", ids)
	assert.Equal(t, 2, a.SucceededOn)
	assert.Contains(t, a.Text, "Attempt 2 succeeded (200).")
	lonely := keyed("lonely", "k-2", now)
	f.write(t, lonely)
	a, _ = f.attempts(t, lonely, now.Add(time.Hour))
	assert.Equal(t, "No other failure with its idempotency key was reported within 10 minutes of it.", a.Text)
	assert.Zero(t, a.SucceededOn)
}

// A key that everything is sent with tells nothing.
func TestAttemptsWithOneKeyForAll(t *testing.T) {
	f := open(t, store.Options{})
	var all []report
	for i := range retries.MaxKeyed + 1 {
		all = append(all, keyed(fmt.Sprint("r", i), "constant", now.Add(time.Duration(i)*time.Second)))
	}
	f.write(t, all...)
	a, ids := f.attempts(t, all[50], now)
	assert.Empty(t, ids)
	assert.Contains(t, a.Text, "More than 100 failures within 10 minutes have the same idempotency key.")
}

func TestAttemptsByLikeness(t *testing.T) {
	f := open(t, store.Options{})
	other := f.otherWorkspace(t)
	me := keyed("r2", "", now)
	f.write(t,
		keyed("r1", "", now.Add(-10*time.Minute)), me, keyed("r3", "", now.Add(10*time.Minute)),
		keyed("early", "", now.Add(-10*time.Minute-time.Millisecond)), keyed("late", "", now.Add(10*time.Minute+time.Millisecond)),
		keyed("keyed", "some-key", now), keyed("code", "", now, func(r *report) { r.status, r.code = 500, "boom" }),
		keyed("theirs", "", now, func(r *report) { r.customer = "globex" }), keyed("endpoint", "", now, func(r *report) { r.endpoint = "/v1/refunds" }),
		keyed("service", "", now, func(r *report) { r.service = "gateway" }), keyed("workspace", "", now, func(r *report) { r.ws = other }),
		keyed("call", "", now, func(r *report) { r.role = event.Upstream }),
	)
	a, ids := f.attempts(t, me, now.Add(time.Hour))
	assert.Equal(t, "r1 r2* r3", ids)
	assert.Equal(t, retries.ByLikeness, a.Basis)
	assert.True(t, strings.HasPrefix(a.Text, "This was perhaps attempt 2 of 3 in 20 min"), a.Text)
	assert.Contains(t, a.Text, "no idempotency key shows that it was one request.")
	// Nobody's failures are nobody's attempts, and a single one is none.
	nobody := keyed("n1", "", now.Add(time.Hour), func(r *report) { r.customer = "" })
	f.write(t, nobody, keyed("n2", "", now.Add(time.Hour), func(r *report) { r.customer = "" }))
	a, _ = f.attempts(t, nobody, now)
	assert.Nil(t, a)
	a, _ = f.attempts(t, keyed("theirs", "", now, func(r *report) { r.customer = "globex" }), now)
	assert.Nil(t, a)
	// Who has many sends many requests.
	for i := range 3 {
		f.write(t, keyed(fmt.Sprint("more", i), "", now.Add(time.Duration(i)*time.Second)))
	}
	a, _ = f.attempts(t, me, now)
	require.NotNil(t, a)
	assert.Equal(t, 6, a.Total)
	f.write(t, keyed("too_many", "", now.Add(time.Minute)))
	a, _ = f.attempts(t, me, now)
	assert.Nil(t, a)
}

// A key shared by several requests leads to the last of them, and never makes one of
// them all; other IDs do so as before.
func TestKeysDoNotMergeTrails(t *testing.T) {
	f := open(t, store.Options{})
	inTrace := func(n int) func(*report) { return func(r *report) { r.trace, r.span = hex(n, 32), hex(n, 16) } }
	f.write(t, keyed("r1", "k-shared", now, inTrace(1)), keyed("r2", "k-shared", now.Add(time.Minute), inTrace(2)),
		// r2 went through another service, which was sent the key as well and has no request ID.
		report{src: event.FromSpan, service: "ledger", status: 500, code: "boom", at: now.Add(2 * time.Minute), trace: hex(2, 32), span: hex(3, 16), aliases: []event.Alias{{Kind: event.Idempotency, Value: "k-shared"}}, role: event.Upstream},
		report{src: event.FromHTTP, service: "a", status: 500, at: now, request: "c1", aliases: []event.Alias{{Kind: "correlation", Value: "corr-1"}}},
		report{src: event.FromHTTP, service: "b", status: 500, at: now, request: "c2", aliases: []event.Alias{{Kind: "correlation", Value: "corr-1"}}},
		keyed("", "k-bare", now.Add(time.Hour), func(r *report) { r.customer = "bare" }), keyed("", "k-bare", now.Add(2*time.Hour), func(r *report) { r.customer = "bare" }))
	requests := func(id string) (out []string) {
		trail, err := f.Trail(t.Context(), ws, id)
		require.NoError(t, err)
		for _, e := range trail.Events {
			out = append(out, e.Service+" "+e.RequestID)
		}
		return out
	}
	assert.Equal(t, []string{"billing r2", "ledger "}, requests("k-shared"))
	assert.Equal(t, []string{"billing r1"}, requests("r1"))
	assert.Equal(t, []string{"a c1", "b c2"}, requests("corr-1"))
	assert.Equal(t, []string{"billing "}, requests("k-bare"))
	_, err := f.Trail(t.Context(), f.otherWorkspace(t), "k-shared")
	assert.True(t, fault.Is(err, fault.NotFound))

	ids, hits := lookedUp(t, f, "k-shared")
	assert.Equal(t, []string{"r2", "r1"}, ids, "a short list, the last one first")
	assert.Len(t, hits["r2"], 2)
	ids, _ = lookedUp(t, f, "k-shared", "r1")
	assert.Equal(t, []string{"r1"}, ids, "who has a request's own ID means that one")
	ids, _ = lookedUp(t, f, "nothing", "r1", "k-bare")
	require.Len(t, ids, 4)
	assert.Equal(t, []string{"nothing", "r1"}, ids[:2])
	ids, _ = lookedUp(t, f, "corr-1")
	assert.Equal(t, []string{"corr-1"}, ids)
}

func lookedUp(t *testing.T, f *fixture, ids ...string) ([]string, map[string][]store.Hit) {
	hits, err := f.Lookup(t.Context(), ws, ids)
	require.NoError(t, err)
	leads := store.Unkeyed(ids, hits)
	return leads.IDs, leads.Hits
}

// Both statements read what lies around the failure and no more, in a workspace where
// all of a day is one customer's and a third of it has the same key.
func TestAttemptPlans(t *testing.T) {
	f := open(t, store.Options{})
	pgtest.FillTrails(t, f.db, now, 2, 60_000)
	f.exec(t, `
INSERT INTO aliases (workspace_id, day, value, event_id, kind)
SELECT e.workspace_id, e.day, CASE WHEN e.span_id % 3 = 0 THEN 'constant' ELSE 'key-' || e.span_id END, e.id, 'idempotency' FROM events e`)
	statements := constants(t)
	at := now.Add(-2 * time.Hour)
	today, day := at.Format("20060102"), identity.DayOf(at)
	stamp := func(d time.Duration) string { return "'" + at.Add(d).Format(time.RFC3339Nano) + "'" }
	common := fmt.Sprintf("1, '%s', '%s', 'acme', 'service-0', 'production', 0::int2, 'POST', '/v1/charges/{id}', %s, %s, %d",
		store.FirstID(at.Add(-11*time.Minute)), store.FirstID(at.Add(11*time.Minute)), stamp(-10*time.Minute), stamp(10*time.Minute), day)
	alike := common + ", NULL, '" + identity.NewID(at, [16]byte{1}, true) + "', 10000, 'internal_error', 6, 7"
	const always, again = ", 0, 9223372036854775807", ", 2, 6" // how often the customer met it
	cases := []struct {
		name, arguments, table, condition string
		buffers                           int
	}{
		{"sqlAttemptsByKey", fmt.Sprintf("%s, %d, 'constant', 101", common, day), "aliases_" + today, "event_id >= ", 500},
		{"sqlAttemptsAlike", alike + always, "events_" + today, "id >= ", 250},
		{"sqlAttemptsAlike", strings.Replace(alike, "10000", "100", 1) + always, "events_" + today, "id >= ", 110}, // no more is read than that
		{"sqlAttemptsAlike", alike + again, "events_" + today, "id >= ", 60},                                       // who met it once tried nothing again
	}
	for _, statistics := range []bool{false, true} {
		if statistics {
			f.exec(t, `ANALYZE events, aliases`)
		}
		for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
			f.exec(t, `SET plan_cache_mode = `+mode)
			for _, c := range cases {
				f.exec(t, "PREPARE attempts AS "+statements[c.name])
				rows, err := f.db.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) EXECUTE attempts("+c.arguments+")", pgx.QueryExecModeSimpleProtocol)
				require.NoError(t, err)
				plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
				require.NoError(t, err)
				f.exec(t, "DEALLOCATE attempts")
				told := fmt.Sprintf("%s, statistics: %v, %s\n%s", c.name, statistics, mode, strings.Join(plan, "\n"))
				assert.Contains(t, indexCondition(plan, c.table), c.condition, told)
				assert.Contains(t, indexCondition(plan, c.table), "day = ", told)
				assert.NotContains(t, told, "Seq Scan on events_2")
				assert.NotContains(t, told, "Seq Scan on aliases_2")
				assert.NotContains(t, told, today+"_customer")
				assert.Less(t, buffers(t, plan), c.buffers, told)
			}
		}
	}
}

// buffers is how many pages a plan read.
func buffers(t *testing.T, plan []string) (n int) {
	for _, line := range plan { // the first is of the whole
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "Buffers: shared hit=%d", &n); err == nil {
			return n
		}
	}
	require.Fail(t, "no buffers", strings.Join(plan, "\n"))
	return 0
}
