package migrations_test

import (
	"encoding/binary"
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

	"errata/internal/event"
	"errata/internal/identity"
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

// Keys that an older program registered are recognised: those of the Event's
// own day in its row, the neighbouring day's by a row that leads to it.
func TestKeysMoveIntoEvents(t *testing.T) {
	db := pgtest.Empty(t)
	require.NoError(t, migrations.UpTo(t.Context(), db.URL, 6))
	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // the test is over
	const (
		ws    = 7
		id    = "019ca6b0-0740-7000-8000-000000000001" // 2026-02-28T23:58
		trace = "4bf92f3577b34da6a3ce929d0e0e4736"
		span  = "00f067aa0ba902b7"
	)
	p := identity.Part{Workspace: ws, Event: event.Event{RequestID: "req_Ünï", Service: "billing", TraceID: trace, SpanID: span}}
	short := func(k identity.Key, ok bool) int64 {
		require.True(t, ok)
		return int64(binary.BigEndian.Uint64(k[:8])) ^ ws //nolint:gosec // bits
	}
	request, spanKey := short(p.RequestKey()), short(p.SpanKey())
	for _, day := range []string{"2026-02-28", "2026-03-01"} {
		_, err = conn.Exec(t.Context(), `SELECT errata_ensure_day($1::date)`, day)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), `INSERT INTO event_keys (workspace_id, day, event_id, request_key, span_key, item_key) VALUES ($1, $2::date, $3, $4, $5, 99)`, ws, day, id, request, spanKey)
		require.NoError(t, err)
	}
	_, err = conn.Exec(t.Context(), `INSERT INTO events (workspace_id, day, id, occurred_at, received_at, trace_id, span_id, issue_id, role, family, sources, fp_version,
		endpoint_other, parts, request_id, service, environment, release, method, endpoint, path, customer, provider, raw_code, code, message)
		VALUES ($1, '2026-02-28', $2, '2026-02-28T23:58Z', now(), $3, x'00f067aa0ba902b7'::bigint, $2, 0, 0, 1, 1, false, 1, 'req_Ünï', 'billing', '', '', '', '', '', '', '', '', 'c', '')`, ws, id, trace)
	require.NoError(t, err)
	require.NoError(t, migrations.Up(t.Context(), db.URL, slog.New(slog.DiscardHandler)))
	rows, err := conn.Query(t.Context(), `SELECT day::text, CASE parts WHEN 0 THEN merged_into ELSE id END::text, sum(request_key)::int8, sum(span_key)::int8, sum(item_key)::int8,
		max(request_id), replace(max(trace_id::text), '-', '') FROM events GROUP BY 1, 2 ORDER BY 1`)
	require.NoError(t, err)
	type kept struct {
		Day, Event          string
		Request, Span, Item int64
		RequestID, TraceID  string
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[kept])
	require.NoError(t, err)
	assert.Equal(t, []kept{{"2026-02-28", id, request, spanKey, 99, "req_Ünï", trace}, {"2026-03-01", id, request, spanKey, 99, "req_Ünï", trace}}, got)
	var pointers int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM events WHERE parts = 0`).Scan(&pointers))
	assert.Equal(t, 3, pointers, "one of each kind, of the other day")
}

// The reports of an Event that was folded are with the other, its keys are not.
func TestKeysOfReportsThatMovedOnAreKept(t *testing.T) {
	db := pgtest.Empty(t)
	require.NoError(t, migrations.UpTo(t.Context(), db.URL, 6))
	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // the test is over
	const (
		ws     = 7
		folded = "019ca6b0-0740-7000-8000-000000000001" // 2026-02-28T23:58
		live   = "019ca6b0-0740-7000-8000-000000000002"
		part   = "019ca6b0-0740-7000-8000-000000000003"
		trace  = "4bf92f3577b34da6a3ce929d0e0e4736"
		span   = "00f067aa0ba902b7"
	)
	// A report that joined an Event which was folded since: its key leads to
	// the folded one, and it is now among the reports of the other.
	p := identity.Part{Workspace: ws, Event: event.Event{TraceID: trace, SpanID: span}}
	k, _ := p.SpanKey()
	key := int64(binary.BigEndian.Uint64(k[:8])) ^ ws //nolint:gosec // bits
	_, err = conn.Exec(t.Context(), `SELECT errata_ensure_day('2026-02-28')`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `INSERT INTO event_keys (workspace_id, day, event_id, span_key) VALUES ($1, '2026-02-28', $2, $3)`, ws, folded, key)
	require.NoError(t, err)
	for id, into := range map[string]any{folded: live, live: nil} {
		_, err = conn.Exec(t.Context(), `INSERT INTO events (workspace_id, day, id, merged_into, occurred_at, received_at, issue_id, role, family, sources, fp_version,
			endpoint_other, parts, request_id, service, environment, release, method, endpoint, path, customer, provider, raw_code, code, message)
			VALUES ($1, '2026-02-28', $2, $3, '2026-02-28T23:58Z', now(), $2, 0, 0, 1, 1, false, 1, 'req', 'billing', '', '', '', '', '', '', '', '', 'c', '')`, ws, id, into)
		require.NoError(t, err)
	}
	_, err = conn.Exec(t.Context(), `INSERT INTO event_parts (workspace_id, day, event_id, part_id, source, record)
		VALUES ($1, '2026-02-28', $2, $3, 0, jsonb_build_object('event', jsonb_build_object('trace_id', $4::text, 'span_id', $5::text)))`, ws, live, part, trace, span)
	require.NoError(t, err)
	require.NoError(t, migrations.Up(t.Context(), db.URL, slog.New(slog.DiscardHandler)))
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM events WHERE span_key = $1 AND trace_id = $2`, key, trace).Scan(&n))
	assert.Equal(t, 1, n)
}

func TestAppPassword(t *testing.T) {
	db := pgtest.New(t)
	require.NoError(t, migrations.SetAppPassword(t.Context(), db.URL, `it's "quoted" \ here`))
	require.ErrorContains(t, migrations.SetAppPassword(t.Context(), "postgres://x:hunter2@127.0.0.1:1/x", "y"), "cannot be reached")
}
