package pgtest

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// FillIssues makes issues that happened in every hour of the days up to last,
// three out of four seldom. It goes around the store, for tables that a test
// could not fill otherwise, and leaves no statistics.
func FillIssues(tb testing.TB, db *pgx.Conn, last time.Time, days, issues int) {
	tb.Helper()
	const (
		insertIssues = `
INSERT INTO issues (workspace_id, id, fp_version, first_at, role, family, service, method, endpoint, status, code, title, template, reasons)
SELECT 1, md5('issue' || n)::uuid, 2, $1::timestamptz - interval '1 hour' * (n % 700), 0, 2, 'service-' || n % 40, 'POST', '/v1/things/' || n % 500 || '/{id}', 500,
  'code_' || n % 300, 'Thing ' || n || ' of ' || md5(n::text) || ' cannot be ' || md5((n % 1000)::text), 'Thing <*> of <*> cannot be ' || md5((n % 1000)::text), '[]'
FROM generate_series(1, $2::int) n`
		insertSeen = `
INSERT INTO issue_seen (workspace_id, issue_id, first_at, last_at)
SELECT 1, i.id, i.first_at, $1::timestamptz - interval '1 second' * ('x' || substr(i.id::text, 1, 4))::bit(16)::int FROM issues i WHERE i.workspace_id = 1
ON CONFLICT DO NOTHING`
		insertHours = `
INSERT INTO issue_hours (workspace_id, hour, issue_id, slot, release, n, first_at, last_at, samples)
SELECT 1, h, md5('issue' || n)::uuid, s, '2026.11.20-3', 1 + n % 7, h, h + interval '59 minutes', NULL
FROM generate_series($1::timestamptz, $1::timestamptz + interval '23 hours', interval '1 hour') h, generate_series(1, $2::int) n, generate_series(1, 2) s
WHERE n % 4 = 0 OR (n + extract(hour FROM h)::int) % 97 = 0`
	)
	_, err := db.Exec(tb.Context(), insertIssues, last, issues)
	require.NoError(tb, err)
	_, err = db.Exec(tb.Context(), insertSeen, last)
	require.NoError(tb, err)
	for day := range days {
		start := last.UTC().Truncate(24*time.Hour).AddDate(0, 0, -day)
		_, err := db.Exec(tb.Context(), `SELECT errata_ensure_day($1::date)`, start.Format(time.DateOnly))
		require.NoError(tb, err)
		_, err = db.Exec(tb.Context(), insertHours, start, issues)
		require.NoError(tb, err)
	}
}
