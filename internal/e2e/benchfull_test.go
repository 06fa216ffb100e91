package e2e

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/bench"
	"errata/internal/pgtest"
	"errata/internal/store"
)

// inhabited gives the tables of a database that have anything in them.
func (r *rig) inhabited(conn *pgx.Conn) (tables []string) {
	r.b.Helper()
	found, err := conn.Query(r.b.Context(), `SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0`)
	require.NoError(r.b, err)
	tables, err = pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(r.b, err)
	return tables
}

// truncate empties all tables but those. A new database for each round would be
// vacuumed a minute later, catalogs and all, beside what is measured then.
func (r *rig) truncate(conn *pgx.Conn, kept []string) {
	r.b.Helper()
	filled := slices.DeleteFunc(r.inhabited(conn), func(table string) bool { return slices.Contains(kept, table) })
	r.exec(conn, `TRUNCATE `+strings.Join(filled, ", "))
}

// lookUps asks the full store for IDs that nobody asked for before: one by one, and
// many at a time.
func (r *rig) lookUps(db *pgx.Conn, rows int64) {
	b := r.b
	const many, lists = 500, 10
	s, err := store.Open(b.Context(), store.Options{URL: r.server.URLFor("errata_app", "errata")})
	require.NoError(b, err)
	defer s.Close()
	ids := r.anyIDs(db, rows, many+many/lists)
	var ones, all []time.Duration
	for i, id := range ids {
		start := time.Now()
		_, err := s.Trail(b.Context(), store.DefaultWorkspace, id)
		require.NoError(b, err)
		if i >= many/lists { // the first of a connection plan
			ones = append(ones, time.Since(start))
		}
	}
	for range lists {
		start := time.Now()
		hits, err := s.Lookup(b.Context(), store.DefaultWorkspace, ids[:many])
		require.NoError(b, err)
		require.Len(b, hits, many)
		all = append(all, time.Since(start))
	}
	b.Logf("trails: p50 %s, p95 %s; %d IDs at once: p50 %s, p95 %s; segments: %d", quantile(0.5, ones), quantile(0.95, ones), many, quantile(0.5, all), quantile(0.95, all),
		r.segments(db))
	b.ReportMetric(float64(quantile(0.95, ones).Microseconds())/1000, "ms-p95-trail")
	b.ReportMetric(float64(quantile(0.95, all).Microseconds())/1000, "ms-p95-lookup-500")
}

func (r *rig) segments(db *pgx.Conn) (n int) {
	r.b.Helper()
	require.NoError(r.b, db.QueryRow(r.b.Context(), `SELECT cardinality(list) FROM known_segments`).Scan(&n))
	return n
}

// BenchmarkIngestFull fills the store with ERRATA_BENCH_ROWS Events, and then
// compares how fast it takes spans with an empty one, in turns. All of them are
// today's, or, with ERRATA_BENCH_DAYS, of that many days up to today.
func BenchmarkIngestFull(b *testing.B) {
	// A round is a second, and a shared machine may be a fifth slower in the next
	// one: there are twice as many. Not more, since each makes the day fuller.
	const atLeast, warmup, turns = 0.85, perRound / 5, 2*rounds + 1
	rows, err := strconv.ParseInt(os.Getenv("ERRATA_BENCH_ROWS"), 10, 64)
	if err != nil {
		b.Skip("this takes its time: set ERRATA_BENCH_ROWS to how full the store should be, e.g. 10000000")
	}
	r := newRig(b)
	r.database("errata")
	db := r.connect("errata")
	full := startCollector(b, r.server.URLFor("errata_app", "errata"))
	if days, err := strconv.Atoi(os.Getenv("ERRATA_BENCH_DAYS")); err == nil {
		require.Greater(b, days, 1, "ERRATA_BENCH_DAYS")
		each := int(rows) / days
		pgtest.FillTrails(b, db, time.Now().UTC().AddDate(0, 0, -1), days-1, each)
		r.exec(db, `VACUUM (ANALYZE)`) // a store of a month has had that long ago
		r.exec(db, `CHECKPOINT`)
		r.load(full, int64(each), nil) // today's come in as others do: IDs of FillTrails are not random
		b.Logf("filled with %d Events of %d days", rows, days)
	} else {
		var before bench.Figures
		filled := r.load(full, rows, func(f bench.Figures) {
			if f.Seconds-before.Seconds > 25 {
				b.Logf("filling: %d Events, %.0f spans/s lately", f.Spans, float64(f.Spans-before.Spans)/(f.Seconds-before.Seconds))
				before = f
			}
		})
		b.Logf("filled with %d Events in %.0f s", filled.Accepted, filled.Seconds)
		b.ReportMetric(filled.SpansPerSecond, "spans/s-filling")
		b.ReportMetric(r.bytesPerEvent(db), "disk-bytes/event")
		r.load(full, rows/25, nil) // a checkpoint at the end of the filling is the filling's: after it, every page is logged whole once
	}
	r.database("empty")
	emptied := r.connect("empty")
	kept := r.inhabited(emptied)
	var ratios, fulls, empties, wals []float64
	for range b.N {
		for round := range turns + 1 {
			empty := startCollector(b, r.server.URLFor("errata_app", "empty"))
			r.load(empty, warmup, nil)
			inEmpty := r.load(empty, perRound, nil)
			empty.stop()
			r.truncate(emptied, kept)
			r.load(full, warmup, nil)
			wal := r.wal(db)
			inFull := r.load(full, perRound, nil)
			wal = (r.wal(db) - wal) / perRound
			b.Logf("round %d: %.0f spans/s empty (p99 %.1f ms), %.0f full (p99 %.1f ms, WAL %.0f B/event)", round, inEmpty.SpansPerSecond, inEmpty.AnswerMS.P99,
				inFull.SpansPerSecond, inFull.AnswerMS.P99, wal)
			if round > 0 {
				ratios, wals = append(ratios, inFull.SpansPerSecond/inEmpty.SpansPerSecond), append(wals, wal)
				fulls, empties = append(fulls, inFull.SpansPerSecond), append(empties, inEmpty.SpansPerSecond)
			}
		}
	}
	r.lookUps(db, rows)
	peak, now := full.memory()
	b.ReportMetric(middle(ratios), "ratio-full-to-empty")
	b.ReportMetric(middle(fulls), "spans/s-full")
	b.ReportMetric(middle(empties), "spans/s-empty")
	b.ReportMetric(middle(wals), "WAL-bytes/event")
	b.ReportMetric(peak, "MB-collector-peak")
	b.ReportMetric(now, "MB-collector")
	assert.GreaterOrEqual(b, middle(ratios), atLeast, "what is there already must not make it slow")
}
