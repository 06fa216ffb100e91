package bench

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/month"
	"errata/internal/pgtest"
	"errata/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func fillOf(events int64, days int) Fill {
	until := time.Now().UTC().Truncate(time.Minute)
	return Fill{Spec: month.Spec{Seed: 1, From: until.AddDate(0, 0, -days), To: until, Events: events, Services: 8, Customers: 50}, Workspace: store.DefaultWorkspace, Batch: 200}
}

// database is a store, and a superuser's connection to look behind it.
func database(t testing.TB) (*store.Store, *pgx.Conn) {
	t.Helper()
	db := pgtest.New(t)
	s, err := store.Open(t.Context(), store.Options{URL: db.AppURL})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) }) //nolint:errcheck // the test is over
	return s, conn
}

func count(t *testing.T, conn *pgx.Conn, sql string) (n int) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&n))
	return n
}

// Everything adds up behind a month, as it does behind collectors.
func TestFillIsComplete(t *testing.T) {
	const events = 6000
	s, conn := database(t)
	fill := fillOf(events, 3)
	got, err := fill.Run(t.Context(), s)
	require.NoError(t, err)
	assert.True(t, got.Complete)
	assert.EqualValues(t, events, got.Events)
	assert.Zero(t, got.Duplicates)
	assert.True(t, fill.To.Equal(got.Until))

	assert.Equal(t, events, count(t, conn, `SELECT count(*) FROM events WHERE merged_into IS NULL`))
	assert.Zero(t, count(t, conn, `SELECT count(*) FROM events WHERE parts > 1`), "nothing was taken for something else")
	assert.Equal(t, events, count(t, conn, `SELECT sum(n)::int FROM error_minutes`))
	assert.Zero(t, count(t, conn, `SELECT sum(n_late)::int FROM error_minutes`), "reports came at their time")
	assert.Equal(t, events, count(t, conn, `SELECT sum(n)::int FROM customer_counts`))
	assert.Equal(t, events, count(t, conn, `SELECT sum(n)::int FROM issue_hours`))
	assert.Equal(t, count(t, conn, `SELECT count(DISTINCT issue_id) FROM events WHERE merged_into IS NULL`), count(t, conn, `SELECT count(*) FROM issues`))
	assert.Positive(t, count(t, conn, `SELECT count(*) FROM bodies`))
	assert.Zero(t, count(t, conn, `SELECT count(*) FROM error_minutes WHERE endpoint = '(other)'`))
	assert.EqualValues(t, got.Totals, count(t, conn, `SELECT count(*) FROM request_minutes`))
	assert.Zero(t, count(t, conn, `
		WITH e AS (SELECT service, method, endpoint, sum(n) n FROM error_minutes WHERE environment = 'production' GROUP BY 1, 2, 3),
		     r AS (SELECT service, method, endpoint, sum(n) n FROM request_minutes GROUP BY 1, 2, 3)
		SELECT count(*) FROM e LEFT JOIN r USING (service, method, endpoint) WHERE r.n IS NULL OR r.n < e.n`), "no rate is above one")

	again, err := fill.Run(t.Context(), s)
	require.NoError(t, err)
	assert.Zero(t, again.Events, "the same month is the same failures")
	assert.EqualValues(t, events, again.Duplicates)
	assert.Equal(t, events, count(t, conn, `SELECT sum(n)::int FROM error_minutes`))
}

func TestFillIsOfOneWorkspace(t *testing.T) {
	s, conn := database(t)
	_, err := conn.Exec(t.Context(), `INSERT INTO workspaces (id, name) VALUES (7, 'seven')`)
	require.NoError(t, err)
	fill := fillOf(500, 1)
	fill.Workspace = 7
	_, err = fill.Run(t.Context(), s)
	require.NoError(t, err)
	for _, table := range []string{"events", "error_minutes", "request_minutes", "issues", "endpoints"} {
		assert.Zero(t, count(t, conn, `SELECT count(*) FROM `+table+` WHERE workspace_id <> 7`), table)
		assert.Positive(t, count(t, conn, `SELECT count(*) FROM `+table), table)
	}
}

// interrupted is a store whose user loses patience.
type interrupted struct {
	Sink
	after  int64
	writes atomic.Int64
	stop   func()
}

func (i *interrupted) Write(ctx context.Context, parts []identity.Part) ([]identity.Outcome, error) {
	if i.writes.Add(1) == i.after {
		i.stop()
	}
	return i.Sink.Write(ctx, parts)
}

func TestFillIsInterrupted(t *testing.T) {
	s, conn := database(t)
	ctx, cancel := context.WithCancel(t.Context())
	fill := fillOf(20_000, 2)
	got, err := fill.Run(ctx, &interrupted{Sink: s, after: 5, stop: cancel})
	require.NoError(t, err)
	assert.False(t, got.Complete)
	assert.Less(t, got.Events, int64(20_000))
	assert.EqualValues(t, got.Events, count(t, conn, `SELECT count(*) FROM events WHERE merged_into IS NULL`), "what was begun was finished")
	assert.EqualValues(t, got.Events, count(t, conn, `SELECT sum(n)::int FROM error_minutes`))
}

// broken is a store that fails for good.
type broken struct{ err error }

func (b broken) Write(context.Context, []identity.Part) ([]identity.Outcome, error) {
	return nil, b.err
}
func (b broken) CountRequests(context.Context, []event.Requests) error { return b.err }

func TestFillEndsWhenTheStoreFails(t *testing.T) {
	why := errors.New("a bad store")
	got, err := fillOf(20_000, 2).Run(t.Context(), broken{why})
	assert.ErrorIs(t, err, why)
	assert.False(t, got.Complete)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = fillOf(20_000, 2).Run(ctx, broken{fault.New(fault.Unavailable, "service_unavailable", "away")})
	assert.NoError(t, err, "nothing was begun")
}

func TestFillIsChecked(t *testing.T) {
	for name, change := range map[string]func(*Fill){
		"batch": func(f *Fill) { f.Batch = 0 }, "a large batch": func(f *Fill) { f.Batch = maxBatch + 1 },
		"writers": func(f *Fill) { f.Writers = -1 }, "many writers": func(f *Fill) { f.Writers = maxWriters + 1 }, "month": func(f *Fill) { f.Events = 0 },
	} {
		fill := fillOf(10, 1)
		change(&fill)
		_, err := fill.Run(t.Context(), broken{})
		assert.Error(t, err, name)
	}
}

// BenchmarkFill measures a month of 200 services, on a server that may lose
// its last commits.
func BenchmarkFill(b *testing.B) {
	s, _ := database(b)
	fill := fillOf(int64(b.N), 30)
	fill.Services, fill.Customers, fill.Batch = 200, 5000, 500
	b.ResetTimer()
	got, err := fill.Run(b.Context(), s)
	require.NoError(b, err)
	b.ReportMetric(float64(got.Events)/got.Seconds, "events/s")
}
