package store

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/route"
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

type routeKey struct{ method, endpoint string }

// endpointBook remembers, per service, the endpoints that are counted by
// name. A flood of new raw paths costs one query per service and while, not
// one per path.
type endpointBook struct {
	mu       sync.Mutex
	services map[serviceKey]*page
}

// page is what is counted by name of one service.
type page struct {
	named  map[routeKey]bool
	tree   *route.Tree // of the endpoints in named; made when the first derived one asks
	loaded time.Time
}

func newPage() *page { return &page{named: map[routeKey]bool{}, loaded: time.Now()} }

// place gives the endpoint under which a derived one is counted.
func (p *page) place(endpoint string) string {
	if p.tree == nil {
		p.tree = &route.Tree{}
		for r := range p.named {
			p.tree.Add(r.endpoint)
		}
	}
	return p.tree.Place(endpoint)
}

// take names a route if there is room.
func (p *page) take(r routeKey) (named bool) {
	if len(p.named) >= MaxEndpoints {
		return false
	}
	p.named[r] = true
	if p.tree != nil {
		p.tree.Add(r.endpoint)
	}
	return true
}

// claim is an endpoint that asks to be counted by name.
type claim struct {
	serviceKey
	routeKey
	derived bool // it may be placed elsewhere
}

// placed is what became of a claim.
type placed struct {
	endpoint string
	named    bool
}

// look answers a claim from memory, where that is possible. What other
// collectors have taken since, it does not know; an answer that would be
// another with it is not given.
func (b *endpointBook) look(c claim) (at placed, settled bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.services[c.serviceKey]
	if p == nil {
		return placed{}, false
	}
	if p.named[c.routeKey] {
		return placed{c.endpoint, true}, true
	}
	if c.derived {
		c.endpoint = p.place(c.endpoint)
		if p.named[c.routeKey] {
			return placed{c.endpoint, true}, true
		}
	}
	return placed{c.endpoint, false}, len(p.named) >= MaxEndpoints && time.Since(p.loaded) < fullFor
}

func (b *endpointBook) put(pages map[serviceKey]*page) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, p := range pages {
		if b.services == nil || len(b.services) >= maxServices {
			b.services = map[serviceKey]*page{}
		}
		b.services[k] = p
	}
}

func claimOf(r *record) claim {
	e := &r.part.Event
	return claim{serviceKey{r.part.Workspace, e.Service}, routeKey{e.Method, e.Endpoint}, e.EndpointDerived}
}

func (r *record) settled(at placed) {
	r.part.Event.Endpoint, r.other = at.endpoint, !at.named
}

// settle decides under which endpoint the roll-ups count an Event, taking a
// place for it if there is one left. A derived endpoint may become a more
// general one.
func (s *Store) settle(ctx context.Context, r *record) (err error) {
	c := claimOf(r)
	if at, ok := s.endpoints.look(c); ok {
		r.settled(at)
		return nil
	}
	defer fault.Wrap(&err, "settle(%q)", c.endpoint)
	var pages map[serviceKey]*page
	var at map[claim]placed
	err = s.inTx(ctx, func(tx pgx.Tx) (err error) {
		pages, at, err = takePlaces(ctx, tx, []claim{c})
		return err
	})
	if err != nil {
		return err
	}
	s.endpoints.put(pages)
	r.settled(at[c])
	return nil
}

// settleIn is settle within a transaction that may yet fail: nothing is
// remembered.
func (s *Store) settleIn(ctx context.Context, tx session, r *record) error {
	c := claimOf(r)
	if at, ok := s.endpoints.look(c); ok {
		r.settled(at)
		return nil
	}
	_, at, err := takePlaces(ctx, tx, []claim{c})
	if err == nil {
		r.settled(at[c])
	}
	return err
}
