package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/rollup"
	"errata/internal/stats"
	"errata/internal/store"
)

// A short period whose minutes are gone is answered from the hour's blocks.
func TestShortPeriodsOfCompactedDays(t *testing.T) {
	f := open(t, store.Options{Retention: store.Retention{Events: 3}})
	old := now.Add(-4 * 24 * time.Hour)
	for i := range 5 {
		f.write(t, report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("r", i), status: 500, code: "boom", customer: "acme", at: old.Add(time.Duration(i) * time.Minute)})
	}
	_, err := f.RollUp(t.Context(), now)
	require.NoError(t, err)
	ask := func(compare stats.Compare, earlier time.Duration) stats.Series {
		period := event.Filter{Service: "billing", From: old.Add(earlier), To: old.Add(earlier + time.Hour)}
		answers, err := f.Stats(t.Context(), store.DefaultWorkspace, now, stats.Question{Measure: stats.Errors, By: []rollup.Dim{rollup.Code}, Filter: period, Compare: compare},
			stats.Question{Measure: stats.Customers, Whole: true, Filter: period})
		require.NoError(t, err)
		if compare == stats.NoCompare {
			require.InDelta(t, 1, answers[1].Series[0].Total, 0)
		}
		require.NotEmpty(t, answers[0].Series)
		return answers[0].Series[0]
	}
	require.InDelta(t, 5, ask(stats.NoCompare, 0).Total, 0)
	_, err = f.CompactMinutes(t.Context(), now.Add(3*24*time.Hour))
	require.NoError(t, err)
	assert.InDelta(t, 5, ask(stats.NoCompare, 0).Total, 0)
}

// However many endpoints answer in an hour, all of their requests are rolled up.
func TestAllRequestsAreRolledUp(t *testing.T) {
	f := open(t, store.Options{})
	hour := now.Add(-3 * time.Hour).Truncate(time.Hour)
	first := requests("s0", "/", 1) // makes the partitions
	first.Minute = hour
	f.countRequests(t, first)
	_, err := f.db.Exec(t.Context(), `
INSERT INTO request_minutes (workspace_id, minute, key, n, source, slot, service, environment, method, endpoint)
SELECT 1, $1::timestamptz + (i % 60) * interval '1 minute', md5(i::text)::uuid, 1, 1, 0, 's' || i % 100, '', 'GET', '/' || i / 60 FROM generate_series(1, 200500) i`, hour)
	require.NoError(t, err)
	_, err = f.db.Exec(t.Context(), `INSERT INTO rollup_marks (workspace_id, level, start) VALUES (1, 1, $1)`, hour)
	require.NoError(t, err)
	_, err = f.RollUp(t.Context(), now)
	require.NoError(t, err)
	answers, err := f.Stats(t.Context(), store.DefaultWorkspace, now, stats.Question{Measure: stats.Requests, Whole: true, Filter: event.Filter{From: now.Add(-24 * time.Hour), To: now}})
	require.NoError(t, err)
	assert.InDelta(t, 200_501, answers[0].Series[0].Total, 0.5)
}

// An hour that cannot be rolled up keeps no other from it, and its day waits.
func TestOneHourKeepsNoOtherFromItsBlocks(t *testing.T) {
	f := open(t, store.Options{})
	bad, good := now.Add(-50*time.Hour), now.Add(-3*time.Hour)
	for _, at := range []time.Time{bad, bad.Add(-time.Hour), good} {
		f.write(t, report{src: event.FromHTTP, service: "billing", request: at.String(), status: 500, at: at})
	}
	// Its minutes are gone, and somebody is reading that day for a long time.
	_, err := f.db.Exec(t.Context(), `INSERT INTO rollup_compacted (day) VALUES ($1)`, bad)
	require.NoError(t, err)
	tx, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context()) //nolint:errcheck // the test is over
	_, err = tx.Exec(t.Context(), fmt.Sprintf(`LOCK TABLE error_minutes_%s IN ACCESS SHARE MODE`, bad.Format("20060102")))
	require.NoError(t, err)
	rolled, err := f.RollUp(t.Context(), now)
	require.Error(t, err)
	assert.Equal(t, 1, rolled.Hours)
	assert.Equal(t, 2, rolled.Left)
	require.NoError(t, tx.Rollback(t.Context()))
	rolled, err = f.RollUp(t.Context(), now)
	require.NoError(t, err)
	assert.Equal(t, store.Rolled{Hours: 2, Days: 1}, rolled)
}

// Who finds that another process was faster leaves the blocks alone: what they
// were made of may be gone.
func TestHoursOfOthersAreLeftAlone(t *testing.T) {
	f := open(t, store.Options{})
	slow, other := now.Add(-50*time.Hour).Truncate(time.Hour), now.Add(-3*time.Hour).Truncate(time.Hour)
	for _, at := range []time.Time{slow, other} {
		f.write(t, report{src: event.FromHTTP, service: "billing", request: at.String(), status: 500, at: at})
	}
	_, err := f.RollUp(t.Context(), now)
	require.NoError(t, err)
	_, err = f.db.Exec(t.Context(), `INSERT INTO rollup_marks (workspace_id, level, start) SELECT 1, 1, unnest($1::timestamptz[])`, []time.Time{slow, other})
	require.NoError(t, err)
	// The first hour of the list keeps this process waiting; meanwhile another one
	// makes the second one, and its minutes go.
	tx, err := f.db.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context()) //nolint:errcheck // the test is over
	_, err = tx.Exec(t.Context(), fmt.Sprintf(`LOCK TABLE error_minutes_%s IN ACCESS EXCLUSIVE MODE`, slow.Format("20060102")))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := f.RollUp(t.Context(), now)
		done <- err
	}()
	require.Eventually(t, func() bool {
		var n int
		return tx.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = ('error_minutes_' || $1)::regclass`, slow.Format("20060102")).Scan(&n) == nil && n > 0
	}, 10*time.Second, 5*time.Millisecond)
	for _, sql := range []string{`DELETE FROM rollup_marks WHERE start = $1`, `DELETE FROM error_minutes WHERE minute >= $1`} {
		_, err = tx.Exec(t.Context(), sql, other)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-done)
	answers, err := f.Stats(t.Context(), store.DefaultWorkspace, now, stats.Question{Measure: stats.Errors, Whole: true, Filter: event.Filter{From: now.Add(-24 * time.Hour), To: now}})
	require.NoError(t, err)
	assert.InDelta(t, 1, answers[0].Series[0].Total, 0)
}
