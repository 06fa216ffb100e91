package store_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

// briefly keeps everything for so short a time that a test can watch it go.
var briefly = store.Retention{Events: 3, Bodies: 1, Rollups: 6, IDs: 20}

func ago(days int) time.Time { return now.AddDate(0, 0, -days) }

func dayName(table string, at time.Time) string { return table + at.Format("_20060102") }

// aFailure has a body, a stack trace and another ID, all of its own.
func aFailure(id, code string, at time.Time) report {
	return report{src: event.FromHTTP, service: "billing", request: id, trace: traceOf(id), status: 500, code: code, at: at, customer: "acme",
		body: `{"of":"` + id + `"}`, stack: "at " + id, aliases: []event.Alias{{Kind: "ray", Value: "ray-" + id}}}
}

func traceOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return fmt.Sprintf("%x", sum[:16])
}

func (f *fixture) expire(t *testing.T, at time.Time) {
	t.Helper()
	require.NoError(t, f.Expire(t.Context(), at))
}

func (f *fixture) exists(t *testing.T, table string) bool {
	t.Helper()
	return f.count(t, `SELECT count(*) FROM pg_class WHERE relname = $1`, table) == 1
}

// reason is why an ID is not found; "" where it is.
func reason(t *testing.T, s *store.Store, workspace int32, id string) string {
	t.Helper()
	trail, err := s.Trail(t.Context(), workspace, id)
	if err == nil {
		require.NotEmpty(t, trail.Events)
		return ""
	}
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	details := fault.Of(err).Details
	if details["reason"] == "probably_expired" {
		return fmt.Sprint("probably_expired ", details["day"])
	}
	return details["reason"].(string)
}

func expiredOn(at time.Time) string { return "probably_expired " + at.Format(time.DateOnly) }

func TestThingsGoWhenTheirTimeHasCome(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		t.Run(mode, func(t *testing.T) { thingsGo(t, mode) })
	}
}

func thingsGo(t *testing.T, mode string) {
	f := open(t, store.Options{Retention: briefly, ExecMode: mode})
	for day := range 3 {
		f.write(t, aFailure(fmt.Sprint("req_busy_", day), "busy", ago(2-day)))
	}
	f.write(t, aFailure("req_once_0", "once", ago(2).Add(-time.Minute)), aFailure("req_once_1", "once", ago(2)), aFailure("req_done", "done", ago(2)))
	f.exec(t, `UPDATE issues SET state = 'resolved', resolved_at = now() WHERE code = 'done'`)
	counted := f.count(t, `SELECT sum(n)::int FROM error_minutes`)

	// The bodies of the first day first.
	f.expire(t, now)
	assert.False(t, f.exists(t, dayName("bodies", ago(2))))
	assert.True(t, f.exists(t, dayName("bodies", ago(1))))
	trail, err := f.Trail(t.Context(), ws, "req_busy_0")
	require.NoError(t, err)
	assert.Nil(t, trail.Events[0].Raw)
	assert.Equal(t, "at req_busy_0", trail.Events[0].Exception.Stacktrace)

	// Then the day.
	f.expire(t, ago(-2))
	for _, table := range []string{"events", "event_parts", "aliases", "stacks", "request_keys"} {
		assert.False(t, f.exists(t, dayName(table, ago(2))), table)
		assert.True(t, f.exists(t, dayName(table, ago(1))), table)
	}
	assert.True(t, f.exists(t, dayName("error_minutes", ago(2))))
	for _, id := range []string{"req_busy_0", "req_once_0", "req_done", "ray-req_done", traceOf("req_done")} {
		assert.Equal(t, expiredOn(ago(2)), reason(t, f.Store, ws, id), id)
	}
	assert.Empty(t, reason(t, f.Store, ws, "req_busy_1"))
	assert.Equal(t, "never_seen", reason(t, f.Store, ws, "req_never"))
	assert.Equal(t, "never_seen", reason(t, f.Store, 2, "req_busy_0"), "another workspace's")

	// But for the newest Event of the issue that is open and quiet, whole.
	for _, id := range []string{"req_once_1", "ray-req_once_1", traceOf("req_once_1")} {
		trail, err = f.Trail(t.Context(), ws, id)
		require.NoError(t, err, id)
		require.Len(t, trail.Events, 1)
		assert.JSONEq(t, `{"of":"req_once_1"}`, string(trail.Events[0].Raw))
		assert.Equal(t, "at req_once_1", trail.Events[0].Exception.Stacktrace)
	}
	e, err := f.Event(t.Context(), ws, trail.Events[0].ID)
	require.NoError(t, err)
	assert.JSONEq(t, `{"of":"req_once_1"}`, string(e.Raw))
	hits, err := f.Lookup(t.Context(), ws, []string{"req_once_1", "ray-req_once_1"})
	require.NoError(t, err)
	assert.Len(t, hits, 2)
	page, err := f.Events(t.Context(), ws, event.Filter{From: ago(3), To: ago(1).Add(-time.Hour)}, 10, "")
	require.NoError(t, err)
	assert.Len(t, page.Events, 1, "once, on its day")
	assert.Equal(t, counted, f.count(t, `SELECT sum(n)::int FROM error_minutes`), "an exemplar is not counted again")
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM bodies_old`), "and that of the busy issue's newest Event, whose day has come, too")

	// Until somebody has looked at it.
	f.exec(t, `UPDATE issues SET state = 'resolved', resolved_at = now() WHERE code = 'once'`)
	f.expire(t, ago(-2))
	assert.Equal(t, expiredOn(ago(2)), reason(t, f.Store, ws, "req_once_1"))
	for _, table := range []string{"events", "aliases", "stacks"} {
		assert.Zero(t, f.count(t, `SELECT count(*) FROM `+table+`_old`), table)
	}
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM bodies_old`))

	// Then the counts, and at last even the IDs are forgotten.
	f.expire(t, ago(-5))
	assert.False(t, f.exists(t, dayName("error_minutes", ago(2))))
	assert.True(t, f.exists(t, dayName("error_minutes", ago(1))))
	f.expire(t, ago(-19))
	assert.Equal(t, "never_seen", reason(t, f.Store, ws, "req_done"))
	assert.Zero(t, f.count(t, `SELECT count(*) FROM expired_ids`)-f.count(t, `SELECT coalesce(sum(blocks), 0) FROM expired_days`))
	assert.NotZero(t, f.count(t, `SELECT count(*) FROM audit WHERE action = 'expire' AND target = $1`, ago(2).Format(time.DateOnly)))
}

