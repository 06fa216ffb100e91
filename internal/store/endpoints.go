package store

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// MaxEndpoints is how many endpoints of one service the roll-ups know by name.
const MaxEndpoints = 500

// OtherEndpoint stands for the rest in roll-ups.
const OtherEndpoint = event.OtherEndpoint

const (
	// A full service is looked at again after this while: an operator may
	// have made room.
	fullFor = 10 * time.Second
	// maxServices bounds what the book remembers.
	maxServices = 2_000
)

type serviceKey struct {
	workspace int32
	service   string
}

type route struct{ method, endpoint string }

// endpointBook remembers, per service, the endpoints that are counted by
// name. A flood of new raw paths costs one query per service and while, not
// one per path.
type endpointBook struct {
	mu       sync.Mutex
	services map[serviceKey]*page
}

type page struct {
	named  map[route]bool
	loaded time.Time
}

func (b *endpointBook) look(k serviceKey, r route) (named, settled bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.services[k]
	if p == nil {
		return false, false
	}
	if p.named[r] {
		return true, true
	}
	return false, len(p.named) >= MaxEndpoints && time.Since(p.loaded) < fullFor
}

func (b *endpointBook) put(k serviceKey, routes []route) {
	p := &page{named: make(map[route]bool, len(routes)), loaded: time.Now()}
	for _, r := range routes {
		p.named[r] = true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.services == nil || len(b.services) >= maxServices {
		b.services = map[serviceKey]*page{}
	}
	b.services[k] = p
}

// The lock is per service, so that two writers cannot both take the last
// place.
const sqlLockService = `SELECT pg_advisory_xact_lock(7204, hashtext($1::int4::text || '/' || $2::text))`

const sqlTakeEndpoint = `
INSERT INTO endpoints (workspace_id, service, method, endpoint)
SELECT $1::int4, $2::text, $3::text, $4::text
WHERE (SELECT count(*) FROM endpoints WHERE workspace_id = $1::int4 AND service = $2::text) < $5::int4
ON CONFLICT DO NOTHING`

const sqlServiceEndpoints = `SELECT method, endpoint FROM endpoints WHERE workspace_id = $1::int4 AND service = $2::text`

// named reports whether the roll-ups count e's endpoint by name, taking a
// place for it if there is one left.
func (s *Store) named(ctx context.Context, ws int32, e *event.Event) (named bool, err error) {
	key, r := serviceKey{ws, e.Service}, route{e.Method, e.Endpoint}
	if named, settled := s.endpoints.look(key, r); settled {
		return named, nil
	}
	defer fault.Wrap(&err, "named(%q)", e.Endpoint)
	var routes []route
	err = s.inTx(ctx, func(tx pgx.Tx) (err error) {
		routes, err = takeEndpoint(ctx, tx, key, r)
		return err
	})
	if err == nil {
		s.endpoints.put(key, routes)
	}
	return slices.Contains(routes, r), err
}

// namedIn is named within a transaction that may yet fail: nothing is
// remembered.
func (s *Store) namedIn(ctx context.Context, tx session, ws int32, e *event.Event) (bool, error) {
	key, r := serviceKey{ws, e.Service}, route{e.Method, e.Endpoint}
	if named, settled := s.endpoints.look(key, r); settled {
		return named, nil
	}
	routes, err := takeEndpoint(ctx, tx, key, r)
	return slices.Contains(routes, r), err
}

func takeEndpoint(ctx context.Context, tx session, key serviceKey, r route) ([]route, error) {
	if _, err := tx.Exec(ctx, sqlLockService, key.workspace, key.service); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, sqlTakeEndpoint, key.workspace, key.service, r.method, r.endpoint, MaxEndpoints); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, sqlServiceEndpoints, key.workspace, key.service)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r route, err error) {
		err = row.Scan(&r.method, &r.endpoint)
		return r, err
	})
}
