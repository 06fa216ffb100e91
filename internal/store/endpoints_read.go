package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/route"
)

// Endpoint is one that the roll-ups count by name.
type Endpoint struct {
	Method    string     `json:"method"`
	Endpoint  string     `json:"endpoint"`
	FirstSeen event.Time `json:"first_seen"`
}

const sqlEndpointsOf = `
SELECT x.service, x.method, x.endpoint FROM endpoints x
WHERE x.workspace_id = $1::int4 AND x.method = $2::text AND (starts_with(x.endpoint, $3::text) OR x.endpoint ~ '^/?[:{<*[]')
ORDER BY x.service, x.endpoint LIMIT $4::int4`

// maxTaking bounds among how many endpoints one is sought.
const maxTaking = 20_000

// EndpointName names an endpoint of a service.
type EndpointName struct{ Service, Method, Endpoint string }

// EndpointsTaking are up to limit endpoints, of all services, that a request for a path
// may have been one of; those that name it word for word come first.
func (s *Store) EndpointsTaking(ctx context.Context, ws int32, method, path string, limit int) (list []EndpointName, err error) {
	defer fault.Wrap(&err, "EndpointsTaking")
	if hasNUL(method) || hasNUL(path) || !strings.HasPrefix(path, "/") {
		return nil, nil
	}
	first, _, _ := strings.Cut(path[1:], "/")
	rows, err := s.pool.Query(ctx, sqlEndpointsOf, ws, method, "/"+first, maxTaking)
	if err != nil {
		return nil, unavailable(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[EndpointName])
	for _, e := range all {
		if route.Takes(e.Endpoint, path) {
			list = append(list, e)
		}
	}
	other := func(e EndpointName) int {
		if e.Endpoint == path {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b EndpointName) int { return cmp.Compare(other(a), other(b)) })
	return list[:min(len(list), limit)], unavailable(err)
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
