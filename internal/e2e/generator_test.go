package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/bench"
	"errata/internal/pgtest"
)

// The load generator against the product: every span that it counts as accepted
// is one Event, of this run or of another one.
func TestBenchIngest(t *testing.T) {
	db := pgtest.New(t)
	p := launch(t, db.URL)
	env := []string{"ERRATA_COLLECTOR=http://" + p.OTLPHTTPAddr, "ERRATA_KEY=" + p.ingestKey}
	accepted := 0
	for _, more := range [][]string{{"--spans=1500", "--warmup=0s"}, {"--spans=720", "--rate=2000", "--batch=40", "--distinct=1", "--stack-bytes=300"}, {"--spans=60", "--batch=7", "--stack-bytes=0"}} {
		var stdout, stderr bytes.Buffer
		cmd := errata(t, env, append([]string{"bench", "ingest", "--json", "--connections=5"}, more...)...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		require.NoError(t, cmd.Run(), stderr.String())
		var f bench.Figures
		require.NoError(t, json.Unmarshal(stdout.Bytes(), &f), stdout.String())
		assert.Zero(t, f.NotAccepted())
		accepted += int(f.Accepted)
	}
	assert.Equal(t, 1500+720+63, accepted)
	requireCounts(t, db.URL, accepted)

	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // only read
	var rejections, services, customers, issues int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM rejections), count(DISTINCT service), count(DISTINCT customer), count(DISTINCT issue_id)
		FROM events WHERE environment = $1`, bench.Environment).Scan(&rejections, &services, &customers, &issues))
	assert.Equal(t, []int{0, 100}, []int{rejections, customers})
	assert.Greater(t, services, 4)
	assert.LessOrEqual(t, issues, 16, "one for each service, with a stack trace and without")
}

func TestBenchIngestSaysWhatIsWrong(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	for _, c := range []struct{ server, key, want string }{
		{"http://" + p.OTLPHTTPAddr, "not-a-key-but-long-enough-for-one", "ERRATA_KEY"},
		{"http://" + p.OTLPHTTPAddr, "", "ERRATA_KEY"},
		{"http://" + p.HTTPAddr, p.ingestKey, "collector's address"},
		{"http://" + freePort(t), p.ingestKey, "nothing listens there"},
		{"http://192.0.2.1:4318", p.ingestKey, "--fill-remote-store"},
	} {
		out, err := errata(t, []string{"ERRATA_KEY=" + c.key}, "bench", "ingest", "--spans=100", "--server="+c.server).CombinedOutput()
		require.Error(t, err, c.server)
		assert.Contains(t, string(out), c.want)
	}
}

// Ctrl-C ends a run in good order: what was measured is printed.
func TestBenchIngestIsInterrupted(t *testing.T) {
	db := pgtest.New(t)
	p := launch(t, db.URL)
	conn, err := pgx.Connect(t.Context(), db.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // only read
	cmd := errata(t, []string{"ERRATA_KEY=" + p.ingestKey}, "bench", "ingest", "--server=http://"+p.OTLPHTTPAddr, "--duration=1h", "--rate=1000", "--json")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	require.NoError(t, cmd.Start())
	p.eventually("it sends", func() bool {
		var n int
		return conn.QueryRow(t.Context(), `SELECT count(*) FROM events`).Scan(&n) == nil && n >= 200
	})
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait())
	var f bench.Figures
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &f), stdout.String())
	assert.Zero(t, f.NotAccepted())
	requireCounts(t, db.URL, int(f.Accepted))
}
