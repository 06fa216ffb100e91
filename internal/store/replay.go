package store

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/parcel"
)

const sqlRejectedItem = `SELECT r.item, r.replayed_at IS NOT NULL FROM rejections r WHERE r.workspace_id = $1::int4 AND r.id = $2::uuid`

const sqlMarkReplayed = `UPDATE rejections SET replayed_at = now() WHERE workspace_id = $1::int4 AND id = $2::uuid`

// Replay tries to store a rejected item again, for the case that what stood
// against it was mended. It is idempotent. Faults: NotFound
// (rejection_not_found), Conflict (not_replayable: the item itself was not
// kept), or Unprocessable (not_storable) where it is refused again.
func (s *Store) Replay(ctx context.Context, actor Actor, ws int32, id string) (out identity.Outcome, err error) {
	defer fault.Wrap(&err, "Replay")
	missing := fault.New(fault.NotFound, "rejection_not_found", "There is no rejection with this ID.")
	if uuid.Validate(id) != nil {
		return out, missing
	}
	var item []byte
	var done bool
	err = s.pool.QueryRow(ctx, sqlRejectedItem, ws, id).Scan(&item, &done)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return out, missing
	case err != nil:
		return out, unavailable(err)
	case len(item) == 0:
		return out, fault.New(fault.Conflict, "not_replayable", "This item was refused before it could be kept: it can only be sent again by its sender.")
	}
	p, err := parcel.Unpack(item)
	if err != nil {
		return out, err
	}
	if len(p.Parts) != 1 || p.Parts[0].Workspace != ws {
		return out, fault.New(fault.Conflict, "not_replayable", "The kept item cannot be read.")
	}
	outs, err := s.Write(ctx, p.Parts)
	switch {
	case fault.Is(err, fault.Unavailable):
		return out, err
	case err != nil:
		return out, fault.New(fault.Unprocessable, "not_storable", "The database refuses this item still.").Because(err)
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlMarkReplayed, ws, id); err != nil || done {
			return err
		}
		return audit(ctx, tx, ws, actor, "replay", id, nil)
	})
	return outs[0], err
}
