package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/identity"
	"errata/internal/store"
)

// The statements of a Trail find their rows by the index that was made for
// them, with statistics and without: a plan that reads through a day is right,
// and slower by thousands.
func TestTrailPlans(t *testing.T) {
	f := open(t, store.Options{})
	require.NoError(t, f.EnsurePartitions(t.Context(), now.AddDate(0, 0, -1), now))
	fillTrails(t, f, 1, 6000)
	byRequest, events, trace := store.TrailStatements()
	zero := "'00000000-0000-7000-8000-000000000000'::uuid"
	today := identity.DayOf(now)
	cases := []struct{ name, sql, arguments, condition string }{
		{"by request", byRequest, "1, 'req_7', 'req_7', 501", "translate(lower("},
		{"events", events, fmt.Sprintf("1, %d, ARRAY[%s], %s, %s", today, zero, zero, zero), "id >= $4"},
		{"trace", trace, fmt.Sprintf("1, %s, ARRAY[%s], %d, 501", zero, zero, today), "trace_id = $2"},
	}
	_, err := f.db.Exec(t.Context(), `SET plan_cache_mode = force_generic_plan`)
	require.NoError(t, err)
	for _, statistics := range []bool{false, true} {
		if statistics {
			_, err := f.db.Exec(t.Context(), `ANALYZE events`)
			require.NoError(t, err)
		}
		for _, c := range cases {
			name := "s" + strings.ReplaceAll(c.name, " ", "")
			_, err := f.db.Exec(t.Context(), "PREPARE "+name+" AS "+c.sql)
			require.NoError(t, err)
			rows, err := f.db.Query(t.Context(), "EXPLAIN EXECUTE "+name+"("+c.arguments+")", pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err)
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			assert.Contains(t, indexCondition(plan, "events_"+now.Format("20060102")), c.condition, "%s, statistics: %v\n%s", c.name, statistics, strings.Join(plan, "\n"))
			_, err = f.db.Exec(t.Context(), "DEALLOCATE "+name)
			require.NoError(t, err)
		}
	}
}

// indexCondition is the condition under which a plan reads that partition's
// index.
func indexCondition(plan []string, partition string) string {
	for i, line := range plan {
		if strings.Contains(line, "on "+partition) && i+1 < len(plan) {
			return plan[i+1]
		}
	}
	return ""
}

// fillTrails makes trails of three Events each: a request ID and two more
// services of its trace.
func fillTrails(tb testing.TB, f *fixture, days, perDay int) {
	tb.Helper()
	start := now.AddDate(0, 0, -days+1)
	require.NoError(tb, f.EnsurePartitions(tb.Context(), start, now))
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
		_, err := f.db.Exec(tb.Context(), sql, start.AddDate(0, 0, day).Format(time.DateOnly), day*perDay/3*3, (day+1)*perDay/3*3-1)
		require.NoError(tb, err)
	}
}
