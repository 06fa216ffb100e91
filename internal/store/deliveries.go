package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
	"errata/internal/event"
	"errata/internal/fault"
)

// DeliveryState is where a message to a channel is.
type DeliveryState string

// The states.
const (
	Waiting DeliveryState = "waiting"
	Sent    DeliveryState = "sent"
	Dead    DeliveryState = "dead"    // and nobody tries again, unless asked
	Dropped DeliveryState = "dropped" // there was no need any more, or a digest told it
)

// DeliveryStates are all of them.
var DeliveryStates = []DeliveryState{Waiting, Sent, Dead, Dropped}

// Delivery is one message to one channel, however often it is tried.
type Delivery struct {
	ID         string        `json:"id"`
	ChannelID  string        `json:"channel_id"`
	Channel    string        `json:"channel"` // its name; empty where it was removed
	IncidentID *string       `json:"incident_id"`
	Seq        int           `json:"seq"`
	Kind       alert.Kind    `json:"kind"`
	DedupKey   string        `json:"dedup_key"`
	State      DeliveryState `json:"state"`
	Why        string        `json:"why,omitempty"`   // of a state that is not sent
	Error      string        `json:"error,omitempty"` // of the last attempt
	Attempts   int           `json:"attempts"`
	CreatedAt  event.Time    `json:"created_at"`
	NextAt     *event.Time   `json:"next_at"` // of an attempt
	EndedAt    *event.Time   `json:"ended_at"`

	// What it is about, for lists; 0 and empty for tests and digests.
	Number  int64  `json:"-"` // of the Incident
	Service string `json:"-"`
}

// DeliveryDetail is a Delivery with what it says and what became of it.
type DeliveryDetail struct {
	Delivery
	Message alert.Message     `json:"message"`
	Tries   []DeliveryAttempt `json:"tries"`
}

// DeliveryAttempt is one try, with what was said on both sides.
type DeliveryAttempt struct {
	N        int             `json:"n"`
	At       event.Time      `json:"at"`
	TookMS   int             `json:"took_ms"`
	Outcome  alert.Outcome   `json:"outcome"`
	Error    string          `json:"error,omitempty"`
	Request  json.RawMessage `json:"request"`
	Response json.RawMessage `json:"response"`
}

// DeliveryFilter narrows a list; what is empty does not.
type DeliveryFilter struct {
	Channel, Incident string
	State             DeliveryState
}

const deliveryColumns = `d.id::text, d.channel_id::text, coalesce((SELECT c.name FROM channels c WHERE c.workspace_id = d.workspace_id AND c.id = d.channel_id), ''),
  d.incident_id::text, d.seq, d.kind, d.dedup_key, d.state, d.why,
  coalesce((SELECT a.error FROM delivery_attempts a WHERE a.workspace_id = d.workspace_id AND a.delivery_id = d.id AND a.n = d.attempts), ''),
  d.attempts, d.created_at, d.next_at, d.ended_at, CASE WHEN d.incident_id IS NULL THEN 0 ELSE coalesce((d.message #>> '{incidents,0,number}')::int8, 0) END,
  CASE WHEN d.incident_id IS NULL THEN '' ELSE coalesce(d.message #>> '{incidents,0,service}', '') END`

const sqlDeliveries = `
SELECT ` + deliveryColumns + ` FROM deliveries d
WHERE d.workspace_id = $1::int4 AND d.id < $2::uuid AND ($3::uuid IS NULL OR d.channel_id = $3::uuid) AND ($4::uuid IS NULL OR d.incident_id = $4::uuid)
  AND ($5::text = '' OR d.state = $5::text)
ORDER BY d.id DESC LIMIT $6::int4`

// Deliveries lists messages to channels, newest first, and the cursor of the
// next page ("" on the last).
func (s *Store) Deliveries(ctx context.Context, ws int32, f DeliveryFilter, limit int, cursor string) (out []Delivery, next string, err error) {
	defer fault.Wrap(&err, "Deliveries")
	limit = min(max(limit, 1), MaxPage)
	below, err := idBelow(cursor)
	if err != nil {
		return nil, "", err
	}
	ids := [2]*string{}
	for i, id := range []struct{ name, value string }{{"channel", f.Channel}, {"incident", f.Incident}} {
		if id.value != "" {
			if uuid.Validate(id.value) != nil {
				return nil, "", invalid(id.name, "must be an ID")
			}
			ids[i] = &id.value
		}
	}
	if f.State != "" && !slices.Contains(DeliveryStates, f.State) {
		return nil, "", invalid("state", "must be waiting, sent, dead or dropped")
	}
	rows, err := s.pool.Query(ctx, sqlDeliveries, ws, below, ids[0], ids[1], string(f.State), limit+1)
	if err != nil {
		return nil, "", unavailable(err)
	}
	if out, err = pgx.CollectRows(rows, scanDelivery); err != nil {
		return nil, "", unavailable(err)
	}
	if len(out) > limit {
		out = out[:limit]
		next = encodeCursor(out[limit-1].ID)
	}
	return out, next, nil
}

func scanDelivery(row pgx.CollectableRow) (d Delivery, err error) {
	err = scanDeliveryInto(row, &d)
	return d, err
}

func scanDeliveryInto(row pgx.CollectableRow, d *Delivery, more ...any) error {
	var next time.Time
	var ended *time.Time
	err := row.Scan(append([]any{&d.ID, &d.ChannelID, &d.Channel, &d.IncidentID, &d.Seq, &d.Kind, &d.DedupKey, &d.State, &d.Why, &d.Error,
		&d.Attempts, &d.CreatedAt.Time, &next, &ended, &d.Number, &d.Service}, more...)...)
	d.CreatedAt.Time, d.EndedAt = d.CreatedAt.UTC(), shownTime(ended)
	if d.State == Waiting {
		d.NextAt = shownTime(&next)
	}
	return err
}

const (
	sqlDelivery = `SELECT ` + deliveryColumns + `, d.message FROM deliveries d WHERE d.workspace_id = $1::int4 AND d.id = $2::uuid`

	sqlDeliveryAttempts = `
SELECT a.n, a.at, a.took_ms, a.outcome, a.error, a.request, a.response FROM delivery_attempts a
WHERE a.workspace_id = $1::int4 AND a.delivery_id = $2::uuid ORDER BY a.n`
)

// Delivery gives one with all its attempts; a fault NotFound
// (delivery_not_found) where there is none.
func (s *Store) Delivery(ctx context.Context, ws int32, id string) (d DeliveryDetail, err error) {
	defer fault.Wrap(&err, "Delivery(%s)", id)
	if uuid.Validate(id) != nil {
		return d, deliveryNotFound()
	}
	rows, err := s.pool.Query(ctx, sqlDelivery, ws, id)
	if err != nil {
		return d, unavailable(err)
	}
	d, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (d DeliveryDetail, err error) {
		err = scanDeliveryInto(row, &d.Delivery, &d.Message)
		return d, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return d, deliveryNotFound()
	}
	if err != nil {
		return d, unavailable(err)
	}
	if rows, err = s.pool.Query(ctx, sqlDeliveryAttempts, ws, id); err != nil {
		return d, unavailable(err)
	}
	d.Tries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a DeliveryAttempt, err error) {
		err = row.Scan(&a.N, &a.At.Time, &a.TookMS, &a.Outcome, &a.Error, &a.Request, &a.Response)
		a.At.Time = a.At.UTC()
		return a, err
	})
	return d, unavailable(err)
}

func deliveryNotFound() error {
	return fault.New(fault.NotFound, "delivery_not_found", "There is no delivery with this ID; the log goes back 30 days.")
}
