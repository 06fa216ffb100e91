package ingest

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
)

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(Limits{KeyEvents: 10})
		noisy, quiet := caller{key: auth.Key{ID: "noisy"}}, caller{key: auth.Key{ID: "quiet"}}
		require.NoError(t, l.take(l.byKey(noisy, 500)), "a batch larger than the limit goes through once")
		err := l.take(l.byKey(noisy, 1))
		require.True(t, fault.Is(err, fault.RateLimited))
		f := fault.Of(err)
		assert.EqualValues(t, 10, f.Details["limit"])
		assert.Equal(t, 3*time.Second, f.RetryAfter, "not so long that exporters drop it")
		require.NoError(t, l.take(l.byKey(quiet, 20)), "others are not concerned")
		time.Sleep(47 * time.Second)
		require.Error(t, l.take(l.byKey(noisy, 1)), "still paying")
		time.Sleep(2 * time.Second)
		require.NoError(t, l.take(l.byKey(noisy, 1)))

		// Over a long time the rate is the limit.
		taken := 0
		for range 1000 {
			time.Sleep(50 * time.Millisecond)
			if l.take(l.byKey(quiet, 3)) == nil {
				taken += 3
			}
		}
		assert.InDelta(t, 500, taken, 25)
	})
}

func TestLimiterByService(t *testing.T) {
	l := newLimiter(Limits{ServiceEvents: 2, ServiceBytes: 1 << 20})
	part := func(service string) identity.Part { return identity.Part{Event: event.Event{Service: service}} }
	require.NoError(t, l.take(l.byService(1, []identity.Part{part("a"), part("a"), part("a"), part("a"), part("b")})))
	err := l.take(l.byService(1, []identity.Part{part("b"), part("a")}))
	require.True(t, fault.Is(err, fault.RateLimited))
	assert.Contains(t, fault.Of(err).Message, `service "a"`)
	require.NoError(t, l.take(l.byService(1, []identity.Part{part("b")})), "nothing was counted for what was refused")
	require.NoError(t, l.take(l.byService(2, []identity.Part{part("a")})), "another workspace's")
	for i := range 3 * maxBuckets {
		require.NoError(t, l.take(l.byService(1, []identity.Part{part(fmt.Sprint("made up ", i))})))
	}
	assert.LessOrEqual(t, len(l.buckets), maxBuckets+1)
}

// A 429 has what a sender needs, and the refusal is counted for the owner.
func TestRateLimited(t *testing.T) {
	b := serve(t, func(d *Deps) { d.Limits = Limits{KeyEvents: 1} })
	body := `[{"service":"billing","status":500,"request_id":"r1"},{"service":"billing","status":500,"request_id":"r2"},{"service":"search","status":500,"request_id":"r3"}]`
	res, _ := b.send(t, "/v1/errors", []byte(body), "Content-Type", "application/json")
	require.Equal(t, http.StatusOK, res.StatusCode)
	res, answer := b.send(t, "/v1/errors", []byte(body), "Content-Type", "application/json")
	require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
	assert.Equal(t, "1", res.Header.Get("X-RateLimit-Limit"))
	assert.Equal(t, "0", res.Header.Get("X-RateLimit-Remaining"))
	assert.NotEmpty(t, res.Header.Get("X-RateLimit-Reset"))
	assert.NotEmpty(t, res.Header.Get("Retry-After"))
	assert.Contains(t, string(answer), `"rate_limit_exceeded"`)
	counts := b.refusals.fetch()
	assert.Len(t, counts, 2)
	for what, n := range counts {
		assert.Equal(t, "rate_limit_exceeded", what.Reason)
		assert.EqualValues(t, map[string]int64{"billing": 2, "search": 1}[what.Service], n)
	}
	assert.Empty(t, b.refusals.fetch())
}

// A key that has much waiting does not keep another waiting: it is served in
// the very next batch, and there is room for it.
func TestNoisyKey(t *testing.T) {
	release := make(chan struct{})
	var batches [][]identity.Part
	m := &memory{fail: func(parts []identity.Part) error { batches = append(batches, parts); <-release; return nil }}
	b := newBatcher(m, 1)
	b.limit = 100 * perPartOverhead
	done := make(chan error, 1000)
	submit := func(owner, id string, n int) {
		parts := make([]identity.Part, n)
		for i := range parts {
			parts[i].Event.ID = id
		}
		_, err := b.submit(context.Background(), owner, parts)
		done <- err
	}
	state := func(ok func() bool) {
		t.Helper()
		require.Eventually(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return ok() }, 5*time.Second, time.Millisecond)
	}
	go submit("noisy", "first", 1)
	state(func() bool { return b.bytes > 0 && len(b.turn) == 0 })
	for range 60 {
		go submit("noisy", "noisy", 1)
	}
	refused := 0
	for range 11 { // half of the room is 50
		err := <-done
		require.True(t, fault.Is(err, fault.Unavailable))
		refused++
	}
	state(func() bool { return len(b.lines["noisy"].queue) == 49 })
	go submit("quiet", "quiet", 1)
	state(func() bool { return b.lines["quiet"] != nil })
	close(release)
	for range 61 + 1 - refused {
		require.NoError(t, <-done)
	}
	require.NoError(t, b.close(t.Context()))
	require.GreaterOrEqual(t, len(batches), 2)
	assert.Equal(t, "quiet", batches[1][1].Event.ID, "its turn is the second")
}
