package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/fault"
)

// Whoever changes the catalogue of a workspace waits for others who do, so that
// two do not both take the last place, and versions follow each other.
const sqlLockCatalog = `SELECT pg_advisory_xact_lock(7230, $1::int4)`

const sqlCatalogRoom = `
SELECT count(*)::int4, coalesce(sum(e.size), 0)::int8 FROM catalog_entries e WHERE e.workspace_id = $1::int4`

const sqlCatalogVersion = `
SELECT coalesce(max(h.version), 0)::int4 FROM catalog_history h WHERE h.workspace_id = $1::int4 AND h.service = $2::text AND h.code = $3::text`

const sqlSaveCatalogEntry = `
INSERT INTO catalog_entries AS e (workspace_id, service, code, version, size, entry, updated_by)
VALUES ($1::int4, $2::text, $3::text, $4::int4, $5::int4, $6::text::jsonb, $7::text)
ON CONFLICT (workspace_id, service, code) DO UPDATE SET version = excluded.version, size = excluded.size, entry = excluded.entry, updated_at = now(), updated_by = excluded.updated_by
RETURNING ` + catalogColumns

const sqlDeleteCatalogEntry = `
DELETE FROM catalog_entries e WHERE e.workspace_id = $1::int4 AND e.service = $2::text AND e.code = $3::text`

const sqlInsertCatalogHistory = `
INSERT INTO catalog_history (workspace_id, service, code, version, act, entry, fields, actor_kind, actor_id, actor_label)
VALUES ($1::int4, $2::text, $3::text, $4::int4, $5::text, nullif($6::text, '')::jsonb, $7::text[], $8::text, $9::text, $10::text)`

const sqlTurnCatalog = `
INSERT INTO catalog_books AS b (workspace_id, version) VALUES ($1::int4, 1)
ON CONFLICT (workspace_id) DO UPDATE SET version = b.version + 1`

// AnyVersion changes an entry whichever version it has; 0 stands for none.
const AnyVersion = -1

// SaveCatalogEntry puts an entry in the place of what stood under its key, and
// gives it as it is stored; the same again changes nothing. version is the one
// that the change was made from. Errors: a fault Unprocessable that names the
// field, Conflict (catalog_entry_changed, catalog_full).
func (s *Store) SaveCatalogEntry(ctx context.Context, actor Actor, ws int32, e catalog.Entry, version int) (saved catalog.Entry, err error) {
	defer fault.Wrap(&err, "SaveCatalogEntry")
	if e, err = e.Check(); err != nil {
		return saved, err
	}
	err = s.inCatalog(ctx, ws, func(tx pgx.Tx) (changed bool, err error) {
		have, err := expected(ctx, tx, ws, e.Key(), version)
		if err != nil {
			return false, err
		}
		saved, changed, err = saveOne(ctx, tx, actor, ws, "save", have, e)
		return changed, err
	})
	return saved, err
}

// inCatalog runs fn, which says whether it changed something, while nobody else
// changes the catalogue of the workspace. If so, readers read it anew.
func (s *Store) inCatalog(ctx context.Context, ws int32, fn func(pgx.Tx) (changed bool, err error)) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockCatalog, ws); err != nil {
			return err
		}
		changed, err := fn(tx)
		if err == nil && changed {
			_, err = tx.Exec(ctx, sqlTurnCatalog, ws)
		}
		return err
	})
}

// catalogFits fails when what was just saved is more than a catalogue may hold.
func catalogFits(ctx context.Context, tx pgx.Tx, ws int32) error {
	var n int
	var total int64
	if err := tx.QueryRow(ctx, sqlCatalogRoom, ws).Scan(&n, &total); err != nil {
		return err
	}
	if n > catalog.MaxEntries || total > catalog.MaxTotal {
		return fault.New(fault.Conflict, "catalog_full", "A workspace takes at most %d entries, of %d MiB together; remove one that nobody needs first.", catalog.MaxEntries, catalog.MaxTotal>>20).With("limit", catalog.MaxEntries)
	}
	return nil
}

