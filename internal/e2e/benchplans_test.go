package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/postgres"
)

// What is shown of a run is bounded: statements and the lines of each.
const (
	maxPlans     = 60
	maxPlanLines = 40
	maxPlanWidth = 200
)

// plan is how PostgreSQL carried out a statement, and what that took.
type plan struct {
	sql   string
	ms    string
	times int // that it was sent
	lines []string
}

// explained are the settings under which every new connection to a database
// writes the plan of each statement, with rows and buffers, into the server's log.
var explained = []string{
	`session_preload_libraries = 'auto_explain'`, `auto_explain.log_min_duration = 0`, `auto_explain.log_analyze = on`, `auto_explain.log_buffers = on`,
}

// showPlans opens each path once in a process whose every statement PostgreSQL
// explains, and logs the plans of those that read. The process is another than the
// one that is measured, since explaining takes time, and begins with empty caches.
// What the same process asks for by itself in these moments is shown as well.
func (r *rig) showPlans(db *pgx.Conn, paths []string) {
	for _, setting := range explained {
		r.exec(db, `ALTER DATABASE errata SET `+setting)
	}
	p := launch(r.b, r.server.URLFor(postgres.Superuser, "errata"))
	page, _ := r.signedIn(p)
	shown := map[string]bool{}
	for _, path := range paths {
		from := logSize(r.b, r.log)
		if strings.HasPrefix(path, "/v1/") {
			status, body := p.do(http.MethodGet, "http://"+p.HTTPAddr+path, p.readKey, "", "")
			require.Equal(r.b, http.StatusOK, status, body)
		} else {
			page(path)
		}
		sent := readPlans(logSince(r.b, r.log, from))
		var out strings.Builder
		before := 0
		for _, one := range sent {
			switch {
			case shown[one.shape()]:
				before++
			case len(shown) < maxPlans:
				shown[one.shape()] = true
				fmt.Fprintf(&out, "\n%s", one)
			}
		}
		r.b.Logf("plans of %s: %d statements, %d of them as before%s", path, len(sent), before, out.String())
		assert.NotEmpty(r.b, sent, path)
	}
}

func logSize(tb testing.TB, path string) int64 {
	tb.Helper()
	info, err := os.Stat(path)
	require.NoError(tb, err)
	return info.Size()
}

func logSince(tb testing.TB, path string, from int64) []byte {
	tb.Helper()
	f, err := os.Open(path)
	require.NoError(tb, err)
	defer f.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(io.NewSectionReader(f, from, 1<<30))
	require.NoError(tb, err)
	return raw
}

var planBegins = regexp.MustCompile(`LOG:  duration: ([0-9.]+) ms  plan:$`)

// readPlans takes plans out of a server's log, in the order in which statements
// were first sent; of one that was sent several times, the plan that took longest.
// Left out are statements that change something, and the job queue's.
func readPlans(log []byte) (out []plan) {
	at := map[string]int{}
	for _, entry := range entries(log) {
		begin := planBegins.FindStringSubmatch(entry[0])
		root := slices.IndexFunc(entry, func(line string) bool { return strings.Contains(line, "  (cost=") })
		if begin == nil || root < 1 {
			continue
		}
		sql := strings.Join(strings.Fields(strings.TrimPrefix(strings.Join(entry[1:root], " "), "Query Text:")), " ")
		if !strings.HasPrefix(sql, "SELECT") && !strings.HasPrefix(sql, "WITH") && !strings.HasPrefix(sql, "(") || strings.Contains(sql, "river_") {
			continue
		}
		one := plan{sql: sql, ms: begin[1], lines: compact(entry[root:])}
		i, again := at[sql]
		if !again {
			i = len(out)
			at[sql], out = i, append(out, plan{})
		}
		one.times = out[i].times + 1
		if again && milliseconds(one.ms) < milliseconds(out[i].ms) {
			out[i].times = one.times
			continue
		}
		out[i] = one
	}
	return out
}

func milliseconds(ms string) time.Duration {
	d, _ := time.ParseDuration(ms + "ms") // the expression has seen that it is a number
	return d
}

// entries are a log's messages; the lines of one that go on begin with a tab.
func entries(log []byte) (out [][]string) {
	for line := range bytes.Lines(log) {
		text := strings.TrimRight(string(line), "\n")
		if rest, more := strings.CutPrefix(text, "\t"); !more {
			out = append(out, []string{text})
		} else if len(out) > 0 {
			out[len(out)-1] = append(out[len(out)-1], rest)
		}
	}
	return out
}

// compact leaves out the nodes that were not needed, such as partitions.
func compact(lines []string) (out []string) {
	idle := false
	for _, line := range lines {
		if strings.Contains(line, "  (cost=") {
			idle = strings.Contains(line, "(never executed)")
		}
		if !idle {
			out = append(out, line)
		}
	}
	return out
}

var digits = regexp.MustCompile(`\d+`)

// shape tells plans apart that do different things: not how much each of them
// found, nor in how many partitions.
func (p plan) shape() string {
	out := []string{p.sql}
	for _, line := range p.lines {
		node, _, is := strings.Cut(line, "  (cost=")
		if node = digits.ReplaceAllString(strings.TrimSpace(node), ""); is && !slices.Contains(out, node) {
			out = append(out, node)
		}
	}
	return strings.Join(out, "\n")
}

func (p plan) String() string {
	out := []string{fmt.Sprintf("── %s ms, sent %d×: %s", p.ms, p.times, short(p.sql))}
	for i, line := range p.lines {
		if i == maxPlanLines {
			out = append(out, fmt.Sprintf("   … and %d lines more", len(p.lines)-i))
			break
		}
		out = append(out, "   "+short(line))
	}
	return strings.Join(out, "\n")
}

func short(line string) string {
	if r := []rune(line); len(r) > maxPlanWidth {
		return string(r[:maxPlanWidth]) + "…"
	}
	return line
}

// What a real server writes can be read, whatever lies between.
func TestPlansAreRead(t *testing.T) {
	dir, err := os.MkdirTemp("", "errata-plans-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // what is inside is private
	server, err := postgres.Start(t.Context(), postgres.Options{DataDir: dir, Ephemeral: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Stop()) })
	admin := connect(t, server.URL())
	for _, sql := range explained {
		_, err := admin.Exec(t.Context(), `ALTER DATABASE errata SET `+sql)
		require.NoError(t, err)
	}
	db := connect(t, server.URL())
	for _, sql := range []string{`CREATE TABLE days (d int) PARTITION BY RANGE (d)`, `CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (1) TO (5)`,
		`CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM (5) TO (9)`, `INSERT INTO days VALUES (1), (7)`} {
		_, err := db.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	for range 2 {
		_, err := db.Exec(t.Context(), "SELECT d\n\n  FROM days\nWHERE d > $1 LIMIT 1", 0)
		require.NoError(t, err)
	}
	plans := readPlans(logSince(t, filepath.Join(dir, "log", "postgresql.log"), 0))
	require.Len(t, plans, 1, plans)
	assert.Equal(t, "SELECT d FROM days WHERE d > $1 LIMIT 1", plans[0].sql)
	assert.Equal(t, 2, plans[0].times)
	said := plans[0].String()
	assert.Regexp(t, `(?s)^── [0-9.]+ ms, sent 2×: SELECT d .*Limit  \(cost=.*actual time=.*rows=1.*Buffers: .*Seq Scan on days_1`, said)
	assert.NotContains(t, said, "days_2", "it was not read")
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close(context.Background())) })
	return conn
}
