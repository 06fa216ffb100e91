package store

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/fault"
)

// books are the catalogues of workspaces as they were read last. They are used
// only where the version that the database has is theirs, so that they are never
// old, whichever process made a change.
type books struct {
	mu   sync.Mutex
	kept map[int32]keptBook
}

type keptBook struct {
	version int64
	book    *catalog.Book
}

// maxBooks is how many are kept; where there are more, any of them goes.
const maxBooks = 64

func (b *books) get(ws int32) keptBook {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept[ws]
}

func (b *books) keep(ws int32, k keptBook) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kept == nil {
		b.kept = map[int32]keptBook{}
	}
	for other := range b.kept {
		if len(b.kept) < maxBooks {
			break
		}
		delete(b.kept, other)
	}
	b.kept[ws] = k
}

const catalogColumns = `e.service, e.code, e.version, e.entry, e.updated_at, e.updated_by`

// Where the version is known already no entry is read: what is within LATERAL, which
// its LIMIT keeps apart, then does not begin.
const sqlCatalogBook = `
SELECT b.version, l.service, l.code, l.version, l.entry, l.updated_at, l.updated_by
FROM catalog_books b LEFT JOIN LATERAL (
  SELECT ` + catalogColumns + ` FROM catalog_entries e WHERE e.workspace_id = b.workspace_id AND b.version <> $2::int8 LIMIT $3::int4) l ON true
WHERE b.workspace_id = $1::int4`

// Catalog is what a workspace has written into the catalogue. It is one look by
// key, and reads the entries only where they changed since.
func (s *Store) Catalog(ctx context.Context, ws int32) (book *catalog.Book, err error) {
	defer fault.Wrap(&err, "Catalog")
	have := s.books.get(ws)
	rows, err := s.pool.Query(ctx, sqlCatalogBook, ws, have.version, catalog.MaxEntries)
	if err != nil {
		return nil, unavailable(err)
	}
	defer rows.Close()
	var version int64
	var entries []catalog.Entry
	for rows.Next() {
		e, err := scanMaybeEntry(rows, &version)
		if err != nil {
			return nil, unavailable(err)
		}
		if e.Code != "" {
			entries = append(entries, e)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable(err)
	}
	if version == have.version && have.book != nil {
		return have.book, nil
	}
	book = catalog.NewBook(entries)
	if version > 0 {
		s.books.keep(ws, keptBook{version, book})
	}
	return book, nil
}

// scanMaybeEntry reads a row of a book, which has no entry where it is empty or
// known already.
func scanMaybeEntry(row pgx.Rows, version *int64) (e catalog.Entry, err error) {
	var service, code, by *string
	var own *int
	var doc []byte
	var at *time.Time
	if err := row.Scan(version, &service, &code, &own, &doc, &at, &by); err != nil || code == nil {
		return e, err
	}
	return entryOf(doc, catalog.Key{Service: *service, Code: *code}, *own, *at, *by)
}

func entryOf(doc []byte, k catalog.Key, version int, at time.Time, by string) (e catalog.Entry, err error) {
	if err := json.Unmarshal(doc, &e); err != nil {
		return e, err
	}
	e.Service, e.Code, e.Version, e.UpdatedAt, e.UpdatedBy = k.Service, k.Code, version, event.Time{Time: at.UTC()}, by
	return e, nil
}

func scanEntry(row pgx.CollectableRow) (catalog.Entry, error) {
	var k catalog.Key
	var version int
	var doc []byte
	var at time.Time
	var by string
	if err := row.Scan(&k.Service, &k.Code, &version, &doc, &at, &by); err != nil {
		return catalog.Entry{}, err
	}
	return entryOf(doc, k, version, at, by)
}

const sqlCatalogEntry = `
SELECT ` + catalogColumns + ` FROM catalog_entries e WHERE e.workspace_id = $1::int4 AND e.service = $2::text AND e.code = $3::text`

// CatalogEntry is what the workspace wrote under a key. A fault NotFound
// (catalog_entry_not_found) where it did not.
func (s *Store) CatalogEntry(ctx context.Context, ws int32, k catalog.Key) (e catalog.Entry, err error) {
	defer fault.Wrap(&err, "CatalogEntry")
	e, ok, err := entryAt(ctx, s.pool, ws, k)
	if err == nil && !ok {
		err = entryNotFound(k)
	}
	return e, err
}

func entryAt(ctx context.Context, q querier, ws int32, k catalog.Key) (e catalog.Entry, ok bool, err error) {
	rows, err := q.Query(ctx, sqlCatalogEntry, ws, k.Service, k.Code)
	if err != nil {
		return e, false, unavailable(err)
	}
	e, err = pgx.CollectExactlyOneRow(rows, scanEntry)
	if errors.Is(err, pgx.ErrNoRows) {
		return catalog.Entry{}, false, nil
	}
	return e, err == nil, unavailable(err)
}

func entryNotFound(k catalog.Key) error {
	return fault.New(fault.NotFound, "catalog_entry_not_found", "This workspace has no entry of its own for %s; somebody may have removed it.", k)
}

// Revision is a version that an entry had.
type Revision struct {
	Version int            `json:"version"`
	Act     string         `json:"act"` // save, import, revert or remove
	Fields  []string       `json:"fields"`
	At      event.Time     `json:"at"`
	Actor   Actor          `json:"actor"`
	Entry   *catalog.Entry `json:"entry"` // nil: it was removed
}

const sqlCatalogHistory = `
SELECT h.version, h.act, h.entry, h.fields, h.at, h.actor_kind, h.actor_id, h.actor_label FROM catalog_history h
WHERE h.workspace_id = $1::int4 AND h.service = $2::text AND h.code = $3::text AND h.version < $4::int4
ORDER BY h.version DESC LIMIT $5::int4`

// newest is before every version.
const newestRevision = 1 << 30

// CatalogHistory are the versions of an entry before one of them (0: all), the
// newest first.
func (s *Store) CatalogHistory(ctx context.Context, ws int32, k catalog.Key, before, limit int) (out []Revision, err error) {
	defer fault.Wrap(&err, "CatalogHistory")
	if before <= 0 {
		before = newestRevision
	}
	rows, err := s.pool.Query(ctx, sqlCatalogHistory, ws, k.Service, k.Code, min(before, newestRevision), limit)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Revision, err error) {
		var doc []byte
		if err := row.Scan(&r.Version, &r.Act, &doc, &r.Fields, &r.At.Time, &r.Actor.Kind, &r.Actor.ID, &r.Actor.Label); err != nil {
			return r, err
		}
		r.At.Time = r.At.UTC()
		if doc != nil {
			e, err := entryOf(doc, k, r.Version, r.At.Time, r.Actor.Label)
			r.Entry = &e
			return r, err
		}
		return r, nil
	})
	return out, unavailable(err)
}
