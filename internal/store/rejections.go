package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

const sqlInsertRejections = `
INSERT INTO rejections (workspace_id, id, received_at, source, reason, message, request_id, service, preview, details, item)
SELECT $1::int4, i, r, s, re, m, nullif(ri, ''), nullif(se, ''), p, nullif(d, '')::jsonb, nullif(it, '')
FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[])
  AS u(i, r, s, re, m, ri, se, p, d, it)
ON CONFLICT (workspace_id, id) DO NOTHING`

// Reject records refused items, so that nothing disappears without a trace.
// Texts must be redacted already. One with an ID is recorded once, however
// often it comes.
func (s *Store) Reject(ctx context.Context, ws int32, rs []event.Rejection) (err error) {
	defer fault.Wrap(&err, "Reject(%d items)", len(rs))
	if len(rs) == 0 {
		return nil
	}
	now := time.Now().UTC()
	at := func(r event.Rejection) time.Time {
		if r.ReceivedAt.IsZero() {
			return now
		}
		return r.ReceivedAt
	}
	id := func(r event.Rejection) string {
		if r.ID == "" {
			return uuid.Must(uuid.NewV7()).String()
		}
		return r.ID
	}
	text := func(f func(event.Rejection) string) []string {
		return column(rs, func(r event.Rejection) string { return clean(f(r)) })
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sqlInsertRejections, ws,
			column(rs, id),
			column(rs, at),
			text(func(r event.Rejection) string { return string(r.Source) }),
			text(func(r event.Rejection) string { return r.Reason }),
			text(func(r event.Rejection) string { return r.Message }),
			text(func(r event.Rejection) string { return r.RequestID }),
			text(func(r event.Rejection) string { return r.Service }),
			text(func(r event.Rejection) string { return r.Preview }),
			column(rs, func(r event.Rejection) string { return jsonText(r.Details) }),
			column(rs, func(r event.Rejection) []byte { return append([]byte{}, r.Item...) })) // no NULL in between
		return err
	})
}

// clean makes any bytes into text that PostgreSQL takes: what is rejected may
// well have been rejected for its bytes.
func clean(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s { // invalid bytes come as U+FFFD
		if r != 0 {
			out = append(out, r)
		}
	}
	return string(out)
}

const sqlRejections = `
SELECT r.id::text, r.received_at, r.source, r.reason, r.message, r.request_id, r.service, r.preview, r.details,
  r.item IS NOT NULL AND r.replayed_at IS NULL, r.replayed_at
FROM rejections r WHERE r.workspace_id = $1::int4 AND r.id < $2::uuid ORDER BY r.id DESC LIMIT $3::int4`

// Rejections lists what was refused, newest first, and the cursor of the next
// page ("" on the last).
func (s *Store) Rejections(ctx context.Context, ws int32, limit int, cursor string) (rs []event.Rejection, next string, err error) {
	defer fault.Wrap(&err, "Rejections")
	limit = min(max(limit, 1), MaxPage)
	below, err := idBelow(cursor)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.pool.Query(ctx, sqlRejections, ws, below, limit+1)
	if err != nil {
		return nil, "", unavailable(err)
	}
	rs, err = pgx.CollectRows(rows, scanRejection)
	if err != nil {
		return nil, "", unavailable(err)
	}
	if len(rs) > limit {
		rs = rs[:limit]
		next = encodeCursor(rs[limit-1].ID)
	}
	return rs, next, nil
}

func scanRejection(row pgx.CollectableRow) (event.Rejection, error) {
	var r event.Rejection
	var request, service *string
	var source string
	var details []byte
	var replayed *time.Time
	err := row.Scan(&r.ID, &r.ReceivedAt, &source, &r.Reason, &r.Message, &request, &service, &r.Preview, &details, &r.Replayable, &replayed)
	if replayed != nil {
		r.ReplayedAt = &event.Time{Time: replayed.UTC()}
	}
	r.Source, r.RequestID, r.Service, r.ReceivedAt = event.Source(source), deref(request), deref(service), r.ReceivedAt.UTC()
	if len(details) > 0 {
		r.Details = json.RawMessage(details)
	}
	return r, err
}
