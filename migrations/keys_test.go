package migrations_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/pgtest"
	"errata/migrations"
)

// oldKeys is a database as it was when keys had a table of their own.
type oldKeys struct {
	t    *testing.T
	url  string
	conn *pgx.Conn
}

const (
	keysWorkspace = 7
	keysTrace     = "4bf92f3577b34da6a3ce929d0e0e4736"
	keysSpan      = "00f067aa0ba902b7"
	// Both are of 2026-02-28T23:58.
	oneEvent     = "019ca6b0-0740-7000-8000-000000000001"
	anotherEvent = "019ca6b0-0740-7000-8000-000000000002"
)

func withOldKeys(t *testing.T) *oldKeys {
	db := pgtest.Empty(t)
	require.NoError(t, migrations.UpTo(t.Context(), db.URL, 6))
	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) }) //nolint:errcheck // the test is over
	k := &oldKeys{t, db.URL, conn}
	for _, day := range []string{"2026-02-28", "2026-03-01"} {
		k.exec(`SELECT errata_ensure_day($1::date)`, day)
	}
	return k
}

func (k *oldKeys) exec(sql string, args ...any) {
	k.t.Helper()
	_, err := k.conn.Exec(k.t.Context(), sql, args...)
	require.NoError(k.t, err)
}

// event is a row of events that has no keys yet.
func (k *oldKeys) event(id string, mergedInto any, request string, trace any) {
	k.t.Helper()
	k.exec(`INSERT INTO events (workspace_id, day, id, merged_into, occurred_at, received_at, request_id, trace_id, span_id, issue_id, role, family, sources, fp_version,
		endpoint_other, parts, service, environment, release, method, endpoint, path, customer, provider, raw_code, code, message)
		VALUES ($1, '2026-02-28', $2, $3, '2026-02-28T23:58Z', now(), $4, $5, x'00f067aa0ba902b7'::bigint, $2, 0, 0, 1, 1, false, 1, 'billing', '', '', '', '', '', '', '', '', 'c', '')`,
		keysWorkspace, id, mergedInto, request, trace)
}

func (k *oldKeys) migrate() {
	k.t.Helper()
	require.NoError(k.t, migrations.Up(k.t.Context(), k.url, slog.New(slog.DiscardHandler)))
}

func short(t *testing.T, key identity.Key, ok bool) int64 {
	t.Helper()
	require.True(t, ok)
	return int64(binary.BigEndian.Uint64(key[:8])) ^ keysWorkspace //nolint:gosec // bits
}

// Keys that an older program registered are recognised: those of the Event's
// own day in its row, the neighbouring day's by a row that leads to it.
func TestKeysMoveIntoEvents(t *testing.T) {
	k := withOldKeys(t)
	p := identity.Part{Workspace: keysWorkspace, Event: event.Event{RequestID: "req_Ünï", Service: "billing", TraceID: keysTrace, SpanID: keysSpan}}
	requestKey, hasRequest := p.RequestKey()
	spanKey, hasSpan := p.SpanKey()
	request, span := short(t, requestKey, hasRequest), short(t, spanKey, hasSpan)
	for _, day := range []string{"2026-02-28", "2026-03-01"} {
		k.exec(`INSERT INTO event_keys (workspace_id, day, event_id, request_key, span_key, item_key) VALUES ($1, $2::date, $3, $4, $5, 99)`, keysWorkspace, day, oneEvent, request, span)
	}
	k.event(oneEvent, nil, "req_Ünï", keysTrace)
	k.migrate()
	rows, err := k.conn.Query(t.Context(), `SELECT day::text, CASE parts WHEN 0 THEN merged_into ELSE id END::text, sum(request_key)::int8, sum(span_key)::int8, sum(item_key)::int8,
		max(request_id), replace(max(trace_id::text), '-', '') FROM events GROUP BY 1, 2 ORDER BY 1`)
	require.NoError(t, err)
	type kept struct {
		Day, Event          string
		Request, Span, Item int64
		RequestID, TraceID  string
	}
	got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[kept])
	require.NoError(t, err)
	assert.Equal(t, []kept{{"2026-02-28", oneEvent, request, span, 99, "req_Ünï", keysTrace}, {"2026-03-01", oneEvent, request, span, 99, "req_Ünï", keysTrace}}, got)
	var pointers int
	require.NoError(t, k.conn.QueryRow(t.Context(), `SELECT count(*) FROM events WHERE parts = 0`).Scan(&pointers))
	assert.Equal(t, 3, pointers, "one of each kind, of the other day")
}

// The reports of an Event that was folded are with the other, its keys are not:
// that of a report which joined it before leads to the folded one.
func TestKeysOfReportsThatMovedOnAreKept(t *testing.T) {
	k := withOldKeys(t)
	p := identity.Part{Workspace: keysWorkspace, Event: event.Event{TraceID: keysTrace, SpanID: keysSpan}}
	spanKey, has := p.SpanKey()
	key := short(t, spanKey, has)
	k.exec(`INSERT INTO event_keys (workspace_id, day, event_id, span_key) VALUES ($1, '2026-02-28', $2, $3)`, keysWorkspace, oneEvent, key)
	k.event(oneEvent, anotherEvent, "req", nil)
	k.event(anotherEvent, nil, "req", nil)
	k.exec(`INSERT INTO event_parts (workspace_id, day, event_id, part_id, source, record)
		VALUES ($1, '2026-02-28', $2, gen_random_uuid(), 0, jsonb_build_object('event', jsonb_build_object('trace_id', $3::text, 'span_id', $4::text)))`, keysWorkspace, anotherEvent, keysTrace, keysSpan)
	k.migrate()
	var n int
	require.NoError(t, k.conn.QueryRow(t.Context(), `SELECT count(*) FROM events WHERE span_key = $1 AND trace_id = $2`, key, keysTrace).Scan(&n))
	assert.Equal(t, 1, n)
}
