package store

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
	"errata/internal/fault"
)

const (
	// noticeGrace is for how long after its end a watch still takes what had come in
	// before it.
	noticeGrace = 2 * time.Minute
	maxNotice   = 5000
	noticeChunk = 100
	// A watch that has ended is forgotten when nobody sees it any more.
	watchKept = 7 * 24 * time.Hour
)

// Nothing else is asked while nobody waits: an empty index.
const sqlWaiting = `
SELECT w.workspace_id, w.id::text, w.value, w.created_at FROM request_watches w
WHERE w.arrived_at IS NULL AND w.ends_at > $1::timestamptz ORDER BY w.workspace_id, w.id LIMIT $2::int4`

const sqlLastRejected = `
SELECT r.request_id, max(r.received_at) FROM rejections r
WHERE r.workspace_id = $1::int4 AND r.request_id = ANY ($2::text[]) GROUP BY r.request_id`

type openWatch struct {
	ws    int32
	id    string
	value string
	since time.Time
}

// NoticeWatches looks whether something has arrived that somebody waits for, notes
// it, and queues the message, once, however many look at the same time. It gives
// how many have arrived.
func (s *Store) NoticeWatches(ctx context.Context, now time.Time) (n int, err error) {
	defer fault.Wrap(&err, "NoticeWatches")
	rows, err := s.pool.Query(ctx, sqlWaiting, now.Add(-noticeGrace), maxNotice)
	if err != nil {
		return 0, unavailable(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w openWatch, err error) {
		err = row.Scan(&w.ws, &w.id, &w.value, &w.since)
		return w, err
	})
	if err != nil {
		return 0, unavailable(err)
	}
	for len(all) > 0 {
		size := 1
		for size < len(all) && size < noticeChunk && all[size].ws == all[0].ws {
			size++
		}
		arrived, err := s.noticeIn(ctx, all[:size])
		n += arrived
		if err != nil {
			return n, unavailable(err)
		}
		all = all[size:]
	}
	return n, nil
}

// noticeIn looks for some IDs of one workspace.
func (s *Store) noticeIn(ctx context.Context, list []openWatch) (n int, err error) {
	ws, values := list[0].ws, make([]string, len(list))
	for i, w := range list {
		values[i] = w.value
	}
	hits, err := s.Lookup(ctx, ws, values)
	if err != nil {
		return 0, err
	}
	rows, err := s.pool.Query(ctx, sqlLastRejected, ws, values)
	if err != nil {
		return 0, err
	}
	refused := map[string]time.Time{}
	var value string
	var at time.Time
	if _, err := pgx.ForEachRow(rows, []any{&value, &at}, func() error { refused[value] = at; return nil }); err != nil {
		return 0, err
	}
	for _, w := range list {
		var hit *Hit
		if found := hits[w.value]; len(found) > 0 {
			face := Face(found)
			hit = &face
		} else if at, ok := refused[w.value]; !ok || at.Before(w.since) {
			continue
		}
		err := s.arrived(ctx, w, hit)
		if errors.Is(err, errNobodyWaits) {
			continue
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

const (
	sqlArrived = `
UPDATE request_watches w SET arrived_at = now(), event_id = nullif($3::text, '')::uuid
WHERE w.workspace_id = $1::int4 AND w.id = $2::uuid AND w.arrived_at IS NULL
RETURNING coalesce(w.channel_id::text, ''), w.actor_label, now()`

	sqlWatchChannelOpen = `
SELECT c.id::text FROM channels c WHERE c.workspace_id = $1::int4 AND c.id = $2::uuid AND c.enabled FOR SHARE`

	sqlWorkspaceCalled = `SELECT w.name FROM workspaces w WHERE w.id = $1::int4`
)

// arrived notes it and queues the message in one transaction: who comes second
// finds that it has been noted.
func (s *Store) arrived(ctx context.Context, w openWatch, hit *Hit) error {
	eventID := ""
	if hit != nil {
		eventID = hit.EventID
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		var channel, by string
		m := alert.Message{Kind: alert.KindArrived, Incidents: []alert.Incident{}, Seq: 1}
		err := tx.QueryRow(ctx, sqlArrived, w.ws, w.id, eventID).Scan(&channel, &by, &m.At)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNobodyWaits
		}
		if err != nil {
			return err
		}
		if err := audit(ctx, tx, w.ws, System, "watch.arrived", w.id, map[string]any{"event": eventID}); err != nil || channel == "" {
			return err
		}
		if err := tx.QueryRow(ctx, sqlWatchChannelOpen, w.ws, channel).Scan(&channel); errors.Is(err, pgx.ErrNoRows) {
			return nil // it has been removed or switched off since; the home page shows it
		} else if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, sqlWorkspaceCalled, w.ws).Scan(&m.Workspace); err != nil {
			return err
		}
		m.At = m.At.UTC()
		m.Changed, m.Request = arrivedWords(w.value, by, hit), &alert.Request{ID: w.value, EventID: eventID}
		_, err = insertDelivery(ctx, tx, newDelivery{ws: w.ws, channel: channel, seq: 1, message: m, key: "watch:" + w.id, due: m.At, made: &m.At, state: Waiting})
		return err
	})
}

// arrivedWords say what has arrived; nothing that a customer could be known by.
func arrivedWords(id, by string, hit *Hit) []string {
	if hit == nil {
		return []string{id + " came in, and was rejected", by + " waits for it"}
	}
	what := hit.Code
	if hit.Status > 0 {
		what = strconv.Itoa(hit.Status) + " " + hit.Code
	}
	return []string{id + " has arrived", hit.Service + ": " + what + " at " + hit.OccurredAt.UTC().Format(time.DateTime) + " UTC", by + " waits for it"}
}

const sqlForgetWatches = `
DELETE FROM request_watches b WHERE b.ctid = ANY (ARRAY(SELECT w.ctid FROM request_watches w WHERE w.ends_at < $1::timestamptz LIMIT $2::int8))`
