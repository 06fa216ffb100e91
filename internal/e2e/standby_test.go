package e2e

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/postgres"
)

// socket is the directory of a server's socket.
func (s *site) socket(name string) string { return filepath.Join(s.dir, name, "run") }

// standby is a copy of the site's server that follows it, and has all that is
// committed before whoever commits hears of it.
func (s *site) standby() *postgres.Server {
	s.t.Helper()
	bin, err := postgres.Find()
	require.NoError(s.t, err)
	dir := filepath.Join(s.dir, "standby")
	data := filepath.Join(dir, "pg")
	require.NoError(s.t, os.MkdirAll(data, 0o700))
	require.NoError(s.t, os.Chmod(dir, 0o755)) //nolint:gosec // what is inside is private
	backup := exec.CommandContext(s.t.Context(), filepath.Join(bin.Dir, "pg_basebackup"), "-D", data, "-h", s.socket("db"), "-U", postgres.Superuser, "-R", "-X", "stream", "-c", "fast", "--no-sync")
	backup.Dir = "/"
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		who, err := user.Lookup("postgres")
		require.NoError(s.t, err)
		uid, err := strconv.Atoi(who.Uid)
		require.NoError(s.t, err)
		gid, err := strconv.Atoi(who.Gid)
		require.NoError(s.t, err)
		require.NoError(s.t, os.Chown(data, uid, gid))
		backup.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}} //nolint:gosec // from the user database
	}
	out, err := backup.CombinedOutput()
	require.NoError(s.t, err, string(out))
	b, err := postgres.Start(context.Background(), postgres.Options{DataDir: dir})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { assert.NoError(s.t, b.Stop()) })

	conn, err := pgx.Connect(s.t.Context(), s.db.URL())
	require.NoError(s.t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // its statements have errors of their own
	for _, sql := range []string{`ALTER SYSTEM SET synchronous_standby_names = '*'`, `SELECT pg_reload_conf()`} {
		_, err = conn.Exec(s.t.Context(), sql)
		require.NoError(s.t, err)
	}
	require.Eventually(s.t, func() bool {
		var follows bool
		err := conn.QueryRow(s.t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming')`).Scan(&follows)
		return err == nil && follows
	}, 20*time.Second, 20*time.Millisecond, "it follows")
	return b
}

// demote has the site's server take no more writes: what was being written is
// broken off, connections that are idle stay.
func (s *site) demote() {
	conn, err := pgx.Connect(s.t.Context(), s.db.URL())
	require.NoError(s.t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // its statements have errors of their own
	for _, sql := range []string{`ALTER SYSTEM SET default_transaction_read_only = on`, `SELECT pg_reload_conf()`} {
		_, err = conn.Exec(s.t.Context(), sql)
		require.NoError(s.t, err)
	}
	require.Eventually(s.t, func() bool {
		var on string
		return conn.QueryRow(s.t.Context(), `SHOW default_transaction_read_only`).Scan(&on) == nil && on == "on"
	}, 20*time.Second, 10*time.Millisecond, "it takes no more writes")
	_, err = conn.Exec(s.t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'errata' AND xact_start IS NOT NULL`)
	require.NoError(s.t, err)
}