func (f *fixture) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	_, err := f.db.Exec(context.Background(), sql, args...)
	require.NoError(t, err)
}

// An issue that is quiet for long keeps one exemplar, of its last day, though
// its days go one after the other; one that comes back needs none.
func TestExemplarIsTheNewest(t *testing.T) {
	f := open(t, store.Options{Retention: briefly})
	for day := range 3 {
		f.write(t, aFailure(fmt.Sprint("req_", day), "quiet", ago(4-day)), aFailure(fmt.Sprint("req_back_", day), "back", ago(4-day)))
	}
	// A merge can count in one slot and take back in another: nothing was left.
	f.exec(t, `SELECT errata_ensure_day(current_date)`)
	f.exec(t, `INSERT INTO issue_hours (workspace_id, hour, issue_id, slot, n, first_at, last_at)
		SELECT 1, $1, id, slot, n, $1, $1 FROM issues, (VALUES (-1, 1), (-2, -1)) AS v(slot, n) WHERE code = 'quiet'`, now.Truncate(time.Hour))
	for day := range 7 {
		f.expire(t, ago(3-day))
		require.Empty(t, reason(t, f.Store, ws, "req_2"), day)
	}
	assert.Equal(t, expiredOn(ago(3)), reason(t, f.Store, ws, "req_1"))
	assert.Empty(t, reason(t, f.Store, ws, "req_back_2"))
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM events WHERE parts > 0`))
	f.write2(t, aFailure("req_back_3", "back", ago(-4)))
	f.expire(t, ago(-4))
	assert.Equal(t, expiredOn(ago(2)), reason(t, f.Store, ws, "req_back_2"))
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM events WHERE parts > 0`))
}

// write2 writes where Events have gone that are still counted.
func (f *fixture) write2(t *testing.T, r report) {
	t.Helper()
	_, err := f.Write(t.Context(), parts(r))
	require.NoError(t, err)
}

