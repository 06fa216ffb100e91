package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
	"errata/internal/fault"
)

// lease is how long whoever claimed a Delivery has to record what came of it.
// After that it is tried again: at least once. An attempt takes 15 s at most.
const lease = "60 seconds"

// DeliveryRules are what the store does not know of the kinds of channel.
type DeliveryRules struct {
	Paced    []string // kinds that take one message a second
	Uncapped []string // kinds that need every message: no digests
}

// Due is a Delivery that was claimed: whoever has it sends it, and records that.
type Due struct {
	Workspace int32
	ID        string
	Kind      alert.Kind
	Incident  *string
	N         int // the attempt
	Message   alert.Message
	// Handle is what the receiver called the last message about the Incident.
	Handle string

	ChannelID, ChannelName, ChannelKind string
	Settings                            map[string]string
	Secrets                             Secrets
	// Locked says why the secrets cannot be read; nothing can be sent then.
	Locked string

	boxes    secretBoxes
	seq      int
	key      string
	fallback *string
}

// What may be tried now: due, and the first of its Incident that waits.
const dueHead = `d.state = 'waiting' AND d.next_at <= now() AND NOT EXISTS (
  SELECT FROM deliveries e WHERE e.workspace_id = d.workspace_id AND e.incident_id = d.incident_id AND e.channel_id = d.channel_id AND e.state = 'waiting'
    AND (e.seq, e.id) < (d.seq, d.id))`

// A channel where something is due and nothing is under way, the longest waiting
// first. Others who look at the same moment get another one.
const sqlDueChannel = `
SELECT ` + channelKeyColumns + ` FROM channels c JOIN (
  SELECT d.workspace_id, d.channel_id, min(d.next_at) AS due FROM deliveries d WHERE ` + dueHead + ` GROUP BY 1, 2) w ON w.workspace_id = c.workspace_id AND w.channel_id = c.id
WHERE c.enabled AND (c.kind <> ALL ($1::text[]) OR c.last_sent_at IS NULL OR c.last_sent_at <= now() - interval '1 second')
  AND NOT EXISTS (SELECT FROM deliveries d WHERE d.workspace_id = c.workspace_id AND d.channel_id = c.id AND d.state = 'waiting' AND ` + underWay + `)
ORDER BY w.due LIMIT 1 FOR UPDATE OF c SKIP LOCKED`

// ClaimDelivery takes the next message that is due, in any workspace; nil where
// there is none. Of one Incident a channel gets one message after the other, and
// of one channel one message is under way at a time, whoever else claims.
func (s *Store) ClaimDelivery(ctx context.Context, rules DeliveryRules) (due *Due, err error) {
	defer fault.Wrap(&err, "ClaimDelivery")
	for again := true; again && due == nil && err == nil; {
		err = s.inTx(ctx, func(tx pgx.Tx) error {
			due, again = nil, false
			var c channelKey
			err := tx.QueryRow(ctx, sqlDueChannel, nonNil(rules.Paced)).Scan(c.fields()...)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			again = true
			due, err = claimFrom(ctx, tx, c, rules)
			return err
		})
	}
	s.unlock(due)
	return due, err
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// maxHeads bounds what is looked at for one claim.
const maxHeads = 500

const (
	sqlUnderWay = `
SELECT EXISTS (SELECT FROM deliveries d WHERE d.workspace_id = $1::int4 AND d.channel_id = $2::uuid AND d.state = 'waiting' AND ` + underWay + `)`

	// A page that begins is urgent, and so is what has to be told before it.
	urgent = `EXISTS (SELECT FROM deliveries p WHERE p.workspace_id = d.workspace_id AND p.channel_id = d.channel_id AND p.state = 'waiting'
    AND (p.id = d.id OR p.incident_id = d.incident_id AND p.seq >= d.seq)
    AND p.kind IN ('firing', 'reopened') AND p.message #>> '{incidents,0,level}' = 'page')`

	sqlHeads = `
SELECT d.id::text, d.kind, d.attempts, starts_with(d.why, '` + heldBack + `'), ` + urgent + `,
  EXISTS (SELECT FROM delivery_attempts a WHERE a.workspace_id = d.workspace_id AND a.delivery_id = d.id AND a.n = d.attempts)
FROM deliveries d WHERE d.workspace_id = $1::int4 AND d.channel_id = $2::uuid AND ` + dueHead + `
ORDER BY 5 DESC, d.next_at, d.id LIMIT $3::int4`
)

// head is a message that may be tried now.
type head struct {
	id       string
	kind     alert.Kind
	attempts int
	held     bool // for a digest
	urgent   bool
	tried    bool // the last attempt was recorded
}

// claimFrom takes a message from a channel that is locked. The list of channels
// is older than the lock, so it looks again. nil: nothing is to be sent, but
// there may be another channel.
func claimFrom(ctx context.Context, tx pgx.Tx, c channelKey, rules DeliveryRules) (*Due, error) {
	var busy bool
	if err := tx.QueryRow(ctx, sqlUnderWay, c.Workspace, c.ID).Scan(&busy); err != nil || busy {
		return nil, err
	}
	rows, err := tx.Query(ctx, sqlHeads, c.Workspace, c.ID, maxHeads)
	if err != nil {
		return nil, err
	}
	heads, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h head, err error) {
		err = row.Scan(&h.id, &h.kind, &h.attempts, &h.held, &h.urgent, &h.tried)
		return h, err
	})
	if err != nil || len(heads) == 0 {
		return nil, err
	}
	full, err := hourIsFull(ctx, tx, c, rules)
	if err != nil {
		return nil, err
	}
	switch next := heads[0]; {
	case next.spent():
		return nil, bury(ctx, tx, c, next.id)
	case next.urgent:
		return leaseDelivery(ctx, tx, c, next.id)
	case !full.IsZero():
		return nil, holdBack(ctx, tx, c, heads, full)
	case next.held:
		return claimDigest(ctx, tx, c, next.id)
	default:
		return leaseDelivery(ctx, tx, c, next.id)
	}
}

