package store

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/fault"
)

const (
	// ShareDays is for how long a public link is good where nobody says otherwise,
	// and MaxShareDays the longest.
	ShareDays    = 7
	MaxShareDays = 30
	maxShares    = 20 // of one Event, and good at the same time
	shownShares  = 200
)

// RequestShare is a public link. Its secret is known to whoever made it.
type RequestShare struct {
	ID        string     `json:"id"`
	EventID   string     `json:"event_id"`
	CreatedAt event.Time `json:"created_at"`
	ExpiresAt event.Time `json:"expires_at"`
	By        string     `json:"by"`
	// Opened is how often, by whomever: nothing is known of them.
	Opened        int         `json:"opened"`
	FirstOpenedAt *event.Time `json:"first_opened_at"`
	LastOpenedAt  *event.Time `json:"last_opened_at"`
}

// Shared is all that a public link shows: nothing of the customer, of what was
// sent, or of who we are.
type Shared struct {
	OccurredAt time.Time
	Status     int
	Code       string
	Family     event.Family
	ExpiresAt  time.Time
}

const sqlPublicLinks = `SELECT coalesce((SELECT d.public_links FROM desk_settings d WHERE d.workspace_id = $1::int4), false)`

// PublicLinks tells whether a workspace has them at all.
func (s *Store) PublicLinks(ctx context.Context, ws int32) (on bool, err error) {
	defer fault.Wrap(&err, "PublicLinks")
	err = s.pool.QueryRow(ctx, sqlPublicLinks, ws).Scan(&on)
	return on, unavailable(err)
}

const sqlSetPublicLinks = `
INSERT INTO desk_settings (workspace_id, public_links) VALUES ($1::int4, $2::bool)
ON CONFLICT (workspace_id) DO UPDATE SET public_links = excluded.public_links`

// SetPublicLinks allows them, or not: then those that there are show nothing from
// this moment on, and would again if they were allowed before they expire.
func (s *Store) SetPublicLinks(ctx context.Context, actor Actor, ws int32, on bool) (err error) {
	defer fault.Wrap(&err, "SetPublicLinks")
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlSetPublicLinks, ws, on); err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "share.allow", "public_links", map[string]any{"to": on})
	})
}

const sqlAddShare = `
INSERT INTO request_shares (workspace_id, id, hash, event_id, created_at, expires_at, created_by)
SELECT $1::int4, $2::uuid, $3::bytea, $4::uuid, $5::timestamptz, $6::timestamptz, $7::text
WHERE (SELECT count(*) FROM request_shares s WHERE s.workspace_id = $1::int4 AND s.event_id = $4::uuid AND s.revoked_at IS NULL AND s.expires_at > $5::timestamptz) < $8::int4`

// Share makes a public link to what an Event shows to anybody, and gives its
// secret, which is nowhere else. Faults: Conflict (public_links_off,
// too_many_shares), NotFound (event_not_found), Unprocessable.
func (s *Store) Share(ctx context.Context, actor Actor, ws int32, now time.Time, eventID string, days int) (secret string, share RequestShare, err error) {
	defer fault.Wrap(&err, "Share")
	if days < 1 || days > MaxShareDays {
		return "", share, wrong("days", "must be a number from 1 to %d", MaxShareDays)
	}
	on, err := s.PublicLinks(ctx, ws)
	if err != nil {
		return "", share, err
	}
	if !on {
		return "", share, fault.New(fault.Conflict, "public_links_off", "Public links are off in this workspace; whoever administers it can turn them on.")
	}
	secret = auth.NewToken(auth.SharePrefix)
	err = s.atDesk(ctx, ws, eventID, func(tx pgx.Tx, e deskEvent) error {
		share = RequestShare{ID: uuid.Must(uuid.NewV7()).String(), EventID: e.id, By: actor.Label}
		share.CreatedAt.Time, share.ExpiresAt.Time = now.UTC(), now.UTC().AddDate(0, 0, days)
		tag, err := tx.Exec(ctx, sqlAddShare, ws, share.ID, auth.Hash(secret), e.id, share.CreatedAt.Time, share.ExpiresAt.Time, actor.Label, maxShares)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fault.New(fault.Conflict, "too_many_shares", "A failure has at most %d public links at once; revoke one first.", maxShares)
		}
		return audit(ctx, tx, ws, actor, "share.create", e.id, map[string]any{"share": share.ID, "days": days})
	})
	if err != nil {
		return "", RequestShare{}, err
	}
	return secret, share, nil
}

