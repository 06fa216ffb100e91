package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"errata/internal/ruleset"
	"errata/internal/store"
)

// BenchmarkReplay replays 14 days of 10 services with five endpoints each, which
// answer every minute and fail in a fifth of the minutes: 3.3 million rows of
// minutes. Run it with -benchtime 1x -v.
func BenchmarkReplay(b *testing.B) {
	f := open(b, store.Options{})
	require.NoError(b, f.EnsurePartitions(b.Context(), noon.AddDate(0, 0, -46), noon.AddDate(0, 0, 2)))
	for _, sql := range []string{`
INSERT INTO request_minutes (workspace_id, minute, key, n, source, slot, service, environment, method, endpoint)
SELECT 1, m, md5(s::text)::uuid, 60, 1, 0, 'service-' || s % 10, 'production', 'GET', '/v1/things/' || s / 10 FROM generate_series(0, 49) s, generate_series($1::timestamptz, $2::timestamptz, '1 minute') m`, `
INSERT INTO error_minutes (workspace_id, minute, key, slot, alert_minute, role, family, status, n, n_late, service, environment, method, endpoint, code, provider, release)
SELECT 1, m, md5(s::text)::uuid, 0, m, 0, 2, 500, CASE WHEN s % 10 = 3 AND extract(hour FROM m) = 7 AND extract(minute FROM m) < 20 THEN 40 ELSE 1 END, 0, 'service-' || s % 10, 'production', 'GET', '/v1/things/' || s / 10, 'boom', '', 'r1'
FROM generate_series(0, 49) s, generate_series($1::timestamptz, $2::timestamptz, '1 minute') m WHERE random() < 0.2 OR s % 10 = 3 AND extract(hour FROM m) = 7 AND extract(minute FROM m) < 20`, `
INSERT INTO customer_minutes (workspace_id, minute, alert_minute, role, family, status, service, environment, method, endpoint, code, customers, counts)
SELECT 1, minute, minute, 0, 2, 500, service, environment, method, endpoint, code, ARRAY['c' || (n * 7) % 30], ARRAY[n::int] FROM error_minutes WHERE minute >= $1 AND minute <= $2`} {
		_, err := f.db.Exec(b.Context(), sql, noon.AddDate(0, 0, -44), noon)
		require.NoError(b, err)
	}
	_, err := f.db.Exec(b.Context(), `ANALYZE`)
	require.NoError(b, err)
	one := ruleset.New("one service")
	one.Query = "service:service-3"
	for name, rule := range map[string]ruleset.Rule{"one": one, "all": ruleset.Default()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				out, err := f.ReplayRule(b.Context(), store.DefaultWorkspace, rule, store.ReplaySpan{Now: noon, For: 5 * time.Minute})
				require.NoError(b, err)
				require.True(b, out.Complete)
				require.Equal(b, 14, out.Count)
				b.Logf("%d incidents in %d ms", out.Count, out.TookMS)
			}
		})
	}
}
