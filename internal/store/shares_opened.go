package store

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// opening is how often a public link was opened since that was written down last.
type opening struct {
	ws          int32
	share       string
	n           int32
	first, last time.Time
}

// maxOpenings are the links whose openings wait to be written at once. There are
// no more good ones that anybody could count.
const maxOpenings = 2048

// openings are those that are not written down yet, by link: however often one is
// opened, that is one row to write.
type openings struct {
	mu sync.Mutex
	of map[string]*opening
}

func (o *openings) add(ws int32, share string, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	is, ok := o.of[share]
	switch {
	case !ok && len(o.of) >= maxOpenings:
	case !ok:
		if o.of == nil {
			o.of = map[string]*opening{}
		}
		o.of[share] = &opening{ws, share, 1, at, at}
	default:
		is.n++
		is.last = at
	}
}

func (o *openings) take() map[string]*opening {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.of
	o.of = nil
	return list
}

// shareOpened counts that a good link was opened; nothing is known of by whom. It
// is written with what RecordLooks writes, and at once where nobody records.
func (s *Store) shareOpened(ctx context.Context, ws int32, share string, at time.Time) {
	s.opened.add(ws, share, at)
	if !s.looks.running.Load() {
		s.writeOpenings(ctx)
	}
}

// Links are locked in one order, so that two processes do not wait for each other.
const sqlShareOpened = `
WITH o AS MATERIALIZED (
    SELECT * FROM unnest($1::int4[], $2::uuid[], $3::int4[], $4::timestamptz[], $5::timestamptz[]) AS t (workspace_id, id, n, first_at, last_at)),
  was AS MATERIALIZED (
    SELECT r.workspace_id, r.id, r.last_opened_at FROM request_shares r JOIN o ON r.workspace_id = o.workspace_id AND r.id = o.id ORDER BY r.id FOR UPDATE OF r)
UPDATE request_shares r SET opened = least(r.opened::int8 + o.n, 2147483647)::int4, first_opened_at = least(r.first_opened_at, o.first_at), last_opened_at = greatest(r.last_opened_at, o.last_at)
FROM o JOIN was w ON w.workspace_id = o.workspace_id AND w.id = o.id
WHERE r.workspace_id = o.workspace_id AND r.id = o.id
RETURNING r.workspace_id, r.id::text, r.event_id::text, r.opened,
  coalesce((o.last_at AT TIME ZONE 'UTC')::date > (w.last_opened_at AT TIME ZONE 'UTC')::date, true)`

// writeOpenings adds up what waits. The audit log has a row for the first opening
// of a link in a day, and none for the others: crawlers open links, too.
func (s *Store) writeOpenings(ctx context.Context) {
	list := s.opened.take()
	if len(list) == 0 {
		return
	}
	var ws, n []int32
	var ids []string
	var first, last []time.Time
	for _, o := range list {
		ws, ids, n, first, last = append(ws, o.ws), append(ids, o.share), append(n, o.n), append(first, o.first), append(last, o.last)
	}
	type said struct {
		ws        int32
		id, event string
		opened    int
		today     bool
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlShareOpened, ws, ids, n, first, last)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r said, err error) {
			err = row.Scan(&r.ws, &r.id, &r.event, &r.opened, &r.today)
			return r, err
		})
		if err != nil {
			return err
		}
		for _, r := range all {
			if !r.today {
				continue
			}
			if err := audit(ctx, tx, r.ws, Actor{Kind: "link", ID: r.id, Label: "public link"}, "share.opened", r.event, map[string]any{"share": r.id, "opened": r.opened}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.log.WarnContext(ctx, "openings of public links could not be counted", "links", len(list), "error", err)
	}
}
