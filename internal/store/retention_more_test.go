package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/store"
)

func parts(reports ...report) []identity.Part {
	out := make([]identity.Part, len(reports))
	for i, r := range reports {
		out[i] = r.part()
	}
	return out
}

// Two replicas let days go while two collectors report, also what is late:
// nobody sees an error, and everything is there or remembered.
func TestExpireWhileOthersWrite(t *testing.T) {
	f := open(t, store.Options{Retention: briefly})
	for day := range 6 {
		f.write(t, aFailure(fmt.Sprint("req_", day), "busy", ago(5-day)))
	}
	ctx, stop := context.WithCancel(t.Context())
	var writers, expirers sync.WaitGroup
	written := make([]map[string]time.Time, 2)
	slowest := make([]time.Duration, 2)
	for w := range written {
		written[w] = map[string]time.Time{}
		s := reopen(t, store.Options{URL: f.url, Retention: briefly})
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				var batch []report
				for i := range 20 {
					r := aFailure(fmt.Sprintf("req_w%d_%d_%d", w, n, i), fmt.Sprint("code", rand.IntN(5)), ago(rand.IntN(3)))
					if i == 0 && n%5 == 0 {
						r.at = ago(rand.IntN(6))
					}
					r.trace = ""
					batch = append(batch, r)
					written[w][r.request] = r.at
				}
				start := time.Now()
				_, err := s.Write(context.WithoutCancel(ctx), parts(batch...))
				slowest[w] = max(slowest[w], time.Since(start))
				if !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	for range 2 {
		s := reopen(t, store.Options{URL: f.url, Retention: briefly})
		expirers.Go(func() {
			for day := range 4 {
				assert.NoError(t, settled(func() error { return s.Expire(t.Context(), ago(3-day)) }))
			}
		})
	}
	expirers.Wait()
	stop()
	writers.Wait()
	f.expire(t, ago(0))
	n := 0
	for _, mine := range written {
		for id, at := range mine {
			n++
			why := reason(t, f.Store, ws, id)
			if at.Before(ago(3)) {
				assert.Contains(t, []string{"", expiredOn(at)}, why, id)
			} else {
				assert.Empty(t, why, id)
			}
		}
	}
	t.Logf("%d failures, the slowest batch took %s and %s", n, slowest[0], slowest[1])
	assert.Greater(t, n, 100)
	assert.False(t, f.exists(t, dayName("events", ago(4))))
	assert.True(t, f.exists(t, dayName("events", ago(3))))
}

// settled repeats what somebody who held a lock was in the way of, as the job's
// next run does.
func settled(fn func() error) (err error) {
	for range 20 {
		if err = fn(); err == nil {
			return nil
		}
	}
	return err
}

// A workspace that keeps Events for a shorter time loses its own rows, and
// nobody else's.
func TestWorkspaceShortensRetention(t *testing.T) {
	f := open(t, store.Options{Retention: store.Retention{Events: 5, Bodies: 5}, ExecMode: "exec"})
	f.exec(t, `INSERT INTO workspaces (id, name, retention_days) VALUES (2, 'short', 1), (3, 'wants more', 300)`)
	for day := range 4 {
		for workspace := int32(1); workspace <= 3; workspace++ {
			for n := range 4 {
				r := aFailure(fmt.Sprintf("req_%d_%d", day, n), fmt.Sprint("code", n%2), ago(3-day))
				r.ws = workspace
				f.write(t, r)
			}
		}
	}
	quiet := aFailure("req_quiet", "quiet", ago(3))
	quiet.ws = 2
	f.write(t, quiet)
	for _, workspace := range []int32{1, 2} {
		require.NoError(t, f.Reject(t.Context(), workspace, []event.Rejection{{Reason: "r", Source: event.FromHTTP, ReceivedAt: ago(2), Preview: "of a customer"}}))
	}
	rows := func(table string, workspace int) int {
		if table == "events" {
			table = "(SELECT * FROM events WHERE parts > 0) e" // no pointers
		}
		return f.count(t, `SELECT count(*) FROM `+table+` WHERE workspace_id = $1`, workspace)
	}
	plan, err := f.Plan(t.Context(), 2, now, 0)
	require.NoError(t, err)
	rowsOf := map[string]int64{}
	for _, d := range plan.Days {
		rowsOf[d.Table] += d.Rows
		assert.True(t, d.Due && d.Partly, d.Table)
		assert.Positive(t, d.Bytes, d.Table)
	}
	assert.Equal(t, map[string]int64{"events": 9, "aliases": 9, "bodies": 9, "stacks": 9, "rejections": 1}, rowsOf)
	first := plan.Days[slices.IndexFunc(plan.Days, func(d store.PlannedDay) bool { return d.Table == "events" })]
	assert.Equal(t, store.PlannedDay{Table: "events", Day: ago(3).Format(time.DateOnly), DueAt: event.Time{Time: ago(1).Truncate(24 * time.Hour)}, Due: true, Rows: 5, Partly: true, Bytes: first.Bytes}, first)
	f.expire(t, now)
	for _, table := range []string{"events", "aliases", "bodies", "stacks"} {
		assert.Equal(t, 16, rows(table, 1), table)
		assert.Equal(t, 9, rows(table, 2), "%s of two days, and the exemplar", table)
		assert.Equal(t, 16, rows(table, 3), table)
	}
	assert.Equal(t, 16, rows("error_minutes", 1))
	assert.Zero(t, rows("rejections", 2))
	assert.Equal(t, 1, rows("rejections", 1))
	assert.Equal(t, expiredOn(ago(3)), reason(t, f.Store, 2, "req_0_0"))
	assert.Empty(t, reason(t, f.Store, 2, "req_quiet"))
	assert.Empty(t, reason(t, f.Store, 1, "req_0_0"))
	for workspace, days := range map[int32]int{1: 5, 2: 1, 3: 5} {
		_, err := f.Trail(t.Context(), workspace, "req_never")
		assert.Equal(t, days, fault.Of(err).Details["retention_days"])
		o, err := f.Overview(t.Context(), workspace)
		require.NoError(t, err)
		assert.Equal(t, days, o.RetentionDays)
	}
	f.expire(t, now) // finds nothing
	assert.Equal(t, 2, f.count(t, `SELECT count(*) FROM audit WHERE workspace_id = 2 AND action = 'expire'`))
	f.expire(t, ago(-4)) // the exemplar outlives the others' days, too
	assert.Empty(t, reason(t, f.Store, 2, "req_quiet"))
	assert.Equal(t, expiredOn(ago(3)), reason(t, f.Store, 1, "req_0_0"))
}

// Somebody's DETACH … CONCURRENTLY that was interrupted is finished first.
func TestHalfDetachedDay(t *testing.T) {
	f := open(t, store.Options{Retention: briefly})
	f.write(t, aFailure("req_old", "once", ago(3)), aFailure("req_gone", "busy", ago(3)), aFailure("req_now", "busy", now))
	holder, err := pgx.Connect(t.Context(), f.url)
	require.NoError(t, err)
	t.Cleanup(func() { holder.Close(context.Background()) }) //nolint:errcheck // the test is over
	_, err = holder.Exec(t.Context(), `BEGIN; SELECT FROM events`)
	require.NoError(t, err)
	f.exec(t, `SET statement_timeout = '300ms'`)
	_, err = f.db.Exec(t.Context(), `ALTER TABLE events DETACH PARTITION `+dayName("events", ago(3))+` CONCURRENTLY`)
	require.Error(t, err)
	f.exec(t, `RESET statement_timeout`)
	require.Equal(t, 1, f.count(t, `SELECT count(*) FROM pg_inherits WHERE inhdetachpending`))
	_, err = holder.Exec(t.Context(), `ROLLBACK`)
	require.NoError(t, err)
	f.expire(t, ago(-1))
	assert.False(t, f.exists(t, dayName("events", ago(3))))
	assert.Zero(t, f.count(t, `SELECT count(*) FROM pg_inherits WHERE inhdetachpending`))
	assert.Empty(t, reason(t, f.Store, ws, "req_old"))
	assert.Equal(t, expiredOn(ago(3)), reason(t, f.Store, ws, "req_gone"))
}

// While somebody reads all days for long, a day does not go, and writers are
// held up for no longer than it takes to step out of their way.
func TestReaderKeepsADayFromGoing(t *testing.T) {
	f := open(t, store.Options{Retention: briefly})
	f.write(t, aFailure("req_old", "busy", ago(3)), aFailure("req_now", "busy", now))
	holder, err := pgx.Connect(t.Context(), f.url)
	require.NoError(t, err)
	t.Cleanup(func() { holder.Close(context.Background()) }) //nolint:errcheck // the test is over
	_, err = holder.Exec(t.Context(), `BEGIN; SELECT FROM events`)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- f.Expire(t.Context(), ago(-1)) }()
	writer := reopen(t, store.Options{URL: f.url, Retention: briefly})
	var slowest time.Duration
	n := 0
	for err = nil; ; n++ {
		start := time.Now()
		_, failed := writer.Write(t.Context(), parts(aFailure(fmt.Sprint("req_", n), "busy", now)))
		require.NoError(t, failed)
		slowest = max(slowest, time.Since(start))
		select {
		case err = <-ended:
		default:
			continue
		}
		break
	}
	require.Error(t, err)
	t.Logf("%d batches, the slowest took %s", n, slowest)
	assert.Less(t, slowest, time.Second)
	assert.Empty(t, reason(t, f.Store, ws, "req_old"))
	assert.True(t, f.exists(t, dayName("aliases", ago(3))), "what belongs to Events stays with them")
	_, err = holder.Exec(t.Context(), `ROLLBACK`)
	require.NoError(t, err)
	f.expire(t, ago(-1))
	assert.False(t, f.exists(t, dayName("events", ago(3))))
	assert.False(t, f.exists(t, dayName("aliases", ago(3))))
}

