package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// namedRoute is an endpoint of a service that is to be counted by name.
type namedRoute struct {
	serviceKey
	route
}

func namedRouteOf(r *event.Requests) namedRoute {
	return namedRoute{serviceKey{r.Workspace, r.Service}, route{r.Method, r.Endpoint}}
}

// As sqlLockService, for several at once.
const sqlLockServices = `
SELECT pg_advisory_xact_lock(7204, hashtext(w::text || '/' || s)) FROM unnest($1::int4[], $2::text[]) AS u(w, s)`

// The first ones that ask get the places that are left.
const sqlTakeEndpoints = `
INSERT INTO endpoints (workspace_id, service, method, endpoint)
SELECT w, s, m, e FROM (
  SELECT w, s, m, e, row_number() OVER (PARTITION BY w, s ORDER BY o) AS place
  FROM unnest($1::int4[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS u(w, s, m, e, o)
  WHERE NOT EXISTS (SELECT FROM endpoints x WHERE x.workspace_id = w AND x.service = s AND x.method = m AND x.endpoint = e)
) AS asked
WHERE place + (SELECT count(*) FROM endpoints x WHERE x.workspace_id = w AND x.service = s) <= $5::int4
ON CONFLICT DO NOTHING`

const sqlServicesEndpoints = `
SELECT x.workspace_id, x.service, x.method, x.endpoint
FROM unnest($1::int4[], $2::text[]) AS u(w, s) JOIN endpoints x ON x.workspace_id = u.w AND x.service = u.s`

// unnamed gives those endpoints that are counted under (other), after taking
// places for the new ones of all services together.
func (s *Store) unnamed(ctx context.Context, rs []event.Requests) (others map[namedRoute]bool, err error) {
	others = map[namedRoute]bool{}
	asked := map[namedRoute]bool{}
	var ask []namedRoute
	for i := range rs {
		r := namedRouteOf(&rs[i])
		if asked[r] || others[r] {
			continue
		}
		named, settled := s.endpoints.look(r.serviceKey, r.route)
		switch {
		case !settled:
			asked[r] = true
			ask = append(ask, r)
		case !named:
			others[r] = true
		}
	}
	if len(ask) == 0 {
		return others, nil
	}
	defer fault.Wrap(&err, "unnamed(%d endpoints)", len(ask))
	var pages map[serviceKey][]route
	err = s.inTx(ctx, func(tx pgx.Tx) (err error) {
		pages, err = takeEndpoints(ctx, tx, ask)
		return err
	})
	if err != nil {
		return nil, err
	}
	named := map[namedRoute]bool{}
	for service, routes := range pages {
		s.endpoints.put(service, routes)
		for _, r := range routes {
			named[namedRoute{service, r}] = true
		}
	}
	for _, r := range ask {
		if !named[r] {
			others[r] = true
		}
	}
	return others, nil
}

// takeEndpoints gives all endpoints of the services that are asked for.
func takeEndpoints(ctx context.Context, tx session, ask []namedRoute) (map[serviceKey][]route, error) {
	services := make([]serviceKey, 0, len(ask))
	for _, r := range ask {
		services = append(services, r.serviceKey)
	}
	slices.SortFunc(services, func(a, b serviceKey) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.service, b.service))
	})
	services = slices.Compact(services)
	workspaces := column(services, func(k serviceKey) int32 { return k.workspace })
	names := column(services, func(k serviceKey) string { return k.service })
	if _, err := tx.Exec(ctx, sqlLockServices, workspaces, names); err != nil {
		return nil, err
	}
	_, err := tx.Exec(ctx, sqlTakeEndpoints,
		column(ask, func(r namedRoute) int32 { return r.workspace }), column(ask, func(r namedRoute) string { return r.service }),
		column(ask, func(r namedRoute) string { return r.method }), column(ask, func(r namedRoute) string { return r.endpoint }), MaxEndpoints)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, sqlServicesEndpoints, workspaces, names)
	if err != nil {
		return nil, err
	}
	pages := map[serviceKey][]route{}
	var k serviceKey
	var r route
	_, err = pgx.ForEachRow(rows, []any{&k.workspace, &k.service, &r.method, &r.endpoint}, func() error {
		pages[k] = append(pages[k], r)
		return nil
	})
	return pages, err
}
