package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/incident"
)

// IncidentSpan is what a chart or a page is about, and when; what is empty is
// any.
type IncidentSpan struct {
	Service, Environment, Family string
	Method, Endpoint             string // then those of a whole service as well
	Code                         string // as far as messages told of codes
	Provider                     string
	From, To                     time.Time
}

// MaxOver is how many incidents there are over a span at most, the newest.
const MaxOver = 24

// Endpoints are looked for among members: few incidents have more than a few.
const sqlIncidentsOver = `
SELECT ` + recordColumns + ` FROM incidents i
WHERE ` + ofIncidents + `
  AND ($9::text = '' OR EXISTS (
    SELECT FROM incident_members m WHERE m.workspace_id = i.workspace_id AND m.incident_id = i.id AND ($2::text = '' OR m.service = $2::text)
      AND (m.endpoint = '' OR m.method = $10::text AND m.endpoint = $9::text)))
  AND ($11::text = '' OR i.facts @> jsonb_build_object('codes', jsonb_build_array(jsonb_build_object('name', $11::text))))
  AND ($12::text = '' OR i.provider = $12::text)
ORDER BY i.opened_at DESC, i.number DESC LIMIT $13::int4`

// IncidentsOver are incidents that lasted at some time of a span: for bands on
// charts, and for failures that are part of one. The newest come first.
func (s *Store) IncidentsOver(ctx context.Context, ws int32, q IncidentSpan) (out []incident.Record, err error) {
	defer fault.Wrap(&err, "IncidentsOver")
	f := IncidentFilter{Service: q.Service, Environment: q.Environment, Family: q.Family, From: q.From, To: q.To}
	rows, err := s.pool.Query(ctx, sqlIncidentsOver, append(f.args(ws), q.Endpoint, q.Method, q.Code, q.Provider, MaxOver)...)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, justRecord)
	return out, unavailable(err)
}

const sqlOpenIncidents = `SELECT count(*)::int4 FROM incidents i WHERE i.workspace_id = $1::int4 AND i.phase <> 'resolved'`

// OpenIncidents is how many incidents last.
func (s *Store) OpenIncidents(ctx context.Context, ws int32) (n int, err error) {
	defer fault.Wrap(&err, "OpenIncidents")
	err = s.pool.QueryRow(ctx, sqlOpenIncidents, ws).Scan(&n)
	return n, unavailable(err)
}

// precisionDays is over how long votes are counted.
const precisionDays = 90

const sqlPrecision = `
SELECT i.rule_id::text, coalesce(max(r.name), CASE i.rule_id WHEN '00000000-0000-0000-0000-000000000000' THEN 'default' WHEN '` + selfRule + `' THEN 'watch on Errata itself' ELSE i.rule_id::text END), count(*)::int4, count(*) FILTER (WHERE i.useful = 'yes')::int4, count(*) FILTER (WHERE i.useful = 'noisy')::int4, count(*) FILTER (WHERE i.useful = 'late')::int4
FROM incidents i LEFT JOIN alert_rules r ON r.workspace_id = i.workspace_id AND r.id = i.rule_id
WHERE i.workspace_id = $1::int4 AND i.opened_at >= now() - make_interval(days => $2::int4)
GROUP BY i.rule_id ORDER BY 3 DESC, 1 LIMIT 200`

// Precision says of each rule that found something in the last 90 days what
// people thought of that.
func (s *Store) Precision(ctx context.Context, ws int32) (out []incident.Precision, err error) {
	defer fault.Wrap(&err, "Precision")
	out, err = precision(ctx, s.pool, ws)
	return out, unavailable(err)
}

func precision(ctx context.Context, q querier, ws int32) ([]incident.Precision, error) {
	rows, err := q.Query(ctx, sqlPrecision, ws, precisionDays)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p incident.Precision, err error) {
		p.Days = precisionDays
		return p, row.Scan(&p.RuleID, &p.Rule, &p.Fired, &p.Yes, &p.Noisy, &p.Late)
	})
}
