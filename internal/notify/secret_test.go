package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/fault"
)

type holder struct{ hidden Channel }

func TestSecretsAreShownByNothing(t *testing.T) {
	c := channel(PagerDuty, "https://events.example.com")
	var logged bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(handler).Info("x", "channel", c, "secret", c.Secrets["routing_key"], "holder", holder{c})
	}
	raw, err := json.Marshal(c)
	require.NoError(t, err)
	all := logged.String() + string(raw)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb, c) + fmt.Sprintf(verb, holder{c}) + fmt.Sprintf(verb, c.Secrets["routing_key"]) + fmt.Sprintf(verb, &c)
	}
	assert.NotContains(t, all, "hush")
	assert.NotContains(t, all, fmt.Sprintf("%x", "hush"))
	assert.Contains(t, all, redacted)

	var back Channel
	require.NoError(t, json.Unmarshal([]byte(`{"secrets":{"token":"xoxb-1"}}`), &back))
	assert.Equal(t, "xoxb-1", back.Secrets["token"].Reveal())
	assert.True(t, Secret{}.IsZero())
	assert.Error(t, json.Unmarshal([]byte(`{"secrets":{"token":7}}`), &back))
}

// A receiver that sends everything back, in every place.
func TestAttemptsHoldNoSecrets(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Request-Id", req.Header.Get("Authorization"))
		w.Header().Set("Location", req.RequestURI+"?k=hushhushhush")
		w.WriteHeader(http.StatusFound)
		_, _ = fmt.Fprintf(w, "no page at %s for %s or %s, %s (%s)", req.RequestURI, req.URL.Query().Get("sig"), path.Base(req.URL.Path), url.QueryEscape(req.RequestURI), req.Header)
	})
	s := newSender(t)
	for _, k := range httpKinds() {
		c := channel(k, r.URL)
		if u := c.Secrets["url"]; !u.IsZero() {
			c.Secrets["url"] = NewSecret(u.Reveal() + "?sig=hushhush%2Bhush&v=1.0")
		}
		a, err := s.Send(t.Context(), c, message(alert.KindFiring), "")
		require.Error(t, err)
		raw, merr := json.Marshal(a)
		require.NoError(t, merr)
		for _, secret := range c.Secrets {
			assert.NotContains(t, string(raw)+err.Error(), secret.Reveal(), k)
		}
		assert.NotContains(t, string(raw)+err.Error(), "hush", k)
	}
	basicAuth := channel(Alertmanager, r.URL)
	delete(basicAuth.Secrets, "token")
	basicAuth.Settings["username"], basicAuth.Secrets["password"] = "errata", NewSecret("hushhushhush")
	a, _ := s.Send(t.Context(), basicAuth, message(alert.KindFiring), "")
	raw, err := json.Marshal(a)
	require.NoError(t, err)
	assert.Contains(t, string(raw), "Basic [redacted]")
	assert.NotContains(t, string(raw), basic("errata", "hushhushhush"))
}

func TestErrorsHoldNoSecretURL(t *testing.T) {
	c := channel(SlackWebhook, "https://gone.test")
	a, err := newSender(t, func(o *Options) { o.Resolver = &answers{} }).Send(t.Context(), c, message(alert.KindFiring), "")
	require.Error(t, err)
	raw, merr := json.Marshal(a)
	require.NoError(t, merr)
	assert.NotContains(t, string(raw)+err.Error(), "hush")
}

func TestASecretIsGoneBeforeTheTextIsCut(t *testing.T) {
	scrub := newScrubber(channel(PagerDuty, "https://x"))
	text, more := scrub.cleanBody([]byte("0123456789hushhushhushhushhushhushhushhush"), 15)
	assert.Equal(t, "0123456789[reda", text)
	assert.Equal(t, 5, more)
	for range 20 { // the order of maps is chance
		c := Channel{Secrets: map[string]Secret{"a": NewSecret("hushhush"), "b": NewSecret("hushhushabc")}}
		assert.Equal(t, "x [redacted] y", newScrubber(c).clean("x hushhushabc y", 100))
	}
	text, _ = scrub.cleanBody([]byte("zürich"), 2)
	assert.Equal(t, "z", text)
}