// What comes in for a day that is over is taken, found, and goes with the next
// run; its ID is remembered beside those of its day.
func TestLateForAnExpiredDay(t *testing.T) {
	f := open(t, store.Options{Retention: briefly})
	f.write(t, aFailure("req_early", "busy", ago(2)), aFailure("req_now", "busy", now))
	f.expire(t, ago(-2))
	late := reopen(t, store.Options{URL: f.url, Retention: briefly})
	for _, s := range []*store.Store{f.Store, late} { // one of them knows the day that has gone
		for range 2 {
			_, err := s.Write(t.Context(), parts(aFailure("req_late", "busy", ago(2))))
			require.NoError(t, err)
		}
	}
	assert.Empty(t, reason(t, f.Store, ws, "req_late"))
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM events WHERE request_id = 'req_late' AND parts > 0`))
	f.expire(t, ago(-2))
	assert.Equal(t, expiredOn(ago(2)), reason(t, f.Store, ws, "req_late"))
	assert.Equal(t, expiredOn(ago(2)), reason(t, f.Store, ws, "req_early"))
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM expired_days WHERE day = $1`, ago(2)))
}

// A body can be stored as the difference from one that has gone meanwhile.
func TestDifferenceFromWhatHasGone(t *testing.T) {
	f := open(t, store.Options{Retention: briefly})
	body := func(id string) report {
		r := aFailure(id, "busy", ago(2))
		r.body = fmt.Sprintf(`{"message":%q,"id":%q}`, fmt.Sprintf("%0300d", 7), id)
		return r
	}
	f.write(t, body("req_first"), aFailure("req_now", "busy", now))
	f.expire(t, now)
	f.write(t, body("req_second"))
	trail, err := f.Trail(t.Context(), ws, "req_second")
	require.NoError(t, err)
	assert.Nil(t, trail.Events[0].Raw)
	assert.Equal(t, "at req_second", trail.Events[0].Exception.Stacktrace)
}

// cutter ends a context at the n-th statement.
type cutter struct {
	left atomic.Int64
	cut  context.CancelFunc
}

func (c *cutter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if c.left.Add(-1) == 0 {
		c.cut()
	}
	return ctx
}

func (*cutter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Broken off after any number of statements, a run leaves everything either
// there or remembered, and what it left undone, another does.
func TestExpireCanBeBrokenOff(t *testing.T) {
	f := open(t, store.Options{Retention: briefly})
	f.exec(t, `INSERT INTO workspaces (id, name, retention_days) VALUES (2, 'short', 1)`)
	var ids []string
	for day := range 4 {
		for n := range 3 {
			id := fmt.Sprintf("req_%d_%d", day, n)
			short := aFailure(id, "busy", ago(3-day))
			short.ws = 2
			f.write(t, aFailure(id, "busy", ago(3-day)), short)
			ids = append(ids, id)
		}
	}
	at := ago(-1)
	broken := 0
	for n := int64(1); ; n++ {
		ctx, cut := context.WithCancel(t.Context())
		c := &cutter{cut: cut}
		s := reopen(t, store.Options{URL: f.url, Retention: briefly, Tracer: c})
		c.left.Store(n)
		err := s.Expire(ctx, at)
		s.Close()
		if c.left.Load() > 0 {
			require.NoError(t, err)
			break
		}
		broken++
		require.Error(t, err)
		if n%4 != 0 {
			continue
		}
		for _, id := range ids {
			for _, workspace := range []int32{1, 2} {
				require.NotEqual(t, "never_seen", reason(t, f.Store, workspace, id), "%s after %d statements", id, n)
			}
		}
		cut()
	}
	t.Logf("broken off %d times", broken)
	assert.Greater(t, broken, 20)
	assert.False(t, f.exists(t, dayName("events", ago(3))))
	assert.Equal(t, expiredOn(ago(3)), reason(t, f.Store, ws, "req_0_0"))
	assert.Empty(t, reason(t, f.Store, ws, "req_1_0"))
	assert.Equal(t, expiredOn(ago(2)), reason(t, f.Store, 2, "req_1_0"))
	assert.Equal(t, expiredOn(ago(1)), reason(t, f.Store, 2, "req_2_2"))
	assert.Empty(t, reason(t, f.Store, 2, "req_3_0"))
}
