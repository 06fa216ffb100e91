package store

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
	"errata/internal/fault"
)

// Tried is what an attempt came to.
type Tried struct {
	At         time.Time
	Took       time.Duration
	Outcome    alert.Outcome
	Error      string        // why it is not done
	RetryAfter time.Duration // the receiver's wish
	Handle     string        // what it calls the message; "" where it did not say
	// What was said on both sides, as JSON, without secrets.
	Request, Response json.RawMessage
}

const (
	maxTriedError = 2000
	// helpAfter is after how many attempts in vain the fallback is told that
	// somebody is to be woken up, while we go on trying: about eight minutes.
	// After all of them, sixteen hours, nobody needs to be.
	helpAfter = 5
	// maxRetryAfter bounds how long a receiver can have a channel wait.
	maxRetryAfter = time.Hour
)

const (
	sqlInsertAttempt = `
INSERT INTO delivery_attempts (workspace_id, delivery_id, n, at, took_ms, outcome, error, request, response)
VALUES ($1::int4, $2::uuid, $3::int4, $4::timestamptz, $5::int4, $6::text, $7::text, $8::text::jsonb, $9::text::jsonb)
ON CONFLICT (workspace_id, delivery_id, n) DO NOTHING`

	sqlDeliverySent = `
UPDATE deliveries SET state = 'sent', why = '', ended_at = now(), handle = CASE WHEN $3::text <> '' THEN $3::text ELSE handle END
WHERE workspace_id = $1::int4 AND id = $2::uuid AND state <> 'sent'`

	sqlChannelWorks = `
UPDATE channels SET last_sent_at = now(), failing_since = NULL, last_error = '' WHERE workspace_id = $1::int4 AND id = $2::uuid`

	sqlChannelFails = `
UPDATE channels SET failing_since = coalesce(failing_since, now()), last_error = $3::text WHERE workspace_id = $1::int4 AND id = $2::uuid`

	sqlStillOurs = `
SELECT EXISTS (SELECT FROM deliveries d WHERE d.workspace_id = $1::int4 AND d.id = $2::uuid AND d.state = 'waiting' AND d.attempts = $3::int4)`
)

// RecordDelivery writes down what came of an attempt, and decides what is next:
// it is over, it is tried again later, or it is dead and another channel has to
// do. What somebody else has taken over by then stays theirs.
func (s *Store) RecordDelivery(ctx context.Context, due *Due, t Tried) (err error) {
	defer fault.Wrap(&err, "RecordDelivery(%s, %d)", due.ID, due.N)
	t.Error = clean(t.Error)
	t.Error = clean(t.Error[:min(len(t.Error), maxTriedError)])
	return s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := lockChannel(ctx, tx, due.Workspace, due.ChannelID)
		if err != nil && !fault.Is(err, fault.NotFound) { // removed: there is still a log
			return err
		}
		if _, err := tx.Exec(ctx, sqlInsertAttempt, due.Workspace, due.ID, due.N, t.At, t.Took.Milliseconds(), string(t.Outcome), t.Error, exchanged(t.Request), exchanged(t.Response)); err != nil {
			return err
		}
		if t.Outcome == alert.Done {
			if _, err := tx.Exec(ctx, sqlDeliverySent, due.Workspace, due.ID, t.Handle); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, sqlChannelWorks, due.Workspace, due.ChannelID)
			return err
		}
		if _, err := tx.Exec(ctx, sqlChannelFails, due.Workspace, due.ChannelID, t.Error); err != nil {
			return err
		}
		var ours bool
		if err := tx.QueryRow(ctx, sqlStillOurs, due.Workspace, due.ID, due.N).Scan(&ours); err != nil || !ours {
			return err
		}
		return afterFailure(ctx, tx, due, t)
	})
}

// exchanged is JSON that jsonb takes.
func exchanged(doc json.RawMessage) string {
	text := strings.ReplaceAll(clean(string(doc)), `\u0000`, `\ufffd`)
	if !json.Valid([]byte(text)) {
		return "[]"
	}
	return text
}

const (
	sqlLater = `
UPDATE deliveries SET next_at = now() + make_interval(secs => $3::float8) WHERE workspace_id = $1::int4 AND id = $2::uuid`

	// A receiver that asks for patience means all messages.
	sqlPatience = `
UPDATE deliveries SET next_at = now() + make_interval(secs => $3::float8)
WHERE workspace_id = $1::int4 AND channel_id = $2::uuid AND state = 'waiting' AND next_at < now() + make_interval(secs => $3::float8)`
)