func TestFaultsNameTheField(t *testing.T) {
	s := newSender(t)
	long := string(bytes.Repeat([]byte("x"), 2000))
	for _, c := range []struct {
		kind   Kind
		change func(*Channel)
		field  string
	}{
		{Webhook, func(c *Channel) { c.Name = "" }, "name"},
		{Webhook, func(c *Channel) { c.Name = "a\nb" }, "name"},
		{Webhook, func(c *Channel) { c.Kind = "pigeon" }, "kind"},
		{Webhook, func(c *Channel) { c.Settings["colour"] = "red" }, "settings.colour"},
		{Webhook, func(c *Channel) { c.Settings["secret"] = whsec }, "settings.secret"},
		{Webhook, func(c *Channel) { c.Secrets["token"] = NewSecret("x") }, "secrets.token"},
		{Webhook, func(c *Channel) { delete(c.Secrets, "secret") }, "secrets.secret"},
		{Webhook, func(c *Channel) { c.Settings["url"] = "https://x.example/" + long }, "settings.url"},
		{Webhook, func(c *Channel) { c.Secrets["secret"] = NewSecret("whsec_hush") }, "secrets.secret"},
		{SlackWebhook, func(c *Channel) { c.Secrets["url"] = NewSecret("http://hushhushhush.example") }, ""},
		{SlackWebhook, func(c *Channel) { c.Secrets["url"] = NewSecret("hushhushhush") }, "secrets.url"},
		{SlackBot, func(c *Channel) { c.Settings["channel"] = "#alerts" }, "settings.channel"},
		{SlackBot, func(c *Channel) { c.Secrets["token"] = NewSecret("hushhushhush") }, "secrets.token"},
		{PagerDuty, func(c *Channel) { c.Secrets["routing_key"] = NewSecret("hush") }, "secrets.routing_key"},
		{Opsgenie, func(c *Channel) { c.Secrets["api_key"] = NewSecret("hush hush hush") }, "secrets.api_key"},
		{Alertmanager, func(c *Channel) { c.Settings["username"] = "a" }, "secrets.token"},
		{Alertmanager, func(c *Channel) { c.Secrets = map[string]Secret{"password": NewSecret("hush")} }, "settings.username"},
		{Email, func(c *Channel) { c.Settings["host"] = "127.1" }, "settings.host"},
		{Email, func(c *Channel) { c.Settings["host"] = "10.0.0.1" }, "settings.host"},
		{Email, func(c *Channel) { c.Settings["port"] = "0" }, "settings.port"},
		{Email, func(c *Channel) { c.Settings["port"] = "smtp" }, "settings.port"},
		{Email, func(c *Channel) { c.Settings["tls"] = "maybe" }, "settings.tls"},
		{Email, func(c *Channel) { c.Settings["tls"] = "none" }, "settings.tls"},
		{Email, func(c *Channel) { c.Settings["from"] = "nobody" }, "settings.from"},
		{Email, func(c *Channel) { c.Settings["from"] = "a@x.example\r\nBcc: b@y.example" }, "settings.from"},
		{Email, func(c *Channel) { c.Settings["to"] = "a@x.example, " }, "settings.to"},
		{Email, func(c *Channel) { c.Settings["to"] = string(bytes.Repeat([]byte("a@b.example,"), 20)) + "a@b.example" }, "settings.to"},
		{Email, func(c *Channel) { delete(c.Secrets, "password") }, "secrets.password"},
	} {
		ch := channel(c.kind, "https://hooks.example.com")
		c.change(&ch)
		err := s.Validate(ch)
		if c.field == "" {
			assert.NoError(t, err) // a name may turn out to be allowed; without TLS it is judged when it is resolved
			continue
		}
		f := fault.Of(err)
		assert.Equal(t, c.field, f.Details["field"], "%s: %v", c.kind, err)
		assert.Equal(t, "validation_failed", f.Code)
		if err != nil {
			assert.NotContains(t, err.Error(), "hush")
		}
		a, err := s.Send(t.Context(), ch, message(alert.KindFiring), "")
		assert.Error(t, err)
		assert.Equal(t, alert.GiveUp, a.Outcome)
		assert.Empty(t, a.Exchanges, "nothing is sent")
	}
}
