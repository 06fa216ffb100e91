package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/postgres"
	"errata/migrations"

	"log/slog"
)

// chaos is a collector and a database that are killed again and again while
// senders report, and what became of each report.
type chaos struct {
	t         *testing.T
	db        *postgres.Server
	dbDir     string
	spool     string
	addr, key string
	collector *exec.Cmd
	ended     chan struct{} // once the collector has
	log       *os.File

	mu           sync.Mutex
	sent         map[string]bool // request IDs that went out at least once
	acknowledged map[string]bool
	kills        map[string]int
}

const (
	chaosSenders = 4
	chaosBatch   = 20
)

// TestChaos kills collector and database without warning under load, for
// ERRATA_CHAOS (8s), and then counts: every acknowledged report is there,
// once, and the roll-ups agree.
func TestChaos(t *testing.T) {
	length := 8 * time.Second
	if v := os.Getenv("ERRATA_CHAOS"); v != "" {
		var err error
		length, err = time.ParseDuration(v)
		require.NoError(t, err)
	}
	c := newChaos(t)
	until := time.Now().Add(length)
	var senders sync.WaitGroup
	for s := range chaosSenders {
		senders.Go(func() { c.send(s, until) })
	}
	c.rampage(until)
	senders.Wait()
	c.settle()
	c.count()
}

func newChaos(t *testing.T) *chaos {
	t.Helper()
	dir, err := os.MkdirTemp("", "errata-chaos-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // what is inside is private
	c := &chaos{t: t, dbDir: filepath.Join(dir, "db"), spool: filepath.Join(dir, "spool"), addr: freePort(t), key: "erk_ingest_of_this_test_only_01",
		sent: map[string]bool{}, acknowledged: map[string]bool{}, kills: map[string]int{}}
	c.log, err = os.Create(filepath.Join(dir, "collector.log"))
	require.NoError(t, err)
	c.startDatabase()
	require.NoError(t, migrations.Up(t.Context(), c.db.URL(), slog.New(slog.DiscardHandler)))
	c.startCollector()
	t.Cleanup(func() {
		_ = c.collector.Process.Kill()
		<-c.ended
		assert.NoError(t, c.db.Stop())
		assert.NoError(t, c.log.Close())
		if !t.Failed() {
			assert.NoError(t, os.RemoveAll(dir))
		}
	})
	return c
}

func (c *chaos) startDatabase() {
	server, err := postgres.Start(context.Background(), postgres.Options{DataDir: c.dbDir})
	require.NoError(c.t, err)
	c.db = server
}

// startCollector does what a supervisor does: it tries until the program
// stays.
func (c *chaos) startCollector() {
	dir, err := binaries()
	require.NoError(c.t, err)
	for range 100 {
		cmd := exec.Command(filepath.Join(dir, "collector"))
		cmd.Env = []string{"HOME=" + c.spool, "ERRATA_DATABASE_URL=" + c.db.AppURL(), "ERRATA_OTLP_HTTP_ADDR=" + c.addr, "ERRATA_OTLP_GRPC_ADDR=127.0.0.1:0",
			"ERRATA_SPOOL_DIR=" + c.spool, "ERRATA_BOOTSTRAP_INGEST_KEY=" + c.key, "ERRATA_LOG_LEVEL=warn"}
		cmd.Stdout, cmd.Stderr = c.log, c.log
		require.NoError(c.t, cmd.Start())
		ended := make(chan struct{})
		c.collector, c.ended = cmd, ended
		go func() { _ = cmd.Wait(); close(ended) }()
		for {
			res, err := http.Get("http://" + c.addr + "/healthz") //nolint:noctx // a moment, on loopback
			if err == nil {
				_ = res.Body.Close()
				return
			}
			select {
			case <-ended:
			case <-time.After(20 * time.Millisecond):
				continue
			}
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.t.Fatal("the collector does not stay up")
}

// send reports batches, each until it is acknowledged, as an exporter does.
func (c *chaos) send(sender int, until time.Time) {
	client := &http.Client{Timeout: 10 * time.Second}
	for n := 0; time.Now().Before(until); n++ {
		var lines strings.Builder
		ids := make([]string, chaosBatch)
		for i := range ids {
			ids[i] = fmt.Sprintf("req_chaos_%d_%d_%d", sender, n, i)
			fmt.Fprintf(&lines, `{"request_id":%q,"service":"service-%d","status":%d,"endpoint":"/v1/%d","customer":"customer-%d","occurred_at":%q,"envelope":{"error":{"code":"chaos","message":"it broke"}}}`+"\n",
				ids[i], n%3, 500+i%4, i%5, i%7, time.Now().UTC().Format(time.RFC3339Nano))
		}
		c.note(c.sent, ids)
		for deadline := until.Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if c.post(client, lines.String()) {
				c.note(c.acknowledged, ids)
				break
			}
		}
	}
}

func (c *chaos) note(where map[string]bool, ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		where[id] = true
	}
}

func (c *chaos) post(client *http.Client, body string) bool {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+c.addr+"/v1/errors", strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return false
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("x-api-key", c.key)
	res, err := client.Do(req)
	if err != nil {
		return false // killed in the middle
	}
	defer res.Body.Close() //nolint:errcheck // only read
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		assert.True(c.t, err != nil || res.StatusCode == http.StatusServiceUnavailable, "refused with %s: %s", res.Status, answer)
		return false
	}
	var verdict struct {
		Accepted, Duplicates int
	}
	if json.Unmarshal(answer, &verdict) != nil {
		return false
	}
	assert.Equal(c.t, chaosBatch, verdict.Accepted+verdict.Duplicates, "%s", answer)
	return true
}

