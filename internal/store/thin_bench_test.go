package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
	"errata/internal/store"
)

// BenchmarkThinDay measures how long it takes to thin out a day of 300,000 Events of
// 100,000 requests in 50 issues, a third of which have another ID, to ten of each issue
// and hour; and how long others have to wait meanwhile, compared with how long they
// wait before.
func BenchmarkThinDay(b *testing.B) {
	f := open(b, store.Options{})
	pgtest.FillTrails(b, f.db, ago(5), 1, 300_000)
	f.exec(b, `UPDATE events SET extra = jsonb_build_object('aliases', jsonb_build_array(jsonb_build_object('kind', 'ray', 'value', 'ray-' || request_id))) WHERE request_id IS NOT NULL`)
	f.exec(b, `INSERT INTO aliases (workspace_id, day, value, event_id, kind) SELECT workspace_id, day, 'ray-' || request_id, id, 'ray' FROM events WHERE request_id IS NOT NULL`)
	f.exec(b, `VACUUM ANALYZE events, aliases`)
	writer := reopen(b, store.Options{URL: f.url})
	n := 0
	write := func() time.Duration {
		n++
		began := time.Now()
		_, err := writer.Write(b.Context(), parts(report{service: "billing", src: "http", request: fmt.Sprint("new_", n), status: 500}))
		require.NoError(b, err)
		return time.Since(began)
	}
	var before, beside []time.Duration
	for range 2000 {
		before = append(before, write())
	}
	_, err := f.SetThinningRule(b.Context(), boss, ws, thinAll(10))
	require.NoError(b, err)
	planned := time.Now()
	plan, err := f.PlanThinning(b.Context(), ws, thinAll(10), ago(0))
	require.NoError(b, err)
	b.ReportMetric(time.Since(planned).Seconds(), "s/plan")
	b.ReportMetric(float64(plan.Bytes)/1e6, "MB-planned")
	wal := f.count(b, `SELECT (pg_current_wal_lsn() - '0/0')::int8`)
	start := time.Now()
	done := make(chan error, 1)
	go func() { done <- f.Expire(b.Context(), ago(0)) }()
	for ended := false; !ended; {
		beside = append(beside, write())
		select {
		case err := <-done:
			require.NoError(b, err)
			ended = true
		default:
		}
	}
	took := time.Since(start)
	gone := 300_000 - f.count(b, `SELECT count(*) FROM events WHERE day = $1`, ago(5))
	require.EqualValues(b, plan.Goes, gone)
	b.ReportMetric(took.Seconds(), "s/run")
	b.ReportMetric(float64(gone), "rows")
	b.ReportMetric(float64(gone)/took.Seconds(), "rows/s")
	b.ReportMetric(float64(f.count(b, `SELECT (pg_current_wal_lsn() - '0/0')::int8`)-wal)/1e6, "MB-WAL")
	for name, waits := range map[string][]time.Duration{"before": before, "beside": beside} {
		slices.Sort(waits)
		b.ReportMetric(float64(waits[len(waits)-1].Microseconds())/1000, "ms/slowest-write-"+name)
		b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds())/1000, "ms/p99-write-"+name)
	}
	b.ReportMetric(float64(f.count(b, `SELECT sum(length(bits))::int8 FROM expired_ids`))/1e6, "MB-filter")
	again := time.Now()
	require.NoError(b, f.Expire(b.Context(), ago(0)))
	b.ReportMetric(time.Since(again).Seconds(), "s/run-again")
	size := func() float64 {
		return float64(f.count(b, `SELECT sum(pg_total_relation_size(c.oid))::int8 FROM pg_class c WHERE c.relname IN ('`+dayName("events", ago(5))+`', '`+dayName("aliases", ago(5))+`')`)) / 1e6
	}
	f.exec(b, `VACUUM events, aliases`)
	b.ReportMetric(size(), "MB-on-disk-after-VACUUM")
}
