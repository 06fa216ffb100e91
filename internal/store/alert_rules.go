package store

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/ruleset"
)

const ruleColumns = `r.id::text, r.name, r.query, r.sensitivity, r.settings, r.level, r.channels::text[], r.runbook, r.enabled, r.created_at, r.updated_at, r.updated_by,
  ARRAY(SELECT coalesce(c.name, u.id::text) FROM unnest(r.channels) WITH ORDINALITY AS u(id, n) LEFT JOIN channels c ON c.workspace_id = r.workspace_id AND c.id = u.id ORDER BY u.n)`

const sqlRules = `
SELECT ` + ruleColumns + ` FROM alert_rules r WHERE r.workspace_id = $1::int4 ORDER BY r.name LIMIT $2::int4`

// Rules are the rules of a workspace, the one that it has from the start first,
// the others by name.
func (s *Store) Rules(ctx context.Context, ws int32) (out []ruleset.Rule, err error) {
	defer fault.Wrap(&err, "Rules")
	rows, err := s.pool.Query(ctx, sqlRules, ws, ruleset.MaxRules)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, scanRule)
	return withDefault(out), unavailable(err)
}

func withDefault(rules []ruleset.Rule) []ruleset.Rule {
	for i := range rules {
		if rules[i].IsDefault() {
			return ruleset.Sorted(rules)
		}
	}
	return ruleset.Sorted(append(rules, ruleset.Default()))
}

func scanRule(row pgx.CollectableRow) (r ruleset.Rule, err error) {
	err = row.Scan(ruleFields(&r)...)
	return inUTC(r), err
}

func inUTC(r ruleset.Rule) ruleset.Rule {
	r.CreatedAt.Time, r.UpdatedAt.Time = r.CreatedAt.UTC(), r.UpdatedAt.UTC()
	return r
}

func ruleFields(r *ruleset.Rule) []any {
	return []any{&r.ID, &r.Name, &r.Query, &r.Sensitivity, &r.Advanced, &r.Level, &r.Channels, &r.Runbook, &r.Enabled, &r.CreatedAt.Time, &r.UpdatedAt.Time, &r.UpdatedBy, &r.ChannelNames}
}

const sqlRule = `
SELECT ` + ruleColumns + ` FROM alert_rules r WHERE r.workspace_id = $1::int4 AND r.id = $2::uuid`

// Rule is one rule. A fault NotFound (rule_not_found) where the workspace has no
// such rule.
func (s *Store) Rule(ctx context.Context, ws int32, id string) (r ruleset.Rule, err error) {
	defer fault.Wrap(&err, "Rule")
	return ruleByID(ctx, s.pool, ws, id)
}

func ruleByID(ctx context.Context, q querier, ws int32, id string) (r ruleset.Rule, err error) {
	if uuid.Validate(id) != nil {
		return r, ruleNotFound()
	}
	rows, err := q.Query(ctx, sqlRule, ws, id)
	if err != nil {
		return r, unavailable(err)
	}
	r, err = pgx.CollectExactlyOneRow(rows, scanRule)
	switch {
	case errors.Is(err, pgx.ErrNoRows) && id == ruleset.DefaultID:
		return ruleset.Default(), nil
	case errors.Is(err, pgx.ErrNoRows):
		return r, ruleNotFound()
	}
	return r, unavailable(err)
}

func ruleNotFound() error {
	return fault.New(fault.NotFound, "rule_not_found", "There is no rule with this ID; somebody may have removed it.")
}

// Whoever changes the rules of a workspace waits for others who do, so that two
// do not both take the last place or the same name.
const sqlLockRules = `SELECT pg_advisory_xact_lock(7217, $1::int4)`

const sqlCountRules = `
SELECT count(*) FILTER (WHERE r.id <> '00000000-0000-0000-0000-000000000000')::int4, coalesce(bool_or(r.name = $3::text AND r.id <> $2::uuid), false)
FROM alert_rules r WHERE r.workspace_id = $1::int4`

const sqlChannelNames = `SELECT c.id::text, c.name FROM channels c WHERE c.workspace_id = $1::int4 ORDER BY c.name`

const sqlSaveRule = `
INSERT INTO alert_rules AS r (workspace_id, id, name, query, sensitivity, settings, level, channels, runbook, enabled, updated_by)
VALUES ($1::int4, $2::uuid, $3::text, $4::text, $5::text, $6::text::jsonb, $7::text, $8::uuid[], $9::text, $10::bool, $11::text)
ON CONFLICT (workspace_id, id) DO UPDATE SET name = excluded.name, query = excluded.query, sensitivity = excluded.sensitivity, settings = excluded.settings,
  level = excluded.level, channels = excluded.channels, runbook = excluded.runbook, enabled = excluded.enabled, updated_at = now(), updated_by = excluded.updated_by
RETURNING ` + ruleColumns

