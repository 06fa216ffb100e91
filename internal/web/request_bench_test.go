package web

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/bench"
	"errata/internal/event"
	"errata/internal/month"
	"errata/internal/store"
)

// BenchmarkRequestPage looks at failures of a busy week, each of them once, as somebody
// does who has just signed in as an engineer. Run it with -benchtime=1x; the rounds are
// inside.
func BenchmarkRequestPage(b *testing.B) {
	f := newFixture(b).decides()
	until := time.Now().UTC().Truncate(time.Minute)
	fill := bench.Fill{Spec: month.Spec{Seed: 1, From: until.AddDate(0, 0, -8), To: until, Events: 300_000, Services: 40, Customers: 2000}, Workspace: store.DefaultWorkspace, Batch: 500}
	_, err := fill.Run(b.Context(), f.Store)
	require.NoError(b, err)
	_, err = f.RollUp(b.Context(), time.Now()) // as the leader does
	require.NoError(b, err)
	var paths []string
	for _, age := range []time.Duration{0, time.Hour, 24 * time.Hour, 5 * 24 * time.Hour} {
		list, err := f.Events(b.Context(), store.DefaultWorkspace, event.Filter{Role: event.Primary, To: until.Add(-age)}, 75, "")
		require.NoError(b, err)
		for _, e := range list.Events {
			paths = append(paths, eventPath(e.RequestID, e.ID))
		}
	}
	var took []time.Duration
	size := 0
	for range b.N {
		for _, path := range paths {
			start := time.Now()
			p := f.get(path)
			took = append(took, time.Since(start))
			require.Equal(b, 200, p.code, path)
			size = max(size, zipped(b, p.body))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms-p95")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-max")
	b.ReportMetric(float64(size)/1024, "KB-gz")
	assert.Less(b, took[len(took)*95/100], 80*time.Millisecond)
}
