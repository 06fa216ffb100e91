package store

import (
	"context"

	"errata/internal/fault"
)

const sqlHasEvents = `SELECT EXISTS (SELECT FROM events)`

// HasEvents reports whether any workspace has an Event. It is for who is about
// to fill the database, and must know that nobody works with it.
func (s *Store) HasEvents(ctx context.Context) (yes bool, err error) {
	defer fault.Wrap(&err, "HasEvents")
	err = s.pool.QueryRow(ctx, sqlHasEvents).Scan(&yes)
	return yes, unavailable(err)
}

const sqlHasWorkspace = `SELECT EXISTS (SELECT FROM workspaces WHERE id = $1::int4)`

// HasWorkspace reports whether there is such a workspace.
func (s *Store) HasWorkspace(ctx context.Context, ws int32) (yes bool, err error) {
	defer fault.Wrap(&err, "HasWorkspace(%d)", ws)
	err = s.pool.QueryRow(ctx, sqlHasWorkspace, ws).Scan(&yes)
	return yes, unavailable(err)
}