// expected is the entry as it is, which has to have the version that somebody saw.
func expected(ctx context.Context, tx pgx.Tx, ws int32, k catalog.Key, version int) (catalog.Entry, error) {
	have, _, err := entryAt(ctx, tx, ws, k)
	if err != nil || version == AnyVersion || have.Version == version {
		return have, err
	}
	f := fault.New(fault.Conflict, "catalog_entry_changed", "The entry for %s is at version %d, which %s made, and not at %d any more. Read it again, compare, and save with that version.", k, have.Version, have.UpdatedBy, version)
	switch {
	case have.Version == 0:
		f = fault.New(fault.Conflict, "catalog_entry_changed", "The entry for %s was removed after you read version %d of it. Save with version 0 to write it anew.", k, version)
	case version == 0:
		f = fault.New(fault.Conflict, "catalog_entry_changed", "There is an entry for %s already, at version %d. Read it, and send that version with your change.", k, have.Version)
	}
	return have, f.With("version", have.Version).With("updated_by", have.UpdatedBy)
}

// saveOne saves an entry that is alone in its change, if it is not the same.
func saveOne(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, act string, have, e catalog.Entry) (saved catalog.Entry, changed bool, err error) {
	if have.Version > 0 && have.Same(e) {
		return have, false, nil
	}
	if saved, err = saveEntry(ctx, tx, actor, ws, act, have, e); err != nil {
		return saved, false, err
	}
	return saved, true, catalogFits(ctx, tx, ws)
}

func saveEntry(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, act string, have, e catalog.Entry) (saved catalog.Entry, err error) {
	e.Version, e.UpdatedAt, e.UpdatedBy = 0, event.Time{}, ""
	doc, err := json.Marshal(e)
	if err != nil {
		return saved, err
	}
	k := e.Key()
	version, err := nextVersion(ctx, tx, ws, k)
	if err != nil {
		return saved, err
	}
	rows, err := tx.Query(ctx, sqlSaveCatalogEntry, ws, k.Service, k.Code, version, len(doc), jsonText(doc), actor.Label)
	if err != nil {
		return saved, err
	}
	if saved, err = pgx.CollectExactlyOneRow(rows, scanEntry); err != nil {
		return saved, err
	}
	return saved, recordEntry(ctx, tx, actor, ws, k, version, act, jsonText(doc), catalog.Edits(have, e))
}

func nextVersion(ctx context.Context, tx pgx.Tx, ws int32, k catalog.Key) (int, error) {
	var last int
	err := tx.QueryRow(ctx, sqlCatalogVersion, ws, k.Service, k.Code).Scan(&last)
	return last + 1, err
}

// recordEntry leaves a change in the history and in the audit log.
func recordEntry(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, k catalog.Key, version int, act, doc string, fields []string) error {
	if fields == nil {
		fields = []string{}
	}
	if _, err := tx.Exec(ctx, sqlInsertCatalogHistory, ws, k.Service, k.Code, version, act, doc, fields, actor.Kind, actor.ID, actor.Label); err != nil {
		return err
	}
	return audit(ctx, tx, ws, actor, "catalog."+act, k.String(), map[string]any{"service": k.Service, "code": k.Code, "version": version, "fields": fields})
}

// RemoveCatalogEntry takes an entry away: what is built in, or more general, is
// said again. Its history stays. Errors: a fault NotFound
// (catalog_entry_not_found), Conflict (catalog_entry_changed).
func (s *Store) RemoveCatalogEntry(ctx context.Context, actor Actor, ws int32, k catalog.Key, version int) (err error) {
	defer fault.Wrap(&err, "RemoveCatalogEntry")
	return s.inCatalog(ctx, ws, func(tx pgx.Tx) (changed bool, err error) {
		have, err := expected(ctx, tx, ws, k, version)
		if have.Version == 0 && (err == nil || fault.Is(err, fault.Conflict)) {
			err = entryNotFound(k)
		}
		if err != nil {
			return false, err
		}
		return true, removeEntry(ctx, tx, actor, ws, have)
	})
}

