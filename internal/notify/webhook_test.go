package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
)

// sign is the specification, written down a second time.
func sign(t *testing.T, secret string, g got) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	require.NoError(t, err)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(g.Header.Get("webhook-id") + "." + g.Header.Get("webhook-timestamp") + "."))
	h.Write(g.Body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestWebhooksAreSigned(t *testing.T) {
	r := newReceiver(t, status(204))
	a := send(t, newSender(t), channel(Webhook, r.URL), message(alert.KindFiring), "")
	g := r.only(t)
	assert.Equal(t, "delivery-7", g.Header.Get("webhook-id"))
	assert.Equal(t, sign(t, whsec, g), g.Header.Get("webhook-signature"))
	seconds, err := strconv.ParseInt(g.Header.Get("webhook-timestamp"), 10, 64)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), time.Unix(seconds, 0), time.Minute, "the attempt's time, not the message's")
	assert.Equal(t, "Errata/1.2.3", g.Header.Get("User-Agent"))
	assert.Equal(t, "application/json", g.Header.Get("Content-Type"))

	verifier, err := standardwebhooks.NewWebhook(whsec)
	require.NoError(t, err)
	require.NoError(t, verifier.Verify(g.Body, g.Header))
	require.Error(t, verifier.Verify(append(g.Body, ' '), g.Header))

	body := g.json(t)
	assert.Equal(t, "incident.firing", body["type"])
	assert.Equal(t, "2026-11-20T14:40:00Z", body["timestamp"])
	data := body["data"].(map[string]any)
	assert.Equal(t, title, data["title"])
	assert.Equal(t, "01932f5e-0000-7000-8000-000000000012:ch1:3", data["dedup_key"])
	incident := data["incidents"].([]any)[0].(map[string]any)
	assert.Equal(t, "checkout-api", incident["service"])
	assert.Equal(t, "2026-11-20T14:02:00Z", incident["started_at"])
	assert.NotContains(t, incident, "resolved_at")
	assert.Equal(t, string(g.Body), a.Exchanges[0].Request.Body, "the log shows what was sent")
	assert.Equal(t, 204, a.Exchanges[0].Response.Status)
}

func TestTwoSecretsSignWhileOneIsReplaced(t *testing.T) {
	r := newReceiver(t, status(200))
	c := Rotate(channel(Webhook, r.URL))
	send(t, newSender(t), c, message(alert.KindFiring), "")
	g := r.only(t)
	fresh := c.Secrets["secret"].Reveal()
	require.NotEqual(t, whsec, fresh)
	assert.Equal(t, sign(t, fresh, g)+" "+sign(t, whsec, g), g.Header.Get("webhook-signature"))
	require.NoError(t, newSender(t).Validate(c))
	assert.False(t, channel(Webhook, "").Secrets["secret"].Reveal() == fresh)
}

func TestASecretHasToBeOne(t *testing.T) {
	s := newSender(t)
	for secret, ok := range map[string]bool{
		"": false, "hushhushhush": false, "whsec_": false, "whsec_short": false, "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)): false,
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 24)): true, "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 64)): true,
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)): false, base64.StdEncoding.EncodeToString(make([]byte, 32)): false,
		NewWebhookSecret().Reveal(): true,
	} {
		c := channel(Webhook, "https://hooks.example.com")
		c.Secrets["secret"] = NewSecret(secret)
		assert.Equal(t, ok, s.Validate(c) == nil, "%s", secret)
	}
}

// The receiver commits and its answer is lost: the second attempt is the same
// message, and can be told to be.
func TestARepetitionCanBeKnown(t *testing.T) {
	var mu sync.Mutex
	acted := map[string]int{}
	first := true
	r := newReceiver(t, func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		acted[req.Header.Get("webhook-id")]++
		if first {
			first = false
			panic(http.ErrAbortHandler)
		}
	})
	s, c, m := newSender(t), channel(Webhook, r.URL), message(alert.KindFiring)
	assert.Equal(t, alert.Later, send(t, s, c, m, "").Outcome)
	assert.Equal(t, alert.Done, send(t, s, c, m, "").Outcome)
	assert.Equal(t, map[string]int{"delivery-7": 2}, acted)
	all := r.all()
	assert.Equal(t, all[0].Body, all[1].Body)
}
