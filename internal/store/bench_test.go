package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/pgtest"
	"errata/internal/postgres"
	"errata/internal/store"
	"errata/migrations"

	"log/slog"
)

// durable starts a private server with PostgreSQL's durable defaults: the
// servers of the tests trade durability for speed, which a benchmark must not.
func durable(b *testing.B) *fixture {
	b.Helper()
	dir, err := os.MkdirTemp("", "errata-bench-")
	require.NoError(b, err)
	require.NoError(b, os.Chmod(dir, 0o755)) //nolint:gosec // what is inside is private
	server, err := postgres.Start(b.Context(), postgres.Options{DataDir: dir})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, server.Stop())
		require.NoError(b, os.RemoveAll(dir))
	})
	require.NoError(b, migrations.Up(b.Context(), server.URL(), slog.New(slog.DiscardHandler)))
	s, err := store.Open(b.Context(), store.Options{URL: server.AppURL(), Retention: store.Retention{Events: 90}})
	require.NoError(b, err)
	b.Cleanup(s.Close)
	conn, err := pgx.Connect(b.Context(), server.URL())
	require.NoError(b, err)
	b.Cleanup(func() { conn.Close(context.Background()) }) //nolint:errcheck // the benchmark is over
	return &fixture{Store: s, db: conn}
}

