package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// The rules that hold of an incident, or did of one that is over: what silences
// match by.
const sqlIncidentRules = `
SELECT m.incident_id::text, array_agg(DISTINCT m.rule_id::text) FROM incident_members m
JOIN incidents i ON i.workspace_id = m.workspace_id AND i.id = m.incident_id
WHERE m.workspace_id = $1::int4 AND m.incident_id = ANY ($2::text[]::uuid[]) AND (m.resolved_at IS NULL OR i.resolved_at IS NOT NULL)
GROUP BY m.incident_id`

// IncidentRules are the IDs of the rules that found incidents, by the incidents'
// IDs.
func (s *Store) IncidentRules(ctx context.Context, ws int32, ids []string) (rules map[string][]string, err error) {
	defer fault.Wrap(&err, "IncidentRules")
	rules = map[string][]string{}
	if len(ids) == 0 {
		return rules, nil
	}
	rows, err := s.pool.Query(ctx, sqlIncidentRules, ws, ids)
	if err != nil {
		return nil, unavailable(err)
	}
	var id string
	var of []string
	_, err = pgx.ForEachRow(rows, []any{&id, &of}, func() error {
		rules[id], of = of, nil
		return nil
	})
	return rules, unavailable(err)
}
