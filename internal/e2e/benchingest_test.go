package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/bench"
	"errata/internal/postgres"
	"errata/migrations"
)

const (
	// rounds are measured, after one that is not; what is reported is their
	// median.
	rounds = 7
	// perRound is how many spans, and rows, a round has.
	perRound    = 50_000
	connections = 4
	batchSize   = 100
	singles     = 500
)

// rig is a durable PostgreSQL to be measured with everything on it.
type rig struct {
	b          *testing.B
	server     *postgres.Server
	postmaster int
	log        string // the server's
}

func newRig(b *testing.B) *rig {
	b.Helper()
	if runtime.GOOS != "linux" {
		b.Skip("what processes cost is read from /proc, which only Linux has")
	}
	server, dir := durableServer(b)
	r := &rig{b: b, server: server, log: filepath.Join(dir, "log", "postgresql.log")}
	raw, err := os.ReadFile(filepath.Join(dir, "pg", "postmaster.pid"))
	require.NoError(b, err)
	_, err = fmt.Sscan(string(raw), &r.postmaster)
	require.NoError(b, err)
	conn := r.connect("errata")
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		var value string
		require.NoError(b, conn.QueryRow(b.Context(), `SELECT current_setting($1)`, setting).Scan(&value))
		require.Equal(b, "on", value, setting)
	}
	return r
}

// connect gives a superuser's connection that lasts as long as the benchmark.
func (r *rig) connect(database string) *pgx.Conn {
	r.b.Helper()
	conn, err := pgx.Connect(r.b.Context(), r.server.URLFor(postgres.Superuser, database))
	require.NoError(r.b, err)
	r.b.Cleanup(func() { assert.NoError(r.b, conn.Close(context.Background())) })
	return conn
}

// database makes an empty, migrated one, unless it is there.
func (r *rig) database(name string) {
	r.b.Helper()
	if name != "errata" {
		r.exec(r.connect("errata"), `CREATE DATABASE `+name)
	}
	require.NoError(r.b, migrations.Up(r.b.Context(), r.server.URLFor(postgres.Superuser, name), slog.New(slog.DiscardHandler)))
}

func (r *rig) exec(conn *pgx.Conn, sql string) {
	r.b.Helper()
	_, err := conn.Exec(r.b.Context(), sql)
	require.NoError(r.b, err, sql)
}

// load sends spans to a process and requires that all are accepted.
func (r *rig) load(p *process, spans int64, progress func(bench.Figures)) bench.Figures {
	r.b.Helper()
	f, err := bench.Run(r.b.Context(), bench.Load{Servers: []string{"http://" + p.addr}, Key: p.key, Connections: connections, Batch: batchSize,
		StackBytes: 1024, Distinct: 0.33, Spans: spans, Progress: progress})
	require.NoError(r.b, err)
	require.Zero(r.b, f.NotAccepted(), f.LastFailure)
	return f
}

// BenchmarkIngest measures the real collector with a durable PostgreSQL of its
// own, under `errata bench ingest`'s load: 100 spans a request with 1 KB of
// stack trace each, a third of them distinct, 4 connections, each request
// answered after COMMIT. In the same run, beside it: raw CopyFrom of the same
// rows into the events table of a second database, which grows as ours does,
// and the collector without a store. Run it with -benchtime=1x -v; the rounds
// are inside, and a benchmark's log is cut short otherwise.
func BenchmarkIngest(b *testing.B) {
	r := newRig(b)
	r.database("errata")
	r.database("copies")
	db := r.connect("errata")
	copies := make([]*pgx.Conn, connections)
	for i := range copies {
		copies[i] = r.connect("copies")
	}
	collector, receiver := startCollector(b, r.server.URLFor("errata_app", "errata")), startReceiveOnly(b)
	var m ingestMeasures
	for range b.N {
		for round := range rounds + 1 {
			var one ingestRound
			one.write(r, db, collector)
			one.receive(r, receiver)
			one.copied = r.copyRows(db, copies)
			one.single = r.oneByOne(collector)
			b.Logf("round %d: %s", round, one)
			if round > 0 {
				m = append(m, one)
			}
		}
	}
	for name, of := range map[string]func(ingestRound) float64{
		"spans/s":               func(o ingestRound) float64 { return o.written.SpansPerSecond },
		"ratio-to-CopyFrom":     func(o ingestRound) float64 { return o.written.SpansPerSecond / o.copied },
		"ratio-to-receive-only": func(o ingestRound) float64 { return o.written.SpansPerSecond / o.received.SpansPerSecond },
		"CPU-s/100k-spans":      func(o ingestRound) float64 { return o.collectorCPU + o.postgresCPU },
		"ms-p99-full-load":      func(o ingestRound) float64 { return o.written.AnswerMS.P99 },
		"ms-p99-single":         func(o ingestRound) float64 { return o.single },
		"MB-collector":          func(o ingestRound) float64 { return o.resident },
		"WAL-bytes/event":       func(o ingestRound) float64 { return o.wal },
	} {
		b.ReportMetric(m.median(of), name)
	}
	peak, _ := collector.memory()
	b.ReportMetric(peak, "MB-collector-peak")
	b.ReportMetric(r.bytesPerEvent(db), "disk-bytes/event")
	r.logIndexes(copies[0])
}

