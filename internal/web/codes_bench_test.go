package web

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"errata/internal/bench"
	"errata/internal/month"
	"errata/internal/pgtest"
	"errata/internal/rollup"
	"errata/internal/store"
)

// BenchmarkCodesPage measures the list of codes over a day as dense as one of ten
// million failures a month, in 200 services: as the first to ask, and again and again;
// and what the blocks it is made of take. It also does so where they are older than
// rollup.ServicesCodes, once. Run it with -benchtime=1x.
func BenchmarkCodesPage(b *testing.B) {
	f := newFixtureWith(b, store.Options{StatsCache: 192 << 20}, func(s *store.Store) Reader { return s }).signIn()
	db := pgtest.Owner(b, f.url)
	until := time.Now().UTC().Truncate(time.Minute)
	fill := bench.Fill{Spec: month.Spec{Seed: 1, From: until.AddDate(0, 0, -1), To: until, Events: 333_000, Services: 200, Customers: 5000}, Workspace: store.DefaultWorkspace, Batch: 2000}
	_, err := fill.Run(b.Context(), f.Store)
	require.NoError(b, err)
	_, err = f.RollUp(b.Context(), time.Now())
	require.NoError(b, err)
	var codes, all int64
	require.NoError(b, db.QueryRow(b.Context(), `SELECT coalesce(sum(length(content)) FILTER (WHERE cube = $1), 0), sum(length(content)) FROM rollup_blocks`, rollup.ServicesCodes).Scan(&codes, &all))
	b.Logf("blocks of a day: %d KB, of which the codes of services %d KB", all>>10, codes>>10)
	measure := func(name string) {
		for _, path := range []string{"/codes", "/codes?undocumented=1", "/codes?from=now-6h"} {
			var took []time.Duration
			size := 0
			for range 60 {
				start := time.Now()
				p := f.get(path)
				took = append(took, time.Since(start))
				require.Equal(b, 200, p.code)
				size = zipped(b, p.body)
			}
			first := took[0]
			slices.Sort(took)
			b.Logf("%-10s %-24s first %s, p50 %s, p95 %s, %.1f KB gz", name, path, millis(first), millis(took[30]), millis(took[57]), float64(size)/1024)
		}
	}
	measure("stored")
	_, err = db.Exec(b.Context(), `DELETE FROM rollup_blocks WHERE cube = $1`, rollup.ServicesCodes)
	require.NoError(b, err)
	_, err = db.Exec(b.Context(), `UPDATE rollup_spans SET built_at = built_at + interval '1 second'`) // what is remembered is of others
	require.NoError(b, err)
	measure("older")
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
