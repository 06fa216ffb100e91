package migrations_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
	"errata/internal/postgres"
	"errata/migrations"
)

var update = flag.Bool("update", false, "write schema.sql anew")

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestUpTwiceChangesNothing(t *testing.T) {
	db := pgtest.Empty(t)
	log := slog.New(slog.DiscardHandler)
	version, err := migrations.Version(t.Context(), db.URL)
	require.NoError(t, err)
	assert.Zero(t, version)
	for range 2 {
		require.NoError(t, migrations.Up(t.Context(), db.URL, log))
		version, err = migrations.Version(t.Context(), db.URL)
		require.NoError(t, err)
		assert.Equal(t, migrations.Latest(), version)
	}
}

// schema.sql shows what the migrations add up to.
func TestSchemaDump(t *testing.T) {
	bin, err := postgres.Find()
	require.NoError(t, err)
	out, err := exec.Command(filepath.Join(bin.Dir, "pg_dump"), "--schema-only", "--no-owner", "--exclude-table=goose*", pgtest.New(t).URL).Output()
	require.NoError(t, err)
	// Versions of pg_dump write the same schema in different words.
	got := fmt.Sprintf("-- As pg_dump %d writes it.\n\n", bin.Major) + normalise(string(out))
	if *update {
		require.NoError(t, os.WriteFile("schema.sql", []byte(got), 0o644)) //nolint:gosec // a public document
	}
	want, err := os.ReadFile("schema.sql")
	require.NoError(t, err)
	if header, _, _ := strings.Cut(got, "\n"); !strings.HasPrefix(string(want), header) {
		t.Logf("schema.sql was written by another version of pg_dump than %d: not compared", bin.Major)
		return
	}
	assert.Equal(t, string(want), got, "run: go test ./migrations -update")
}

var (
	noise  = regexp.MustCompile(`(?m)^(--.*|SET .*|SELECT pg_catalog.*|\\(un)?restrict.*|.*DEFAULT PRIVILEGES.*|.*SCHEMA public.*)\n`)
	blanks = regexp.MustCompile(`\n{2,}`)
)

// normalise drops what differs between versions of pg_dump.
func normalise(dump string) string {
	return strings.TrimSpace(blanks.ReplaceAllString(noise.ReplaceAllString(dump, ""), "\n\n")) + "\n"
}

func TestAppRoleIsNoOwner(t *testing.T) {
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.AppURL)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // the test is over
	var super, bypass bool
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user`).Scan(&super, &bypass))
	assert.False(t, super || bypass)
	for _, sql := range []string{`DROP TABLE events`, `ALTER TABLE events ADD COLUMN x int`, `UPDATE audit SET action = 'x'`, `DELETE FROM audit`, `CREATE TABLE x (n int)`} {
		_, err := conn.Exec(t.Context(), sql)
		require.Error(t, err, sql)
		assert.Contains(t, err.Error(), "42501", sql) // insufficient_privilege
	}
	_, err = conn.Exec(t.Context(), `SELECT errata_ensure_day('2026-01-01')`)
	require.NoError(t, err)
}

// A table that comes later gets the days that were made before it.
func TestRequestTotalsJoinTheDaysThatThereAre(t *testing.T) {
	db := pgtest.Empty(t)
	require.NoError(t, migrations.UpTo(t.Context(), db.URL, 2))
	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // the test is over
	for _, day := range []string{"2026-03-01", "2026-03-05"} {
		_, err = conn.Exec(t.Context(), `SELECT errata_ensure_day($1::date)`, day)
		require.NoError(t, err)
	}
	require.NoError(t, migrations.Up(t.Context(), db.URL, slog.New(slog.DiscardHandler)))
	for _, table := range []string{"request_minutes_20260301", "request_minutes_20260305", "request_keys_20260301", "request_keys_20260305"} {
		var is bool
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1))`, table).Scan(&is))
		assert.True(t, is, table)
	}
	app, err := pgx.Connect(t.Context(), db.AppURL)
	require.NoError(t, err)
	defer app.Close(t.Context()) //nolint:errcheck // the test is over
	_, err = app.Exec(t.Context(), `INSERT INTO request_keys (workspace_id, day, key) VALUES (1, '2026-03-05', '00000000-0000-0000-0000-000000000001')`)
	require.NoError(t, err)
}

// What an older program wrote is there after the tables have been rebuilt.
func TestCustomersAreCountedAfterMigration(t *testing.T) {
	db := pgtest.Empty(t)
	require.NoError(t, migrations.UpTo(t.Context(), db.URL, 4))
	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // the test is over
	for _, sql := range []string{
		`SELECT errata_ensure_day('2026-03-01')`,
		`INSERT INTO customer_minutes (workspace_id, minute, alert_minute, role, family, n, service, environment, method, endpoint, code, customer)
		 SELECT 7, '2026-03-01 12:00Z', '2026-03-01 12:00Z', 0, 0, n, 's', 'e', 'm', 'p', 'c', 'acme' FROM unnest(ARRAY[2, 3]) AS n`,
	} {
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.NoError(t, migrations.Up(t.Context(), db.URL, slog.New(slog.DiscardHandler)))
	var customers int64
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT sum(n) FROM customer_counts WHERE workspace_id = 7 AND customer = 'acme'`).Scan(&customers))
	assert.EqualValues(t, 5, customers)
}

func TestAppPassword(t *testing.T) {
	db := pgtest.New(t)
	require.NoError(t, migrations.SetAppPassword(t.Context(), db.URL, `it's "quoted" \ here`))
	require.ErrorContains(t, migrations.SetAppPassword(t.Context(), "postgres://x:hunter2@127.0.0.1:1/x", "y"), "cannot be reached")
}
