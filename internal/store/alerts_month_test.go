package store_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// One process judges for days, in which services have outages, endpoints come and
// go, and customers outgrow their limits: it needs no more memory on the last day
// than on the first, and remembers no more of series in the database. ERRATA_ALERT_FAULTS
// makes it a month.
func TestJudgingNeedsNoMoreFromDayToDay(t *testing.T) {
	days, warm := 3, 1
	if _, ok := os.LookupEnv(longFaults); ok {
		days, warm = 30, 2
	}
	f := alertFixture{open(t, store.Options{Retention: store.Retention{Rollups: 2}}), t}
	first := noon.Truncate(24 * time.Hour)
	require.NoError(t, f.EnsurePartitions(t.Context(), first.AddDate(0, 0, -1), first.AddDate(0, 0, days)))
	_, err := f.db.Exec(t.Context(), `INSERT INTO channels (workspace_id, id, name, kind, settings, secrets, level, updated_by)
VALUES (1, '019335f0-0000-7000-8000-000000000001', 'pager', 'webhook', '{}', '{}', 'notify', 'test')`)
	require.NoError(t, err)
	var heap, rows [2]uint64
	for day := range days {
		f.aDay(first.AddDate(0, 0, day), day)
		minutes := 0
		for at := first.AddDate(0, 0, day).Add(15 * time.Minute); !at.After(first.AddDate(0, 0, day+1)); at = at.Add(15 * time.Minute) {
			minutes += f.tick(f.Store, at.Add(40*time.Second)).Minutes
		}
		require.NoError(t, f.Expire(t.Context(), first.AddDate(0, 0, day+1)))
		last := 0
		if day >= warm {
			assert.Equal(t, 1440, minutes)
			last = 1
		}
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap[last] = m.HeapAlloc
		var states, incidents, all int
		require.NoError(t, f.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM alert_states), (SELECT count(*) FROM incidents),
  (SELECT count(*) FROM incidents) + (SELECT count(*) FROM incident_members) + (SELECT count(*) FROM incident_events)`).Scan(&states, &incidents, &all))
		rows[last] = uint64(states)
		if day == 0 || day == days-1 {
			t.Logf("day %d: %d kB, %d states, %d incidents, %d rows of them", day+1, heap[last]/1024, states, incidents, all)
			assert.Greater(t, incidents, 5)
		}
	}
	assert.Less(t, heap[1], heap[0]+heap[0]/10+(1<<20), "bytes in use")
	assert.LessOrEqual(t, rows[1], rows[0]+rows[0]/2, "states")
	var incidents, kept int
	require.NoError(t, f.db.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT opened_at::date) FROM incidents`).Scan(&incidents, &kept))
	assert.LessOrEqual(t, kept, 4, "those of older days are gone")
}

// aDay is one of ten services that count their requests, each of which has an
// outage, ten that do not, with sixty endpoints each that nobody saw before, and a
// limit that new customers run into.
func (f alertFixture) aDay(from time.Time, day int) {
	f.t.Helper()
	for n := range 10 {
		service := fmt.Sprint("counted-", n)
		f.requests(service, "/v1/charges", from, from.AddDate(0, 0, 1), 300)
		f.failures(service, "/v1/charges", "boom", 500, 2, from, from.AddDate(0, 0, 1), 1, many)
		outage := from.Add(time.Duration(8+n) * time.Hour)
		f.failures(service, "/v1/refunds", "boom", 500, 2, outage, outage.Add(10*time.Minute), 150, many)
	}
	_, err := f.db.Exec(f.t.Context(), `
INSERT INTO error_minutes (workspace_id, minute, key, slot, alert_minute, role, family, status, n, n_late, service, environment, method, endpoint, code, provider, release)
SELECT 1, m, md5(s::text || e::text || $2::text)::uuid, 0, m, 0, 2, 500, 1, 0, 'bare-' || s::text, 'production', 'GET', '/v1/' || $2::text || '/' || e::text, 'boom', '', 'r1'
FROM generate_series(0, 9) s, generate_series(0, 59) e, generate_series($1::timestamptz + interval '1 hour' * (e % 23), $1::timestamptz + interval '1 hour' * (e % 23) + interval '9 minutes', interval '1 minute') m`, from, fmt.Sprint(day))
	require.NoError(f.t, err)
	for n := range 5 {
		service, at := fmt.Sprintf("gate-%d-%d", day, n), from.Add(time.Duration(2+n)*time.Hour)
		f.requests(service, "/v1/charges", from, from.AddDate(0, 0, 1), 300)
		f.failures(service, "/v1/charges", "slow_down", 429, 1, at, at.Add(20*time.Minute), 12, []string{fmt.Sprint("customer-", day, n)})
	}
}
