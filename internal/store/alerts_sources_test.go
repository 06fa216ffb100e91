package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// widest notes how many minutes of failures were read at once.
type widest struct{ minutes float64 }

func (w *widest) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, "FROM error_minutes") && strings.Contains(q.SQL, "alert_minute, family") {
		w.minutes = max(w.minutes, q.Args[2].(time.Time).Sub(q.Args[1].(time.Time)).Minutes())
	}
	return ctx
}

func (*widest) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// by writes requests that somebody counts.
func (f alertFixture) by(source int, service string, from, to time.Time, n int) {
	f.t.Helper()
	_, err := f.db.Exec(f.t.Context(), `
INSERT INTO request_minutes (workspace_id, minute, key, n, source, slot, service, environment, method, endpoint)
SELECT 1, m, md5($1)::uuid, $2, $3, 0, $1, 'production', 'POST', '/v1/charges' FROM generate_series($4::timestamptz, $5::timestamptz - interval '1 minute', interval '1 minute') m`,
		service, n, source, from, to)
	require.NoError(f.t, err)
}

// A service whose requests two count is no reason to read the whole hour again
// every minute.
func TestTwoWhoCountAreReadOnce(t *testing.T) {
	f := openAlerts(t)
	f.by(2, "checkout", noon.Add(-2*time.Hour), noon.Add(time.Hour), 300)
	f.by(4, "checkout", noon.Add(-2*time.Hour), noon.Add(time.Hour), 300)
	f.by(6, "checkout", noon.Add(-2*time.Hour), noon.Add(time.Hour), 300)
	w := &widest{}
	s := reopen(t, store.Options{URL: f.url, Tracer: w})
	for n := range 5 {
		w.minutes = 0
		f.tick(s, noon.Add(time.Duration(n)*time.Minute+40*time.Second))
		assert.Equal(t, n == 0, w.minutes > 5, "tick %d reads %v minutes", n, w.minutes)
	}
}

// Where the best of those who count requests stops, the others count: also for a
// process that has known the best.
func TestWhoCountsMayStop(t *testing.T) {
	run := func(replace bool) []string {
		f := openAlerts(t)
		stops := noon.Add(-2 * time.Hour)
		f.by(1, "checkout", noon.Add(-30*time.Hour), stops, 300)
		f.by(6, "checkout", noon.Add(-30*time.Hour), stops, 300)
		f.by(6, "checkout", stops, noon.Add(time.Hour), 30_000) // of which 200 are few
		f.fail("checkout", "boom", 500, 2, noon.Add(-30*time.Hour), noon, 1, many)
		f.fail("checkout", "boom", 500, 2, noon, noon.Add(10*time.Minute), 200, many)
		s := reopen(t, store.Options{URL: f.url})
		step := 5 * time.Minute
		for at := noon.Add(-150 * time.Minute); at.Before(noon.Add(20 * time.Minute)); at = at.Add(step) {
			if at.Equal(noon) {
				step = time.Minute
			}
			if replace && at.Minute()%10 == 0 {
				s.Close()
				s = reopen(t, store.Options{URL: f.url})
			}
			f.tick(s, at.Add(40*time.Second))
		}
		return f.told()
	}
	assert.Empty(t, run(true), "processes that come and go")
	assert.Empty(t, run(false), "one that stays")
}

// A service that answered a week ago and does not now is silent: once for half an
// hour nobody counted any request, and not where they were only counted late.
func TestSilenceIsTold(t *testing.T) {
	f := openAlerts(t)
	for _, service := range []string{"stops", "late"} {
		f.by(1, service, noon.AddDate(0, 0, -7).Add(-time.Hour), noon.AddDate(0, 0, -7).Add(time.Hour), 300)
		f.by(1, service, noon.Add(-2*time.Hour), noon, 300)
	}
	f.by(1, "new", noon.Add(-2*time.Hour), noon, 300)
	s := reopen(t, store.Options{URL: f.url})
	for n := range 40 {
		if n == 28 {
			f.by(1, "late", noon, noon.Add(20*time.Minute), 300)
		}
		f.tick(s, noon.Add(time.Duration(n)*time.Minute+40*time.Second))
	}
	assert.Equal(t, []string{"12:31 firing INC-1 stops notify H"}, f.told())
}
