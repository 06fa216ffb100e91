package store

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/slo"
)

// MaxSLOs is how many objectives a workspace can have, so that a page can show
// how all of them fare.
const MaxSLOs = 1000

const sloColumns = `o.id::text, o.service, o.environment, o.method, o.endpoint, o.objective, o.window_days, o.created_at, o.updated_at, o.updated_by`

const sqlSLOs = `
SELECT ` + sloColumns + ` FROM slos o WHERE o.workspace_id = $1::int4
ORDER BY o.service, o.endpoint, o.method, o.environment LIMIT $2::int4`

// SLOs are the objectives that were set in a workspace, by service, those of a
// whole service before those of its endpoints.
func (s *Store) SLOs(ctx context.Context, ws int32) (out []slo.SLO, err error) {
	defer fault.Wrap(&err, "SLOs")
	rows, err := s.pool.Query(ctx, sqlSLOs, ws, MaxSLOs)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, scanSLO)
	return out, unavailable(err)
}

func scanSLO(row pgx.CollectableRow) (o slo.SLO, err error) {
	err = row.Scan(&o.ID, &o.Service, &o.Environment, &o.Method, &o.Endpoint, &o.Objective, &o.WindowDays, &o.CreatedAt.Time, &o.UpdatedAt.Time, &o.UpdatedBy)
	o.CreatedAt.Time, o.UpdatedAt.Time = o.CreatedAt.UTC(), o.UpdatedAt.UTC()
	return o, err
}

// Whoever sets or removes objectives in a workspace waits for others who do, so
// that two do not both take the last place.
const sqlLockSLOs = `SELECT pg_advisory_xact_lock(7216, $1::int4)`

const sqlSLOOfScope = `
SELECT ` + sloColumns + ` FROM slos o
WHERE o.workspace_id = $1::int4 AND o.service = $2::text AND o.environment = $3::text AND o.method = $4::text AND o.endpoint = $5::text`

const sqlCountSLOs = `SELECT count(*)::int4 FROM slos o WHERE o.workspace_id = $1::int4`

const sqlInsertSLO = `
INSERT INTO slos (workspace_id, id, service, environment, method, endpoint, objective, window_days, updated_by)
VALUES ($1::int4, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::float8, $8::int4, $9::text)`

const sqlUpdateSLO = `
UPDATE slos SET objective = $3::float8, window_days = $4::int4, updated_at = now(), updated_by = $5::text
WHERE workspace_id = $1::int4 AND id = $2::uuid`

// SetSLO sets the objective of a scope, in place of one that it had, and gives
// it as it is stored; the same again changes nothing. Errors: a fault
// Unprocessable that names the field, Conflict (too_many_slos) where the
// workspace has MaxSLOs.
func (s *Store) SetSLO(ctx context.Context, actor Actor, ws int32, o slo.SLO) (set slo.SLO, err error) {
	defer fault.Wrap(&err, "SetSLO")
	if o, err = o.Check(); err != nil {
		return set, err
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockSLOs, ws); err != nil {
			return err
		}
		have, err := sloOfScope(ctx, tx, ws, o)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			err = addSLO(ctx, tx, actor, ws, o)
		case err == nil && (have.Objective != o.Objective || have.WindowDays != o.WindowDays):
			err = changeSLO(ctx, tx, actor, ws, have, o)
		}
		if err != nil {
			return err
		}
		set, err = sloOfScope(ctx, tx, ws, o)
		return err
	})
	return set, err
}

func sloOfScope(ctx context.Context, tx pgx.Tx, ws int32, o slo.SLO) (slo.SLO, error) {
	rows, err := tx.Query(ctx, sqlSLOOfScope, ws, o.Service, o.Environment, o.Method, o.Endpoint)
	if err != nil {
		return slo.SLO{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanSLO)
}

func addSLO(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, o slo.SLO) error {
	var n int
	if err := tx.QueryRow(ctx, sqlCountSLOs, ws).Scan(&n); err != nil {
		return err
	}
	if n >= MaxSLOs {
		return fault.New(fault.Conflict, "too_many_slos", "A workspace takes at most %d objectives; remove one that nobody needs first.", MaxSLOs).With("limit", MaxSLOs)
	}
	id := uuid.Must(uuid.NewV7()).String()
	if _, err := tx.Exec(ctx, sqlInsertSLO, ws, id, o.Service, o.Environment, o.Method, o.Endpoint, o.Objective, o.WindowDays, actor.Label); err != nil {
		return err
	}
	return audit(ctx, tx, ws, actor, "slo.set", id, sloDetails(o, nil))
}

func changeSLO(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, have, o slo.SLO) error {
	if _, err := tx.Exec(ctx, sqlUpdateSLO, ws, have.ID, o.Objective, o.WindowDays, actor.Label); err != nil {
		return err
	}
	return audit(ctx, tx, ws, actor, "slo.set", have.ID, sloDetails(o, &have))
}

const sqlDeleteSLO = `
DELETE FROM slos o WHERE o.workspace_id = $1::int4 AND o.id = $2::uuid
RETURNING ` + sloColumns

// RemoveSLO takes an objective away; its service is held to the default again.
// A fault NotFound (slo_not_found) where the workspace has no such objective.
func (s *Store) RemoveSLO(ctx context.Context, actor Actor, ws int32, id string) (err error) {
	defer fault.Wrap(&err, "RemoveSLO")
	if uuid.Validate(id) != nil {
		return sloNotFound()
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockSLOs, ws); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sqlDeleteSLO, ws, id)
		if err != nil {
			return err
		}
		had, err := pgx.CollectExactlyOneRow(rows, scanSLO)
		if errors.Is(err, pgx.ErrNoRows) {
			return sloNotFound()
		}
		if err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "slo.remove", id, sloDetails(had, nil))
	})
}

func sloNotFound() error {
	return fault.New(fault.NotFound, "slo_not_found", "There is no objective with this ID; somebody may have removed it.")
}

// sloDetails is an objective in the audit log, which outlives it, with what
// stood in its place before.
func sloDetails(o slo.SLO, before *slo.SLO) map[string]any {
	out := map[string]any{"service": o.Service, "environment": o.Environment, "method": o.Method, "endpoint": o.Endpoint, "objective": o.Objective, "window_days": o.WindowDays}
	if before != nil {
		out["objective_before"], out["window_days_before"] = before.Objective, before.WindowDays
	}
	return out
}