// ingestRound is what one round measured.
type ingestRound struct {
	written, received         bench.Figures
	copied                    float64 // rows/s
	single                    float64 // p99 in ms
	collectorCPU, postgresCPU float64 // s for 100,000 spans
	receiverCPU, generatorCPU float64
	resident                  float64 // MB, of the collector, as the last answer comes
	wal                       float64 // bytes an event
}

func (o ingestRound) String() string {
	return fmt.Sprintf("%.0f spans/s (answers p50 %.1f p99 %.1f ms), receive only %.0f, CopyFrom %.0f rows/s; CPU-s for 100,000: collector %.2f, PostgreSQL %.2f, receive only %.2f, generator %.2f; one by one p99 %.1f ms; WAL %.0f B/event",
		o.written.SpansPerSecond, o.written.AnswerMS.P50, o.written.AnswerMS.P99, o.received.SpansPerSecond, o.copied, o.collectorCPU, o.postgresCPU, o.receiverCPU, o.generatorCPU, o.single, o.wal)
}

type ingestMeasures []ingestRound

func (m ingestMeasures) median(of func(ingestRound) float64) float64 {
	var v []float64
	for _, o := range m {
		v = append(v, of(o))
	}
	return middle(v)
}

const per100k = float64(perRound) / 100_000

// write loads the collector, and counts what that costs.
func (o *ingestRound) write(r *rig, db *pgx.Conn, collector *process) {
	r.b.Helper()
	wal, pg, own, mine := r.wal(db), cpuOfTree(r.b, r.postmaster), cpu(r.b, collector.cmd.Process.Pid), ownCPU(r.b)
	o.written = r.load(collector, perRound, nil)
	_, o.resident = collector.memory()
	o.generatorCPU = (ownCPU(r.b) - mine).Seconds() / per100k
	o.collectorCPU = (cpu(r.b, collector.cmd.Process.Pid) - own).Seconds() / per100k
	o.postgresCPU = (cpuOfTree(r.b, r.postmaster) - pg).Seconds() / per100k
	o.wal = (r.wal(db) - wal) / perRound
}

// receive loads the collector that has no store.
func (o *ingestRound) receive(r *rig, receiver *process) {
	r.b.Helper()
	before := cpu(r.b, receiver.cmd.Process.Pid)
	o.received = r.load(receiver, perRound, nil)
	o.receiverCPU = (cpu(r.b, receiver.cmd.Process.Pid) - before).Seconds() / per100k
}

