package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
)

// Whoever queues messages keeps channels from changing and from being claimed
// from until its transaction ends. In order, so that two who do so cannot
// wait for each other.
const sqlChannelsToTell = `
SELECT c.id::text, c.level, CASE WHEN f.enabled THEN f.id::text END,
  EXISTS (SELECT FROM deliveries d WHERE d.workspace_id = c.workspace_id AND d.incident_id = $2::uuid AND d.channel_id = c.id),
  EXISTS (SELECT FROM deliveries d WHERE d.workspace_id = c.workspace_id AND d.incident_id = $2::uuid AND d.channel_id = c.fallback AND d.dedup_key LIKE '%` + byFallback + `')
FROM channels c LEFT JOIN channels f ON f.workspace_id = c.workspace_id AND f.id = c.fallback
WHERE c.workspace_id = $1::int4 AND c.enabled AND (cardinality($3::uuid[]) = 0 OR c.id = ANY ($3::uuid[]))
ORDER BY c.id FOR SHARE OF c`

// byFallback ends the keys of messages that another channel could not deliver.
const byFallback = ":fallback"

// toTell is a channel that may get a message about an Incident.
type toTell struct {
	id       string
	level    alert.Level
	fallback *string
	knows    bool // it was told something about it before
	stoodIn  bool // and its fallback was, instead
}

// queueMessages writes down a message about an Incident for each of the
// channels, to be sent from due on; none means all. It belongs into the
// transaction that changes the Incident. Channels hear of Incidents that are as
// loud as they want it, and of those that they have heard of. The same seq again
// changes nothing. A channel that was told nothing yet is not told at all
// that it is over. It gives how many are told.
func queueMessages(ctx context.Context, tx pgx.Tx, ws int32, incident string, seq int, m alert.Message, channels []string, due time.Time) (n int, err error) {
	if channels == nil {
		channels = []string{}
	}
	rows, err := tx.Query(ctx, sqlChannelsToTell, ws, incident, channels)
	if err != nil {
		return 0, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c toTell, err error) {
		err = row.Scan(&c.id, &c.level, &c.fallback, &c.knows, &c.stoodIn)
		return c, err
	})
	if err != nil {
		return 0, err
	}
	i, _ := m.Subject()
	told := map[string]bool{}
	for _, c := range all {
		if !c.knows && (m.Kind == alert.KindResolved || loudness(i.Level) < loudness(c.level)) {
			continue
		}
		told[c.id] = true
		if err := queueMessage(ctx, tx, ws, c.id, incident, seq, m, alert.DedupKey(incident, c.id, seq), due); err != nil {
			return 0, err
		}
	}
	for _, c := range all { // who heard how it began hears how it goes on
		if !told[c.id] || !c.stoodIn || c.fallback == nil || told[*c.fallback] {
			continue
		}
		told[*c.fallback] = true
		if err := queueMessage(ctx, tx, ws, *c.fallback, incident, seq, m, alert.DedupKey(incident, c.id, seq)+byFallback, due); err != nil {
			return 0, err
		}
	}
	return len(told), nil
}

// loudness is greater for what is louder.
func loudness(l alert.Level) int {
	return slices.Index([]alert.Level{alert.Notify, alert.Ticket, alert.Page}, l)
}

func queueMessage(ctx context.Context, tx pgx.Tx, ws int32, channel, incident string, seq int, m alert.Message, key string, due time.Time) error {
	if m.Kind == alert.KindResolved {
		over, err := overUnheard(ctx, tx, ws, channel, incident, seq)
		if err != nil {
			return err
		}
		if over {
			_, err := insertDelivery(ctx, tx, newDelivery{ws: ws, channel: channel, incident: &incident, seq: seq, message: m, key: key, due: due, made: &m.At, state: Dropped, why: unheard})
			return err
		}
	}
	if _, err := insertDelivery(ctx, tx, newDelivery{ws: ws, channel: channel, incident: &incident, seq: seq, message: m, key: key, due: due, made: &m.At, state: Waiting}); err != nil {
		return err
	}
	if m.Kind != alert.KindResolved {
		return nil
	}
	return supersede(ctx, tx, ws, channel, incident)
}

// Why Deliveries are dropped.
const (
	unheard    = "over before the channel was told anything"
	superseded = "over before this could be told"
	inDigest   = "told in the digest " // and its ID
)

// What is under way: claimed, not recorded yet, and not given up by time.
const underWay = `d.attempts > 0 AND d.next_at > now() AND NOT EXISTS (
  SELECT FROM delivery_attempts a WHERE a.workspace_id = d.workspace_id AND a.delivery_id = d.id AND a.n = d.attempts)`