// errata_drop_day drops days of known tables, and nothing else.
func TestDropDayDropsDaysOnly(t *testing.T) {
	f := open(t, store.Options{})
	app, err := pgx.Connect(t.Context(), f.url)
	require.NoError(t, err)
	defer app.Close(t.Context()) //nolint:errcheck // the test is over
	_, err = app.Exec(t.Context(), `SELECT errata_drop_day('audit', '2026-01-01', 0)`)
	require.ErrorContains(t, err, "has no days")
	_, err = app.Exec(t.Context(), `SELECT errata_forget_audit(now(), 1)`)
	require.ErrorContains(t, err, "30 days")
	f.exec(t, `INSERT INTO audit (workspace_id, id, at, actor_kind, actor_id, actor_label, action, target) VALUES (1, gen_random_uuid(), now() - interval '401 days', '', '', '', '', '')`)
	f.expire(t, now)
	assert.Zero(t, f.count(t, `SELECT count(*) FROM audit`))
}

func TestPlan(t *testing.T) {
	f := open(t, store.Options{Retention: briefly})
	f.write(t, aFailure("req_0", "busy", ago(3)), aFailure("req_1", "busy", ago(2)))
	plan, err := f.Plan(t.Context(), ws, ago(-1), 0)
	require.NoError(t, err)
	days := map[string]int{}
	for _, d := range plan.Days {
		assert.True(t, d.Due)
		assert.Positive(t, d.Bytes)
		days[d.Table]++
	}
	assert.Equal(t, map[string]int{"bodies": 2, "events": 1, "event_parts": 1, "aliases": 1, "stacks": 1, "request_keys": 1}, days)
	assert.Equal(t, 3, plan.Retention.Events)
	more, err := f.Plan(t.Context(), ws, ago(-1), 30*24*time.Hour)
	require.NoError(t, err)
	assert.Greater(t, more.Bytes, plan.Bytes)
	f.expire(t, ago(-1))
	plan, err = f.Plan(t.Context(), ws, ago(-1), 0)
	require.NoError(t, err)
	assert.Empty(t, plan.Days)
}

