package store_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// Broken off after any number of statements, a run leaves everything either there or
// told of, and what it left undone, another does.
func TestThinningCanBeBrokenOff(t *testing.T) {
	f := open(t, store.Options{})
	r := rand.New(rand.NewPCG(1, 2))
	all := f.crowd(t, r, 1, ago(5), 80)
	all = append(all, f.crowd(t, r, 1, ago(6), 80)...)
	f.setThinning(t, 1, "a", "service:service-0", 3, 2)
	f.setThinning(t, 1, "b", "service:*", 4, 1)
	broken, counted := 0, f.counted(t)
	for n := int64(4); ; n += 3 {
		ctx, cut := context.WithCancel(t.Context())
		c := &cutter{cut: cut}
		s := reopen(t, store.Options{URL: f.url, Tracer: c})
		c.left.Store(n)
		err := s.Expire(ctx, ago(0))
		s.Close()
		cut()
		if c.left.Load() > 0 {
			require.NoError(t, err)
			break
		}
		broken++
		if n%5 == 0 {
			for _, m := range all {
				require.NotEqual(t, "never_seen", reason(t, f.Store, 1, m.request), "%s after %d statements", m.request, n)
			}
		}
	}
	t.Logf("broken off %d times", broken)
	assert.Greater(t, broken, 10)
	there := f.there(t)
	gone := 0
	for _, m := range all {
		if !there[m.event] {
			gone++
		}
	}
	assert.Equal(t, gone, f.count(t, `SELECT sum((details->>'rows')::int) FROM audit WHERE action = 'thin'`), "all of it was noted")
	assert.LessOrEqual(t, f.most(t, "true"), 1)
	assert.Equal(t, counted, f.counted(t))
	f.requireTold(t, all)
}

// Two replicas thin at once, and others write what is late: nobody sees an error, and
// neither takes what the other keeps.
func TestThinningByTwoAtOnce(t *testing.T) {
	f := open(t, store.Options{})
	r := rand.New(rand.NewPCG(3, 4))
	var all []met
	for day := range 3 {
		all = append(all, f.crowd(t, r, 1, ago(5+day), 300)...)
	}
	f.setThinning(t, 1, "every", "service:*", 3, 3)
	groups := f.count(t, `SELECT count(DISTINCT (issue_id, date_trunc('hour', occurred_at))) FROM events`)
	var wg sync.WaitGroup
	for range 3 {
		s := reopen(t, store.Options{URL: f.url})
		wg.Go(func() { assert.NoError(t, settled(func() error { return s.Expire(t.Context(), ago(0)) })) })
	}
	late := aFailure("req_late", "code1", ago(6).Truncate(24*time.Hour).Add(90*time.Minute))
	late.service = "service-0"
	s := reopen(t, store.Options{URL: f.url})
	(&fixture{s, f.db, f.url}).writeThen(t, late)
	wg.Wait()
	assert.LessOrEqual(t, f.most(t, "request_id <> 'req_late'"), 3)
	assert.Contains(t, []string{"", "thinned"}, reason(t, f.Store, ws, "req_late"))
	assert.Equal(t, groups, f.count(t, `SELECT count(DISTINCT (issue_id, date_trunc('hour', occurred_at))) FROM events WHERE request_id <> 'req_late'`), "some of each stay")
	f.requireTold(t, all)

	// What came in late is found when the day is looked at again.
	f.exec(t, `SELECT pg_stat_force_next_flush()`)
	require.Eventually(t, func() bool {
		f.expire(t, ago(0))
		return f.most(t, "true") <= 3
	}, 20*time.Second, 500*time.Millisecond)
	assert.Contains(t, []string{"", "thinned"}, reason(t, f.Store, ws, "req_late"))
}
