package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
)

const (
	// heldBack begins to say why a message waits for a digest.
	heldBack = "held back"
	// maxDigest is how many Incidents one digest tells of.
	maxDigest = 50
	// maxDigested bounds the messages that it stands for.
	maxDigested = 2000
	// oldest is how old a Delivery can be that is sent by itself: the waits between
	// the attempts, and some.
	oldest = 26 * time.Hour
)

const sqlHour = `
SELECT count(*)::int4, coalesce(min(d.ended_at), now()) + interval '1 hour' FROM deliveries d
WHERE d.workspace_id = $1::int4 AND d.channel_id = $2::uuid AND d.id > $3::uuid AND d.state = 'sent' AND d.kind <> 'test' AND d.ended_at > now() - interval '1 hour'`

// hourIsFull tells until when a channel has had as many messages as it takes in
// an hour; zero where there is room.
func hourIsFull(ctx context.Context, tx pgx.Tx, c channelKey, rules DeliveryRules) (until time.Time, err error) {
	if slices.Contains(rules.Uncapped, c.Kind) {
		return until, nil
	}
	var n int
	err = tx.QueryRow(ctx, sqlHour, c.Workspace, c.ID, idAt(time.Now().Add(-oldest))).Scan(&n, &until)
	if err != nil || n < c.Hourly {
		return time.Time{}, err
	}
	return until, nil
}

const sqlHoldBack = `
UPDATE deliveries SET next_at = $3::timestamptz, why = $4::text WHERE workspace_id = $1::int4 AND id = ANY ($2::uuid[])`

func holdBack(ctx context.Context, tx pgx.Tx, c channelKey, heads []head, until time.Time) error {
	ids := []string{}
	for _, h := range heads {
		if !h.urgent && h.kind != alert.KindTest {
			ids = append(ids, h.id)
		}
	}
	_, err := tx.Exec(ctx, sqlHoldBack, c.Workspace, ids, until, fmt.Sprintf("%s: more than %d messages in an hour", heldBack, c.Hourly))
	return err
}

const (
	// All that is due and could be told now, but for what is urgent.
	sqlDigested = `
SELECT d.id::text, d.incident_id::text, d.message FROM deliveries d
WHERE d.workspace_id = $1::int4 AND d.channel_id = $2::uuid AND d.state = 'waiting' AND d.next_at <= now() AND d.incident_id IS NOT NULL AND NOT ` + urgent + `
  AND NOT EXISTS (SELECT FROM deliveries e WHERE e.workspace_id = d.workspace_id AND e.incident_id = d.incident_id AND e.channel_id = d.channel_id AND e.state = 'waiting'
    AND e.seq < d.seq AND e.next_at > now())
ORDER BY d.incident_id, d.seq, d.id LIMIT $3::int4`

	sqlDropDigested = `
UPDATE deliveries SET state = 'dropped', why = $3::text, ended_at = now() WHERE workspace_id = $1::int4 AND id = ANY ($2::uuid[])`
)

// claimDigest makes one message of all that a channel has to be told, and
// takes it. Of each Incident it has what the last message said. A single message
// stays as it is.
func claimDigest(ctx context.Context, tx pgx.Tx, c channelKey, first string) (*Due, error) {
	rows, err := tx.Query(ctx, sqlDigested, c.Workspace, c.ID, maxDigested)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d digested, err error) {
		err = row.Scan(&d.id, &d.incident, &d.message)
		return d, err
	})
	if err != nil {
		return nil, err
	}
	m, ids := digestOf(all)
	if len(ids) < 2 {
		return leaseDelivery(ctx, tx, c, first)
	}
	if m.At, err = databaseNow(ctx, tx); err != nil {
		return nil, err
	}
	id := uuid.Must(uuid.NewV7()).String()
	if _, err := tx.Exec(ctx, sqlDropDigested, c.Workspace, ids, inDigest+id); err != nil {
		return nil, err
	}
	digest := newDelivery{ws: c.Workspace, id: id, channel: c.ID, message: m, key: "digest:" + c.ID + ":" + id, due: m.At, state: Waiting, leased: true}
	if _, err := insertDelivery(ctx, tx, digest); err != nil {
		return nil, err
	}
	return readDue(ctx, tx, c, id)
}

// digested is a message that a digest may stand for.
type digested struct {
	id, incident string
	message      alert.Message
}

// digestOf gives what a digest says of messages, in order by Incident, and the
// messages that it stands for: those of as many Incidents as it takes.
func digestOf(all []digested) (m alert.Message, ids []string) {
	m.Kind = alert.KindDigest
	last := ""
	for _, d := range all {
		i, ok := d.message.Subject()
		if !ok {
			continue
		}
		if d.incident != last {
			if len(m.Incidents) == maxDigest {
				break
			}
			m.Incidents, last = append(m.Incidents, i), d.incident
		}
		m.Incidents[len(m.Incidents)-1], m.Workspace = i, d.message.Workspace
		ids = append(ids, d.id)
	}
	slices.SortFunc(m.Incidents, func(a, b alert.Incident) int { return int(a.Number - b.Number) })
	return m, ids
}