// A run says what is in its way, also when it goes on with the rest.
func TestExpireEndsWithItsContext(t *testing.T) {
	f := open(t, store.Options{Retention: briefly})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, errors.Is(f.Expire(ctx, now), context.Canceled))
}

// Somebody who is about to report for the very day that is going, and has
// reported for another already, is not left waiting for us to give up.
func TestWriterOfADayThatIsGoing(t *testing.T) {
	f := open(t, store.Options{Retention: briefly})
	f.write(t, aFailure("req_old", "busy", ago(3)), aFailure("req_now", "busy", now))
	holder, err := pgx.Connect(t.Context(), f.url)
	require.NoError(t, err)
	t.Cleanup(func() { holder.Close(context.Background()) }) //nolint:errcheck // the test is over
	_, err = holder.Exec(t.Context(), `BEGIN; LOCK TABLE events IN ROW SHARE MODE`)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- f.Expire(t.Context(), ago(-1)) }()
	require.Eventually(t, func() bool {
		return f.count(t, `SELECT count(*) FROM pg_locks WHERE relation = 'events'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted`) > 0
	}, 5*time.Second, time.Millisecond)
	start := time.Now()
	_, err = holder.Exec(t.Context(), `UPDATE events SET attempt = 1 WHERE day = DATE '`+ago(3).Format(time.DateOnly)+`'`)
	require.NoError(t, err)
	took := time.Since(start)
	t.Logf("waited for %s", took)
	assert.Less(t, took, time.Second)
	_, err = holder.Exec(t.Context(), `COMMIT`)
	require.NoError(t, err)
	require.NoError(t, <-ended)
	assert.False(t, f.exists(t, dayName("events", ago(3))))
}
