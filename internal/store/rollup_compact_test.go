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

// The minutes of days that are over go, and no answer changes: also not when
// something comes in after all.
func TestCompactedMinutesStayCounted(t *testing.T) {
	f := open(t, store.Options{Retention: store.Retention{Events: 3, Audit: 4000}})
	old := now.Add(-4 * 24 * time.Hour)
	add := func(n int) {
		for i := range n {
			f.write(t, report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("r", time.Now().UnixNano(), i), status: 500, code: "boom", customer: fmt.Sprint("c", i),
				at: old.Add(time.Duration(i) * time.Minute)})
		}
	}
	ask := func() map[string]float64 {
		period := event.Filter{From: old.Truncate(24 * time.Hour), To: old.Truncate(24 * time.Hour).Add(24 * time.Hour)}
		answers, err := f.Stats(t.Context(), store.DefaultWorkspace, now,
			stats.Question{Measure: stats.Errors, Whole: true, Filter: period, By: []rollup.Dim{rollup.Code}},
			stats.Question{Measure: stats.Customers, Whole: true, Filter: period, By: []rollup.Dim{rollup.Code}},
			stats.Question{Measure: stats.Requests, Whole: true, Filter: period, By: []rollup.Dim{rollup.Service}})
		require.NoError(t, err)
		out := totals(answers[0])
		out["customers"], out["requests"] = totals(answers[1])["boom"], totals(answers[2])["billing"]
		return out
	}
	minutes := func() (n int) {
		require.NoError(t, f.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM error_minutes) + (SELECT count(*) FROM customer_minutes) + (SELECT count(*) FROM request_minutes)`).Scan(&n))
		return n
	}
	add(5)
	counted := requests("billing", "/v1/charges", 100)
	counted.Minute = old
	f.countRequests(t, counted)
	done, err := f.CompactMinutes(t.Context(), now.Add(3*24*time.Hour))
	require.NoError(t, err)
	assert.Empty(t, done, "nothing has been rolled up")
	_, err = f.RollUp(t.Context(), now)
	require.NoError(t, err)
	want := map[string]float64{"boom": 5, "customers": 5, "requests": 100}
	require.Equal(t, want, ask())

	done, err = f.CompactMinutes(t.Context(), now)
	require.NoError(t, err)
	assert.Empty(t, done, "Events of that day may still come in")
	for range 2 {
		_, err = f.CompactMinutes(t.Context(), now.Add(3*24*time.Hour))
		require.NoError(t, err)
		assert.Zero(t, minutes())
		require.Equal(t, want, ask())
	}
	addLate := func(customer string) {
		_, err := f.Write(t.Context(), partsOf(report{src: event.FromHTTP, service: "billing", request: "late" + customer, status: 500, code: "boom", customer: customer, at: old.Add(time.Minute)}))
		require.NoError(t, err)
	}
	addLate("c1")
	addLate("late")
	_, err = f.RollUp(t.Context(), now)
	require.NoError(t, err)
	assert.Zero(t, minutes(), "what came late has moved")
	assert.Equal(t, map[string]float64{"boom": 7, "customers": 6, "requests": 100}, ask())
	_, err = f.RollUp(t.Context(), now)
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{"boom": 7, "customers": 6, "requests": 100}, ask(), "and is counted once")

	// Roll-ups have an age of their own.
	require.NoError(t, f.Expire(t.Context(), now.Add(300*24*time.Hour)))
	assert.InDelta(t, 7, ask()["boom"], 0)
	require.NoError(t, f.Expire(t.Context(), now.Add(398*24*time.Hour)))
	assert.Empty(t, ask()["boom"])
}
