package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"errata/internal/pgtest"
	"errata/internal/postgres"
)

const connections, batches, batchSize = 4, 60, 100

// durableServer is a private PostgreSQL with its durable defaults.
func durableServer(b *testing.B) *postgres.Server {
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
	return server
}

// BenchmarkOTLP sends error spans over OTLP/HTTP (protobuf, 100 a batch, 1 KB
// of stack trace each, one third of them distinct, 4 connections), answered
// after COMMIT, and in the same run copies as many rows into the same table
// with raw CopyFrom. Run it with -benchtime=1x; the rounds are inside.
func BenchmarkOTLP(b *testing.B) {
	server := durableServer(b)
	p := launch(b, server.URL())
	var ratios, rates []float64
	for range b.N {
		for round := range 6 {
			encoded := make([][][]byte, connections)
			for conn := range encoded {
				for n := range batches {
					encoded[conn] = append(encoded[conn], bodies(round, conn, n))
				}
			}
			ours := inParallel(b, func(conn int) {
				for _, body := range encoded[conn] {
					p.export(b, body)
				}
			})
			raw := copyRows(b, server.URL(), round)
			b.Logf("round %d: %.0f spans/s, CopyFrom %.0f rows/s, ratio %.2f", round, ours, raw, ours/raw)
			if round > 0 {
				ratios, rates = append(ratios, ours/raw), append(rates, ours)
			}
		}
	}
	b.ReportMetric(middle(ratios), "ratio-to-CopyFrom")
	b.ReportMetric(middle(rates), "spans/s")
	b.ReportMetric(residentMB(), "MB-resident")
}

// inParallel runs one sender a connection and gives items per second.
func inParallel(b *testing.B, send func(conn int)) float64 {
	b.Helper()
	start := time.Now()
	var wg sync.WaitGroup
	for conn := range connections {
		wg.Go(func() { send(conn) })
	}
	wg.Wait()
	return connections * batches * batchSize / time.Since(start).Seconds()
}

func (p *product) export(b *testing.B, body []byte) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+p.OTLPHTTPAddr+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("x-api-key", p.ingestKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Error(err)
		return
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || len(answer) > 2 { // a partial success is longer
		b.Errorf("%s: %q %v", res.Status, answer, err)
	}
	if err := res.Body.Close(); err != nil {
		b.Error(err)
	}
}

func bodies(round, conn, n int) []byte {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("service-", n%8))
	rs.Resource().Attributes().PutStr("service.version", "2026.11.20-3")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	now := time.Now()
	for i := range batchSize {
		serial := uint64(((round*connections+conn)*batches+n)*batchSize + i + 1) //nolint:gosec // small
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, 2, 3, byte(serial >> 24), byte(serial >> 16), byte(serial >> 8), byte(serial), 8})
		s.SetSpanID(pcommon.SpanID{9, byte(serial >> 24), byte(serial >> 16), byte(serial >> 8), byte(serial)})
		s.SetKind(ptrace.SpanKindServer)
		s.SetName("POST /v1/charges")
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(40 * time.Millisecond)))
		a := s.Attributes()
		a.PutStr("http.request.method", "POST")
		a.PutStr("http.route", "/v1/charges/{id}")
		a.PutStr("url.path", "/v1/charges/42")
		a.PutInt("http.response.status_code", 500)
		a.PutStr("user.id", fmt.Sprint("customer-", serial%100))
		a.PutEmptySlice("http.request.header.x-request-id").AppendEmpty().SetStr(fmt.Sprintf("req_%016x", serial))
		e := s.Events().AppendEmpty()
		e.SetName("exception")
		e.Attributes().PutStr("exception.type", "ChargeError")
		e.Attributes().PutStr("exception.message", "the card processor hung up")
		e.Attributes().PutStr("exception.stacktrace", fmt.Sprint("goroutine ", serial/3, strings.Repeat("\n\tat github.com/acme/billing/charge.go:42", 25)))
	}
	raw, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		panic(err) // made above
	}
	return raw
}

// copyRows copies the very rows that the round stored into another workspace,
// as text-free binary values, the same number per commit.
func copyRows(b *testing.B, url string, round int) float64 {
	b.Helper()
	ctx := b.Context()
	columns := []string{"workspace_id", "day", "id", "occurred_at", "received_at", "trace_id", "span_id", "stack_hash", "issue_id", "duration_ms", "status",
		"role", "family", "sources", "fp_version", "endpoint_other", "parts", "request_id", "service", "environment", "release", "method", "endpoint", "path",
		"customer", "provider", "raw_code", "code", "message", "extra"}
	conns := make([]*pgx.Conn, connections)
	rows := make([][][]any, connections)
	for i := range conns {
		var err error
		conns[i], err = pgx.Connect(ctx, url)
		require.NoError(b, err)
		found, err := conns[i].Query(ctx, `SELECT `+strings.Join(columns, ", ")+` FROM events WHERE workspace_id = 1 ORDER BY id DESC OFFSET $1 LIMIT $2`,
			i*batches*batchSize, batches*batchSize)
		require.NoError(b, err)
		rows[i], err = pgx.CollectRows(found, func(row pgx.CollectableRow) ([]any, error) {
			v, err := row.Values()
			v[0] = 1000 + round
			return v, err
		})
		require.NoError(b, err)
		require.Len(b, rows[i], batches*batchSize)
	}
	rate := inParallel(b, func(conn int) {
		for batch := range slices.Chunk(rows[conn], batchSize) {
			if _, err := conns[conn].CopyFrom(ctx, pgx.Identifier{"events"}, columns, pgx.CopyFromRows(batch)); err != nil {
				b.Error(err)
			}
		}
	})
	for _, c := range conns {
		require.NoError(b, c.Close(ctx))
	}
	return rate
}

// BenchmarkGetRequest looks requests up over the API, one client, warm: trails
// of three Events out of two million in 90 daily partitions.
func BenchmarkGetRequest(b *testing.B) {
	const days, perDay = 90, 22_300
	server := durableServer(b)
	p := launch(b, server.URL())
	conn, err := pgx.Connect(b.Context(), server.URL())
	require.NoError(b, err)
	pgtest.FillTrails(b, conn, time.Now().UTC(), days, perDay)
	_, err = conn.Exec(b.Context(), `VACUUM ANALYZE`) // as autovacuum does within a minute
	require.NoError(b, errors.Join(err, conn.Close(b.Context())))
	var took []time.Duration
	for range b.N {
		for i := range 4000 {
			url := fmt.Sprintf("http://%s/v1/requests/req_%d", p.HTTPAddr, rand.IntN(days*perDay/3)) //nolint:gosec // a benchmark
			start := time.Now()
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
			require.NoError(b, err)
			req.Header.Set("x-api-key", p.readKey)
			res, err := http.DefaultClient.Do(req)
			require.NoError(b, err)
			_, err = io.Copy(io.Discard, res.Body)
			require.NoError(b, err)
			require.NoError(b, res.Body.Close())
			require.Equal(b, http.StatusOK, res.StatusCode)
			if i > 200 {
				took = append(took, time.Since(start))
			}
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}

func middle(v []float64) float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}

// residentMB is this process's resident memory; the load generator is in it.
func residentMB() float64 {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident float64
	if _, err := fmt.Sscan(string(raw), &size, &resident); err != nil {
		return 0
	}
	return resident * float64(os.Getpagesize()) / (1 << 20)
}