func removeEntry(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, have catalog.Entry) error {
	k := have.Key()
	version, err := nextVersion(ctx, tx, ws, k)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlDeleteCatalogEntry, ws, k.Service, k.Code); err != nil {
		return err
	}
	return recordEntry(ctx, tx, actor, ws, k, version, "remove", "", catalog.Edits(have, catalog.Entry{}))
}

const sqlCatalogRevision = `
SELECT h.entry FROM catalog_history h WHERE h.workspace_id = $1::int4 AND h.service = $2::text AND h.code = $3::text AND h.version = $4::int4`

// RevertCatalogEntry makes an entry what it was in an earlier version, as a new
// one. Errors: a fault NotFound (catalog_version_not_found) where there was none,
// or where it had been removed, Conflict (catalog_entry_changed, catalog_full).
func (s *Store) RevertCatalogEntry(ctx context.Context, actor Actor, ws int32, k catalog.Key, to, version int) (saved catalog.Entry, err error) {
	defer fault.Wrap(&err, "RevertCatalogEntry")
	err = s.inCatalog(ctx, ws, func(tx pgx.Tx) (changed bool, err error) {
		rows, err := tx.Query(ctx, sqlCatalogRevision, ws, k.Service, k.Code, to)
		if err != nil {
			return false, err
		}
		docs, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
		if err != nil {
			return false, err
		}
		if len(docs) == 0 || docs[0] == nil {
			return false, fault.New(fault.NotFound, "catalog_version_not_found", "The entry for %s has no version %d to go back to. Take one from its history.", k, to)
		}
		e, err := entryOf(docs[0], k, 0, time.Time{}, "")
		if err != nil {
			return false, err
		}
		if e, err = e.Check(); err != nil { // the rules may have changed since
			return false, err
		}
		have, err := expected(ctx, tx, ws, k, version)
		if err != nil {
			return false, err
		}
		saved, changed, err = saveOne(ctx, tx, actor, ws, "revert", have, e)
		return changed, err
	})
	return saved, err
}

const sqlCatalogEntries = `
SELECT ` + catalogColumns + ` FROM catalog_entries e WHERE e.workspace_id = $1::int4 ORDER BY e.service, e.code LIMIT $2::int4`

// ImportCatalog makes the entries of a workspace those of a file, all or none of
// them, and gives what that changes. It applies only the plan that somebody looked
// at, which they name by its digest; without one nothing is changed. Errors: a
// fault Conflict (plan_changed, catalog_full).
func (s *Store) ImportCatalog(ctx context.Context, actor Actor, ws int32, want []catalog.Entry, prune bool, digest string) (plan catalog.Plan, err error) {
	defer fault.Wrap(&err, "ImportCatalog")
	for i := range want {
		if want[i], err = want[i].Check(); err != nil {
			return plan, err
		}
	}
	err = s.inCatalog(ctx, ws, func(tx pgx.Tx) (changed bool, err error) {
		rows, err := tx.Query(ctx, sqlCatalogEntries, ws, catalog.MaxEntries)
		if err != nil {
			return false, err
		}
		have, err := pgx.CollectRows(rows, scanEntry)
		if err != nil {
			return false, err
		}
		plan = catalog.Compare(have, want, prune)
		if digest == "" {
			return false, nil
		}
		if digest != plan.Digest() {
			return false, fault.New(fault.Conflict, "plan_changed", "Nothing was applied: this is not the change that was looked at, since the file or the entries are different now. Look at it again.")
		}
		for _, op := range plan.Ops {
			if op.Act == catalog.Remove {
				err = removeEntry(ctx, tx, actor, ws, op.Have)
			} else {
				_, err = saveEntry(ctx, tx, actor, ws, "import", op.Have, op.Want)
			}
			if err != nil {
				return false, err
			}
		}
		return len(plan.Ops) > 0, catalogFits(ctx, tx, ws)
	})
	return plan, err
}
