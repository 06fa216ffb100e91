package e2e

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
	"errata/internal/postgres"
)

// durableServer is a private PostgreSQL with its durable defaults, and the
// directory it is in.
func durableServer(b *testing.B) (server *postgres.Server, dir string) {
	b.Helper()
	dir, err := os.MkdirTemp("", "errata-bench-")
	require.NoError(b, err)
	require.NoError(b, os.Chmod(dir, 0o755)) //nolint:gosec // what is inside is private
	server, err = postgres.Start(b.Context(), postgres.Options{DataDir: dir})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, server.Stop())
		require.NoError(b, os.RemoveAll(dir))
	})
	return server, dir
}

// BenchmarkGetRequest looks requests up over the API, one client, warm: trails
// of three Events out of two million in 90 daily partitions.
func BenchmarkGetRequest(b *testing.B) {
	const days, perDay = 90, 22_300
	server, _ := durableServer(b)
	p := launch(b, server.URL())
	conn, err := pgx.Connect(b.Context(), server.URL())
	require.NoError(b, err)
	pgtest.FillTrails(b, conn, time.Now().UTC(), days, perDay)
	_, err = conn.Exec(b.Context(), `VACUUM ANALYZE`) // as autovacuum does within a minute
	require.NoError(b, errors.Join(err, conn.Close(b.Context())))
	var took []time.Duration
	for range b.N {
		for i := range 4000 {
			url := fmt.Sprintf("http://%s/v1/requests/req_%d", p.HTTPAddr, rand.IntN(days*perDay/3)) //nolint:gosec // a benchmark
			start := time.Now()
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
			require.NoError(b, err)
			req.Header.Set("x-api-key", p.readKey)
			res, err := http.DefaultClient.Do(req)
			require.NoError(b, err)
			_, err = io.Copy(io.Discard, res.Body)
			require.NoError(b, err)
			require.NoError(b, res.Body.Close())
			require.Equal(b, http.StatusOK, res.StatusCode)
			if i > 200 {
				took = append(took, time.Since(start))
			}
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}

func middle(v []float64) float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}
