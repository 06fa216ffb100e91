package store

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// Whoever changes the integrations of a workspace waits for others who do.
const sqlLockIntegrations = `SELECT pg_advisory_xact_lock(7224, $1::int4)`

func (s *Store) changeIntegrations(ctx context.Context, ws int32, fn func(pgx.Tx) error) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockIntegrations, ws); err != nil {
			return err
		}
		return fn(tx)
	})
}

const sqlIntegrationRoom = `
SELECT count(*)::int4, coalesce(bool_or(i.name = $2::text AND i.id IS DISTINCT FROM $3::uuid), false) FROM integrations i WHERE i.workspace_id = $1::int4`

// fits holds an integration against the others; id is nil for a new one.
func (i IntegrationSpec) fits(ctx context.Context, tx pgx.Tx, ws int32, id *string) error {
	var n int
	var taken bool
	if err := tx.QueryRow(ctx, sqlIntegrationRoom, ws, i.Name, id).Scan(&n, &taken); err != nil {
		return err
	}
	switch {
	case id == nil && n >= MaxIntegrations:
		return fault.New(fault.Conflict, "too_many_integrations", "A workspace takes at most %d integrations; remove one that nobody needs first.", MaxIntegrations).With("limit", MaxIntegrations)
	case taken:
		return fault.New(fault.Conflict, "integration_name_taken", "There is an integration with this name already; choose another.").With("field", "name")
	}
	return nil
}

const sqlInsertIntegration = `
INSERT INTO integrations (workspace_id, id, kind, name, account, customers, unfurl, enabled, secrets, updated_by)
VALUES ($1::int4, $2::uuid, $3::text, $4::text, $5::text, $6::bool, $7::bool, $8::bool, $9::text::jsonb, $10::text)`

// AddIntegration makes an integration. Errors: a fault Unprocessable that names the
// field, Conflict (too_many_integrations, integration_name_taken).
func (s *Store) AddIntegration(ctx context.Context, actor Actor, ws int32, spec IntegrationSpec) (added Integration, err error) {
	defer fault.Wrap(&err, "AddIntegration")
	spec.Secrets = mergeSecrets(nil, spec.Secrets)
	if err := spec.check(); err != nil {
		return added, err
	}
	err = s.changeIntegrations(ctx, ws, func(tx pgx.Tx) error {
		if err := spec.fits(ctx, tx, ws, nil); err != nil {
			return err
		}
		id := uuid.Must(uuid.NewV7()).String()
		secrets, err := s.sealIntegration(ws, id, spec.Secrets, nil)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlInsertIntegration, ws, id, spec.Kind, spec.Name, spec.Account, spec.Customers, spec.Unfurl, spec.Enabled, secrets, actor.Label); err != nil {
			return err
		}
		if err := audit(ctx, tx, ws, actor, "integration.add", id, integrationDetails(spec)); err != nil {
			return err
		}
		added, err = integration(ctx, tx, ws, id)
		return err
	})
	return added, err
}

// integrationDetails is an integration in the audit log, without its secrets.
func integrationDetails(i IntegrationSpec) map[string]any {
	return map[string]any{"name": i.Name, "kind": i.Kind, "account": i.Account, "customers": i.Customers, "unfurl": i.Unfurl, "enabled": i.Enabled}
}

const sqlLockIntegration = `SELECT ` + doorColumns + ` FROM integrations i WHERE i.workspace_id = $1::int4 AND i.id = $2::uuid FOR UPDATE`

