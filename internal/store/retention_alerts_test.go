package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// Incidents go with the counts that they were made of, with all that belongs to
// them; messages after a month, unless somebody is to hear of the end yet. What
// lasts stays, and so does the last number.
func TestIncidentsExpire(t *testing.T) {
	f := open(t, store.Options{})
	at := time.Now().UTC().Truncate(time.Hour)
	day := func(n int) time.Time { return at.AddDate(0, 0, -n) }
	for n, x := range []struct {
		phase    string
		resolved any
		told     string
		sent     int // days ago
	}{
		{"resolved", day(402), "resolved", 402}, {"resolved", day(402), "resolved", 40}, {"firing", nil, "firing", 402},
		{"resolved", day(399), "resolved", 31}, {"resolved", day(1), "firing", 35}, {"resolved", day(410), "resolved", 29},
	} {
		_, err := f.db.Exec(t.Context(), `
WITH i AS (
  INSERT INTO incidents (workspace_id, id, number, family, environment, service, provider, phase, level, rule_id, why, started_at, opened_at, fired_at, resolved_at, seq, told_phase, facts)
  VALUES (1, md5($1::int::text)::uuid, $1, 0, 'production', 'billing', '', $2, 'page', gen_random_uuid(), '{}', now(), now(), now(), $3, 1, $4, '{}') RETURNING id
), m AS (
  INSERT INTO incident_members (workspace_id, incident_id, rule_id, family, environment, service, method, endpoint, code, n, phase, level, why, peak, errors, mask_from, started_at, fired_at)
  SELECT 1, id, gen_random_uuid(), 0, 'production', 'billing', '', '', '', 0, 'firing', 'page', '{}', 0, 0, now(), now(), now() FROM i
), e AS (
  INSERT INTO incident_events (workspace_id, incident_id, id, at, kind) SELECT 1, id, gen_random_uuid(), now(), 'fired' FROM i
), d AS (
  INSERT INTO deliveries (workspace_id, id, channel_id, incident_id, seq, kind, dedup_key, message, state, created_at, next_at, attempts)
  SELECT 1, (lpad(to_hex((extract(epoch FROM $5::timestamptz) * 1000)::int8), 12, '0') || '7' || substr(md5($1::int::text), 1, 3) || '8' || substr(md5($1::int::text), 4, 15))::uuid, gen_random_uuid(), id, 1, 'firing', $1::int::text, '{}', 'sent', $5, $5, 1 FROM i RETURNING id
)
INSERT INTO delivery_attempts (workspace_id, delivery_id, n, at, took_ms, outcome, error, request, response) SELECT 1, id, 1, $5, 1, 'done', '', '[]', '[]' FROM d`,
			n+1, x.phase, x.resolved, x.told, day(x.sent))
		require.NoError(t, err)
	}
	for _, sql := range []string{`
INSERT INTO alert_gaps (from_minute, to_minute) VALUES (now() - interval '410 days', now() - interval '409 days'), (now() - interval '9 days', now() - interval '9 days')`, `
INSERT INTO silences (workspace_id, id, environment, service, method, endpoint, code, customer, family, reason, starts_at, ends_at, created_by)
SELECT 1, gen_random_uuid(), '', s, '', '', '', '', '', 'we know', now() - interval '500 days', e, 'test' FROM (VALUES ('old', now() - interval '409 days'), ('new', now() + interval '1 day')) x(s, e)`} {
		_, err := f.db.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	plan, err := f.Plan(t.Context(), store.DefaultWorkspace, at, 3*24*time.Hour)
	require.NoError(t, err)
	var planned []string
	for _, d := range plan.Days {
		if d.Table == "incidents" || d.Table == "deliveries" {
			planned = append(planned, fmt.Sprint(d.Table, " ", d.Day, " ", d.Rows, " ", d.Due))
		}
	}
	date := func(n int) string { return day(n).Format(time.DateOnly) }
	assert.Equal(t, []string{"incidents " + date(402) + " 2 true", "incidents " + date(399) + " 1 false",
		"deliveries " + date(402) + " 1 true", "deliveries " + date(40) + " 1 true", "deliveries " + date(31) + " 1 true", "deliveries " + date(29) + " 1 false"}, planned)

	require.NoError(t, f.Expire(t.Context(), at))
	for what, want := range map[string]string{
		`SELECT string_agg(number::text, ' ' ORDER BY number) FROM incidents`:                                                       "3 4 5 6",
		`SELECT string_agg(i.number::text, ' ' ORDER BY i.number) FROM incident_members m JOIN incidents i ON i.id = m.incident_id`: "3 4 5 6",
		`SELECT count(*)::text FROM incident_members`:                                                                               "4",
		`SELECT count(*)::text FROM incident_events`:                                                                                "4",
		`SELECT string_agg(dedup_key, ' ' ORDER BY dedup_key) FROM deliveries`:                                                      "3 5 6",
		`SELECT count(*)::text FROM delivery_attempts`:                                                                              "1",
		`SELECT count(*)::text FROM alert_gaps`:                                                                                     "1",
		`SELECT string_agg(service, ' ') FROM silences`:                                                                             "new",
	} {
		var got string
		require.NoError(t, f.db.QueryRow(t.Context(), what).Scan(&got), what)
		assert.Equal(t, want, got, what)
	}
}
