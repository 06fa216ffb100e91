package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
	"errata/internal/fault"
)

const (
	sqlDeliveryChannel = `SELECT d.channel_id::text FROM deliveries d WHERE d.workspace_id = $1::int4 AND d.id = $2::uuid`

	sqlRedeliver = `
UPDATE deliveries d SET state = 'waiting', why = '', next_at = now(), ended_at = NULL
WHERE d.workspace_id = $1::int4 AND d.id = $2::uuid AND (d.state IN ('sent', 'dead') OR d.state = 'waiting' AND NOT (` + underWay + `))`
)

// Redeliver has a message sent again now, under the same ID: receivers can tell.
// After that come the attempts that it has left, if any. Errors: NotFound, and
// Conflict for what cannot be sent (delivery_not_sendable).
func (s *Store) Redeliver(ctx context.Context, actor Actor, ws int32, id string) (d DeliveryDetail, err error) {
	defer fault.Wrap(&err, "Redeliver(%s)", id)
	if d, err = s.Delivery(ctx, ws, id); err != nil {
		return d, err
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var channel string
		if err := tx.QueryRow(ctx, sqlDeliveryChannel, ws, id).Scan(&channel); err != nil {
			return err
		}
		c, err := lockChannel(ctx, tx, ws, channel)
		switch {
		case fault.Is(err, fault.NotFound):
			return notSendable("Its channel was removed.")
		case err != nil:
			return err
		case !c.Enabled:
			return notSendable("Its channel is disabled; enable it first.")
		case d.Kind == alert.KindTest:
			return notSendable("It is a test; test the channel again instead.")
		}
		tag, err := tx.Exec(ctx, sqlRedeliver, ws, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return notSendable("It was dropped because there was no need for it any more, or is being sent right now.")
		}
		return audit(ctx, tx, ws, actor, "delivery.redeliver", id, map[string]any{"channel": c.Name, "kind": d.Kind})
	})
	if err != nil {
		return d, err
	}
	return s.Delivery(ctx, ws, id)
}

func notSendable(why string) error {
	return fault.New(fault.Conflict, "delivery_not_sendable", "This message cannot be sent again. %s", why)
}

const sqlWorkspaceName = `SELECT w.name FROM workspaces w WHERE w.id = $1::int4`

// ClaimTest makes a test message for a channel, enabled or not, and takes it:
// the caller sends it and records that. baseURL is where Errata's pages are.
func (s *Store) ClaimTest(ctx context.Context, actor Actor, ws int32, channel, baseURL string) (due *Due, err error) {
	defer fault.Wrap(&err, "ClaimTest(%s)", channel)
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		c, err := lockChannel(ctx, tx, ws, channel)
		if err != nil {
			return err
		}
		var name string
		if err := tx.QueryRow(ctx, sqlWorkspaceName, ws).Scan(&name); err != nil {
			return err
		}
		now, err := databaseNow(ctx, tx)
		if err != nil {
			return err
		}
		id := uuid.Must(uuid.NewV7()).String()
		m := alert.Test(id, name, baseURL, now)
		if _, err := insertDelivery(ctx, tx, newDelivery{ws: ws, id: id, channel: channel, seq: m.Seq, message: m, key: m.DedupKey, due: now, state: Waiting, leased: true}); err != nil {
			return err
		}
		if err := audit(ctx, tx, ws, actor, "channel.test", channel, map[string]any{"name": c.Name, "delivery": id}); err != nil {
			return err
		}
		due, err = readDue(ctx, tx, c, id)
		return err
	})
	s.unlock(due)
	return due, err
}

// DeliveryStats is how deliveries are doing, in all workspaces.
type DeliveryStats struct {
	Waiting  int64         // messages
	Overdue  time.Duration // how long the oldest that could be tried has waited for that
	Dead     int64         // within a day
	Channels int64         // that fail
}

const sqlDeliveryStats = `
SELECT (SELECT count(*) FROM deliveries d WHERE d.state = 'waiting'),
  (SELECT coalesce(greatest(extract(epoch FROM now() - min(d.next_at)), 0), 0)::float8 FROM deliveries d WHERE ` + dueHead + `),
  (SELECT count(*) FROM workspaces w JOIN deliveries d ON d.workspace_id = w.id WHERE d.state = 'dead' AND d.id > $1::uuid),
  (SELECT count(*) FROM channels c WHERE c.enabled AND c.failing_since IS NOT NULL)`

// DeliveryStats tells how deliveries are doing.
func (s *Store) DeliveryStats(ctx context.Context) (d DeliveryStats, err error) {
	defer fault.Wrap(&err, "DeliveryStats")
	var overdue float64
	err = s.pool.QueryRow(ctx, sqlDeliveryStats, idAt(time.Now().Add(-24*time.Hour))).Scan(&d.Waiting, &overdue, &d.Dead, &d.Channels)
	d.Overdue = time.Duration(overdue * float64(time.Second))
	return d, unavailable(err)
}

// deliveryDays is how long the log of deliveries is kept.
const deliveryDays = 30

const (
	// What was said of an incident stays until its end was told: by that it is
	// known who hears of the end, and what a receiver calls it.
	notNeeded = `NOT EXISTS (SELECT FROM incidents i WHERE i.workspace_id = d.workspace_id AND i.id = d.incident_id AND (i.phase <> 'resolved' OR i.seq > 0 AND i.told_phase <> 'resolved'))`

	sqlForgetAttempts = `
DELETE FROM delivery_attempts b WHERE b.ctid = ANY (ARRAY(SELECT r.ctid FROM workspaces w, LATERAL (
  SELECT x.ctid FROM delivery_attempts x WHERE x.workspace_id = w.id AND x.delivery_id < $1::uuid LIMIT $2::int8) r LIMIT $2::int8))`

	sqlForgetDeliveries = `
DELETE FROM deliveries b WHERE b.ctid = ANY (ARRAY(SELECT r.ctid FROM workspaces w, LATERAL (
  SELECT d.ctid FROM deliveries d WHERE d.workspace_id = w.id AND d.id < $1::uuid AND ` + notNeeded + ` LIMIT $2::int8) r LIMIT $2::int8))`
)
