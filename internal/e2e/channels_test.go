package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/cli"
	"errata/internal/config"
	"errata/internal/notify"
	"errata/internal/pgtest"
	"errata/internal/seal"
)

// A channel's life, from the command line: it is added, tested, fails, is
// repaired, and what did not arrive is sent again.
func TestLifeOfAChannel(t *testing.T) {
	var status atomic.Int64
	status.Store(http.StatusNotFound)
	ids := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		assert.NoError(t, err)
		w.WriteHeader(int(status.Load()))
		ids <- r.Header.Get("webhook-id")
	}))
	t.Cleanup(hook.Close)
	database := pgtest.New(t).URL
	p := launchWith(t, database, t.TempDir(), func(c *config.Config) { c.AlertAllowAddresses, c.SecretKey = []string{"127.0.0.1"}, seal.NewKey() })
	db, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close(t.Context()) }) //nolint:errcheck // the test is over

	whsec := notify.NewWebhookSecret().Reveal()
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(whsec+"\n"), 0o600))
	var out, warned strings.Builder
	opt := cli.ChannelsOptions{Server: p.HTTPAddr, Key: p.readKey, In: strings.NewReader(whsec), Out: &out, Err: &warned}
	text := func(s string) *string { return &s }
	webhook := func(name string, secrets cli.SecretSources) cli.ChannelChange {
		return cli.ChannelChange{Name: &name, Kind: text("webhook"), Settings: map[string]string{"url": hook.URL + "/" + name}, Secrets: secrets}
	}
	require.NoError(t, cli.ListChannels(t.Context(), opt))
	assert.Contains(t, out.String(), "nobody is told")
	require.NoError(t, cli.AddChannel(t.Context(), opt, webhook("ops", cli.SecretSources{Files: map[string]string{"secret": file}})))
	require.NoError(t, cli.AddChannel(t.Context(), opt, webhook("night", cli.SecretSources{Stdin: "secret"})))
	assert.Empty(t, warned.String())
	var lies string
	require.NoError(t, db.QueryRow(t.Context(), `SELECT string_agg(secrets::text, ' ') FROM channels`).Scan(&lies))
	assert.NotContains(t, lies, whsec, "it is encrypted in the database")
	assert.Equal(t, 2, strings.Count(lies, `"key"`))
	require.ErrorContains(t, cli.AddChannel(t.Context(), opt, webhook("bad", cli.SecretSources{Plain: map[string]string{"secret": "short"}})), "secrets.secret")
	assert.Contains(t, warned.String(), "everybody who can list processes")
	require.ErrorContains(t, cli.AddChannel(t.Context(), opt, webhook("bad", cli.SecretSources{Variables: map[string]string{"secret": "ERRATA_NOT_SET"}})), "ERRATA_NOT_SET")
	private := webhook("bad", cli.SecretSources{Files: map[string]string{"secret": file}})
	private.Settings["url"] = "https://10.0.0.1/"
	require.ErrorContains(t, cli.AddChannel(t.Context(), opt, private), "not a public address")

	require.ErrorContains(t, cli.TestChannel(t.Context(), opt, "ops"), "The test did not arrive")
	assert.Contains(t, out.String(), "< 404")
	<-ids
	out.Reset()
	require.NoError(t, cli.ListChannels(t.Context(), opt))
	assert.Contains(t, out.String(), "failing since")

	// What the judge of the minutes would write down.
	_, err = db.Exec(t.Context(), `INSERT INTO deliveries (workspace_id, id, channel_id, incident_id, seq, kind, dedup_key, message, state, created_at, next_at)
		SELECT 1, '01930000-0000-7000-8000-000000000001', id, gen_random_uuid(), 1, 'firing', 'x', $1::text::jsonb, 'waiting', now(), now() FROM channels WHERE name = 'ops'`,
		message(t, "01930000-0000-7000-8000-000000000001"))
	require.NoError(t, err)
	assert.Equal(t, "01930000-0000-7000-8000-000000000001", <-ids)
	id := "01930000-0000-7000-8000-000000000001"
	require.Eventually(t, func() bool {
		_, answer := p.get("/v1/alerts/deliveries/" + id)
		return strings.Contains(answer, `"state":"dead"`)
	}, 20*time.Second, 20*time.Millisecond)

	require.NoError(t, cli.SetChannel(t.Context(), opt, "ops", cli.ChannelChange{Name: text("operations"), Fallback: text("night"), Settings: map[string]string{"url": hook.URL + "/v2"}}))
	status.Store(http.StatusNoContent)
	require.NoError(t, cli.TestChannel(t.Context(), opt, "operations"))
	<-ids
	require.NoError(t, cli.Redeliver(t.Context(), opt, []string{id}))
	assert.Equal(t, id, <-ids, "the same ID")
	require.Eventually(t, func() bool {
		out.Reset()
		require.NoError(t, cli.ListDeliveries(t.Context(), opt, cli.DeliveryList{Channel: "operations", State: "sent", Limit: 10}))
		return strings.Contains(out.String(), id)
	}, 20*time.Second, 20*time.Millisecond)
	out.Reset()
	require.NoError(t, cli.ShowDelivery(t.Context(), opt, id))
	for _, part := range []string{"[FIRING] billing", "Attempt 1", "< 404", "Attempt 2", "> POST " + hook.URL + "/v2", "< 204"} {
		assert.Contains(t, out.String(), part)
	}
	assert.NotContains(t, out.String(), whsec)

	require.ErrorContains(t, cli.RemoveChannels(t.Context(), opt, []string{"night"}), "channel_in_use")
	require.NoError(t, cli.SetChannel(t.Context(), opt, "operations", cli.ChannelChange{Fallback: text("")}))
	require.NoError(t, cli.RemoveChannels(t.Context(), opt, []string{"night", "operations"}))
	_, metrics := p.get("/metrics")
	assert.Contains(t, metrics, `errata_delivery_attempts_total{kind="webhook",outcome="done"} 2`)
	assert.Contains(t, metrics, "errata_deliveries_waiting 0")
}

func message(t *testing.T, id string) string {
	t.Helper()
	doc, err := json.Marshal(alert.Message{ID: id, Kind: alert.KindFiring, Seq: 1, At: time.Now(),
		Incidents: []alert.Incident{{ID: id, Number: 1, Service: "billing", Level: alert.Page, State: alert.Firing, StartedAt: time.Now()}}})
	require.NoError(t, err)
	return string(doc)
}
