package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/pgtest"
	"errata/internal/postgres"
)

// stoppable is a database of its own that can go away and come back.
type stoppable struct {
	t      *testing.T
	dir    string
	server *postgres.Server
}

func newStoppable(t *testing.T) *stoppable {
	t.Helper()
	dir, err := os.MkdirTemp("", "errata-outage-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // what is inside is private
	s := &stoppable{t: t, dir: dir}
	s.start()
	t.Cleanup(func() {
		assert.NoError(t, s.server.Stop())
		assert.NoError(t, os.RemoveAll(dir))
	})
	return s
}

func (s *stoppable) start() {
	s.t.Helper()
	server, err := postgres.Start(s.t.Context(), postgres.Options{DataDir: s.dir, Ephemeral: true})
	require.NoError(s.t, err)
	s.server = server
}

func report(id string) string {
	return fmt.Sprintf(`{"service":"billing","method":"POST","endpoint":"/v1/charges","status":503,"customer":"acme","envelope":{"error":{"code":"db_down","message":"no database","request_id":%q}}}`, id)
}

// drained waits until the database is back and the spool is empty.
func (p *product) drained() {
	p.t.Helper()
	p.eventually("the spool is drained", func() bool {
		_, body := p.do(http.MethodGet, "http://"+p.OTLPHTTPAddr+"/readyz", "", "", "")
		return strings.Contains(body, `"items":0`) && !strings.Contains(body, "away")
	})
}

// spooled is how many items are in the spool.
func (p *product) spooled() (items int) {
	p.t.Helper()
	_, body := p.do(http.MethodGet, "http://"+p.OTLPHTTPAddr+"/readyz", "", "", "")
	var health struct{ Spool struct{ Items int } }
	require.NoError(p.t, json.Unmarshal([]byte(body), &health))
	return health.Spool.Items
}

// While the database is away, known keys go on reporting, and all of it is
// there, once, when it is back; also over a restart of the collector.
func TestOutage(t *testing.T) {
	db := newStoppable(t)
	spool := t.TempDir()
	p := launchWith(t, db.server.URL(), spool)
	send := func(p *product, id string) int {
		status, body := p.post("/v1/errors", p.ingestKey, "application/json", report(id))
		if status != http.StatusOK {
			t.Logf("%s: %d %s", id, status, body)
		}
		return status
	}
	require.Equal(t, http.StatusOK, send(p, "req_before"))
	require.NoError(t, db.server.Stop())

	start := time.Now()
	for i := range 20 {
		require.Equal(t, http.StatusOK, send(p, fmt.Sprint("req_during_", i)))
	}
	assert.Less(t, time.Since(start), 10*time.Second, "answered in time for any sender")
	require.Equal(t, http.StatusOK, send(p, "req_during_7"), "a retry")
	status, body := p.post("/v1/errors", p.ingestKey, "application/json", `[{"service":"billing","status":1000,"request_id":"req_bad"}]`)
	require.Equal(t, http.StatusOK, status, body)
	status, body = p.post("/v1/errors", auth.NewSecret(), "application/json", report("x"))
	assert.Equal(t, http.StatusServiceUnavailable, status, body)
	status, body = p.post("/v1/errors", "erk_not_even_a_key", "application/json", report("x"))
	assert.Equal(t, http.StatusUnauthorized, status, body)
	status, body = p.do(http.MethodGet, "http://"+p.OTLPHTTPAddr+"/readyz", "", "", "")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `"database":"away"`)
	_, body = p.do(http.MethodGet, "http://"+p.OTLPHTTPAddr+"/metrics", "", "", "")
	assert.Regexp(t, `errata_spool_items[^\n]* 22\n`, body)

	db.start()
	p.drained()
	require.Equal(t, http.StatusOK, send(p, "req_after"))
	for _, id := range []string{"req_before", "req_during_0", "req_during_7", "req_during_19", "req_after"} {
		assert.Len(t, p.trail(id).Events, 1, id)
	}
	_, body = p.get("/v1/rejections")
	assert.Contains(t, body, "req_bad")
	requireCounts(t, db.server.URL(), 22)
}

// The answer is late when the database hangs, never absent.
func TestHangingDatabase(t *testing.T) {
	url := pgtest.New(t).URL
	p := launchWith(t, url, t.TempDir())
	status, body := p.post("/v1/errors", p.ingestKey, "application/json", report("req_1"))
	require.Equal(t, http.StatusOK, status, body)
	lock := exclusively(t, url, "customer_minutes")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			start := time.Now()
			status, body := p.post("/v1/errors", p.ingestKey, "application/json", report(fmt.Sprint("req_slow_", i)))
			assert.Equal(t, http.StatusOK, status, body)
			assert.Less(t, time.Since(start), 8*time.Second)
		})
	}
	wg.Wait()
	assert.NotZero(t, p.spooled(), "what waited too long is in the spool")
	lock()
	p.eventually("all is there", func() bool {
		status, _ := p.get("/v1/requests/req_slow_7")
		return status == http.StatusOK
	})
	p.drained()
	requireCounts(t, url, 9)
}

// A database that has failed over takes reads and no writes. The spool stands
// in, and nobody who looks something up notices.
func TestReadOnlyDatabase(t *testing.T) {
	db := newStoppable(t)
	p := launchWith(t, db.server.URL(), t.TempDir())
	send := func(id string) {
		t.Helper()
		status, body := p.post("/v1/errors", p.ingestKey, "application/json", report(id))
		require.Equal(t, http.StatusOK, status, body)
	}
	readOnly := func(setting string) {
		t.Helper()
		for _, sql := range []string{`ALTER SYSTEM SET default_transaction_read_only = ` + setting, `SELECT pg_reload_conf()`} {
			p.sql(db.server.URL(), sql)
		}
		p.eventually("the setting is in force", func() bool {
			conn, err := pgx.Connect(t.Context(), db.server.URL())
			require.NoError(t, err)
			defer conn.Close(t.Context()) //nolint:errcheck // only read
			var now string
			require.NoError(t, conn.QueryRow(t.Context(), `SHOW default_transaction_read_only`).Scan(&now))
			return now == setting
		})
	}
	send("req_before")
	readOnly("on")
	const n = 20
	for i := range n {
		send(fmt.Sprint("req_during_", i))
	}
	send("req_before")
	assert.NotZero(t, p.spooled())
	_, body := p.do(http.MethodGet, "http://"+p.OTLPHTTPAddr+"/readyz", "", "", "")
	assert.Contains(t, body, `"database":"away"`)
	assert.Len(t, p.trail("req_before").Events, 1, "look-ups go on")
	readOnly("off")
	p.drained()
	send("req_after")
	for _, id := range []string{"req_before", "req_during_0", fmt.Sprint("req_during_", n-1), "req_after"} {
		assert.Len(t, p.trail(id).Events, 1, id)
	}
	requireCounted(t, db.server.URL(), n+2)
}
