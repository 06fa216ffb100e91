package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// The names of the secret that a channel signs with, and of the one before it.
const (
	signingSecret  = "secret"
	previousSecret = "previous_secret"
)

const sqlRotateChannel = `
UPDATE channels SET secrets = $3::text::jsonb, updated_at = now(), updated_by = $4::text WHERE workspace_id = $1::int4 AND id = $2::uuid`

// RotateChannel gives a channel that signs a new secret, and has it sign with
// the last one as well while receivers change over. Taking previous_secret away
// ends that. Errors: NotFound; Unprocessable (secrets.secret) for a secret that
// cannot be one, is the same as before, or where the kind does not sign.
func (s *Store) RotateChannel(ctx context.Context, actor Actor, ws int32, id, secret string, check CheckChannel) (set Channel, err error) {
	defer fault.Wrap(&err, "RotateChannel(%s)", id)
	err = s.changeChannels(ctx, ws, func(tx pgx.Tx) error {
		had, err := lockChannel(ctx, tx, ws, id)
		if err != nil {
			return err
		}
		known, locked, why := s.openSecrets(&had)
		old := known[signingSecret]
		switch {
		case len(locked) > 0:
			return secretsLocked(why)
		case secret == "":
			return invalid("secrets."+signingSecret, "must be the new secret; the last one goes on signing beside it")
		case secret == old:
			return invalid("secrets."+signingSecret, "must be another one than before")
		}
		change := Secrets{signingSecret: secret}
		if old != "" {
			change[previousSecret] = old
		}
		next := ChannelSpec{Name: had.Name, Kind: had.Kind, Settings: had.Settings, Secrets: mergeSecrets(known, change)}
		if err := check(next); err != nil {
			return err
		}
		_, secrets, err := s.documents(ws, id, next, nil)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlRotateChannel, ws, id, secrets, actor.Label); err != nil {
			return err
		}
		if err := audit(ctx, tx, ws, actor, "channel.rotate", id, map[string]any{"name": had.Name, "kind": had.Kind}); err != nil {
			return err
		}
		set, err = s.channel(ctx, tx, ws, id)
		return err
	})
	return set, err
}
