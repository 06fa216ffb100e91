package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/silence"
)

// PreviewDays is how far back a preview looks.
const PreviewDays = 14

const (
	maxPreviewed = 20_000 // messages that it looks at, newest first
	maxMuted     = 50     // incidents that it lists
)

// SilencePreview is what a silence would have muted.
type SilencePreview struct {
	From      event.Time      `json:"from"`
	To        event.Time      `json:"to"`
	Looked    int             `json:"looked"`   // messages to channels that there were in that time
	Messages  int             `json:"messages"` // of them, those that it would have muted
	Count     int             `json:"count"`    // incidents that these were about
	Incidents []MutedIncident `json:"incidents"`
	Truncated bool            `json:"truncated"` // there were more messages, or incidents, than these
}

// MutedIncident is an incident about which somebody would not have been told.
type MutedIncident struct {
	ID          string     `json:"id"`
	Number      int        `json:"number"`
	Environment string     `json:"environment"`
	Service     string     `json:"service"` // or the provider that it is of
	Family      string     `json:"family"`
	Level       string     `json:"level"`
	OpenedAt    event.Time `json:"opened_at"`
	Messages    int        `json:"messages"` // that it would have muted
	Told        int        `json:"told"`     // that it would not
}

// Messages that were about an incident and not dropped, newest first. Their IDs
// have the time in them, so that those of two weeks are next to each other. As in
// messages, the service of a provider's incident is the provider.
const sqlPreview = `
SELECT i.id::text, i.number, i.environment, coalesce(nullif(i.service, ''), i.provider), i.family, i.level, i.opened_at, d.created_at, d.message #> '{incidents,0}',
  ARRAY(SELECT DISTINCT m.rule_id::text FROM incident_members m
    WHERE m.workspace_id = i.workspace_id AND m.incident_id = i.id AND m.fired_at <= d.created_at ORDER BY 1)
FROM deliveries d JOIN incidents i ON i.workspace_id = d.workspace_id AND i.id = d.incident_id
WHERE d.workspace_id = $1::int4 AND d.id >= $2::uuid AND d.created_at >= $3::timestamptz AND d.created_at < $4::timestamptz
  AND d.state <> 'dropped' AND d.kind NOT IN ('test', 'digest')
  AND ($5::text = '' OR i.environment = $5::text) AND ($6::text = '' OR coalesce(nullif(i.service, ''), i.provider) = $6::text) AND ($7::int2 < 0 OR i.family = $7::int2)
ORDER BY d.id DESC LIMIT $8::int4`

// SilencePreview says which of the messages of the last PreviewDays a silence
// would have muted, had it been in force all the time; a maintenance window, had
// it begun as often then. q is as Check gives it.
func (s *Store) SilencePreview(ctx context.Context, ws int32, now time.Time, q silence.Silence) (p SilencePreview, err error) {
	defer fault.Wrap(&err, "SilencePreview")
	from := now.Add(-PreviewDays * 24 * time.Hour)
	p = SilencePreview{From: event.Time{Time: from.UTC()}, To: event.Time{Time: now.UTC()}, Incidents: []MutedIncident{}}
	rows, err := s.pool.Query(ctx, sqlPreview, ws, firstID(from), from, now, q.Environment, q.Service, familyNumber(q.Family), maxPreviewed+1)
	if err != nil {
		return p, unavailable(err)
	}
	told, order, muted := map[string]int{}, []string{}, map[string]*MutedIncident{}
	var i MutedIncident
	var family int16
	var sent time.Time
	var message []byte
	var rules []string
	_, err = pgx.ForEachRow(rows, []any{&i.ID, &i.Number, &i.Environment, &i.Service, &family, &i.Level, &i.OpenedAt.Time, &sent, &message, &rules}, func() error {
		if p.Looked == maxPreviewed {
			p.Truncated = true
			return nil
		}
		p.Looked++
		i.Family, i.OpenedAt.Time = silence.Families[family&1], i.OpenedAt.UTC()
		if !q.Matches(previewed(i, message, rules)) || q.Window() && !q.Open(sent) {
			told[i.ID]++
			return nil
		}
		p.Messages++
		if muted[i.ID] == nil {
			one := i
			muted[i.ID], order = &one, append(order, i.ID)
		}
		muted[i.ID].Messages++
		return nil
	})
	p.Count = len(order)
	for n, id := range order {
		if n == maxMuted {
			p.Truncated = true
			break
		}
		muted[id].Told = told[id]
		p.Incidents = append(p.Incidents, *muted[id])
	}
	return p, unavailable(err)
}

// previewed is what a message was about, as far as it says so itself: one of a
// form that is not known is about its incident.
func previewed(i MutedIncident, message []byte, rules []string) silence.Subject {
	var said alert.Incident
	if json.Unmarshal(message, &said) != nil {
		said = alert.Incident{}
	}
	said.Environment, said.Service = i.Environment, i.Service
	return silence.Of(said, i.Family, rules)
}

// familyNumber is a family as the tables of alerts have it; below 0 for none.
func familyNumber(family string) int16 {
	for n, f := range silence.Families {
		if f == family {
			return int16(n) //nolint:gosec // two of them
		}
	}
	return -1
}

// firstID is below every UUIDv7 of that time or later.
func firstID(at time.Time) string {
	var id uuid.UUID
	ms := at.UnixMilli()
	for n := range 6 {
		id[n] = byte(ms >> (40 - 8*n)) //nolint:gosec // byte by byte
	}
	id[6], id[8] = 0x70, 0x80
	return id.String()
}
