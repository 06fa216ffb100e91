package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/route"
	"errata/internal/store"
)

// derived is a report of a failure whose endpoint was made from a path.
func derived(n int, endpoint string) identity.Part {
	return report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("req", n), status: 500, endpoint: endpoint, derived: true, customer: "acme"}.part()
}

func user(i int) string { return fmt.Sprintf("/users/u%c%c/orders", 'a'+i%26, 'a'+i/26) }

func TestNamesAreLearned(t *testing.T) {
	f := open(t, store.Options{})
	for i := range 3 * route.Siblings {
		_, err := f.Write(t.Context(), []identity.Part{derived(i, user(i))})
		require.NoError(t, err)
	}
	f.requireInvariant(t)
	const named = `SELECT count(*) FROM endpoints WHERE service = 'billing'`
	assert.Equal(t, route.Siblings+1, f.count(t, named))
	const learned = `SELECT count(*) FROM events WHERE endpoint = '/users/{name}/orders' AND NOT endpoint_other`
	assert.Equal(t, 2*route.Siblings, f.count(t, learned), "an Event says what it is counted under")
	assert.Equal(t, 2*route.Siblings, f.count(t, `SELECT sum(n)::int FROM error_minutes WHERE endpoint = '/users/{name}/orders'`))

	another := reopen(t, store.Options{URL: f.url})
	_, err := another.Write(t.Context(), []identity.Part{derived(1000, user(500)), derived(1001, user(3))})
	require.NoError(t, err)
	assert.Equal(t, 2*route.Siblings+1, f.count(t, learned), "every collector knows")
	assert.Equal(t, 2, f.count(t, `SELECT sum(n)::int FROM error_minutes WHERE endpoint = $1`, user(3)), "what had a name keeps it")

	f.write(t, report{src: event.FromHTTP, service: "billing", request: "sent", status: 500, endpoint: "/users/vip/orders"})
	assert.Equal(t, 1, f.count(t, `SELECT count(*) FROM events WHERE endpoint = '/users/vip/orders'`), "what a sender named is never changed")
}

// Two collectors that learn at the same time learn the same.
func TestCollectorsLearnTogether(t *testing.T) {
	f := open(t, store.Options{})
	another := reopen(t, store.Options{URL: f.url})
	var wg sync.WaitGroup
	for w, s := range []*store.Store{f.Store, another} {
		wg.Go(func() {
			for i := range 100 {
				n := i + 40*w
				if _, err := s.Write(t.Context(), []identity.Part{derived(1000*w+i, user(n))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f.requireInvariant(t)
	assert.Equal(t, route.Siblings+1, f.count(t, `SELECT count(*) FROM endpoints`))
	assert.Equal(t, 0, f.count(t, `SELECT count(*) FROM events WHERE endpoint_other`))
}

// The endpoint that somebody named wins, whoever comes first, and the Event
// that was counted under the other is counted anew.
func TestNamedEndpointWins(t *testing.T) {
	for _, first := range []event.Source{event.FromSpan, event.FromHTTP} {
		t.Run(string(first), func(t *testing.T) {
			f := open(t, store.Options{})
			span := report{src: event.FromSpan, service: "billing", request: "r", trace: hex(1, 32), span: hex(1, 16), status: 500, endpoint: "/v1/charges/{id}", derived: true}.part()
			sent := report{src: event.FromHTTP, service: "billing", request: "r", trace: hex(1, 32), span: hex(1, 16), status: 500, endpoint: "/v1/charges/:charge"}.part()
			parts := []identity.Part{span, sent}
			if first == event.FromHTTP {
				parts[0], parts[1] = parts[1], parts[0]
			}
			for i := range parts {
				_, err := f.Write(t.Context(), parts[i:i+1])
				require.NoError(t, err)
			}
			f.requireInvariant(t)
			trail, err := f.Trail(t.Context(), store.DefaultWorkspace, "r")
			require.NoError(t, err)
			require.Len(t, trail.Events, 1)
			assert.Equal(t, "/v1/charges/:charge", trail.Events[0].Endpoint)
			assert.False(t, trail.Events[0].EndpointDerived)
			assert.Equal(t, 0, f.count(t, `SELECT coalesce(sum(n), 0)::int FROM error_minutes WHERE endpoint = '/v1/charges/{id}'`))
		})
	}
}

func TestDerivedIsRemembered(t *testing.T) {
	f := open(t, store.Options{})
	_, err := f.Write(t.Context(), []identity.Part{derived(1, "/v1/charges/{id}")})
	require.NoError(t, err)
	trail, err := f.Trail(t.Context(), store.DefaultWorkspace, "req1")
	require.NoError(t, err)
	assert.True(t, trail.Events[0].EndpointDerived)
	assert.Equal(t, []event.Source{event.FromHTTP}, trail.Events[0].Sources)
}

// Requests of names are counted where the failures of names are.
func TestRequestsOfNames(t *testing.T) {
	f := open(t, store.Options{})
	var spans, totals []event.Requests
	for i := range 2 * route.Siblings {
		r := counted(event.SpanRequests, user(i), 0, 1, 1)
		r.Derived = true
		spans = append(spans, r)
		r.Source, r.Service, r.N, r.Key = event.TotalsRequests, "shop", 3, [16]byte{}
		totals = append(totals, r)
	}
	for range 2 {
		f.countRequests(t, spans...)
		f.countRequests(t, totals...)
	}
	filter := around()
	filter.Endpoint = "/users/{name}/orders"
	want := []string{fmt.Sprintf("+0m POST /users/{name}/orders spans %d", route.Siblings), fmt.Sprintf("+0m POST /users/{name}/orders totals %d", 3*route.Siblings)}
	assert.Equal(t, want, f.requests(t, filter), "each counts once")
	totals[2*route.Siblings-1].N = 5
	f.countRequests(t, totals...)
	assert.Equal(t, fmt.Sprintf("+0m POST /users/{name}/orders totals %d", 3*route.Siblings+2), f.requests(t, filter)[1], "and each can be replaced")
}

func TestEndpointsAreListed(t *testing.T) {
	f := open(t, store.Options{})
	f.write(t, report{src: event.FromHTTP, service: "billing", request: "a", status: 500, endpoint: "/b"},
		report{src: event.FromHTTP, service: "billing", request: "b", status: 500, endpoint: "/a"},
		report{src: event.FromHTTP, service: "shop", request: "c", status: 500, endpoint: "/c"},
		report{ws: 2, src: event.FromHTTP, service: "billing", request: "d", status: 500, endpoint: "/d"})
	list, err := f.Endpoints(t.Context(), store.DefaultWorkspace, "billing")
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, "/a", list[0].Endpoint)
	assert.Equal(t, "POST", list[0].Method)
	assert.WithinDuration(t, time.Now(), list[0].FirstSeen.Time, time.Minute)
	list, err = f.Endpoints(t.Context(), store.DefaultWorkspace, "nobody")
	require.NoError(t, err)
	assert.Empty(t, list)
}
