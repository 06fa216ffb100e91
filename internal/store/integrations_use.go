package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// A busy one is touched at most once a minute, unless something went wrong before;
// what goes wrong is noted every ten seconds, whoever knocks.
const (
	sqlIntegrationUsed = `
UPDATE integrations SET last_used_at = now(), last_error = '', last_error_at = NULL
WHERE workspace_id = $1::int4 AND id = $2::uuid AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute' OR last_error <> '')`

	sqlIntegrationFailed = `
UPDATE integrations SET last_error = $3::text, last_error_at = now()
WHERE workspace_id = $1::int4 AND id = $2::uuid AND (last_error_at IS NULL OR last_error_at < now() - interval '10 seconds')`
)

// NoteIntegration keeps that an integration was used, and what went wrong; "" for
// nothing.
func (s *Store) NoteIntegration(ctx context.Context, ws int32, id, wrong string) (err error) {
	defer fault.Wrap(&err, "NoteIntegration(%s)", id)
	if wrong == "" {
		_, err = s.pool.Exec(ctx, sqlIntegrationUsed, ws, id)
	} else {
		_, err = s.pool.Exec(ctx, sqlIntegrationFailed, ws, id, wrong)
	}
	return unavailable(err)
}

// aboutIntegration is what a box says that it is: it opens nowhere else.
func aboutIntegration(ws int32, id, name string) string {
	return fmt.Sprintf("integration secret\x00%d\x00%s\x00%s", ws, id, name)
}

func (s *Store) sealIntegration(ws int32, id string, secrets Secrets, kept secretBoxes) (string, error) {
	return s.sealBoxes(secrets, kept, func(name string) string { return aboutIntegration(ws, id, name) })
}

// openIntegration reads its secrets, gives those that cannot be read as they lie
// there, and why.
func (s *Store) openIntegration(d *doorRow) (secrets Secrets, locked secretBoxes, why string) {
	secrets, locked, name, err := s.openBoxes(d.boxes, func(name string) string { return aboutIntegration(d.Workspace, d.ID, name) })
	if err != nil {
		why = lockedWhy("the integration's", name, err)
	}
	return secrets, locked, why
}

const (
	sqlSealedIntegrations = `SELECT ` + doorColumns + ` FROM integrations i WHERE i.secrets <> '{}' ORDER BY 1, 2`

	sqlSetIntegrationSecrets = `UPDATE integrations SET secrets = $3::text::jsonb WHERE workspace_id = $1::int4 AND id = $2::uuid`
)

// SealIntegrations does for integrations what SealChannels does for channels.
func (s *Store) SealIntegrations(ctx context.Context) (n int, err error) {
	defer fault.Wrap(&err, "SealIntegrations")
	if s.keys.Current() == "" {
		return 0, nil
	}
	all, err := s.sealedIntegrations(ctx)
	if err != nil {
		return 0, err
	}
	for i := range all {
		if !s.staleIntegration(&all[i]) {
			continue
		}
		changed, err := s.resealIntegration(ctx, all[i].Workspace, all[i].ID)
		if err != nil {
			return n, err
		}
		if changed {
			n++
		}
	}
	return n, nil
}

func (s *Store) sealedIntegrations(ctx context.Context) ([]doorRow, error) {
	rows, err := s.pool.Query(ctx, sqlSealedIntegrations)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (doorRow, error) { return scanDoor(row) })
	return out, unavailable(err)
}

// staleIntegration: there is something that can be encrypted anew.
func (s *Store) staleIntegration(d *doorRow) bool {
	_, locked, _ := s.openIntegration(d)
	for name, b := range d.boxes {
		if _, ok := locked[name]; !ok && b.box.Key != s.keys.Current() {
			return true
		}
	}
	return false
}

func (s *Store) resealIntegration(ctx context.Context, ws int32, id string) (changed bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		changed = false
		d, err := lockIntegration(ctx, tx, ws, id)
		if fault.Is(err, fault.NotFound) || err == nil && !s.staleIntegration(&d) {
			return nil // removed, or another replica was faster
		}
		if err != nil {
			return err
		}
		known, locked, _ := s.openIntegration(&d)
		doc, err := s.sealIntegration(ws, id, known, locked)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlSetIntegrationSecrets, ws, id, doc); err != nil {
			return err
		}
		changed = true
		return audit(ctx, tx, ws, System, "integration.encrypt", id, map[string]any{"name": d.name, "key": s.keys.Current()})
	})
	return changed, err
}
