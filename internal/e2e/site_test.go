package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/postgres"
	"errata/migrations"
)

// site is a database server of its own with collectors beside it: processes,
// so that they can be killed without warning.
type site struct {
	t   *testing.T
	dir string
	db  *postgres.Server
	key string // with which senders report
	log *os.File
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "errata-site-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // what is inside is private
	s := &site{t: t, dir: dir, key: "erk_ingest_of_this_test_only_01"}
	s.log, err = os.Create(filepath.Join(dir, "collectors.log"))
	require.NoError(t, err)
	s.startDatabase()
	require.NoError(t, migrations.Up(t.Context(), s.db.URL(), slog.New(slog.DiscardHandler)))
	t.Cleanup(func() {
		if s.db != nil {
			assert.NoError(t, s.db.Stop())
		}
		assert.NoError(t, s.log.Close())
		if t.Failed() {
			t.Logf("what the collectors said is in %s", s.log.Name())
		} else {
			assert.NoError(t, os.RemoveAll(dir))
		}
	})
	return s
}

func (s *site) startDatabase() {
	server, err := postgres.Start(context.Background(), postgres.Options{DataDir: filepath.Join(s.dir, "db")})
	require.NoError(s.t, err)
	s.db = server
}

// killDatabase ends the server as a power cut would, as far as its processes
// are concerned.
func (s *site) killDatabase() {
	require.NoError(s.t, syscall.Kill(s.postmaster(), syscall.SIGKILL))
	<-s.db.Done()
	_ = s.db.Stop()
}

// postmaster is the process ID of the running server.
func (s *site) postmaster() int {
	raw, err := os.ReadFile(filepath.Join(s.dir, "db", "pg", "postmaster.pid"))
	require.NoError(s.t, err)
	var pid int
	_, err = fmt.Sscan(string(raw), &pid)
	require.NoError(s.t, err)
	return pid
}

// killBackend kills a process that serves a connection of Errata's, upon which
// PostgreSQL restarts all of them.
func (s *site) killBackend() {
	conn, err := pgx.Connect(context.Background(), s.db.URL())
	if err != nil {
		return // it is recovering
	}
	defer conn.Close(context.Background()) //nolint:errcheck // it may be killed as well
	var pid int
	if conn.QueryRow(context.Background(), `SELECT pid FROM pg_stat_activity WHERE application_name = 'errata' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`).Scan(&pid) == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// collector is one process of cmd/collector, on a port and with a spool that
// outlive it.
type collector struct {
	site        *site
	addr, spool string
	fileBlocks  int // how large a file it may write, in 512 bytes; 0 for no bound
	cmd         *exec.Cmd
	ended       chan struct{} // once the process has
}

func (s *site) newCollector(name string) *collector { return s.newCollectorWith(name, 0) }

func (s *site) newCollectorWith(name string, fileBlocks int) *collector {
	c := &collector{site: s, addr: freePort(s.t), spool: filepath.Join(s.dir, name), fileBlocks: fileBlocks}
	c.start()
	s.t.Cleanup(c.kill)
	return c
}

// start does what a supervisor does: it tries until the program stays.
func (c *collector) start() {
	s := c.site
	dir, err := binaries()
	require.NoError(s.t, err)
	for range 100 {
		cmd := exec.Command(filepath.Join(dir, "collector"))
		if c.fileBlocks > 0 {
			cmd = exec.Command("/bin/sh", "-c", fmt.Sprintf(`ulimit -f %d && exec "$0"`, c.fileBlocks), cmd.Path)
		}
		cmd.Env = []string{"HOME=" + c.spool, "ERRATA_DATABASE_URL=" + s.db.AppURL(), "ERRATA_OTLP_HTTP_ADDR=" + c.addr, "ERRATA_OTLP_GRPC_ADDR=127.0.0.1:0",
			"ERRATA_SPOOL_DIR=" + c.spool, "ERRATA_BOOTSTRAP_INGEST_KEY=" + s.key, "ERRATA_LOG_LEVEL=warn", "ERRATA_SEGMENT_EVENTS=500"}
		cmd.Stdout, cmd.Stderr = s.log, s.log
		require.NoError(s.t, cmd.Start())
		ended := make(chan struct{})
		c.cmd, c.ended = cmd, ended
		go func() { _ = cmd.Wait(); close(ended) }()
		for {
			if c.get("/healthz") != "" {
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
	s.t.Fatal("the collector does not stay up")
}

func (c *collector) kill() {
	_ = c.cmd.Process.Signal(syscall.SIGKILL)
	<-c.ended
}

// get reads a page of the collector's; "" when it cannot be had.
func (c *collector) get(path string) string {
	res, err := http.Get("http://" + c.addr + path) //nolint:noctx // a moment, on loopback
	if err != nil {
		return ""
	}
	defer res.Body.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return ""
	}
	return string(raw)
}

// settle waits until the database is back and the spool is empty.
func (c *collector) settle(patience time.Duration) {
	require.Eventually(c.site.t, func() bool {
		raw := []byte(c.get("/readyz"))
		return bytes.Contains(raw, []byte(`"items":0`)) && !bytes.Contains(raw, []byte("away"))
	}, patience, 100*time.Millisecond, "the spool is drained")
}
