package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// Endpoint is one that the roll-ups count by name.
type Endpoint struct {
	Method    string     `json:"method"`
	Endpoint  string     `json:"endpoint"`
	FirstSeen event.Time `json:"first_seen"`
}

const sqlListEndpoints = `
SELECT x.method, x.endpoint, x.first_seen FROM endpoints x
WHERE x.workspace_id = $1::int4 AND x.service = $2::text ORDER BY x.endpoint, x.method LIMIT $3::int4`

// Endpoints lists what is counted by name of a service. Where MaxEndpoints are,
// every further endpoint is counted as OtherEndpoint.
func (s *Store) Endpoints(ctx context.Context, ws int32, service string) (list []Endpoint, err error) {
	defer fault.Wrap(&err, "Endpoints(%q)", service)
	rows, err := s.pool.Query(ctx, sqlListEndpoints, ws, service, MaxEndpoints)
	if err != nil {
		return nil, unavailable(err)
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Endpoint, err error) {
		err = row.Scan(&e.Method, &e.Endpoint, &e.FirstSeen.Time)
		return e, err
	})
	return list, unavailable(err)
}
