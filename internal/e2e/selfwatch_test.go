package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/app"
	"errata/internal/cli"
	"errata/internal/config"
	"errata/internal/notify"
	"errata/internal/pgtest"
)

// lookedAt has Errata looked at as if so many minutes had begun meanwhile; who
// does so by the clock then has nothing to do. Collectors must have spoken within
// two minutes, so that not every second is good for the second. Messages are due at
// once.
func (p *product) lookedAt(databaseURL string, minutes ...int) {
	p.t.Helper()
	for _, n := range minutes {
		_, err := p.Store.EvaluateSelf(p.t.Context(), time.Now().Truncate(time.Minute).Add(time.Duration(n)*time.Minute))
		require.NoError(p.t, err)
	}
	p.sql(databaseURL, `UPDATE deliveries SET next_at = now() WHERE state = 'waiting' AND attempts = 0`)
}

// A database that takes nothing has the spool fill up. Somebody is told before
// there is no room, once, and that it is over.
func TestSpoolThatFillsIsTold(t *testing.T) {
	told := make(chan string, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		told <- string(body)
	}))
	t.Cleanup(hook.Close)
	url := pgtest.New(t).URL
	p := launchWith(t, url, t.TempDir(), func(c *config.Config) {
		c.SpoolMaxMB, c.AlertAllowAddresses = 1, []string{"127.0.0.1"}
	})
	name, kind := "ops", "webhook"
	require.NoError(t, cli.AddChannel(t.Context(), cli.ChannelsOptions{Server: p.HTTPAddr, Key: p.readKey, In: strings.NewReader(notify.NewWebhookSecret().Reveal()), Out: io.Discard, Err: io.Discard},
		cli.ChannelChange{Name: &name, Kind: &kind, Settings: map[string]string{"url": hook.URL}, Secrets: cli.SecretSources{Stdin: "secret"}}))

	unlock := exclusively(t, url, "customer_minutes")
	full := func() bool {
		_, body := p.get("/v1/collectors")
		m := regexp.MustCompile(`"spool_bytes":(\d+)`).FindStringSubmatch(body)
		require.Len(t, m, 2, body)
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		return n > 850<<10
	}
	status, body := http.StatusOK, ""
	for n := 0; status == http.StatusOK; n++ {
		require.Less(t, n, 1000)
		status, body = p.post("/v1/errors", p.ingestKey, "application/json", wordy(n))
	}
	assert.Contains(t, body, "the spool is full")
	p.eventually("the collector says that it is full", full)
	p.eventually("the collector is sure to have spoken", func() bool { return time.Now().Second() >= 10 })
	p.lookedAt(url, 1, 2)
	began := <-told
	assert.Contains(t, began, `"[FIRING] errata spool filling`)
	assert.Contains(t, began, "(limits 50% and 80%)")
	assert.Contains(t, began, "ERRATA_SPOOL_MAX_MB")
	_, body = p.get("/v1/alerts/incidents?service=errata")
	assert.Contains(t, body, `"condition":"spool_filling"`)
	unlock()
	p.drained()
	p.eventually("the collector says that it has room", func() bool { return !full() })
	p.lookedAt(url, 3, 4, 5)
	assert.Contains(t, <-told, `"[RESOLVED] errata spool filling`)
	assert.Empty(t, told, "once each")
}

