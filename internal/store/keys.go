package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/auth"
	"errata/internal/fault"
)

// Actor is who did something: a key, a session, or the system itself.
type Actor struct {
	Kind  string `json:"kind"` // key, session, system
	ID    string `json:"id"`
	Label string `json:"label"`
}

// System is the Actor of what Errata does by itself.
var System = Actor{Kind: "system", ID: "errata", Label: "Errata"}

const keyColumns = `k.id::text, k.workspace_id, k.name, k.prefix, k.scopes, k.hash, k.created_at, k.last_used_at, k.revoked_at`

const sqlKeyByHash = `SELECT ` + keyColumns + ` FROM api_keys k WHERE k.hash = $1::bytea`

// A key is touched at most once a minute, so that a busy one is not a hot row.
const sqlTouchKey = `
UPDATE api_keys SET last_used_at = now()
WHERE hash = $1::bytea AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`

// KeyByHash finds a key, revoked ones too, and notes that it was used. A fault
// NotFound when there is none.
func (s *Store) KeyByHash(ctx context.Context, hash []byte) (key auth.Key, err error) {
	defer fault.Wrap(&err, "KeyByHash")
	rows, err := s.pool.Query(ctx, sqlKeyByHash, hash)
	if err != nil {
		return auth.Key{}, unavailable(err)
	}
	key, err = pgx.CollectExactlyOneRow(rows, scanKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return auth.Key{}, fault.New(fault.NotFound, "key_not_found", "There is no such key.")
	}
	if err != nil {
		return auth.Key{}, unavailable(err)
	}
	if _, err := s.pool.Exec(ctx, sqlTouchKey, hash); err != nil {
		s.log.WarnContext(ctx, "cannot note the use of a key", "key", key.ID, "error", err)
	}
	return key, nil
}

func scanKey(row pgx.CollectableRow) (auth.Key, error) {
	var k auth.Key
	var scopes []string
	err := row.Scan(&k.ID, &k.Workspace, &k.Name, &k.Prefix, &scopes, &k.Hash, &k.CreatedAt, &k.LastUsedAt, &k.RevokedAt)
	k.Scopes = column(scopes, func(s string) auth.Scope { return auth.Scope(s) })
	return k, err
}

const sqlInsertKey = `
INSERT INTO api_keys (id, workspace_id, name, prefix, hash, scopes)
VALUES ($1::uuid, $2::int4, $3::text, $4::text, $5::bytea, $6::text[])
ON CONFLICT (hash) DO NOTHING`

// CreateKey stores the hash of a new key and leaves a row in the audit log.
func (s *Store) CreateKey(ctx context.Context, actor Actor, ws int32, name string, scopes []auth.Scope, secret string) (key auth.Key, err error) {
	defer fault.Wrap(&err, "CreateKey")
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		key, err = insertKey(ctx, tx, ws, name, scopes, secret)
		if err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "key.create", key.ID, map[string]any{"name": name, "scopes": scopes})
	})
	return key, err
}

func insertKey(ctx context.Context, tx pgx.Tx, ws int32, name string, scopes []auth.Scope, secret string) (auth.Key, error) {
	hash := auth.Hash(secret)
	_, err := tx.Exec(ctx, sqlInsertKey, uuid.Must(uuid.NewV7()).String(), ws, name, auth.Prefix(secret), hash,
		column(scopes, func(s auth.Scope) string { return string(s) }))
	if err != nil {
		return auth.Key{}, err
	}
	rows, err := tx.Query(ctx, sqlKeyByHash, hash)
	if err != nil {
		return auth.Key{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanKey)
}

// EnsureKey creates a key when absent: for bootstrap keys.
func (s *Store) EnsureKey(ctx context.Context, ws int32, name string, scopes []auth.Scope, secret string) error {
	_, err := s.KeyByHash(ctx, auth.Hash(secret))
	if fault.Is(err, fault.NotFound) {
		_, err = s.CreateKey(ctx, System, ws, name, scopes, secret)
	}
	return err
}

const sqlKeys = `SELECT ` + keyColumns + ` FROM api_keys k WHERE k.workspace_id = $1::int4 ORDER BY k.id`

// Keys lists a workspace's keys, revoked ones too, oldest first.
func (s *Store) Keys(ctx context.Context, ws int32) (keys []auth.Key, err error) {
	defer fault.Wrap(&err, "Keys")
	rows, err := s.pool.Query(ctx, sqlKeys, ws)
	if err != nil {
		return nil, unavailable(err)
	}
	keys, err = pgx.CollectRows(rows, scanKey)
	return keys, unavailable(err)
}

const sqlRevokeKey = `
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE workspace_id = $1::int4 AND id = $2::uuid`

// RevokeKey ends a key; every process honours that within the Keyring's TTL. A
// fault NotFound when the workspace has no such key.
func (s *Store) RevokeKey(ctx context.Context, actor Actor, ws int32, id string) (err error) {
	defer fault.Wrap(&err, "RevokeKey")
	if _, err := uuid.Parse(id); err != nil {
		return fault.New(fault.NotFound, "key_not_found", "There is no such key.")
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlRevokeKey, ws, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fault.New(fault.NotFound, "key_not_found", "There is no such key.")
		}
		return audit(ctx, tx, ws, actor, "key.revoke", id, nil)
	})
}

