package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"errata/internal/fault"
	"errata/internal/pgtest"
	"errata/internal/store"
)

// BenchmarkUnknownID measures what it costs to say that an ID was never there
// when that has to be looked up in 400 days, of 100,000 IDs each, and what it
// costs without. It prints medians of 500 look-ups.
func BenchmarkUnknownID(b *testing.B) {
	f := open(b, store.Options{})
	pgtest.FillTrails(b, f.db, now, 30, 1000)
	without := medianLookUp(b, f)
	// Blocks of random bits, half of them set, are what filters look like.
	f.exec(b, `INSERT INTO expired_days (workspace_id, day, part, blocks, bits, ids, made_at)
		SELECT 1, current_date - n, 0, 155, 15360, 100000, now() FROM generate_series(1, 400) n`)
	f.exec(b, `INSERT INTO expired_ids (workspace_id, day, part, block, bits)
		SELECT 1, d.day, 0, k, (SELECT string_agg(sha256((d.day::text || k || i)::bytea), '') FROM generate_series(1, 60) i) FROM expired_days d, generate_series(0, 154) k`)
	with := medianLookUp(b, f)
	f.exec(b, `ANALYZE expired_days, expired_ids`)
	b.ReportMetric(float64(without.Microseconds()), "µs/without")
	b.ReportMetric(float64(with.Microseconds()), "µs/with-400")
	b.ReportMetric(float64(medianLookUp(b, f).Microseconds()), "µs/with-400-analyzed")
	b.ReportMetric(float64(f.count(b, `SELECT pg_total_relation_size('expired_ids')::int8 / 1000 / 40000`))/1, "kB-per-1000-IDs")
}

func medianLookUp(b *testing.B, f *fixture) time.Duration {
	var took []time.Duration
	for n := range 500 {
		start := time.Now()
		_, err := f.Trail(b.Context(), store.DefaultWorkspace, fmt.Sprint("unknown_", n))
		took = append(took, time.Since(start))
		require.True(b, fault.Is(err, fault.NotFound), "%v", err)
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// BenchmarkDropDay measures how long it takes for a day of 300,000 Events to go,
// and how long others have to wait for that.
func BenchmarkDropDay(b *testing.B) {
	f := open(b, store.Options{Retention: briefly})
	pgtest.FillTrails(b, f.db, ago(3), 1, 300_000)
	f.exec(b, `ANALYZE events`) // as autovacuum has by then
	f.exec(b, `INSERT INTO issues (workspace_id, id, fp_version, first_at, role, family, service, method, endpoint, code, title)
		SELECT 1, i, 1, now(), 0, 2, '', '', '', '', '' FROM (SELECT DISTINCT issue_id AS i FROM events) x`)
	start := time.Now()
	done := make(chan error, 1)
	go func() { done <- f.Expire(b.Context(), ago(-1)) }()
	var slowest time.Duration
	n := 0
	writer := reopen(b, store.Options{URL: f.url})
	for ; ; n++ {
		began := time.Now()
		_, err := writer.Write(b.Context(), parts(report{service: "billing", src: "http", request: fmt.Sprint("new_", n), status: 500}))
		require.NoError(b, err)
		slowest = max(slowest, time.Since(began))
		select {
		case err := <-done:
			require.NoError(b, err)
		default:
			continue
		}
		break
	}
	b.ReportMetric(time.Since(start).Seconds(), "s/run")
	b.ReportMetric(float64(slowest.Milliseconds()), "ms/slowest-write")
	b.ReportMetric(float64(n), "writes-meanwhile")
	b.ReportMetric(float64(f.count(b, `SELECT count(*) FROM events_old`)), "exemplars")
}
