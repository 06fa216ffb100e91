package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

// noted is what a store asked of the database, statement by statement.
type noted struct{ sql []string }

func (n *noted) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	n.sql = append(n.sql, q.SQL)
	return ctx
}

func (n *noted) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (n *noted) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (n *noted) TraceBatchQuery(_ context.Context, _ *pgx.Conn, q pgx.TraceBatchQueryData) {
	n.sql = append(n.sql, q.SQL)
}

func (n *noted) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// statements are what a look-up that finds nothing asks.
func (f *fixture) statements(t *testing.T, ws int32, id string) string {
	t.Helper()
	n := &noted{}
	s := reopen(t, store.Options{URL: f.url, Tracer: n})
	n.sql = nil
	_, err := s.Trail(t.Context(), ws, id)
	require.True(t, fault.Is(err, fault.NotFound))
	require.NotEmpty(t, n.sql)
	return strings.Join(n.sql, "\n--\n")
}

// absentSaid is the whole answer about an ID, byte for byte.
func absentSaid(t *testing.T, s *store.Store, ws int32, id string) string {
	t.Helper()
	_, err := s.Trail(t.Context(), ws, id)
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	f := fault.Of(err)
	reach, err := s.Reach(t.Context(), ws)
	require.NoError(t, err)
	b, err := json.Marshal([]any{f.Code, f.Message, f.Details, reach})
	require.NoError(t, err)
	return string(b)
}

// What another workspace keeps, has rejected, or had, changes no byte of the
// answer, nor what is asked of the database.
func TestAnothersIDIsAnsweredLikeOneThatNobodySaw(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	trace, span := hex(77, 32), hex(78, 16)
	ids := []string{"req_theirs", "req_refused", "req_old", "req_thin_0", "req_thin_1", "alias-theirs", trace, span}
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_ours", status: 500, code: "boom"})
	var before []string
	for _, id := range ids {
		before = append(before, absentSaid(t, reopen(t, store.Options{URL: f.url}), ws, id))
	}
	old := time.Now().AddDate(0, 0, -20).UTC()
	f.write(t,
		report{ws: 2, src: event.FromHTTP, service: "billing", request: "req_theirs", trace: trace, span: span, status: 500, code: "boom", aliases: []event.Alias{{Kind: "ray", Value: "alias-theirs"}}},
		report{ws: 2, src: event.FromHTTP, service: "billing", request: "req_old", status: 500, code: "boom", at: old})
	_, err := f.db.Exec(ctx, `INSERT INTO rejections (workspace_id, id, received_at, source, reason, message, request_id, preview) VALUES (2, gen_random_uuid(), now(), 'http', 'bad', 'bad', 'req_refused', '')`)
	require.NoError(t, err)
	f.writeThen(t,
		report{ws: 2, src: event.FromHTTP, service: "edge", request: "req_thin_0", status: 429, code: "slow", at: old.AddDate(0, 0, 2)},
		report{ws: 2, src: event.FromHTTP, service: "edge", request: "req_thin_1", status: 429, code: "slow", at: old.AddDate(0, 0, 2)})
	f.setThinning(t, 2, "bots", "service:edge", 3, 1)
	require.NoError(t, f.Expire(ctx, old.AddDate(0, 0, 31)))
	thinned, err := f.Absences(ctx, 2, []string{"req_thin_0", "req_thin_1"})
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(fmt.Sprint(thinned), string(store.Thinned)), "one of the two")
	theirs, err := f.Absence(ctx, 2, "req_old")
	require.NoError(t, err)
	require.Equal(t, store.ProbablyExpired, theirs.Reason)
	asked := map[string]string{}
	for i, id := range ids {
		assert.Equal(t, before[i], absentSaid(t, reopen(t, store.Options{URL: f.url}), ws, id), id)
		asked[id] = f.statements(t, ws, id)
	}
	never := f.statements(t, ws, "req_never")
	for _, id := range []string{"req_theirs", "req_refused", "req_old", "req_thin_0", "req_thin_1"} {
		assert.Equal(t, never, asked[id], "%s: the same statements, as often", id)
	}
}

func TestAbsence(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	at := time.Now().UTC().Truncate(time.Millisecond)
	_, err := f.db.Exec(ctx, `INSERT INTO rejections (workspace_id, id, received_at, source, reason, message, request_id, preview) VALUES (1, gen_random_uuid(), $1, 'http', 'status_missing', 'The status is missing.', 'req_refused', '')`, at)
	require.NoError(t, err)
	a, err := f.Absence(ctx, ws, "req_refused")
	require.NoError(t, err)
	assert.Equal(t, store.Absence{ID: "req_refused", Reason: store.Rejected, RetentionDays: 30, RejectedAt: at, Because: "status_missing", Message: "The status is missing."}, a)
	for _, odd := range []string{"", "a\x00", "\xff"} {
		a, err = f.Absence(ctx, ws, odd)
		require.NoError(t, err)
		assert.Equal(t, store.Absence{Reason: store.NeverSeen, RetentionDays: 30}, a)
	}
	day := at.AddDate(0, 0, -20).Truncate(24 * time.Hour)
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_old", status: 500, code: "boom", at: day.Add(time.Hour)})
	require.NoError(t, f.Expire(ctx, day.AddDate(0, 0, 32)))
	a, err = f.Absence(ctx, ws, "req_old")
	require.NoError(t, err)
	assert.Equal(t, store.Absence{ID: "req_old", Reason: store.ProbablyExpired, RetentionDays: 30, Day: day.Format(time.DateOnly), ExpiredAt: day.AddDate(0, 0, 31)}, a)
}

func TestReach(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	none, err := f.Reach(ctx, 3)
	require.NoError(t, err)
	assert.Empty(t, none)
	at := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Minute)
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "req_1", status: 500, code: "boom", at: at})
	_, err = f.db.Exec(ctx, `UPDATE events SET received_at = occurred_at + interval '4 seconds'`)
	require.NoError(t, err)
	_, err = f.db.Exec(ctx, `SELECT errata_ensure_day((now() AT TIME ZONE 'UTC' - interval '3 hours')::date)`)
	require.NoError(t, err)
	_, err = f.db.Exec(ctx, `INSERT INTO error_minutes SELECT workspace_id, minute - interval '2 hours', gen_random_uuid(), slot, alert_minute, role, family, status, n, 0, service, 'staging', method, endpoint, code, provider, release FROM error_minutes`)
	require.NoError(t, err)
	list, err := f.Reach(ctx, ws)
	require.NoError(t, err)
	require.Len(t, list, 2)
	lag := 4.0
	assert.Equal(t, store.Reach{Environment: "production", NewestAt: event.Time{Time: at}, LagSeconds: &lag}, list[0])
	assert.Equal(t, "staging", list[1].Environment)
	assert.Nil(t, list[1].LagSeconds)
	assert.Equal(t, at.Truncate(time.Minute).Add(-2*time.Hour), list[1].NewestAt.Time)
	theirs, err := f.Reach(ctx, 2)
	require.NoError(t, err)
	assert.Empty(t, theirs)
}