func afterFailure(ctx context.Context, tx pgx.Tx, due *Due, t Tried) error {
	if due.Kind == alert.KindTest { // somebody stands there and sees it
		return die(ctx, tx, due, t.Error)
	}
	if t.Outcome == alert.Disable {
		return giveUpChannel(ctx, tx, due, t.Error)
	}
	wait, more := alert.Wait(due.N, t.RetryAfter, rand.Float64()) //nolint:gosec // spreads load, guards nothing
	if t.Outcome == alert.GiveUp || !more {
		return die(ctx, tx, due, t.Error)
	}
	if _, err := tx.Exec(ctx, sqlLater, due.Workspace, due.ID, wait.Seconds()); err != nil {
		return err
	}
	if t.RetryAfter > 0 {
		if _, err := tx.Exec(ctx, sqlPatience, due.Workspace, due.ChannelID, min(t.RetryAfter, maxRetryAfter).Seconds()); err != nil {
			return err
		}
	}
	if due.N >= helpAfter && due.wakes() {
		if err := tellFallback(ctx, tx, due); err != nil {
			return err
		}
	}
	if due.Incident == nil {
		return nil
	}
	return supersede(ctx, tx, due.Workspace, due.ChannelID, *due.Incident)
}

// wakes: somebody is to get up because of it.
func (d *Due) wakes() bool {
	i, ok := d.Message.Subject()
	return ok && i.Level == alert.Page && (d.Kind == alert.KindFiring || d.Kind == alert.KindReopened)
}

const sqlDie = `
UPDATE deliveries SET state = 'dead', why = $3::text, ended_at = now() WHERE workspace_id = $1::int4 AND id = $2::uuid`

// die ends a Delivery that did not arrive, and has another channel try.
func die(ctx context.Context, tx pgx.Tx, due *Due, why string) error {
	if _, err := tx.Exec(ctx, sqlDie, due.Workspace, due.ID, why); err != nil {
		return err
	}
	return tellFallback(ctx, tx, due)
}

const (
	sqlDisableChannel = `
UPDATE channels SET enabled = false, disabled_why = $3::text, updated_at = now(), updated_by = $4::text WHERE workspace_id = $1::int4 AND id = $2::uuid`

	sqlWaitingOf = `
SELECT d.id::text FROM deliveries d WHERE d.workspace_id = $1::int4 AND d.channel_id = $2::uuid AND d.state = 'waiting' ORDER BY d.created_at, d.seq, d.id`
)

// giveUpChannel disables a channel whose receiver wants no more. All that waits
// for it is another one's.
func giveUpChannel(ctx context.Context, tx pgx.Tx, due *Due, why string) error {
	why = "the receiver wants no more messages: " + why
	rows, err := tx.Query(ctx, sqlWaitingOf, due.Workspace, due.ChannelID)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	c, err := lockChannel(ctx, tx, due.Workspace, due.ChannelID)
	if fault.Is(err, fault.NotFound) {
		return die(ctx, tx, due, why)
	}
	if err != nil {
		return err
	}
	for _, id := range ids {
		one, err := readDue(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if err := die(ctx, tx, one, why); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, sqlDisableChannel, due.Workspace, due.ChannelID, why, System.Label); err != nil {
		return err
	}
	return audit(ctx, tx, due.Workspace, System, "channel.disable", due.ChannelID, map[string]any{"name": due.ChannelName, "because": why})
}

// A channel that was told the same by itself need not be told again.
const sqlFallbackKnows = `
SELECT NOT EXISTS (SELECT FROM channels c WHERE c.workspace_id = $1::int4 AND c.id = $2::uuid AND c.enabled)
  OR EXISTS (SELECT FROM deliveries d WHERE d.workspace_id = $1::int4 AND d.channel_id = $2::uuid AND d.incident_id = $3::uuid AND d.seq = $4::int4)`

// tellFallback queues the message for the channel that stands in, if there is
// one. It goes no further from there: two channels that stand in for each other
// would have a message go round.
func tellFallback(ctx context.Context, tx pgx.Tx, due *Due) error {
	if due.fallback == nil || due.Kind == alert.KindTest || strings.HasSuffix(due.key, byFallback) {
		return nil
	}
	var knows bool
	if err := tx.QueryRow(ctx, sqlFallbackKnows, due.Workspace, *due.fallback, due.Incident, due.seq).Scan(&knows); err != nil || knows {
		return err
	}
	now, err := databaseNow(ctx, tx)
	if err != nil {
		return err
	}
	_, err = insertDelivery(ctx, tx, newDelivery{ws: due.Workspace, channel: *due.fallback, incident: due.Incident, seq: due.seq, message: due.Message, key: due.key + byFallback, due: now, state: Waiting})
	return err
}