// ownCPU is what this process has spent: the load generator is in it.
func ownCPU(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// wal is how many bytes of write-ahead log there are so far.
func (r *rig) wal(db *pgx.Conn) (bytes float64) {
	r.b.Helper()
	require.NoError(r.b, db.QueryRow(r.b.Context(), `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn`).Scan(&bytes))
	return bytes
}

// copyRows copies the newest rows of one database's events into another's with
// pgx's CopyFrom, over as many connections and with as many rows a commit as
// the collector was sent, and gives rows per second. Columns that are empty in
// all of them are left out.
func (r *rig) copyRows(from *pgx.Conn, to []*pgx.Conn) float64 {
	b := r.b
	b.Helper()
	columns, rows := r.newest(from)
	r.makeDays(to[0], columns, rows)
	each := len(rows) / len(to)
	start := time.Now()
	var wg sync.WaitGroup
	for i, conn := range to {
		wg.Go(func() {
			for batch := range slices.Chunk(rows[i*each:(i+1)*each], batchSize) {
				_, err := conn.CopyFrom(b.Context(), pgx.Identifier{"events"}, columns, pgx.CopyFromRows(batch))
				assert.NoError(b, err)
			}
		})
	}
	wg.Wait()
	return float64(len(rows)) / time.Since(start).Seconds()
}

// newest reads as many rows of events as a round has, the newest ones.
func (r *rig) newest(from *pgx.Conn) (columns []string, rows [][]any) {
	b := r.b
	b.Helper()
	found, err := from.Query(b.Context(), `SELECT * FROM events ORDER BY received_at DESC LIMIT $1`, perRound)
	require.NoError(b, err)
	for _, f := range found.FieldDescriptions() {
		columns = append(columns, f.Name)
	}
	rows, err = pgx.CollectRows(found, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
	require.NoError(b, err)
	require.Len(b, rows, perRound)
	for c := len(columns) - 1; c >= 0; c-- {
		if !slices.ContainsFunc(rows, func(row []any) bool { return row[c] != nil }) {
			columns = slices.Delete(columns, c, c+1)
			for i := range rows {
				rows[i] = slices.Delete(rows[i], c, c+1)
			}
		}
	}
	return columns, rows
}

// makeDays sees to it that there are partitions for rows.
func (r *rig) makeDays(conn *pgx.Conn, columns []string, rows [][]any) {
	r.b.Helper()
	days, at := map[any]bool{}, slices.Index(columns, "day")
	for _, row := range rows {
		days[row[at]] = true
	}
	for day := range days {
		_, err := conn.Exec(r.b.Context(), `SELECT errata_ensure_day($1)`, day)
		require.NoError(r.b, err)
	}
}

func (r *rig) logIndexes(conn *pgx.Conn) {
	r.b.Helper()
	found, err := conn.Query(r.b.Context(), `SELECT indexdef FROM pg_indexes WHERE tablename = 'events' ORDER BY indexname`)
	require.NoError(r.b, err)
	indexes, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(r.b, err)
	r.b.Logf("CopyFrom goes into events with its indexes:\n  %s", strings.Join(indexes, "\n  "))
}

// oneByOne reports single failures while nothing else happens, and gives how
// long 99 % of them wait at most, in ms.
func (r *rig) oneByOne(p *process) float64 {
	b := r.b
	b.Helper()
	took := make([]float64, singles)
	for i := range took {
		body := fmt.Sprintf(`{"service":"bench-single","environment":%q,"status":500,"method":"POST","endpoint":"/v1/charges/{id}","customer":"customer-%d","request_id":"req_single_%d_%d",
			"occurred_at":%q,"envelope":{"error":{"code":"processor_error","message":"the card processor hung up"}}}`,
			bench.Environment, i%100, os.Getpid(), time.Now().UnixNano(), time.Now().UTC().Format(time.RFC3339Nano))
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+p.addr+"/v1/errors", strings.NewReader(body))
		require.NoError(b, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("x-api-key", p.key)
		start := time.Now()
		res, err := http.DefaultClient.Do(req)
		took[i] = float64(time.Since(start)) / float64(time.Millisecond)
		require.NoError(b, err)
		require.Equal(b, http.StatusOK, res.StatusCode)
		require.NoError(b, res.Body.Close())
	}
	slices.Sort(took)
	return took[singles*99/100]
}

// bytesPerEvent is what all tables with their indexes take on disk, for each
// Event, and logs which of them take how much.
func (r *rig) bytesPerEvent(db *pgx.Conn) float64 {
	b := r.b
	b.Helper()
	var events float64
	require.NoError(b, db.QueryRow(b.Context(), `SELECT count(*) FROM events`).Scan(&events))
	found, err := db.Query(b.Context(), `SELECT coalesce(pg_partition_root(oid)::regclass, oid::regclass)::text, sum(pg_table_size(oid))::float8, sum(pg_indexes_size(oid))::float8
		FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace GROUP BY 1 ORDER BY sum(pg_total_relation_size(oid)) DESC`)
	require.NoError(b, err)
	var table string
	var heap, indexes, sum float64
	var lines strings.Builder
	_, err = pgx.ForEachRow(found, []any{&table, &heap, &indexes}, func() error {
		sum += heap + indexes
		if heap+indexes > events { // at least one byte for each
			fmt.Fprintf(&lines, "\n  %-18s %6.1f + %6.1f = %6.1f", table, heap/events, indexes/events, (heap+indexes)/events)
		}
		return nil
	})
	require.NoError(b, err)
	b.Logf("bytes on disk for each of %.0f Events, table + indexes:%s\n  %-18s %24.1f", events, lines.String(), "all", sum/events)
	return sum / events
}
