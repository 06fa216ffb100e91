package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/config"
	"errata/internal/notify"
	"errata/internal/pgtest"
)

// BenchmarkTold measures how long it takes from the first request that fails to
// the message on a webhook, for full outages that begin at every fifth second of
// a minute: twelve services, reported over HTTP. It takes five minutes. Run it
// with -benchtime 1x -v.
func BenchmarkTold(b *testing.B) {
	for b.Loop() {
		told(b)
	}
}

func told(b *testing.B) {
	var mu sync.Mutex
	heard := map[string]time.Time{}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct {
			Data alert.Message `json:"data"`
			alert.Message
		}
		assert.NoError(b, json.NewDecoder(r.Body).Decode(&m))
		mu.Lock()
		defer mu.Unlock()
		for _, i := range slices.Concat(m.Incidents, m.Data.Incidents) {
			if heard[i.Service].IsZero() {
				heard[i.Service] = time.Now()
			}
		}
	}))
	b.Cleanup(hook.Close)
	database := pgtest.New(b).URL
	p := launchWith(b, database, b.TempDir(), func(c *config.Config) { c.AlertAllowAddresses = []string{"127.0.0.1"} })
	status, answer := p.do(http.MethodPost, "http://"+p.HTTPAddr+"/v1/alerts/channels", p.readKey, "application/json",
		fmt.Sprintf(`{"name":"hook","kind":"webhook","settings":{"url":%q},"secrets":{"secret":%q}}`, hook.URL, notify.NewWebhookSecret().Reveal()))
	require.Equal(b, http.StatusCreated, status, answer)
	db, err := pgx.Connect(b.Context(), database)
	require.NoError(b, err)
	b.Cleanup(func() { db.Close(b.Context()) }) //nolint:errcheck // it is over

	minute := time.Now().UTC().Truncate(time.Minute).Add(time.Minute)
	services := make([]string, 12)
	for i := range services {
		services[i] = fmt.Sprintf("begins-%02d", i*5)
		_, err := db.Exec(b.Context(), `
INSERT INTO request_minutes (workspace_id, minute, key, n, source, slot, service, environment, method, endpoint)
SELECT 1, m, md5($1)::uuid, 60, 1, 0, $1, 'production', 'POST', '/v1/charges' FROM generate_series($2::timestamptz - interval '20 hours', $2::timestamptz - interval '1 minute', interval '1 minute') m`,
			services[i], minute)
		require.NoError(b, err)
	}
	began := map[string]time.Time{}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for n := range 6 * 60 {
		<-second.C
		now := time.Now().UTC()
		var failed []string
		for i, s := range services {
			if !now.Before(minute.Add(time.Duration(i*5) * time.Second)) {
				if began[s].IsZero() {
					began[s] = time.Now()
				}
				failed = append(failed, fmt.Sprintf(`{"service":%q,"environment":"production","method":"POST","endpoint":"/v1/charges","status":503,"request_id":"req_%s_%d","customer":"c%d","occurred_at":%q}`,
					s, s, n, n%7, now.Format(time.RFC3339Nano)))
			}
		}
		if len(failed) > 0 {
			status, answer := p.post("/v1/errors", p.ingestKey, "application/json", "["+strings.Join(failed, ",")+"]")
			require.Equal(b, http.StatusOK, status, answer)
		}
		for _, s := range services { // what a service knows of this minute so far
			status, answer := p.post("/v1/totals", p.ingestKey, "application/json", fmt.Sprintf(`{"service":%q,"environment":"production","minutes":[{"minute":%q,"method":"POST","endpoint":"/v1/charges","requests":%d}]}`,
				s, now.Truncate(time.Minute).Format(time.RFC3339), now.Second()+1))
			require.Equal(b, http.StatusOK, status, answer)
		}
		mu.Lock()
		all := len(heard) == len(services)
		mu.Unlock()
		if all {
			break
		}
	}
	mu.Lock()
	defer mu.Unlock()
	took := make([]time.Duration, 0, len(services))
	for _, s := range services {
		require.NotZero(b, heard[s], s)
		took = append(took, heard[s].Sub(began[s]))
		b.Logf("%s: %s", s, heard[s].Sub(began[s]).Round(time.Second))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds(), "s-p50-to-message")
	b.ReportMetric(took[len(took)-1].Seconds(), "s-longest")
	assert.LessOrEqual(b, took[len(took)/2], 4*time.Minute)
	assert.LessOrEqual(b, took[len(took)-1], 270*time.Second)
}
