package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// DeadChannel is a channel of which somebody has to know that messages do not
// arrive there.
type DeadChannel struct {
	ID    string
	Name  string
	Since event.Time
	Why   string
	Dead  int  // messages that were given up since it last delivered, or since somebody saw it; 0: they are still tried
	Ended bool // the receiver wants no more: the channel is disabled
}

// failingFor is how long nothing arrives at a channel before it is as good as
// dead, although messages are still tried: by then its fallback is told of pages.
const failingFor = "10 minutes"

// maxDeadCounted bounds how many dead messages of one channel are counted.
const maxDeadCounted = 1000

// A channel delivers again when anything arrives. Tests that did not are no
// messages that somebody misses.
const sqlDeadChannels = `
SELECT c.id::text, c.name, coalesce(d.since, c.failing_since, c.updated_at), coalesce(nullif(d.why, ''), nullif(c.disabled_why, ''), c.last_error), d.n, NOT c.enabled AND c.disabled_why <> ''
FROM channels c CROSS JOIN LATERAL (
  SELECT count(*)::int4 AS n, min(x.ended_at) AS since, coalesce((array_agg(x.why ORDER BY x.ended_at DESC))[1], '') AS why FROM (
    SELECT y.ended_at, y.why FROM deliveries y WHERE y.workspace_id = c.workspace_id AND y.channel_id = c.id AND y.state = 'dead' AND y.kind <> 'test'
      AND y.ended_at > greatest(c.last_sent_at, c.dismissed_at, $2::timestamptz) ORDER BY y.ended_at DESC LIMIT $3::int4) x) d
WHERE c.workspace_id = $1::int4 AND (d.n > 0 OR (c.dismissed_at IS NULL OR c.dismissed_at < coalesce(c.failing_since, c.updated_at))
  AND (NOT c.enabled AND c.disabled_why <> '' OR c.enabled AND c.failing_since < now() - interval '` + failingFor + `' AND EXISTS (
    SELECT FROM deliveries w WHERE w.workspace_id = c.workspace_id AND w.channel_id = c.id AND w.state = 'waiting' AND w.attempts > 0)))
ORDER BY 3, c.name`

// DeadChannels are the channels with messages of the last seven days that did not
// arrive, those that their receivers ended, and those at which nothing has arrived
// for ten minutes while messages wait, until they deliver again or somebody says that they have seen it (DismissChannel). The longest dead first.
func (s *Store) DeadChannels(ctx context.Context, ws int32) (out []DeadChannel, err error) {
	defer fault.Wrap(&err, "DeadChannels")
	rows, err := s.pool.Query(ctx, sqlDeadChannels, ws, time.Now().AddDate(0, 0, -deadDays), maxDeadCounted)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d DeadChannel, err error) {
		err = row.Scan(&d.ID, &d.Name, &d.Since.Time, &d.Why, &d.Dead, &d.Ended)
		d.Since.Time = d.Since.UTC()
		return d, err
	})
	return out, unavailable(err)
}

const sqlDismissChannel = `
UPDATE channels SET dismissed_at = now(), dismissed_by = $3::text WHERE workspace_id = $1::int4 AND id = $2::uuid RETURNING name`

// DismissChannel says that somebody has seen what did not arrive at a channel.
// What dies later is news again.
func (s *Store) DismissChannel(ctx context.Context, actor Actor, ws int32, id string) (err error) {
	defer fault.Wrap(&err, "DismissChannel(%s)", id)
	if uuid.Validate(id) != nil {
		return channelNotFound()
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlDismissChannel, ws, id, actor.Label)
		if err != nil {
			return err
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return channelNotFound()
		}
		return audit(ctx, tx, ws, actor, "channel.dismiss", id, map[string]any{"name": names[0]})
	})
}