// rampage kills, one after the other and at random, the collector, the
// database's backends, and the database.
func (c *chaos) rampage(until time.Time) {
	for time.Now().Before(until) {
		time.Sleep(time.Duration(200+rand.IntN(800)) * time.Millisecond) //nolint:gosec // chaos
		switch what := rand.IntN(4); what {                              //nolint:gosec // chaos
		case 0, 1:
			c.kills["collector"]++
			_ = c.collector.Process.Signal(syscall.SIGKILL)
			if what == 1 { // both at once: the collector starts without a database
				c.kills["database"]++
				c.killDatabase()
				c.startCollector()
				c.startDatabase()
				break
			}
			c.startCollector()
		case 2:
			c.kills["database"]++
			c.killDatabase()
			time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond) //nolint:gosec // chaos
			c.startDatabase()
		case 3:
			c.kills["backend"]++
			c.killBackend()
		}
	}
}

// postmaster is the process ID of the running server.
func (c *chaos) postmaster() int {
	raw, err := os.ReadFile(filepath.Join(c.dbDir, "pg", "postmaster.pid"))
	require.NoError(c.t, err)
	var pid int
	_, err = fmt.Sscan(string(raw), &pid)
	require.NoError(c.t, err)
	return pid
}

func (c *chaos) killDatabase() {
	require.NoError(c.t, syscall.Kill(c.postmaster(), syscall.SIGKILL))
	<-c.db.Done()
	_ = c.db.Stop()
}

// killBackend kills a process that serves a connection of Errata's.
func (c *chaos) killBackend() {
	conn, err := pgx.Connect(context.Background(), c.db.URL())
	if err != nil {
		return // it is recovering
	}
	defer conn.Close(context.Background()) //nolint:errcheck // it may be killed as well
	var pid int
	if conn.QueryRow(context.Background(), `SELECT pid FROM pg_stat_activity WHERE application_name = 'errata' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`).Scan(&pid) == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// settle waits until the spool is empty.
func (c *chaos) settle() {
	require.Eventually(c.t, func() bool {
		res, err := http.Get("http://" + c.addr + "/readyz") //nolint:noctx // a moment, on loopback
		if err != nil {
			return false
		}
		defer res.Body.Close() //nolint:errcheck // only read
		raw, _ := io.ReadAll(res.Body)
		return bytes.Contains(raw, []byte(`"items":0`)) && !bytes.Contains(raw, []byte("away"))
	}, 60*time.Second, 100*time.Millisecond, "the spool is drained")
}

func (c *chaos) count() {
	conn, err := pgx.Connect(c.t.Context(), c.db.URL())
	require.NoError(c.t, err)
	defer conn.Close(c.t.Context()) //nolint:errcheck // only read
	rows, err := conn.Query(c.t.Context(), `SELECT request_id, count(*) FROM events WHERE merged_into IS NULL GROUP BY 1`)
	require.NoError(c.t, err)
	found := map[string]int{}
	var id string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error { found[id] = n; return nil })
	require.NoError(c.t, err)
	lost, twice, strange := 0, 0, 0
	for id := range c.acknowledged {
		if found[id] == 0 {
			lost++
		}
	}
	for id, n := range found {
		if n > 1 {
			twice++
		}
		if !c.sent[id] {
			strange++
		}
	}
	c.t.Logf("killed %v; sent %d, acknowledged %d, found %d, duplicated %d, lost %d", c.kills, len(c.sent), len(c.acknowledged), len(found), twice, lost)
	assert.Positive(c.t, len(c.acknowledged))
	assert.Zero(c.t, lost, "lost")
	assert.Zero(c.t, twice, "counted twice")
	assert.Zero(c.t, strange)
	requireCounts(c.t, c.db.URL(), len(found))
}