func lockIntegration(ctx context.Context, tx pgx.Tx, ws int32, id string) (d doorRow, err error) {
	if uuid.Validate(id) != nil {
		return d, integrationNotFound()
	}
	d, err = scanDoor(tx.QueryRow(ctx, sqlLockIntegration, ws, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return d, integrationNotFound()
	}
	return d, err
}

const sqlUpdateIntegration = `
UPDATE integrations SET name = $3::text, account = $4::text, customers = $5::bool, unfurl = $6::bool, enabled = $7::bool, secrets = $8::text::jsonb,
  last_error = '', last_error_at = NULL, updated_at = now(), updated_by = $9::text
WHERE workspace_id = $1::int4 AND id = $2::uuid`

// SetIntegration changes an integration; its kind stays, and so do secrets that are
// not named. What went wrong before is forgotten. Errors: NotFound, and those of
// AddIntegration.
func (s *Store) SetIntegration(ctx context.Context, actor Actor, ws int32, id string, spec IntegrationSpec) (set Integration, err error) {
	defer fault.Wrap(&err, "SetIntegration(%s)", id)
	err = s.changeIntegrations(ctx, ws, func(tx pgx.Tx) error {
		had, err := lockIntegration(ctx, tx, ws, id)
		if err != nil {
			return err
		}
		known, locked, why := s.openIntegration(&had)
		for name := range spec.Secrets { // is entered again, or goes
			delete(locked, name)
		}
		if len(locked) > 0 {
			return secretsLocked(why)
		}
		next := spec
		next.Kind, next.Secrets = had.Kind, mergeSecrets(known, spec.Secrets)
		if err := next.check(); err != nil {
			return err
		}
		if err := next.fits(ctx, tx, ws, &id); err != nil {
			return err
		}
		secrets, err := s.sealIntegration(ws, id, next.Secrets, nil)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlUpdateIntegration, ws, id, next.Name, next.Account, next.Customers, next.Unfurl, next.Enabled, secrets, actor.Label); err != nil {
			return err
		}
		details := integrationDetails(next)
		details["changed"] = had.changed(next, known)
		if err := audit(ctx, tx, ws, actor, "integration.set", id, details); err != nil {
			return err
		}
		set, err = integration(ctx, tx, ws, id)
		return err
	})
	return set, err
}

// changed names what is different; of secrets never what it is.
func (d *doorRow) changed(next IntegrationSpec, had Secrets) []string {
	out := []string{}
	for _, f := range []struct {
		name    string
		differs bool
	}{
		{"name", d.name != next.Name}, {"account", d.Account != next.Account}, {"customers", d.Customers != next.Customers}, {"unfurl", d.Unfurl != next.Unfurl},
		{"enabled", d.Enabled != next.Enabled}, {"secrets." + SigningSecret, had[SigningSecret] != next.Secrets[SigningSecret]}, {"secrets." + BotToken, had[BotToken] != next.Secrets[BotToken]},
	} {
		if f.differs {
			out = append(out, f.name)
		}
	}
	slices.Sort(out)
	return out
}

const sqlDeleteIntegration = `DELETE FROM integrations WHERE workspace_id = $1::int4 AND id = $2::uuid`

// RemoveIntegration takes an integration away: nobody who asks through it is
// answered any more.
func (s *Store) RemoveIntegration(ctx context.Context, actor Actor, ws int32, id string) (err error) {
	defer fault.Wrap(&err, "RemoveIntegration(%s)", id)
	return s.changeIntegrations(ctx, ws, func(tx pgx.Tx) error {
		had, err := lockIntegration(ctx, tx, ws, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlDeleteIntegration, ws, id); err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "integration.remove", id, map[string]any{"name": had.name, "kind": had.Kind, "account": had.Account})
	})
}

const sqlSetIntegrationToken = `
UPDATE integrations SET token_hash = $3::bytea, token_at = CASE WHEN $3::bytea IS NULL THEN NULL ELSE now() END, updated_at = now(), updated_by = $4::text
WHERE workspace_id = $1::int4 AND id = $2::uuid`

// SetIntegrationToken puts a token, by its hash, in place of the one before it; nil
// only takes that away. Errors: NotFound; Conflict (no_embed_token) for a kind
// without one.
func (s *Store) SetIntegrationToken(ctx context.Context, actor Actor, ws int32, id string, hash []byte) (set Integration, err error) {
	defer fault.Wrap(&err, "SetIntegrationToken(%s)", id)
	err = s.changeIntegrations(ctx, ws, func(tx pgx.Tx) error {
		had, err := lockIntegration(ctx, tx, ws, id)
		if err != nil {
			return err
		}
		if had.Kind != Zendesk {
			return fault.New(fault.Conflict, "no_embed_token", "Only an integration with Zendesk has a token; Slack signs its requests.")
		}
		if _, err := tx.Exec(ctx, sqlSetIntegrationToken, ws, id, hash, actor.Label); err != nil {
			return err
		}
		action := "integration.token"
		if hash == nil {
			action = "integration.untoken"
		}
		if err := audit(ctx, tx, ws, actor, action, id, map[string]any{"name": had.name}); err != nil {
			return err
		}
		set, err = integration(ctx, tx, ws, id)
		return err
	})
	return set, err
}
