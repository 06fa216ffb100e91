package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/store"
)

// failures makes the reports of a handful of failures, some of which are easy
// to confuse: retries under one request ID, calls to upstreams, reports
// without a request ID or without a trace, endpoints that nobody named.
func failures(r *rand.Rand) []report {
	var out []report
	for i := range 1 + r.IntN(4) {
		service := []string{"billing", "edge"}[r.IntN(2)]
		base := report{service: service, status: []int{429, 500, 502}[r.IntN(3)], customer: []string{"", "acme"}[r.IntN(2)], salt: fmt.Sprint(i)}
		base.at = now.Add(time.Duration(r.IntN(200_000)) * time.Millisecond)
		if r.IntN(5) > 0 {
			base.request = fmt.Sprintf("req_%d", r.IntN(2)) // shared by design
		}
		if r.IntN(4) > 0 || base.request == "" {
			base.trace, base.span = hex(1+r.IntN(2), 32), hex(10+i, 16)
		}
		for _, src := range []event.Source{event.FromSpan, event.FromLog, event.FromHTTP} {
			if r.IntN(3) == 0 {
				continue
			}
			p := base
			p.src = src
			p.at = base.at.Add(time.Duration(r.IntN(900)) * time.Millisecond)
			switch r.IntN(4) {
			case 0:
				p.endpoint, p.derived = "/v1/charges/{id}", true
			case 1:
				p.endpoint = "(unmatched)"
			}
			switch src {
			case event.FromSpan:
				if p.span == "" {
					continue
				}
				if r.IntN(4) == 0 {
					p.role = event.Upstream
				}
			case event.FromLog:
				p.role = []event.Role{event.Context, event.Primary}[r.IntN(2)]
				p.stack = "at frame " + p.salt
				if r.IntN(3) == 0 && p.span != "" {
					p.request = ""
				}
			case event.FromHTTP:
				p.code, p.body = "code_"+p.salt, "body "+p.salt
				if r.IntN(2) == 0 && p.request != "" {
					p.trace, p.span = "", ""
				}
			}
			out = append(out, p)
			if src == event.FromHTTP && r.IntN(4) == 0 { // another attempt
				q := p
				q.at = p.at.Add(time.Duration(1+r.IntN(100)) * time.Second)
				q.salt += "again"
				out = append(out, q)
			}
		}
	}
	return out
}

// deliver writes the reports into a workspace in some order, in batches of
// some size, each of them once or more often.
func deliver(ctx context.Context, s *store.Store, r *rand.Rand, ws int32, reports []report) error {
	var parts []identity.Part
	for _, rep := range reports {
		rep.ws = ws
		for range 1 + r.IntN(2) {
			parts = append(parts, rep.part())
		}
	}
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	for len(parts) > 0 {
		n := 1 + r.IntN(len(parts))
		if _, err := s.Write(ctx, parts[:n]); err != nil {
			return err
		}
		parts = parts[n:]
	}
	return nil
}

// rows is everything about a workspace that must not depend on the order of
// arrival: no IDs, no receiving times.
func (f *fixture) rows(t *testing.T, ws int32) string {
	t.Helper()
	const sql = `
SELECT 'event ' || concat_ws('|', occurred_at, role, family, sources, status, service, request_id, trace_id, span_id, customer, raw_code, code,
       message, endpoint, issue_id, parts, body_hash, stack_hash)
FROM events WHERE workspace_id = $1 AND merged_into IS NULL
UNION ALL SELECT 'minute ' || concat_ws('|', minute, role, family, status, service, code, endpoint, sum(n), sum(n_late))
FROM error_minutes WHERE workspace_id = $1 GROUP BY minute, role, family, status, service, code, endpoint HAVING sum(n) <> 0
UNION ALL SELECT 'customer ' || concat_ws('|', minute, role, status, code, customer, sum(n))
FROM customer_counts WHERE workspace_id = $1 GROUP BY minute, role, status, code, customer HAVING sum(n) <> 0
UNION ALL SELECT 'issue ' || concat_ws('|', hour, issue_id, sum(n)) FROM issue_hours WHERE workspace_id = $1 GROUP BY hour, issue_id HAVING sum(n) <> 0`
	found, err := f.db.Query(context.Background(), sql, ws)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(t, err)
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Every permutation, repetition and interleaving of the same reports leads to
// the same rows and the same counts, and the roll-ups agree with the events.
func TestOrderOfArrivalChangesNothing(t *testing.T) {
	f := open(t, store.Options{MaxConns: 6})
	f.orderOfArrival(t, f.Store)
}

// The same where keys are in many segments, and two processes write.
func TestOrderOfArrivalAcrossSegments(t *testing.T) {
	f := open(t, store.Options{MaxConns: 6, SegmentRows: 9})
	f.orderOfArrival(t, reopen(t, store.Options{URL: f.url, MaxConns: 6, SegmentRows: 5}))
	assert.Greater(t, f.count(t, openSegment, now), 20)
}

func (f *fixture) orderOfArrival(t *testing.T, second *store.Store) {
	t.Helper()
	seeds := 60
	if testing.Short() {
		seeds = 15
	}
	ws := int32(1000)
	for seed := range seeds {
		reports := failures(rand.New(rand.NewPCG(uint64(seed), 1))) //nolint:gosec // a test
		if len(reports) == 0 {
			continue
		}
		want := ""
		for try := range 5 {
			ws++
			r := rand.New(rand.NewPCG(uint64(seed), uint64(try)+2)) //nolint:gosec // a test
			if try < 3 {
				require.NoError(t, deliver(t.Context(), f.Store, r, ws, reports))
			} else {
				f.twoWriters(t, second, r, ws, reports)
			}
			got := f.rows(t, ws)
			if want == "" {
				want = got
			}
			require.Equal(t, want, got, "seed %d, try %d, reports %+v", seed, try, reports)
		}
	}
	f.requireInvariant(t)
}

// twoWriters delivers overlapping halves of the reports at the same time.
func (f *fixture) twoWriters(t *testing.T, second *store.Store, r *rand.Rand, ws int32, reports []report) {
	t.Helper()
	cut, overlap := r.IntN(len(reports)+1), r.IntN(2)
	halves := [][]report{reports[:cut], reports[max(cut-overlap, 0):]}
	var wg sync.WaitGroup
	for i, half := range halves {
		if len(half) == 0 {
			continue
		}
		mine := rand.New(rand.NewPCG(r.Uint64(), uint64(i))) //nolint:gosec // a test
		wg.Go(func() {
			if err := deliver(t.Context(), []*store.Store{f.Store, second}[i], mine, ws, half); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