// SaveRule changes the rule with that ID, or creates one where it has none, and
// gives it as it is stored; the same again changes nothing. Errors: a fault
// Unprocessable that names the field, NotFound (rule_not_found), Conflict
// (rule_exists, too_many_rules).
func (s *Store) SaveRule(ctx context.Context, actor Actor, ws int32, r ruleset.Rule) (saved ruleset.Rule, err error) {
	defer fault.Wrap(&err, "SaveRule")
	if r, err = r.Check(); err != nil {
		return saved, err
	}
	if r.ID == "" && r.Name == ruleset.DefaultName {
		return saved, nameTaken(r.Name)
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockRules, ws); err != nil {
			return err
		}
		saved, err = saveRule(ctx, tx, actor, ws, r)
		return err
	})
	return saved, err
}

func saveRule(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, r ruleset.Rule) (saved ruleset.Rule, err error) {
	isNew := r.ID == ""
	var have ruleset.Rule
	if isNew {
		r.ID = uuid.Must(uuid.NewV7()).String()
	} else if have, err = ruleByID(ctx, tx, ws, r.ID); err != nil {
		return saved, err
	}
	if err := resolveChannels(ctx, tx, ws, &r); err != nil {
		return saved, err
	}
	details := r.Details()
	if !isNew {
		if have.Same(r) {
			return have, nil
		}
		details["changes"] = ruleset.Edits(have, r)
	}
	if err := roomForRule(ctx, tx, ws, r, isNew); err != nil {
		return saved, err
	}
	settings, err := json.Marshal(r.Advanced)
	if err != nil {
		return saved, err
	}
	rows, err := tx.Query(ctx, sqlSaveRule, ws, r.ID, r.Name, r.Query, string(r.Sensitivity), string(settings), r.Level, r.Channels, r.Runbook, r.Enabled, actor.Label)
	if err != nil {
		return saved, err
	}
	if saved, err = pgx.CollectExactlyOneRow(rows, scanRule); err != nil {
		return saved, err
	}
	return saved, audit(ctx, tx, ws, actor, "rule.save", r.ID, details)
}

// resolveChannels has a rule name its channels by ID.
func resolveChannels(ctx context.Context, tx pgx.Tx, ws int32, r *ruleset.Rule) error {
	if len(r.Channels) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, sqlChannelNames, ws)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ruleset.Channel])
	if err != nil {
		return err
	}
	r.Channels, err = ruleset.Resolve(r.Channels, all)
	return err
}

// roomForRule looks at the other rules, of which only the database knows.
func roomForRule(ctx context.Context, tx pgx.Tx, ws int32, r ruleset.Rule, isNew bool) error {
	var n int
	var taken bool
	if err := tx.QueryRow(ctx, sqlCountRules, ws, r.ID, r.Name).Scan(&n, &taken); err != nil {
		return err
	}
	switch {
	case taken:
		return nameTaken(r.Name)
	case isNew && n >= ruleset.MaxRules-1: // the one that every workspace has is one of them
		return fault.New(fault.Conflict, "too_many_rules", "A workspace takes at most %d rules; remove one that nobody needs first.", ruleset.MaxRules).With("limit", ruleset.MaxRules)
	}
	return nil
}

func nameTaken(name string) error {
	return fault.New(fault.Conflict, "rule_exists", "There is a rule with the name '%s' already. Change that one, or take another name.", name).With("field", "name")
}

const sqlDeleteRule = `
DELETE FROM alert_rules r WHERE r.workspace_id = $1::int4 AND r.id = $2::uuid
RETURNING ` + ruleColumns

// RemoveRule takes a rule away; the one that every workspace has becomes what it
// was in the beginning. A fault NotFound (rule_not_found) where there is no such
// rule.
func (s *Store) RemoveRule(ctx context.Context, actor Actor, ws int32, id string) (err error) {
	defer fault.Wrap(&err, "RemoveRule")
	if uuid.Validate(id) != nil {
		return ruleNotFound()
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockRules, ws); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sqlDeleteRule, ws, id)
		if err != nil {
			return err
		}
		had, err := pgx.CollectExactlyOneRow(rows, scanRule)
		switch {
		case errors.Is(err, pgx.ErrNoRows) && id == ruleset.DefaultID:
			return nil // it is as it was
		case errors.Is(err, pgx.ErrNoRows):
			return ruleNotFound()
		case err != nil:
			return err
		}
		return audit(ctx, tx, ws, actor, "rule.remove", id, had.Details())
	})
}
