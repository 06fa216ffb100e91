package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/thin"
)

const thinningColumns = `r.name, r.match, r.after_days, r.keep, r.enabled, r.created_at, r.created_by, r.updated_at, r.updated_by`

const sqlThinningRules = `
SELECT ` + thinningColumns + ` FROM thinning_rules r WHERE r.workspace_id = $1::int4 ORDER BY r.name LIMIT $2::int4`

// ThinningRules are the rules of a workspace, in the order in which they go.
func (s *Store) ThinningRules(ctx context.Context, ws int32) (out []thin.Rule, err error) {
	defer fault.Wrap(&err, "ThinningRules")
	rows, err := s.pool.Query(ctx, sqlThinningRules, ws, thin.MaxRules)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, scanThinningRule)
	return out, unavailable(err)
}

func scanThinningRule(row pgx.CollectableRow) (r thin.Rule, err error) {
	err = row.Scan(&r.Name, &r.Match, &r.AfterDays, &r.Keep, &r.Enabled, &r.CreatedAt.Time, &r.CreatedBy, &r.UpdatedAt.Time, &r.UpdatedBy)
	r.CreatedAt.Time, r.UpdatedAt.Time = r.CreatedAt.UTC(), r.UpdatedAt.UTC()
	return r, err
}

// CheckThinning gives a rule as it would be stored. Errors: a fault Unprocessable
// that names the field.
func (s *Store) CheckThinning(ctx context.Context, ws int32, r thin.Rule) (thin.Rule, error) {
	days, err := s.keepsFor(ctx, ws)
	if err != nil {
		return r, unavailable(err)
	}
	return r.Check(days)
}

const (
	// Whoever sets or removes rules of a workspace waits for others who do, so that
	// two do not both take the last place.
	sqlLockThinning = `SELECT pg_advisory_xact_lock(7231, $1::int4)`

	sqlThinningRule = `
SELECT ` + thinningColumns + ` FROM thinning_rules r WHERE r.workspace_id = $1::int4 AND r.name = $2::text`

	sqlCountThinning = `SELECT count(*)::int4 FROM thinning_rules r WHERE r.workspace_id = $1::int4`

	sqlSetThinning = `
INSERT INTO thinning_rules (workspace_id, name, match, after_days, keep, enabled, created_by, updated_by)
VALUES ($1::int4, $2::text, $3::text, $4::int4, $5::int4, $6::bool, $7::text, $7::text)
ON CONFLICT (workspace_id, name) DO UPDATE SET match = excluded.match, after_days = excluded.after_days, keep = excluded.keep, enabled = excluded.enabled,
  updated_at = now(), updated_by = excluded.updated_by`
)

// SetThinningRule sets a rule in place of the one of that name, and gives it as it is
// stored; the same again changes nothing. Errors: a fault Unprocessable that names the
// field, Conflict (too_many_thinning_rules) where the workspace has thin.MaxRules.
func (s *Store) SetThinningRule(ctx context.Context, actor Actor, ws int32, r thin.Rule) (set thin.Rule, err error) {
	defer fault.Wrap(&err, "SetThinningRule")
	if r, err = s.CheckThinning(ctx, ws, r); err != nil {
		return set, err
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockThinning, ws); err != nil {
			return err
		}
		have, err := thinningRule(ctx, tx, ws, r.Name)
		added := errors.Is(err, pgx.ErrNoRows)
		if added {
			err = roomForThinning(ctx, tx, ws)
		}
		if err != nil {
			return err
		}
		if !added && have.Match == r.Match && have.AfterDays == r.AfterDays && have.Keep == r.Keep && have.Enabled == r.Enabled {
			set = have
			return nil
		}
		if _, err := tx.Exec(ctx, sqlSetThinning, ws, r.Name, r.Match, r.AfterDays, r.Keep, r.Enabled, actor.Label); err != nil {
			return err
		}
		details := thinningDetails(r)
		if !added {
			details["was"] = thinningDetails(have)
		}
		if err := audit(ctx, tx, ws, actor, "thinning.set", r.Name, details); err != nil {
			return err
		}
		set, err = thinningRule(ctx, tx, ws, r.Name)
		return err
	})
	return set, err
}

