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

