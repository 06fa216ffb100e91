package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/store"
)

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

func requestsOf(all []met) (ids []string) {
	for _, m := range all {
		ids = append(ids, m.request)
	}
	return ids
}
