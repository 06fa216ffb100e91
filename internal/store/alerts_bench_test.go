package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// BenchmarkEvaluateAlerts judges 5,000 endpoints of 200 services, each of which
// fails and answers every minute. The first tick of a process has to read what
// others read before. Run it with -benchtime 1x -v.
func BenchmarkEvaluateAlerts(b *testing.B) { benchmarkTicks(b, 0) }

// BenchmarkTicksAfterAMonth is the same where days and weeks ago were as busy. In
// its first five minutes a process reads more of them, which is not counted.
func BenchmarkTicksAfterAMonth(b *testing.B) { benchmarkTicks(b, 5, 2, 3, 7, 14, 21, 28) }

func benchmarkTicks(b *testing.B, skip int, daysAgo ...int) {
	b.Helper()
	f := open(b, store.Options{})
	require.NoError(b, f.EnsurePartitions(b.Context(), noon.AddDate(0, 0, -30), noon.AddDate(0, 0, 2)))
	fill := func(from, to time.Time, every string) {
		for _, sql := range []string{`
INSERT INTO request_minutes (workspace_id, minute, key, n, source, slot, service, environment, method, endpoint)
SELECT 1, m, md5(s::text)::uuid, 60, 1, 0, 'service-' || s % 200, 'production', 'GET', '/v1/things/' || s / 200 FROM generate_series(0, 4999) s, generate_series($1::timestamptz, $2::timestamptz, $3::interval) m`, `
INSERT INTO error_minutes (workspace_id, minute, key, slot, alert_minute, role, family, status, n, n_late, service, environment, method, endpoint, code, provider, release)
SELECT 1, m, md5(s::text)::uuid, 0, m, 0, 2, 500, 1 + (random() * 1.2)::int, 0, 'service-' || s % 200, 'production', 'GET', '/v1/things/' || s / 200, 'boom', '', 'r1'
FROM generate_series(0, 4999) s, generate_series($1::timestamptz, $2::timestamptz, $3::interval) m`, `
INSERT INTO customer_minutes (workspace_id, minute, alert_minute, role, family, status, service, environment, method, endpoint, code, customers, counts)
SELECT 1, m, m, 0, 2, 500, 'service-' || s % 200, 'production', 'GET', '/v1/things/' || s / 200, 'boom', ARRAY['c' || s % 300], ARRAY[1]
FROM generate_series(0, 4999) s, generate_series($1::timestamptz, $2::timestamptz, $3::interval) m`} {
			_, err := f.db.Exec(b.Context(), sql, from, to, every)
			require.NoError(b, err)
		}
	}
	fill(noon.Add(-24*time.Hour), noon.Add(-2*time.Hour), "10 minutes")
	fill(noon.Add(-time.Hour-20*time.Minute), noon.Add(time.Duration(14+skip)*time.Minute), "1 minute")
	for _, days := range daysAgo {
		fill(noon.AddDate(0, 0, -days).Add(20*time.Minute), noon.AddDate(0, 0, -days).Add(90*time.Minute), "1 minute")
	}
	_, err := f.db.Exec(b.Context(), `ANALYZE`)
	require.NoError(b, err)
	for b.Loop() {
		var usual []time.Duration
		series := 0
		first, err := f.EvaluateAlerts(b.Context(), noon.Add(-time.Minute+40*time.Second))
		require.NoError(b, err)
		for minute := range skip + 15 {
			e, err := f.EvaluateAlerts(b.Context(), noon.Add(time.Duration(minute)*time.Minute+40*time.Second))
			require.NoError(b, err)
			require.Equal(b, 1, e.Minutes)
			series = max(series, e.Series)
			if minute >= skip {
				usual = append(usual, e.Took)
			}
		}
		slices.Sort(usual)
		b.Logf("%d series; the first tick of a process %v, then %v", series, first.Took, usual)
		b.ReportMetric(float64(usual[len(usual)/2].Microseconds())/1000, "ms/tick")
		b.ReportMetric(float64(first.Took.Milliseconds()), "ms/first-tick")
	}
}
