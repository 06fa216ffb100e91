package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
	"errata/internal/event"
	"errata/internal/fault"
)

// MaxChannels is how many channels a workspace can have.
const MaxChannels = 50

// Secrets of a channel, by name. Nothing shows them by accident: not as text,
// not as JSON, not in logs.
type Secrets map[string]string

const redacted = "[redacted]"

// Format hides them from every verb.
func (Secrets) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue hides them from log/slog.
func (Secrets) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides them.
func (Secrets) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// ChannelSpec is what somebody decides about a channel.
type ChannelSpec struct {
	Name     string
	Kind     string
	Settings map[string]string
	// Secrets that are not named stay as they are; an empty one goes.
	Secrets  Secrets
	Level    alert.Level // the quietest that the channel is told about
	Fallback string      // the ID of another channel; "" for none
	Hourly   int         // messages; more are one digest
	Enabled  bool
}

// CheckChannel says whether a channel can work, all its secrets included: the
// store does not know what the kinds of channel need.
type CheckChannel func(ChannelSpec) error

// Channel is where messages go, without its secrets, and how that goes.
type Channel struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Kind     string            `json:"kind"`
	Settings map[string]string `json:"settings"`
	Secrets  []string          `json:"secrets"` // the names of those that are set
	Level    alert.Level       `json:"level"`
	Fallback *string           `json:"fallback"`
	Hourly   int               `json:"hourly"`
	Enabled  bool              `json:"enabled"`
	// DisabledWhy is empty where a person did it.
	DisabledWhy string `json:"disabled_why,omitempty"`

	FailingSince *event.Time `json:"failing_since"` // of attempts; nil: the last one succeeded
	LastError    string      `json:"last_error,omitempty"`
	LastSentAt   *event.Time `json:"last_sent_at"`
	Waiting      int         `json:"waiting"` // Deliveries
	Dead         int         `json:"dead"`    // Deliveries of the last seven days

	CreatedAt event.Time `json:"created_at"`
	UpdatedAt event.Time `json:"updated_at"`
	UpdatedBy string     `json:"updated_by"`
}

// deadDays is for how long a dead Delivery is counted.
const deadDays = 7

const sqlChannels = `
SELECT c.id::text, c.name, c.kind, c.settings, ARRAY(SELECT jsonb_object_keys(c.secrets) ORDER BY 1), c.level, c.fallback::text, c.hourly, c.enabled, c.disabled_why,
  c.failing_since, c.last_error, c.last_sent_at, coalesce(n.waiting, 0)::int4, coalesce(n.dead, 0)::int4, c.created_at, c.updated_at, c.updated_by
FROM channels c LEFT JOIN (
  SELECT d.channel_id, count(*) FILTER (WHERE d.state = 'waiting') AS waiting, count(*) FILTER (WHERE d.state = 'dead' AND d.id > $3::uuid) AS dead
  FROM deliveries d WHERE d.workspace_id = $1::int4 AND (d.state = 'waiting' OR d.id > $3::uuid) GROUP BY 1) n ON n.channel_id = c.id
WHERE c.workspace_id = $1::int4 AND ($2::uuid IS NULL OR c.id = $2::uuid) ORDER BY c.name`

// Channels are those of a workspace, by name.
func (s *Store) Channels(ctx context.Context, ws int32) (out []Channel, err error) {
	defer fault.Wrap(&err, "Channels")
	return s.channels(ctx, s.pool, ws, nil)
}

// Channel gives one; a fault NotFound (channel_not_found) where the workspace
// has no such channel.
func (s *Store) Channel(ctx context.Context, ws int32, id string) (c Channel, err error) {
	defer fault.Wrap(&err, "Channel(%s)", id)
	return s.channel(ctx, s.pool, ws, id)
}

func (s *Store) channel(ctx context.Context, q querier, ws int32, id string) (c Channel, err error) {
	if uuid.Validate(id) != nil {
		return c, channelNotFound()
	}
	found, err := s.channels(ctx, q, ws, &id)
	if err == nil && len(found) == 0 {
		err = channelNotFound()
	}
	if err != nil {
		return c, err
	}
	return found[0], nil
}

func (s *Store) channels(ctx context.Context, q querier, ws int32, id *string) ([]Channel, error) {
	rows, err := q.Query(ctx, sqlChannels, ws, id, idAt(time.Now().AddDate(0, 0, -deadDays)))
	if err != nil {
		return nil, unavailable(err)
	}
	out, err := pgx.CollectRows(rows, scanChannel)
	return out, unavailable(err)
}

func scanChannel(row pgx.CollectableRow) (c Channel, err error) {
	var failing, sent *time.Time
	err = row.Scan(&c.ID, &c.Name, &c.Kind, &c.Settings, &c.Secrets, &c.Level, &c.Fallback, &c.Hourly, &c.Enabled, &c.DisabledWhy,
		&failing, &c.LastError, &sent, &c.Waiting, &c.Dead, &c.CreatedAt.Time, &c.UpdatedAt.Time, &c.UpdatedBy)
	c.FailingSince, c.LastSentAt = shownTime(failing), shownTime(sent)
	c.CreatedAt.Time, c.UpdatedAt.Time = c.CreatedAt.UTC(), c.UpdatedAt.UTC()
	return c, err
}

// idAt is the least UUIDv7 of a moment: IDs are in the order of their times.
func idAt(t time.Time) string {
	var id uuid.UUID
	for i, ms := 5, t.UnixMilli(); i >= 0; i, ms = i-1, ms>>8 {
		id[i] = byte(ms) //nolint:gosec // its lowest bits
	}
	return id.String()
}

func channelNotFound() error {
	return fault.New(fault.NotFound, "channel_not_found", "There is no channel with this ID; somebody may have removed it.")
}

// channelKey is a channel as those who deliver need it.
type channelKey struct {
	Workspace int32
	ID        string
	Name      string
	Kind      string
	Settings  map[string]string
	Boxes     secretBoxes
	Hourly    int
	Fallback  *string
	Enabled   bool
}

const channelKeyColumns = `c.workspace_id, c.id::text, c.name, c.kind, c.settings, c.secrets, c.hourly, c.fallback::text, c.enabled`

func (c *channelKey) fields() []any {
	return []any{&c.Workspace, &c.ID, &c.Name, &c.Kind, &c.Settings, (*map[string]secretBox)(&c.Boxes), &c.Hourly, &c.Fallback, &c.Enabled}
}

const sqlLockChannel = `
SELECT ` + channelKeyColumns + ` FROM channels c WHERE c.workspace_id = $1::int4 AND c.id = $2::uuid FOR UPDATE`

// lockChannel reads a channel that nobody changes or claims from until the
// transaction ends.
func lockChannel(ctx context.Context, tx pgx.Tx, ws int32, id string) (c channelKey, err error) {
	if uuid.Validate(id) != nil {
		return c, channelNotFound()
	}
	err = tx.QueryRow(ctx, sqlLockChannel, ws, id).Scan(c.fields()...)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, channelNotFound()
	}
	return c, err
}