// BenchmarkTrail reads Trails of three Events out of two million in 90 daily
// partitions, and in the same run the same rows with bare prepared SELECTs.
// Run it with -benchtime=1x; the rounds are inside.
func BenchmarkTrail(b *testing.B) {
	f := durable(b)
	days, perDay := 90, 22_300
	pgtest.FillTrails(b, f.db, now, days, perDay)
	_, err := f.db.Exec(b.Context(), `VACUUM ANALYZE events`)
	require.NoError(b, err)
	ids := make([]string, 3000)
	for i := range ids {
		n := rand.IntN(days * perDay / 3) //nolint:gosec // a benchmark
		ids[i] = fmt.Sprintf("req_%d", n)
	}
	var ratios []float64
	var ours []time.Duration
	for range b.N {
		for round := range 5 {
			store := each(b, ids, func(id string) { trailOnce(b, f, id) })
			bare := each(b, ids, bareTrail(b, f))
			if round > 0 { // the first one warms up
				ratios = append(ratios, float64(median(store))/float64(median(bare)))
				ours = append(ours, store...)
			}
		}
	}
	slices.Sort(ours)
	b.ReportMetric(median(ratios), "ratio-to-bare-SELECT")
	b.ReportMetric(float64(ours[len(ours)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(ours[len(ours)*99/100].Microseconds())/1000, "ms-p99")
	b.ReportMetric(float64(days*perDay), "events")
}

func each(b *testing.B, ids []string, read func(string)) []time.Duration {
	b.Helper()
	out := make([]time.Duration, len(ids))
	for i, id := range ids {
		start := time.Now()
		read(id)
		out[i] = time.Since(start)
	}
	return out
}

func trailOnce(b *testing.B, f *fixture, id string) {
	trail, err := f.Trail(context.Background(), ws, id)
	if err != nil || len(trail.Events) != 3 {
		b.Fatalf("%s: %d events, %v", id, len(trail.Events), err)
	}
}

// bareTrail is the SELECTs of a Trail by pgx on one connection, prepared,
// with the same generic plan, reading every column and building nothing.
func bareTrail(b *testing.B, f *fixture) func(string) {
	ctx := context.Background()
	_, err := f.db.Exec(ctx, `SET plan_cache_mode = force_generic_plan`)
	require.NoError(b, err)
	first, events, rest := store.TrailStatements()
	return func(id string) {
		rows, err := f.db.Query(ctx, first, ws, event.Fold(id), id, store.MaxTrail+1)
		require.NoError(b, err)
		var eventID, trace [16]byte
		var day int32
		for rows.Next() {
			v := rows.RawValues()
			day, eventID, trace = int32(binary.BigEndian.Uint32(v[0])), [16]byte(v[1]), [16]byte(v[3]) //nolint:gosec // a day
		}
		n := 0
		rows, err = f.db.Query(ctx, events, ws, day, [][16]byte{eventID}, eventID, eventID)
		require.NoError(b, err)
		for rows.Next() {
			n += len(rows.RawValues())
		}
		rows, err = f.db.Query(ctx, rest, ws, trace, [][16]byte{eventID}, day, store.MaxTrail+1)
		require.NoError(b, err)
		for rows.Next() {
			n += len(rows.RawValues())
		}
		require.NoError(b, rows.Err())
		require.Positive(b, n)
	}
}

// BenchmarkWrite stores Events as the collector does (4 writers, batches of
// 100 with a 1 KB stack trace each, one third of them distinct), and in the
// same run copies the same rows into the same table with raw CopyFrom.
func BenchmarkWrite(b *testing.B) {
	f := durable(b)
	require.NoError(b, f.EnsurePartitions(b.Context(), now, now))
	printIndexes(b, f)
	var ratios, rates []float64
	for range b.N {
		for round := range 6 {
			ours := f.throughput(b, round, func(parts []identity.Part) error {
				_, err := f.Write(context.Background(), parts)
				return err
			})
			raw := f.throughput(b, 100+round, f.copier(b))
			b.Logf("round %d: store %.0f events/s, CopyFrom %.0f rows/s, ratio %.2f", round, ours, raw, ours/raw)
			if round > 0 {
				ratios, rates = append(ratios, ours/raw), append(rates, ours)
			}
		}
	}
	b.ReportMetric(median(ratios), "ratio-to-CopyFrom")
	b.ReportMetric(median(rates), "events/s")
}

const writers, batches, batchSize = 4, 50, 100

// throughput runs the writers and gives Events per second.
func (f *fixture) throughput(b *testing.B, round int, write func([]identity.Part) error) float64 {
	b.Helper()
	work := make([][][]identity.Part, writers)
	for w := range work {
		for n := range batches {
			work[w] = append(work[w], benchBatch(round, w, n))
		}
	}
	start := time.Now()
	var wg sync.WaitGroup
	for _, mine := range work {
		wg.Go(func() {
			for _, parts := range mine {
				if err := write(parts); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return writers * batches * batchSize / time.Since(start).Seconds()
}

func benchBatch(round, w, n int) []identity.Part {
	parts := make([]identity.Part, batchSize)
	for i := range parts {
		serial := ((round*writers+w)*batches+n)*batchSize + i
		parts[i] = report{
			src: event.FromSpan, service: fmt.Sprint("service-", serial%8), request: fmt.Sprintf("req_%016x", serial), trace: hex(serial+1, 32),
			span: hex(serial+1, 16), status: 500, at: now.Add(time.Duration(serial%600) * time.Second), customer: fmt.Sprint("customer-", serial%100),
			stack: fmt.Sprint("goroutine ", serial/3, strings.Repeat("\n\tat github.com/acme/billing/charge.go:42", 25)), release: "2026.11.20-3",
		}.part()
	}
	return parts
}

// copier copies rows of the same content, the same number per commit.
func (f *fixture) copier(b *testing.B) func([]identity.Part) error {
	b.Helper()
	url := f.db.Config().ConnString()
	conns := make(chan *pgx.Conn, writers)
	for range writers {
		c, err := pgx.Connect(b.Context(), url)
		require.NoError(b, err)
		conns <- c
	}
	b.Cleanup(func() {
		for range writers {
			(<-conns).Close(context.Background()) //nolint:errcheck // the benchmark is over
		}
	})
	columns := []string{"workspace_id", "day", "id", "occurred_at", "received_at", "trace_id", "span_id", "stack_hash", "issue_id", "status", "role",
		"family", "sources", "fp_version", "endpoint_other", "parts", "request_id", "service", "environment", "release", "method", "endpoint", "path",
		"customer", "provider", "raw_code", "code", "message", "extra"}
	return func(parts []identity.Part) error {
		c := <-conns
		defer func() { conns <- c }()
		_, err := c.CopyFrom(context.Background(), pgx.Identifier{"events"}, columns, pgx.CopyFromSlice(len(parts), func(i int) ([]any, error) {
			e := &parts[i].Event
			return []any{9, e.OccurredAt, e.ID, e.OccurredAt, e.ReceivedAt, e.TraceID, i, e.IssueID, e.IssueID, int16(500), int16(0),
				int16(2), int16(1), int16(1), false, int16(1), e.RequestID, e.Service, e.Environment, e.Release, e.Method, e.Endpoint, e.Path,
				e.Customer, "", e.RawCode, e.Code, e.Message, `{"exception_type":"Boom","exception_message":"it broke"}`}, nil
		}))
		return err
	}
}

func printIndexes(b *testing.B, f *fixture) {
	b.Helper()
	rows, err := f.db.Query(b.Context(), `SELECT indexdef FROM pg_indexes WHERE tablename = 'events' ORDER BY indexname`)
	require.NoError(b, err)
	defs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	b.Log("indexes of the events table:\n" + strings.Join(defs, "\n"))
}

func median[T float64 | time.Duration](v []T) T {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}