// wordy are some reports that say much, and never the same.
func wordy(n int) string {
	r := rand.New(rand.NewPCG(1, uint64(n))) //nolint:gosec // the same each time
	var all []string
	for k := range 5 {
		var words strings.Builder
		for range 1000 {
			words.WriteString(strconv.FormatUint(r.Uint64(), 36)[:5] + " ")
		}
		all = append(all, fmt.Sprintf(`{"service":"billing","status":503,"customer":"acme","request_id":"req_%d_%d","envelope":{"error":{"code":"db_down","message":"no database","details":%q}}}`, n, k, words.String()))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// A database that was away, and a spool that is drained soon after, are nobody's
// incident.
func TestOutageThatIsOverIsNoIncident(t *testing.T) {
	db := newStoppable(t)
	p := launchWith(t, db.server.URL(), t.TempDir())
	status, body := p.post("/v1/errors", p.ingestKey, "application/json", report("req_before"))
	require.Equal(t, http.StatusOK, status, body)
	require.NoError(t, db.server.Stop())
	for i := range 20 {
		status, body := p.post("/v1/errors", p.ingestKey, "application/json", report(fmt.Sprint("req_during_", i)))
		require.Equal(t, http.StatusOK, status, body)
	}
	assert.Equal(t, 20, p.spooled())
	db.start()
	p.eventually("the database answers", func() bool {
		_, err := p.Store.EvaluateSelf(t.Context(), time.Now())
		return err == nil
	})
	p.drained()
	p.lookedAt(db.server.URL(), 1, 2)
	_, body = p.get("/v1/alerts/incidents")
	assert.Contains(t, body, `"incidents":[]`)
}

// Signs of life come as long as minutes are judged, and no longer.
func TestDeadMansSwitch(t *testing.T) {
	var pings atomic.Int64
	outside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "GET /ping/8c1fsecret", r.Method+" "+r.URL.Path)
		pings.Add(1)
	}))
	t.Cleanup(outside.Close)
	url := pgtest.New(t).URL
	p := launchWith(t, url, t.TempDir(), func(c *config.Config) {
		c.AlertAllowAddresses, c.DeadmanURL, c.DeadmanInterval = []string{"127.0.0.1"}, outside.URL+"/ping/8c1fsecret", 100*time.Millisecond
	})
	held := func() int {
		_, metrics := p.get("/metrics")
		assert.NotContains(t, metrics, "8c1fsecret")
		m := regexp.MustCompile(`errata_deadman_pings_total{outcome="held"[^}]*} (\d+)`).FindStringSubmatch(metrics)
		if m == nil {
			return 0
		}
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		return n
	}
	p.eventually("there is life", func() bool { return pings.Load() >= 3 })
	_, ready := p.get("/readyz")
	assert.Contains(t, ready, `"alerts":"ok"`)

	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // it may be closed by then
	_, err = conn.Exec(t.Context(), `SELECT pg_advisory_lock(7220)`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `UPDATE alert_clock SET minute = minute - interval '10 minutes'`)
	require.NoError(t, err)
	before := held()
	p.eventually("nothing is given", func() bool { return held() >= before+2 })
	silent := pings.Load()
	before = held()
	p.eventually("nothing is given for long", func() bool { return held() >= before+10 })
	assert.Equal(t, silent, pings.Load())
	_, ready = p.get("/readyz")
	assert.Contains(t, ready, `"alerts":"stalled: no minute was judged since `)

	require.NoError(t, conn.Close(t.Context()))
	p.eventually("there is life again", func() bool { return pings.Load() > silent })
	_, metrics := p.get("/metrics")
	assert.Contains(t, metrics, "errata_deadman_last_ping_timestamp_seconds")
	assert.Contains(t, metrics, "errata_self_watched_timestamp_seconds")
}

// startsWith gives what keeps the product from starting.
func startsWith(t *testing.T, change func(*config.Config)) error {
	t.Helper()
	cfg := config.Config{DatabaseURL: pgtest.New(t).URL, DatabaseConns: 8, HTTPAddr: "127.0.0.1:0", OTLPHTTPAddr: "127.0.0.1:0", OTLPGRPCAddr: "127.0.0.1:0", RetentionDays: 30,
		SpoolDir: t.TempDir(), SpoolMaxMB: 64, MaxInflightMB: 256, MaxConns: 200, LogLevel: "error"}
	change(&cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return app.Run(ctx, cfg, app.Options{Role: app.All, Logger: cfg.Logger()})
}

// A URL that cannot be pinged is said at the start, without saying it.
func TestDeadMansSwitchToNowhere(t *testing.T) {
	for _, where := range []string{"http://10.0.0.1/8c1fsecret", "https://169.254.169.254/8c1fsecret"} {
		err := startsWith(t, func(c *config.Config) { c.DeadmanURL, c.DeadmanInterval = where, time.Minute })
		require.ErrorContains(t, err, "ERRATA_DEADMAN_URL")
		assert.NotContains(t, err.Error(), "8c1fsecret")
	}
}
