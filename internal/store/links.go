package store

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/linkout"
)

const sqlLinks = `
SELECT l.name, l.url FROM link_templates l WHERE l.workspace_id = $1::int4 ORDER BY l.position LIMIT $2::int4`

// Links are the templates of links that a workspace has, in their order.
func (s *Store) Links(ctx context.Context, ws int32) (out []linkout.Template, err error) {
	defer fault.Wrap(&err, "Links")
	out, err = linksOf(ctx, s.pool, ws)
	return out, unavailable(err)
}

func linksOf(ctx context.Context, q querier, ws int32) ([]linkout.Template, error) {
	rows, err := q.Query(ctx, sqlLinks, ws, linkout.MaxTemplates)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t linkout.Template, err error) { return t, row.Scan(&t.Name, &t.URL) })
}

const (
	// Two who change them wait for each other, so that none is there twice.
	sqlLockLinks   = `SELECT pg_advisory_xact_lock(7222, $1::int4)`
	sqlDeleteLinks = `DELETE FROM link_templates l WHERE l.workspace_id = $1::int4`
	sqlInsertLinks = `
INSERT INTO link_templates (workspace_id, position, name, url, updated_by)
SELECT $1::int4, (n - 1)::int2, name, url, $4::text FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS t(name, url, n)`
)

// SetLinks puts a list in the place of the one that a workspace had, and gives it as
// it is stored; the same again changes nothing. Errors: a fault Unprocessable that
// names the field.
func (s *Store) SetLinks(ctx context.Context, actor Actor, ws int32, list []linkout.Template) (set []linkout.Template, err error) {
	defer fault.Wrap(&err, "SetLinks")
	if set, err = linkout.Check(list); err != nil {
		return nil, err
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockLinks, ws); err != nil {
			return err
		}
		had, err := linksOf(ctx, tx, ws)
		if err != nil || slices.Equal(had, set) {
			return err
		}
		if _, err := tx.Exec(ctx, sqlDeleteLinks, ws); err != nil {
			return err
		}
		names := column(set, func(t linkout.Template) string { return t.Name })
		urls := column(set, func(t linkout.Template) string { return t.URL })
		if _, err := tx.Exec(ctx, sqlInsertLinks, ws, names, urls, actor.Label); err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "links.set", "links", map[string]any{"was": notNil(had), "is": set})
	})
	return set, err
}
