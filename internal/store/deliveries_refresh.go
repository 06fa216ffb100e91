package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
)

// maxRefreshed bounds what is sent again in one round.
const maxRefreshed = 1000

// The last message about each incident that goes on, where nothing newer waits.
const sqlRefreshable = `
SELECT ` + channelKeyColumns + `, d.id::text, d.kind, d.incident_id::text, d.attempts, d.message, d.seq, d.dedup_key, d.handle
FROM channels c JOIN incidents i ON i.workspace_id = c.workspace_id AND i.phase <> 'resolved'
  CROSS JOIN LATERAL (SELECT x.* FROM deliveries x WHERE x.workspace_id = c.workspace_id AND x.incident_id = i.id AND x.channel_id = c.id AND x.state IN ('waiting', 'sent')
    ORDER BY x.seq DESC, x.id DESC LIMIT 1) d
WHERE c.enabled AND c.kind = ANY ($1::text[]) AND d.state = 'sent' AND d.kind <> 'resolved' LIMIT $2::int4`

// Refreshable gives what has to be said again and again to receivers of these
// kinds, which forget incidents that nobody speaks of. It is claimed by nobody
// and need not be recorded: such messages replace each other.
func (s *Store) Refreshable(ctx context.Context, kinds []string) (all []*Due, err error) {
	defer fault.Wrap(&err, "Refreshable")
	rows, err := s.pool.Query(ctx, sqlRefreshable, nonNil(kinds), maxRefreshed)
	if err != nil {
		return nil, unavailable(err)
	}
	all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Due, error) {
		var c channelKey
		var d Due
		err := row.Scan(append(c.fields(), &d.ID, &d.Kind, &d.Incident, &d.N, &d.Message, &d.seq, &d.key, &d.Handle)...)
		d.Workspace, d.ChannelID, d.ChannelName, d.ChannelKind, d.Settings, d.boxes, d.fallback = c.Workspace, c.ID, c.Name, c.Kind, c.Settings, c.Boxes, c.Fallback
		s.unlock(&d)
		return &d, err
	})
	return all, unavailable(err)
}