const sqlKeyScopes = `
SELECT scopes FROM api_keys WHERE workspace_id = $1::int4 AND id = $2::uuid AND revoked_at IS NULL`

// KeyScopes is what a key may do; nothing where there is none, or it was revoked:
// sessions that it opened may no more than it does, and end with it.
func (s *Store) KeyScopes(ctx context.Context, ws int32, id string) (scopes []auth.Scope, err error) {
	defer fault.Wrap(&err, "KeyScopes")
	if _, err := uuid.Parse(id); err != nil {
		return nil, nil
	}
	var names []string
	err = s.pool.QueryRow(ctx, sqlKeyScopes, ws, id).Scan(&names)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return column(names, func(s string) auth.Scope { return auth.Scope(s) }), unavailable(err)
}

const sqlInsertLink = `
INSERT INTO login_links (hash, workspace_id, label, scope, expires_at) VALUES ($1::bytea, $2::int4, $3::text, $4::text, $5::timestamptz)`

// CreateLoginLink keeps the hash of a link that signs somebody in once, to do what
// scope names.
func (s *Store) CreateLoginLink(ctx context.Context, ws int32, label string, scope auth.Scope, hash []byte, expires time.Time) (err error) {
	defer fault.Wrap(&err, "CreateLoginLink")
	_, err = s.pool.Exec(ctx, sqlInsertLink, hash, ws, label, string(scope), expires)
	return unavailable(err)
}

// Login is who is signed in: by a key, or by a one-time link.
type Login struct {
	Workspace int32
	Actor     Actor
	// Reads: sees what engineers see. Without it, what support does.
	Reads bool
	// Decides: may change what becomes of issues, and not only look.
	Decides bool
}

// Allow lets a Login do what scopes name, and nothing else.
func (l *Login) Allow(scopes ...auth.Scope) {
	key := auth.Key{Scopes: scopes}
	l.Reads, l.Decides = key.Allows(auth.Read), key.Allows(auth.Admin)
}

// May reports whether it may do what scope names.
func (l *Login) May(scope auth.Scope) bool {
	switch scope {
	case auth.Support:
		return l.Actor.ID != ""
	case auth.Read:
		return l.Reads
	case auth.Admin:
		return l.Decides
	}
	return false
}

const sqlUseLink = `
UPDATE login_links SET used_at = now() WHERE hash = $1::bytea AND used_at IS NULL AND expires_at > now()
RETURNING workspace_id, label, scope`

// UseLoginLink burns a link. A fault NotFound when it is unknown, used, or
// expired: which of them is nobody's business.
func (s *Store) UseLoginLink(ctx context.Context, hash []byte) (login Login, err error) {
	defer fault.Wrap(&err, "UseLoginLink")
	login.Actor = Actor{Kind: "session", ID: "link"}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var scope string
		err := tx.QueryRow(ctx, sqlUseLink, hash).Scan(&login.Workspace, &login.Actor.Label, &scope)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.NotFound, "link_not_found", "This sign-in link has been used or has expired. Ask for a new one.")
		}
		if err != nil {
			return err
		}
		login.Allow(auth.Scope(scope))
		return audit(ctx, tx, login.Workspace, login.Actor, "login", "link", nil)
	})
	return login, err
}