const sqlShares = `
SELECT s.id::text, s.event_id::text, s.created_at, s.expires_at, s.created_by, s.opened, s.first_opened_at, s.last_opened_at FROM request_shares s
WHERE s.workspace_id = $1::int4 AND s.revoked_at IS NULL AND s.expires_at > $2::timestamptz
ORDER BY s.id DESC LIMIT $3::int4`

// Shares are a workspace's public links that are good, the newest first.
func (s *Store) Shares(ctx context.Context, ws int32, now time.Time) (out []RequestShare, err error) {
	defer fault.Wrap(&err, "Shares")
	rows, err := s.pool.Query(ctx, sqlShares, ws, now, shownShares)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r RequestShare, err error) {
		var first, last *time.Time
		err = row.Scan(&r.ID, &r.EventID, &r.CreatedAt.Time, &r.ExpiresAt.Time, &r.By, &r.Opened, &first, &last)
		r.CreatedAt.Time, r.ExpiresAt.Time = r.CreatedAt.UTC(), r.ExpiresAt.UTC()
		if first != nil && last != nil {
			r.FirstOpenedAt, r.LastOpenedAt = &event.Time{Time: first.UTC()}, &event.Time{Time: last.UTC()}
		}
		return r, err
	})
	return out, unavailable(err)
}

const sqlRevokeShare = `
UPDATE request_shares s SET revoked_at = now() WHERE s.workspace_id = $1::int4 AND s.id = $2::uuid AND s.revoked_at IS NULL RETURNING s.event_id::text`

// RevokeShare ends a public link at once. A fault NotFound (share_not_found).
func (s *Store) RevokeShare(ctx context.Context, actor Actor, ws int32, id string) (err error) {
	defer fault.Wrap(&err, "RevokeShare")
	missing := fault.New(fault.NotFound, "share_not_found", "There is no such public link, or it has been revoked.")
	u, err := uuid.Parse(id)
	if err != nil {
		return missing
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		var of string
		err := tx.QueryRow(ctx, sqlRevokeShare, ws, u.String()).Scan(&of)
		if errors.Is(err, pgx.ErrNoRows) {
			return missing
		}
		if err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "share.revoke", of, map[string]any{"share": u.String()})
	})
}

const (
	sqlOpenShare = `
SELECT s.workspace_id, s.id::text, s.hash, s.event_id::text, s.expires_at FROM request_shares s
JOIN desk_settings d ON d.workspace_id = s.workspace_id AND d.public_links
WHERE s.hash = $1::bytea AND s.revoked_at IS NULL AND s.expires_at > $2::timestamptz`

	sqlSharedEvent = `
SELECT e.occurred_at, coalesce(e.status, 0), e.code, e.family, coalesce(e.merged_into::text, '') FROM events e
WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $2::int4 AND e.id = $3::uuid`
)

// OpenShare gives what the link with that secret shows, and counts it. The workspace is the
// link's: nobody who opens one has any. One fault, NotFound (share_not_found), is
// the answer to a secret that never was, has expired, was revoked, or belongs to
// a workspace that has turned links off. The secret has 256 random bits and is
// looked up by its hash: what a comparison could betray is of no use.
func (s *Store) OpenShare(ctx context.Context, now time.Time, secret string) (out Shared, err error) {
	defer fault.Wrap(&err, "OpenShare")
	missing := fault.New(fault.NotFound, "share_not_found", "This link shows nothing: it is not complete, has expired, or was taken back. Ask whoever sent it for a new one.")
	hash := auth.Hash(secret)
	var ws int32
	var kept []byte
	var share, id string
	err = s.pool.QueryRow(ctx, sqlOpenShare, hash, now).Scan(&ws, &share, &kept, &id, &out.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && subtle.ConstantTimeCompare(kept, hash) != 1 {
		return Shared{}, missing
	}
	if err != nil {
		return Shared{}, unavailable(err)
	}
	for range 5 {
		var family int16
		var into string
		err := s.pool.QueryRow(ctx, sqlSharedEvent, ws, dayOfID(id, time.Time{}), id).Scan(&out.OccurredAt, &out.Status, &out.Code, &family, &into)
		switch {
		case errors.Is(err, pgx.ErrNoRows): // it has expired
			return Shared{}, missing
		case err != nil:
			return Shared{}, unavailable(err)
		case into == "":
			s.shareOpened(ctx, ws, share, now)
			out.OccurredAt, out.ExpiresAt, out.Family = out.OccurredAt.UTC(), out.ExpiresAt.UTC(), nth(families, family)
			return out, nil
		}
		id = into
	}
	return Shared{}, missing
}

const sqlForgetShares = `
DELETE FROM request_shares b WHERE b.ctid = ANY (ARRAY(SELECT r.ctid FROM request_shares r WHERE r.expires_at < $1::timestamptz LIMIT $2::int8))`
