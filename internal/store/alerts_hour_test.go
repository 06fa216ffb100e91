package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// Whatever comes late, is corrected or is sent again: what a process has counted,
// that looks only at what has changed, and what it has learned from that is what
// one reads that has just begun.
func TestWhatHasChangedIsReadAgain(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			f, r := openAlerts(t), rand.New(rand.NewPCG(seed, 1))
			for m := range 200 {
				f.anything(r, noon.Add(-time.Duration(m)*time.Minute), 3)
			}
			for _, days := range []int{2, 3, 7, 14, 21, 28} {
				for range 150 {
					f.anything(r, noon.AddDate(0, 0, -days).Add(time.Duration(r.IntN(240)-120)*time.Minute), 2)
				}
			}
			stays := reopen(t, store.Options{URL: f.url})
			compared := 0
			for n := range 50 {
				at := noon.Add(time.Duration(n) * time.Minute)
				f.anything(r, at, 3)
				if n < 30 { // what comes more than 25 minutes late is not learned
					for range r.IntN(4) {
						f.anything(r, at.Add(-time.Duration(r.IntN(25))*time.Minute), 1+r.IntN(2))
					}
				}
				if n == 30 {
					_, err := f.db.Exec(t.Context(), `UPDATE request_minutes SET endpoint = '/v1/4' WHERE minute = $1`, at.Add(-10*time.Minute))
					require.NoError(t, err)
				}
				require.Equal(t, 1, f.tick(stays, at.Add(100*time.Second)).Minutes)
				_, normal := stays.Remembered()
				_, err := f.db.Exec(t.Context(), `UPDATE alert_clock SET minute = minute - interval '1 minute'`)
				require.NoError(t, err)
				begins := reopen(t, store.Options{URL: f.url})
				f.tick(begins, at.Add(100*time.Second))
				counted, anew := begins.Remembered()
				for s, was := range normal {
					compared++
					require.Equal(t, anew[s], was, "minute %d: %v", n, s)
				}
				if n == 49 {
					hour, _ := stays.Remembered()
					assert.Equal(t, counted, hour)
					assert.Greater(t, len(hour), 5)
				}
				begins.Close()
			}
			assert.Greater(t, compared, 100)
		})
	}
}

// anything writes some rows of a minute, or changes them: services that are counted
// by totals, by two sources, by spans, and by nobody.
func (f alertFixture) anything(r *rand.Rand, minute time.Time, rows int) {
	f.t.Helper()
	for range rows {
		service, endpoint := r.IntN(4), fmt.Sprint("/v1/", r.IntN(3))
		alert, late := minute, 0
		if r.IntN(10) == 0 {
			alert, late = minute.Add(time.Duration(15+r.IntN(3))*time.Minute), 1
		}
		code := "boom"
		if alert.After(noon.Add(5 * time.Minute)) {
			code = fmt.Sprint("new-", r.IntN(2))
		}
		family := 1 + r.IntN(3)
		n := []int{1, 2, 7, 7, -1}[r.IntN(5)] // -1 is added to what there is
		_, err := f.db.Exec(f.t.Context(), `
INSERT INTO error_minutes (workspace_id, minute, key, slot, alert_minute, role, family, status, n, n_late, service, environment, method, endpoint, code, provider, release)
SELECT 1, $1, md5($10)::uuid, $7, $2::timestamptz, 0, $5::int2, 500, greatest($8::int, 1), $9::int * greatest($8::int, 1), $3::text, 'production', 'POST', $4::text, $6::text, '', 'r1'
ON CONFLICT (workspace_id, minute, key, slot) DO UPDATE SET n = greatest(error_minutes.n + $8::int, 1), n_late = greatest(error_minutes.n + $8::int, 1) * $9::int`,
			minute, alert, fmt.Sprint("service-", service), endpoint, family, code, r.IntN(2), n, late, fmt.Sprint(alert, service, endpoint, family, code))
		require.NoError(f.t, err)
		sources := [...][]int{{1}, {2, 4}, {7}, nil}[service]
		if len(sources) == 0 {
			continue
		}
		_, err = f.db.Exec(f.t.Context(), `
INSERT INTO request_minutes (workspace_id, minute, key, n, source, slot, service, environment, method, endpoint)
VALUES (1, $1, md5($2::text || $3::text)::uuid, $4::float8 / 4, $5, 0, $2, 'production', 'POST', $3)
ON CONFLICT (workspace_id, minute, key, source, slot) DO UPDATE SET n = CASE WHEN $6 THEN request_minutes.n ELSE excluded.n END, endpoint = CASE WHEN $6 THEN '(other)' ELSE excluded.endpoint END`,
			minute, fmt.Sprint("service-", service), endpoint, r.IntN(200), sources[r.IntN(len(sources))], r.IntN(4) == 0)
		require.NoError(f.t, err)
	}
}
