package pgtest

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// FillTrails makes trails of three Events each, perDay Events on each of the
// days up to last: a request ID (req_0, req_1, …) and two more services of its
// trace. It goes around the store, for tables that a test could not fill
// otherwise. It leaves no statistics.
func FillTrails(tb testing.TB, db *pgx.Conn, last time.Time, days, perDay int) {
	tb.Helper()
	start := last.AddDate(0, 0, -days+1)
	const sql = `
INSERT INTO events (workspace_id, day, id, occurred_at, received_at, trace_id, span_id, issue_id, status, role, family, sources, fp_version,
  endpoint_other, parts, request_id, service, environment, release, method, endpoint, path, customer, provider, raw_code, code, message, extra)
SELECT 1, d, (substr(ms, 1, 8) || substr(ms, 9, 4) || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
  t, t, md5('trace' || n / 3)::uuid, n + 1, md5('issue' || n % 50)::uuid, 500, 0, 2, 1, 1,
  false, 1, CASE WHEN n % 3 = 0 THEN 'req_' || n / 3 END, 'service-' || n % 3, 'production', '2026.11.20-3', 'POST', '/v1/charges/{id}', '/v1/charges/42',
  'acme', '', 'INTERNAL_ERROR', 'internal_error', 'An unexpected error occurred while charging the card', '{"dialect":"nested"}'
FROM (SELECT n, $1::date AS d, $1::date + interval '1 second' * (n % 80000) AS t,
        lpad(to_hex((extract(epoch FROM $1::date + interval '1 second' * (n % 80000)) * 1000)::bigint), 12, '0') AS ms
      FROM generate_series($2::int, $3::int) n) g`
	for day := range days {
		_, err := db.Exec(tb.Context(), `SELECT errata_ensure_day($1::date)`, start.AddDate(0, 0, day).Format(time.DateOnly))
		require.NoError(tb, err)
		_, err = db.Exec(tb.Context(), sql, start.AddDate(0, 0, day).Format(time.DateOnly), day*perDay/3*3, (day+1)*perDay/3*3-1)
		require.NoError(tb, err)
	}
}