const (
	// The newest that a channel knows, or may know, of an Incident.
	sqlLastTold = `
SELECT coalesce((SELECT d.kind FROM deliveries d WHERE d.workspace_id = $1::int4 AND d.incident_id = $2::uuid AND d.channel_id = $3::uuid AND d.seq < $4::int4
  AND (d.state IN ('sent', 'dead') OR d.state = 'waiting' AND d.attempts > 0 OR d.state = 'dropped' AND starts_with(d.why, '` + inDigest + `'))
  ORDER BY d.seq DESC LIMIT 1), '')`

	sqlDropUnheard = `
UPDATE deliveries d SET state = 'dropped', why = $5::text, ended_at = now()
WHERE d.workspace_id = $1::int4 AND d.incident_id = $2::uuid AND d.channel_id = $3::uuid AND d.seq < $4::int4 AND d.state = 'waiting'`
)

// overUnheard drops what waits for a channel that does not know yet that an
// Incident is open, and tells whether that is so. A message that is being
// tried may have arrived, whatever the answers were.
func overUnheard(ctx context.Context, tx pgx.Tx, ws int32, channel, incident string, seq int) (bool, error) {
	var last alert.Kind
	if err := tx.QueryRow(ctx, sqlLastTold, ws, incident, channel, seq).Scan(&last); err != nil {
		return false, err
	}
	if last != "" && last != alert.KindResolved {
		return false, nil
	}
	_, err := tx.Exec(ctx, sqlDropUnheard, ws, incident, channel, seq, unheard)
	return true, err
}

// What waits from an opening message on that was not delivered yet, up to the end
// that waits behind it.
const sqlSupersede = `
UPDATE deliveries d SET state = 'dropped', why = $4::text, ended_at = now()
WHERE d.workspace_id = $1::int4 AND d.incident_id = $2::uuid AND d.channel_id = $3::uuid AND d.state = 'waiting'
  AND EXISTS (SELECT FROM deliveries r WHERE r.workspace_id = $1::int4 AND r.incident_id = $2::uuid AND r.channel_id = $3::uuid AND r.state = 'waiting'
    AND r.kind = 'resolved' AND r.seq > d.seq)
  AND EXISTS (SELECT FROM deliveries o WHERE o.workspace_id = $1::int4 AND o.incident_id = $2::uuid AND o.channel_id = $3::uuid AND o.state = 'waiting'
    AND o.kind IN ('firing', 'reopened') AND o.seq <= d.seq)
  AND NOT EXISTS (SELECT FROM deliveries d WHERE d.workspace_id = $1::int4 AND d.incident_id = $2::uuid AND d.channel_id = $3::uuid AND d.state = 'waiting' AND ` + underWay + `)`

// supersede drops what is not true any more: nobody is told that something began
// that is over. The end is told, since an attempt may have arrived. While
// one is under way nothing is dropped; whoever records it calls this again.
func supersede(ctx context.Context, tx pgx.Tx, ws int32, channel, incident string) error {
	_, err := tx.Exec(ctx, sqlSupersede, ws, incident, channel, superseded)
	return err
}

// newDelivery is a row to be.
type newDelivery struct {
	ws       int32
	channel  string
	incident *string
	seq      int
	message  alert.Message
	key      string
	due      time.Time
	state    DeliveryState
	why      string
	leased   bool
	id       string     // "" makes one
	made     *time.Time // nil: now
}

const sqlInsertDelivery = `
INSERT INTO deliveries (workspace_id, id, channel_id, incident_id, seq, kind, dedup_key, message, state, why, attempts, created_at, next_at, ended_at)
VALUES ($1::int4, $2::uuid, $3::uuid, $4::uuid, $5::int4, $6::text, $7::text, $8::text::jsonb, $9::text, $10::text, $11::int4, coalesce($13::timestamptz, now()),
  CASE WHEN $11::int4 > 0 THEN now() + interval '` + lease + `' ELSE $12::timestamptz END, CASE WHEN $9::text <> 'waiting' THEN now() END)
ON CONFLICT (workspace_id, dedup_key) DO NOTHING`

// insertDelivery gives the message as it was written; its ID is the Delivery's.
func insertDelivery(ctx context.Context, tx pgx.Tx, d newDelivery) (alert.Message, error) {
	m := d.message.Clean() // jsonb takes no NUL, for one
	m.ID, m.Seq, m.DedupKey = d.id, d.seq, d.key
	if m.ID == "" {
		m.ID = uuid.Must(uuid.NewV7()).String()
	}
	doc, err := json.Marshal(m)
	if err != nil {
		return m, err
	}
	attempts := 0
	if d.leased {
		attempts = 1
	}
	_, err = tx.Exec(ctx, sqlInsertDelivery, d.ws, m.ID, d.channel, d.incident, d.seq, string(m.Kind), d.key, string(doc), string(d.state), d.why, attempts, d.due, d.made)
	return m, err
}