func thinningRule(ctx context.Context, tx pgx.Tx, ws int32, name string) (thin.Rule, error) {
	rows, err := tx.Query(ctx, sqlThinningRule, ws, name)
	if err != nil {
		return thin.Rule{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanThinningRule)
}

func roomForThinning(ctx context.Context, tx pgx.Tx, ws int32) error {
	var n int
	if err := tx.QueryRow(ctx, sqlCountThinning, ws).Scan(&n); err != nil {
		return err
	}
	if n >= thin.MaxRules {
		return fault.New(fault.Conflict, "too_many_thinning_rules", "A workspace takes at most %d thinning rules; remove one that nobody needs first.", thin.MaxRules).With("limit", thin.MaxRules)
	}
	return nil
}

// thinningDetails is a rule in the audit log, which outlives it.
func thinningDetails(r thin.Rule) map[string]any {
	return map[string]any{"match": r.Match, "after_days": r.AfterDays, "keep": r.Keep, "enabled": r.Enabled}
}

const sqlThinnedBy = `
SELECT DISTINCT d.rule FROM expired_days d
WHERE d.workspace_id = $1::int4 AND d.day BETWEEN DATE '1970-01-01' + $2::int4 AND DATE '1970-01-01' + $3::int4 AND d.rule IS NOT NULL ORDER BY d.rule LIMIT $4::int4`

// ThinnedBy are the rules that have let failures of some days go: a list of those has
// what they keep.
func (s *Store) ThinnedBy(ctx context.Context, ws int32, from, to time.Time) (rules []string, err error) {
	defer fault.Wrap(&err, "ThinnedBy")
	rows, err := s.pool.Query(ctx, sqlThinnedBy, ws, dayOf(from), dayOf(to), thin.MaxRules)
	if err != nil {
		return nil, unavailable(err)
	}
	rules, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return rules, unavailable(err)
}

const (
	sqlDeleteThinning = `
DELETE FROM thinning_rules r WHERE r.workspace_id = $1::int4 AND r.name = $2::text
RETURNING ` + thinningColumns

	// What it has let go is still to be given back as room, and a rule of the same name
	// has yet to go through those days.
	sqlLeaveThinned  = `UPDATE thinned_days d SET written = -1 WHERE d.workspace_id = $1::int4 AND d.rule = $2::text AND d.gone > 0`
	sqlForgetThinned = `DELETE FROM thinned_days d WHERE d.workspace_id = $1::int4 AND d.rule = $2::text AND d.gone = 0`
)

// RemoveThinningRule takes a rule away. What it has let go stays gone, and is still
// said to have been. A fault NotFound (thinning_rule_not_found).
func (s *Store) RemoveThinningRule(ctx context.Context, actor Actor, ws int32, name string) (err error) {
	defer fault.Wrap(&err, "RemoveThinningRule")
	missing := fault.New(fault.NotFound, "thinning_rule_not_found", "There is no thinning rule of this name; somebody may have removed it.")
	if thin.CheckName(name) != nil {
		return missing
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockThinning, ws); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sqlDeleteThinning, ws, name)
		if err != nil {
			return err
		}
		had, err := pgx.CollectExactlyOneRow(rows, scanThinningRule)
		if errors.Is(err, pgx.ErrNoRows) {
			return missing
		}
		if err != nil {
			return err
		}
		for _, sql := range []string{sqlLeaveThinned, sqlForgetThinned} {
			if _, err := tx.Exec(ctx, sql, ws, name); err != nil {
				return err
			}
		}
		return audit(ctx, tx, ws, actor, "thinning.remove", name, thinningDetails(had))
	})
}
