package store

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"errata/internal/fault"
)

const sqlAudit = `
INSERT INTO audit (workspace_id, id, actor_kind, actor_id, actor_label, action, target, details)
VALUES ($1::int4, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text, nullif($8::text, '')::jsonb)`

type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Audit leaves a row about something that was done outside the store's own
// transactions. details must not contain secrets.
func (s *Store) Audit(ctx context.Context, ws int32, actor Actor, action, target string, details any) (err error) {
	defer fault.Wrap(&err, "Audit(%s)", action)
	return s.inTx(ctx, func(tx pgx.Tx) error { return audit(ctx, tx, ws, actor, action, target, details) })
}

func audit(ctx context.Context, tx execer, ws int32, actor Actor, action, target string, details any) error {
	doc := ""
	if details != nil {
		b, err := json.Marshal(details)
		if err != nil {
			return err
		}
		doc = jsonText(b)
	}
	_, err := tx.Exec(ctx, sqlAudit, ws, uuid.Must(uuid.NewV7()).String(), actor.Kind, actor.ID, actor.Label, action, target, doc)
	return err
}