// spent: nobody came back from the last attempt that there was.
func (h head) spent() bool {
	return !h.tried && h.attempts > 0 && (h.attempts >= alert.MaxAttempts || h.kind == alert.KindTest)
}

// bury ends a Delivery of which the last attempt was broken off.
func bury(ctx context.Context, tx pgx.Tx, c channelKey, id string) error {
	due, err := readDue(ctx, tx, c, id)
	if err != nil {
		return err
	}
	return die(ctx, tx, due, "the last attempt was broken off")
}

const (
	sqlLease = `
UPDATE deliveries SET attempts = attempts + 1, next_at = now() + interval '` + lease + `', why = ''
WHERE workspace_id = $1::int4 AND id = $2::uuid AND state = 'waiting'`

	sqlDue = `
SELECT d.kind, d.incident_id::text, d.attempts, d.message, d.seq, d.dedup_key, coalesce((
  SELECT h.handle FROM deliveries h WHERE h.workspace_id = d.workspace_id AND h.incident_id = d.incident_id AND h.channel_id = d.channel_id AND h.handle <> ''
  ORDER BY h.seq DESC, h.id DESC LIMIT 1), '')
FROM deliveries d WHERE d.workspace_id = $1::int4 AND d.id = $2::uuid`
)

// leaseDelivery counts the attempt before it is made.
func leaseDelivery(ctx context.Context, tx pgx.Tx, c channelKey, id string) (*Due, error) {
	if _, err := tx.Exec(ctx, sqlLease, c.Workspace, id); err != nil {
		return nil, err
	}
	return readDue(ctx, tx, c, id)
}

func readDue(ctx context.Context, tx pgx.Tx, c channelKey, id string) (*Due, error) {
	d := Due{Workspace: c.Workspace, ID: id, ChannelID: c.ID, ChannelName: c.Name, ChannelKind: c.Kind, Settings: c.Settings, boxes: c.Boxes, fallback: c.Fallback}
	err := tx.QueryRow(ctx, sqlDue, c.Workspace, id).Scan(&d.Kind, &d.Incident, &d.N, &d.Message, &d.seq, &d.key, &d.Handle)
	return &d, err
}

// now of the database, which is whose clock all of this goes by.
const sqlNow = `SELECT now()`

func databaseNow(ctx context.Context, tx pgx.Tx) (now time.Time, err error) {
	err = tx.QueryRow(ctx, sqlNow).Scan(&now)
	return now.UTC(), err
}
