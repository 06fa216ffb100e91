package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// The lock is per service, so that two writers cannot both take the last
// place, and what is learned from the endpoints is learned from all of them.
const sqlLockServices = `
SELECT pg_advisory_xact_lock(7204, hashtext(w::text || '/' || s)) FROM unnest($1::int4[], $2::text[]) AS u(w, s)`

const sqlServicesEndpoints = `
SELECT x.workspace_id, x.service, x.method, x.endpoint
FROM unnest($1::int4[], $2::text[]) AS u(w, s) JOIN endpoints x ON x.workspace_id = u.w AND x.service = u.s`

const sqlTakeEndpoints = `
INSERT INTO endpoints (workspace_id, service, method, endpoint)
SELECT w, s, m, e FROM unnest($1::int4[], $2::text[], $3::text[], $4::text[]) AS u(w, s, m, e)
ON CONFLICT DO NOTHING`

// takePlaces answers claims, with all that is known of their services. The
// first ones that ask get the places that are left.
func takePlaces(ctx context.Context, tx session, claims []claim) (map[serviceKey]*page, map[claim]placed, error) {
	pages, err := lockPages(ctx, tx, claims)
	if err != nil {
		return nil, nil, err
	}
	out := make(map[claim]placed, len(claims))
	var taken []claim
	for _, c := range claims {
		p, asked := pages[c.serviceKey], c
		if c.derived && !p.named[c.routeKey] {
			c.endpoint = p.place(c.endpoint)
		}
		named := p.named[c.routeKey]
		if !named {
			if named = p.take(c.routeKey); named {
				taken = append(taken, c)
			}
		}
		out[asked] = placed{c.endpoint, named}
	}
	if len(taken) > 0 {
		_, err = tx.Exec(ctx, sqlTakeEndpoints,
			column(taken, func(c claim) int32 { return c.workspace }), column(taken, func(c claim) string { return c.service }),
			column(taken, func(c claim) string { return c.method }), column(taken, func(c claim) string { return c.endpoint }))
	}
	return pages, out, err
}

// lockPages keeps others from naming endpoints of these services and loads
// those that have a name.
func lockPages(ctx context.Context, tx session, claims []claim) (map[serviceKey]*page, error) {
	services := column(claims, func(c claim) serviceKey { return c.serviceKey })
	slices.SortFunc(services, func(a, b serviceKey) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.service, b.service))
	})
	services = slices.Compact(services)
	workspaces := column(services, func(k serviceKey) int32 { return k.workspace })
	names := column(services, func(k serviceKey) string { return k.service })
	if _, err := tx.Exec(ctx, sqlLockServices, workspaces, names); err != nil {
		return nil, err
	}
	pages := make(map[serviceKey]*page, len(services))
	for _, k := range services {
		pages[k] = newPage()
	}
	rows, err := tx.Query(ctx, sqlServicesEndpoints, workspaces, names)
	if err != nil {
		return nil, err
	}
	var k serviceKey
	var r routeKey
	_, err = pgx.ForEachRow(rows, []any{&k.workspace, &k.service, &r.method, &r.endpoint}, func() error {
		pages[k].named[r] = true
		return nil
	})
	return pages, err
}

func claimOfRequests(r *event.Requests) claim {
	return claim{serviceKey{r.Workspace, r.Service}, routeKey{r.Method, r.Endpoint}, r.Derived}
}

// settleRequests decides under which endpoints requests are counted, as settle
// does for Events, taking places for all services together. It gives the totals
// with these endpoints, and those of their claims that are counted under
// (other).
func (s *Store) settleRequests(ctx context.Context, rs []event.Requests) (out []event.Requests, others map[claim]bool, err error) {
	at := map[claim]placed{}
	var ask []claim
	for i := range rs {
		c := claimOfRequests(&rs[i])
		if _, ok := at[c]; ok {
			continue
		}
		answer, settled := s.endpoints.look(c)
		if at[c] = answer; !settled {
			ask = append(ask, c)
		}
	}
	if len(ask) > 0 {
		defer fault.Wrap(&err, "settleRequests(%d endpoints)", len(ask))
		var pages map[serviceKey]*page
		var taken map[claim]placed
		err = s.inTx(ctx, func(tx pgx.Tx) (err error) {
			pages, taken, err = takePlaces(ctx, tx, ask)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		s.endpoints.put(pages)
		for c, answer := range taken {
			at[c] = answer
		}
	}
	out, others = slices.Clone(rs), map[claim]bool{}
	for i := range out {
		r := &out[i]
		answer := at[claimOfRequests(r)]
		if r.Endpoint != answer.endpoint {
			r.Sent = cmp.Or(r.Sent, r.Endpoint)
		}
		r.Endpoint = answer.endpoint
		if !answer.named {
			others[claimOfRequests(r)] = true
		}
	}
	return out, others, nil
}
