package store

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// AuditRow is something that somebody did.
type AuditRow struct {
	ID      string          `json:"id"`
	At      event.Time      `json:"at"`
	Actor   AuditActor      `json:"actor"`
	Action  string          `json:"action"` // such as request.view
	Target  string          `json:"target"` // what it was done to
	Details json.RawMessage `json:"details,omitempty"`
}

// AuditActor is who did it.
type AuditActor struct {
	Kind  string `json:"kind"` // key, session, system, …
	ID    string `json:"id"`
	Label string `json:"label"`
}

// AuditFilter narrows the log; what is empty is open.
type AuditFilter struct {
	Actor  string // ID or label
	Action string // whole, or the part before the dot
	Target string
	From   time.Time
	To     time.Time
}

// auditSkew is by how much the time in a row's ID can differ from the row's.
const auditSkew = time.Hour

const sqlAuditLog = `
SELECT a.id::text, a.at, a.actor_kind, a.actor_id, a.actor_label, a.action, a.target, a.details FROM audit a
WHERE a.workspace_id = $1::int4 AND a.id < $2::uuid AND a.id >= $3::uuid
  AND ($4::text = '' OR a.actor_id = $4::text OR a.actor_label = $4::text)
  AND ($5::text = '' OR a.action = $5::text OR starts_with(a.action, $5::text || '.'))
  AND ($6::text = '' OR a.target = $6::text)
  AND a.at >= coalesce($7::timestamptz, '-infinity') AND a.at < coalesce($8::timestamptz, 'infinity')
ORDER BY a.id DESC LIMIT $9::int4`

// AuditLog lists what was done in a workspace, the newest first.
func (s *Store) AuditLog(ctx context.Context, ws int32, f AuditFilter, limit int, cursor string) (out []AuditRow, next string, err error) {
	defer fault.Wrap(&err, "AuditLog")
	limit = min(max(limit, 1), MaxPage)
	below, err := idBelow(cursor)
	if err != nil {
		return nil, "", err
	}
	from := "00000000-0000-0000-0000-000000000000"
	for _, v := range []struct{ name, value string }{{"actor", f.Actor}, {"action", f.Action}, {"target", f.Target}} {
		if !utf8.ValidString(v.value) || hasNUL(v.value) || len(v.value) > 500 {
			return nil, "", invalid(v.name, "must be text of at most 500 bytes")
		}
	}
	var since, until *time.Time
	if !f.From.IsZero() {
		since, from = &f.From, idAt(f.From.Add(-auditSkew))
	}
	if !f.To.IsZero() {
		until, below = &f.To, min(below, idAt(f.To.Add(auditSkew)))
	}
	rows, err := s.pool.Query(ctx, sqlAuditLog, ws, below, from, f.Actor, f.Action, f.Target, since, until, limit+1)
	if err != nil {
		return nil, "", unavailable(err)
	}
	out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a AuditRow, err error) {
		var details []byte
		err = row.Scan(&a.ID, &a.At.Time, &a.Actor.Kind, &a.Actor.ID, &a.Actor.Label, &a.Action, &a.Target, &details)
		a.At.Time, a.Details = a.At.UTC(), details
		return a, err
	})
	if err != nil {
		return nil, "", unavailable(err)
	}
	if len(out) > limit {
		out = out[:limit]
		next = encodeCursor(out[limit-1].ID)
	}
	return out, next, nil
}
