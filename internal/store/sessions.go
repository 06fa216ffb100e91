package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// SessionStore keeps browser sessions for the scs library, which hashes the
// tokens before they come here.
type SessionStore struct{ s *Store }

// Sessions gives the session store on the same pool.
func (s *Store) Sessions() *SessionStore { return &SessionStore{s} }

const sqlFindSession = `SELECT data FROM sessions WHERE token = $1::text AND expiry > now()`

// FindCtx gives a session's data, if it exists and has not expired.
func (t *SessionStore) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	defer fault.Wrap(&err, "FindCtx")
	err = t.s.pool.QueryRow(ctx, sqlFindSession, token).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, unavailable(err)
}

const sqlCommitSession = `
INSERT INTO sessions (token, data, expiry) VALUES ($1::text, $2::bytea, $3::timestamptz)
ON CONFLICT (token) DO UPDATE SET data = excluded.data, expiry = excluded.expiry`

// CommitCtx stores a session until expiry.
func (t *SessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) (err error) {
	defer fault.Wrap(&err, "CommitCtx")
	_, err = t.s.pool.Exec(ctx, sqlCommitSession, token, data, expiry)
	return unavailable(err)
}

const sqlDeleteSession = `DELETE FROM sessions WHERE token = $1::text`

// DeleteCtx ends a session.
func (t *SessionStore) DeleteCtx(ctx context.Context, token string) (err error) {
	defer fault.Wrap(&err, "DeleteCtx")
	_, err = t.s.pool.Exec(ctx, sqlDeleteSession, token)
	return unavailable(err)
}

const (
	sqlSweepSessions = `DELETE FROM sessions WHERE expiry < now()`
	sqlSweepLinks    = `DELETE FROM login_links WHERE expires_at < now() - interval '1 day'`
)

// Sweep deletes what has expired.
func (t *SessionStore) Sweep(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "Sweep")
	if _, err = t.s.pool.Exec(ctx, sqlSweepSessions); err == nil {
		_, err = t.s.pool.Exec(ctx, sqlSweepLinks)
	}
	return unavailable(err)
}

// Find, Commit and Delete complete scs.Store for callers without a context;
// the library uses the Ctx forms where they exist.

// Find is FindCtx without a context.
func (t *SessionStore) Find(token string) ([]byte, bool, error) {
	return t.FindCtx(context.Background(), token)
}

// Commit is CommitCtx without a context.
func (t *SessionStore) Commit(token string, data []byte, expiry time.Time) error {
	return t.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx without a context.
func (t *SessionStore) Delete(token string) error { return t.DeleteCtx(context.Background(), token) }
