package postgres_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/postgres"
)

// childDir makes the test binary start a server and wait to be killed.
const childDir = "ERRATA_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		s, err := postgres.Start(context.Background(), postgres.Options{DataDir: dir, Ephemeral: true})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("ready", s.URL())
		time.Sleep(time.Minute) // until killed
	}
	os.Exit(m.Run())
}

// dataDir is one that the server's own user may enter, too.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "errata-pg-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // what is inside is private
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return filepath.Join(dir, "data")
}

func start(t *testing.T, dir string) *postgres.Server {
	t.Helper()
	s, err := postgres.Start(t.Context(), postgres.Options{DataDir: dir, Ephemeral: true})
	require.NoError(t, err)
	return s
}

func run(t *testing.T, s *postgres.Server, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

func TestDataIsThereAgain(t *testing.T) {
	dir := dataDir(t)
	s := start(t, dir)
	run(t, s, `CREATE TABLE kept (n int)`)
	_, err := postgres.Start(t.Context(), postgres.Options{DataDir: dir})
	require.ErrorContains(t, err, "in use by process "+strconv.Itoa(os.Getpid()))
	require.NoError(t, s.Stop())
	select {
	case <-s.Done():
	default:
		t.Error("Stop returns when the server has ended")
	}
	s = start(t, dir)
	run(t, s, `INSERT INTO kept VALUES (1)`)
	require.NoError(t, s.Stop())
}

// Another part of the program may have made the directory for itself alone.
func TestClosedDirectoryIsOpened(t *testing.T) {
	dir := dataDir(t)
	require.NoError(t, os.Mkdir(dir, 0o700))
	s := start(t, dir)
	run(t, s, `SELECT 1`)
	require.NoError(t, s.Stop())
}

// A kill -9 of our process leaves its server behind; the next start stops that
// one and finds the data.
func TestOrphanIsReplaced(t *testing.T) {
	dir := dataDir(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line := make([]byte, 512)
	n, err := out.Read(line)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(line[:n]), "ready "), string(line[:n]))
	require.NoError(t, child.Process.Kill())
	_ = child.Wait() // says that it was killed

	orphan := pid(t, dir)
	require.NoError(t, syscall.Kill(orphan, 0), "the server outlives us")
	s, err := postgres.Start(t.Context(), postgres.Options{DataDir: dir}) // durable: the next one is killed
	require.NoError(t, err)
	assert.NotEqual(t, orphan, pid(t, dir))
	run(t, s, `CREATE TABLE t (n int)`)

	// And a server that was killed itself leaves its files behind.
	require.NoError(t, syscall.Kill(pid(t, dir), syscall.SIGKILL))
	<-s.Done()
	require.NoError(t, s.Stop())
	_, err = os.Stat(filepath.Join(dir, "pg", "postmaster.pid"))
	require.NoError(t, err)
	s = start(t, dir)
	run(t, s, `INSERT INTO t VALUES (1)`)
	require.NoError(t, s.Stop())
}

// The server's own processes may outlive it for a while, and keep its memory.
func TestLingeringProcessesAreWaitedFor(t *testing.T) {
	dir := dataDir(t)
	s, err := postgres.Start(t.Context(), postgres.Options{DataDir: dir})
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // its server is killed
	backend := int(conn.PgConn().PID())
	require.NoError(t, syscall.Kill(backend, syscall.SIGSTOP))
	require.NoError(t, syscall.Kill(pid(t, dir), syscall.SIGKILL))
	<-s.Done()
	require.NoError(t, s.Stop())

	wakes := time.AfterFunc(500*time.Millisecond, func() { _ = syscall.Kill(backend, syscall.SIGCONT) })
	defer wakes.Stop()
	require.NoError(t, start(t, dir).Stop())
}

func pid(t *testing.T, dir string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "pg", "postmaster.pid"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(raw), "\n")
	n, err := strconv.Atoi(first)
	require.NoError(t, err)
	return n
}

func TestOtherMajorVersionIsRefused(t *testing.T) {
	dir := dataDir(t)
	require.NoError(t, start(t, dir).Stop())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pg", "PG_VERSION"), []byte("9\n"), 0o600))
	_, err := postgres.Start(t.Context(), postgres.Options{DataDir: dir})
	require.ErrorContains(t, err, "made by PostgreSQL 9")
	require.ErrorContains(t, err, "pg_upgrade")
}

func TestLongPathsHaveShortSockets(t *testing.T) {
	dir := filepath.Join(dataDir(t), strings.Repeat("long-", 20))
	s := start(t, dir)
	run(t, s, `SELECT 1`)
	require.NoError(t, s.Stop())
}

func TestUnusableDirectories(t *testing.T) {
	dir := dataDir(t)
	require.NoError(t, os.MkdirAll(dir, 0o755)) //nolint:gosec // a test
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pg"), nil, 0o600))
	_, err := postgres.Start(t.Context(), postgres.Options{DataDir: dir})
	require.ErrorContains(t, err, "--data-dir")
	assert.NotContains(t, err.Error(), "\n")
}

// What stands where a directory should be is named: it may be within one that is fine.
func TestFilesInTheWay(t *testing.T) {
	for _, name := range []string{"log", "pg", "run"} {
		dir := dataDir(t)
		require.NoError(t, os.Mkdir(dir, 0o755)) //nolint:gosec // as somebody made it
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
		_, err := postgres.Start(t.Context(), postgres.Options{DataDir: dir})
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), file+" is in the way: it should be a directory", name)
		assert.NotContains(t, err.Error(), "not writable")
	}
	dir := dataDir(t)
	require.NoError(t, os.WriteFile(dir, []byte("x"), 0o600))
	_, err := postgres.Start(t.Context(), postgres.Options{DataDir: filepath.Join(dir, "data")})
	require.ErrorContains(t, err, dir+" is in the way: it should be a directory")
}

func TestMissingPrograms(t *testing.T) {
	t.Setenv("ERRATA_PG_BIN", t.TempDir())
	_, err := postgres.Start(t.Context(), postgres.Options{DataDir: dataDir(t)})
	require.ErrorIs(t, err, postgres.ErrNotFound)
	assert.Contains(t, err.Error(), "ERRATA_DATABASE_URL")
}
