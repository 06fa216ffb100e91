package store

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

const (
	// WatchFor is for how long somebody is told that an ID arrives.
	WatchFor = 24 * time.Hour
	// MaxWatches may wait in a workspace, and of one person.
	MaxWatches    = 500
	MaxOwnWatches = 50
	// watchShown is for how long a watch is shown after it has ended.
	watchShown = 24 * time.Hour
	shownWatch = 50
)

// RequestWatch is an ID that somebody waits for.
type RequestWatch struct {
	ID        string      `json:"id"`
	Value     string      `json:"request_id"`
	State     string      `json:"state"` // waiting, arrived, rejected, ended
	By        string      `json:"by"`
	ChannelID *string     `json:"channel_id"`
	Channel   string      `json:"channel,omitempty"` // its name
	CreatedAt event.Time  `json:"created_at"`
	EndsAt    event.Time  `json:"ends_at"`
	ArrivedAt *event.Time `json:"arrived_at,omitempty"` // when it was noticed
	EventID   string      `json:"event_id,omitempty"`
}

const (
	sqlLockWatches = `SELECT pg_advisory_xact_lock(7223, $1::int4)`

	sqlCountWatches = `
SELECT count(*)::int4, count(*) FILTER (WHERE w.actor_kind = $3::text AND w.actor_id = $4::text AND w.actor_label = $5::text)::int4,
  coalesce(max(w.id::text) FILTER (WHERE w.value = $6::text AND w.actor_kind = $3::text AND w.actor_id = $4::text AND w.actor_label = $5::text), '')
FROM request_watches w WHERE w.workspace_id = $1::int4 AND w.arrived_at IS NULL AND w.ends_at > $2::timestamptz`

	// Of the kinds of channel that bring a message to people who did not ask for an
	// alarm.
	sqlWatchChannel = `
SELECT EXISTS (SELECT FROM channels c WHERE c.workspace_id = $1::int4 AND c.id = $2::uuid AND c.enabled AND c.kind IN ('email', 'webhook'))`

	sqlAddWatch = `
INSERT INTO request_watches (workspace_id, id, value, channel_id, actor_kind, actor_id, actor_label, created_at, ends_at)
VALUES ($1::int4, $2::uuid, $3::text, nullif($4::text, '')::uuid, $5::text, $6::text, $7::text, $8::timestamptz, $9::timestamptz)`
)

// Watch waits for an ID that is not there for WatchFor, and tells the channel, if
// there is one, when it arrives. Asked for again by the same person, it is the
// same watch. Faults: Unprocessable, which names the field; Conflict
// (already_arrived, too_many_watches).
func (s *Store) Watch(ctx context.Context, actor Actor, ws int32, now time.Time, value, channel string) (id string, err error) {
	defer fault.Wrap(&err, "Watch")
	if value == "" || len(value) > event.MaxIDLen || !utf8.ValidString(value) || event.CleanID(value) != value || !line(value) {
		return "", wrong("request_id", "must be an ID of at most %d bytes", event.MaxIDLen)
	}
	if channel != "" {
		if _, err := uuid.Parse(channel); err != nil {
			return "", noSuchWatchChannel()
		}
	}
	hits, err := s.Lookup(ctx, ws, []string{value})
	if err != nil {
		return "", err
	}
	if len(hits[value]) > 0 {
		return "", fault.New(fault.Conflict, "already_arrived", "A failure with this ID is there already; look it up.")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockWatches, ws); err != nil {
			return err
		}
		var all, own int
		if err := tx.QueryRow(ctx, sqlCountWatches, ws, now, actor.Kind, actor.ID, actor.Label, value).Scan(&all, &own, &id); err != nil || id != "" {
			return err
		}
		if all >= MaxWatches || own >= MaxOwnWatches {
			return fault.New(fault.Conflict, "too_many_watches", "A workspace waits for at most %d IDs at once, and one person for %d; remove one first.", MaxWatches, MaxOwnWatches)
		}
		if channel != "" {
			var fits bool
			if err := tx.QueryRow(ctx, sqlWatchChannel, ws, channel).Scan(&fits); err != nil {
				return err
			}
			if !fits {
				return noSuchWatchChannel()
			}
		}
		id = uuid.Must(uuid.NewV7()).String()
		if _, err := tx.Exec(ctx, sqlAddWatch, ws, id, value, channel, actor.Kind, actor.ID, actor.Label, now, now.Add(WatchFor)); err != nil {
			return err
		}
		return audit(ctx, tx, ws, actor, "watch.start", id, nil)
	})
	return id, err
}

func noSuchWatchChannel() error {
	return wrong("channel_id", "must be the ID of an enabled channel of kind email or webhook, or empty")
}

const sqlWatches = `
SELECT w.id::text, w.value, w.actor_label, w.channel_id::text, coalesce(c.name, ''), w.created_at, w.ends_at, w.arrived_at, coalesce(w.event_id::text, ''),
  CASE WHEN w.arrived_at IS NOT NULL AND w.event_id IS NULL THEN 'rejected' WHEN w.arrived_at IS NOT NULL THEN 'arrived' WHEN w.ends_at <= $2::timestamptz THEN 'ended' ELSE 'waiting' END
FROM request_watches w LEFT JOIN channels c ON c.workspace_id = w.workspace_id AND c.id = w.channel_id
WHERE w.workspace_id = $1::int4 AND coalesce(w.arrived_at, w.ends_at) > $3::timestamptz
ORDER BY w.arrived_at DESC NULLS LAST, w.id DESC LIMIT $4::int4`

// Watches are those of a workspace that wait, or ended or arrived in the last day;
// what has arrived comes first.
func (s *Store) Watches(ctx context.Context, ws int32, now time.Time) (out []RequestWatch, err error) {
	defer fault.Wrap(&err, "Watches")
	rows, err := s.pool.Query(ctx, sqlWatches, ws, now, now.Add(-watchShown), shownWatch)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (w RequestWatch, err error) {
		var arrived *time.Time
		err = row.Scan(&w.ID, &w.Value, &w.By, &w.ChannelID, &w.Channel, &w.CreatedAt.Time, &w.EndsAt.Time, &arrived, &w.EventID, &w.State)
		w.CreatedAt.Time, w.EndsAt.Time = w.CreatedAt.UTC(), w.EndsAt.UTC()
		if arrived != nil {
			w.ArrivedAt = &event.Time{Time: arrived.UTC()}
		}
		return w, err
	})
	return out, unavailable(err)
}

const sqlRemoveWatch = `
DELETE FROM request_watches w WHERE w.workspace_id = $1::int4 AND w.id = $2::uuid`

// RemoveWatch ends a watch and takes it off the list. A fault NotFound
// (watch_not_found).
func (s *Store) RemoveWatch(ctx context.Context, actor Actor, ws int32, id string) (err error) {
	defer fault.Wrap(&err, "RemoveWatch")
	missing := fault.New(fault.NotFound, "watch_not_found", "Nobody waits for this, or somebody has removed it.")
	u, err := uuid.Parse(id)
	if err != nil {
		return missing
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlRemoveWatch, ws, u.String())
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return missing
		}
		return audit(ctx, tx, ws, actor, "watch.remove", u.String(), nil)
	})
}

var errNobodyWaits = errors.New("nobody waits for it any more")
