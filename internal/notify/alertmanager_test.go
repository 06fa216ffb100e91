package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
)

func TestAlertmanagerWebhook(t *testing.T) {
	r := newReceiver(t, status(200))
	s, c := newSender(t), channel(AlertmanagerWebhook, r.URL+"/am")
	for _, k := range []alert.Kind{alert.KindFiring, alert.KindUpdate, alert.KindResolved} {
		send(t, s, c, message(k), "")
	}
	repeat := message(alert.KindUpdate)
	repeat.Changed = nil
	send(t, s, c, repeat, "")
	send(t, s, c, digest(3), "")

	all := r.all()
	assert.Equal(t, "Bearer hushhushhush", all[0].Header.Get("Authorization"))
	first, resolved := all[0].json(t), all[2].json(t)
	for _, field := range []string{"version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels", "commonAnnotations", "externalURL", "notification_reason", "alerts"} {
		assert.Contains(t, first, field)
	}
	assert.Equal(t, "4", first["version"])
	assert.Equal(t, "firing", first["status"])
	assert.Equal(t, "errata/production/01932f5e-0000-7000-8000-000000000012", first["groupKey"])
	assert.Equal(t, map[string]any{"alertname": "ErrataIncident", "service": "checkout-api", "environment": "production", "family": "us"}, first["groupLabels"])
	one := first["alerts"].([]any)[0].(map[string]any)
	assert.Equal(t, "0001-01-01T00:00:00Z", one["endsAt"])
	assert.Regexp(t, "^[0-9a-f]{16}$", one["fingerprint"])
	assert.Equal(t, title, one["annotations"].(map[string]any)["summary"])
	last := resolved["alerts"].([]any)[0].(map[string]any)
	assert.Equal(t, "resolved", resolved["status"])
	assert.Equal(t, "2026-11-20T14:39:00Z", last["endsAt"])
	assert.Equal(t, one["labels"], last["labels"])
	assert.Equal(t, one["fingerprint"], last["fingerprint"])
	var reasons []any
	for _, g := range all {
		reasons = append(reasons, g.json(t)["notification_reason"])
	}
	assert.Equal(t, []any{"first notification", "new alerts added", "all alerts resolved", "repeat interval elapsed", "new alerts added"}, reasons)
	several := all[4].json(t)
	assert.Len(t, several["alerts"], 3)
	assert.NotContains(t, several["commonLabels"], "incident")
	assert.Contains(t, several["commonLabels"], "service")
}

func TestAlertmanagerPush(t *testing.T) {
	r := newReceiver(t, status(200))
	c := channel(Alertmanager, r.URL+"/prefix/")
	send(t, newSender(t), c, message(alert.KindFiring), "")
	g := r.only(t)
	assert.Equal(t, "/prefix/api/v2/alerts", g.Path)
	var alerts []pushed
	require.NoError(t, json.Unmarshal(g.Body, &alerts))
	require.Len(t, alerts, 1)
	assert.WithinDuration(t, time.Now().Add(endsSoon), alerts[0].EndsAt, time.Minute, "or it would fire for ever after us")
	assert.Equal(t, "critical", alerts[0].Labels["severity"])
}

// realAlertmanager starts the one that is installed.
func realAlertmanager(t *testing.T, webhook string) string {
	t.Helper()
	binary := ""
	for _, name := range []string{os.Getenv("ERRATA_ALERTMANAGER"), "prometheus-alertmanager", "alertmanager"} {
		if found, err := exec.LookPath(name); name != "" && err == nil {
			binary = found
			break
		}
	}
	if binary == "" {
		t.Skip("no Alertmanager: apt-get install prometheus-alertmanager, or name one in ERRATA_ALERTMANAGER")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
route: {receiver: back, group_by: [incident_id], group_wait: 10ms, group_interval: 100ms}
receivers: [{name: back, webhook_configs: [{url: %q, send_resolved: true}]}]
`, webhook), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	cmd := exec.Command(binary, "--config.file="+config, "--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	require.Eventually(t, func() bool {
		res, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 20*time.Second, 50*time.Millisecond)
	return "http://" + address
}

func TestARealAlertmanagerTakesAndResolves(t *testing.T) {
	back := newReceiver(t, status(200))
	url := realAlertmanager(t, back.URL)
	s, c := newSender(t), channel(Alertmanager, url)
	firing := message(alert.KindFiring)
	firing.Incidents[0].StartedAt = time.Now().Add(-5 * time.Minute)
	firing.Incidents[0].Codes[0].Name = "quoted \"x\" {{ .Labels }} \\ 東京"
	for range 3 { // it is sent every minute, and stays one
		require.Equal(t, alert.Done, send(t, s, c, firing, "").Outcome)
	}
	assert.Len(t, active(t, url), 1)
	require.Eventually(t, func() bool { return len(back.all()) >= 1 }, 20*time.Second, 20*time.Millisecond)
	told := back.all()[0].json(t)
	assert.Equal(t, "firing", told["status"])
	assert.Equal(t, "checkout-api", told["commonLabels"].(map[string]any)["service"])
	assert.Contains(t, told["commonAnnotations"].(map[string]any)["description"], "quoted \"x\" {{ .Labels }} \\ 東京 88%")

	resolved := firing
	resolved.Kind, resolved.Incidents = alert.KindResolved, append([]alert.Incident{}, firing.Incidents...)
	resolved.Incidents[0].State, resolved.Incidents[0].ResolvedAt = alert.Resolved, time.Now()
	require.Equal(t, alert.Done, send(t, s, c, resolved, "").Outcome)
	require.Eventually(t, func() bool { all := back.all(); return all[len(all)-1].json(t)["status"] == "resolved" }, 20*time.Second, 20*time.Millisecond)
	assert.Empty(t, active(t, url))

	// What it posts is what our own payload has to look like.
	theirs, ours := back.all()[0].json(t), map[string]any{}
	require.NoError(t, json.Unmarshal(encode(alertmanagerPayloadOf(firing, "back")), &ours))
	for field := range theirs {
		assert.Contains(t, ours, field)
		assert.IsType(t, theirs[field], ours[field], field)
	}
	for field, value := range theirs["alerts"].([]any)[0].(map[string]any) {
		assert.IsType(t, value, ours["alerts"].([]any)[0].(map[string]any)[field], field)
	}
}

func active(t *testing.T, url string) []any {
	t.Helper()
	res, err := http.Get(url + "/api/v2/alerts?active=true")
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	var out []any
	require.NoError(t, json.NewDecoder(res.Body).Decode(&out))
	return out
}
