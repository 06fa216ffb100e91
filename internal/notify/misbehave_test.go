package notify

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
)

// What every receiver over HTTP may do to us, and what it means.
func TestReceiversMisbehave(t *testing.T) {
	elsewhere := newReceiver(t, status(200))
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		outcome alert.Outcome
		reason  string
	}{
		"500":      {status(500), alert.Later, "it answered 500 Internal Server Error"},
		"503":      {status(503), alert.Later, "it answered 503"},
		"410":      {status(410), alert.Disable, "wants no more messages"},
		"404":      {status(404), alert.GiveUp, "it answered 404 Not Found"},
		"401":      {status(401), alert.GiveUp, "it answered 401"},
		"redirect": {http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect).ServeHTTP, alert.GiveUp, "redirects are not followed"},
		"metadata": {http.RedirectHandler("http://169.254.169.254/latest/meta-data/?x=y", http.StatusFound).ServeHTTP, alert.GiveUp, "redirects are not followed"},
		"drop": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}, alert.Later, "EOF"},
		"never": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, alert.Later, "did not answer in time"},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			if conn, buf, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = buf.WriteString("220 mail.example.com ESMTP\r\n")
				_ = buf.Flush()
				_ = conn.Close()
			}
		}, alert.Later, "malformed HTTP"},
		"huge header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 200<<10))
		}, alert.Later, "exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSender(t, quick)
			r := newReceiver(t, c.answer)
			for _, k := range httpKinds() {
				a := send(t, s, channel(k, r.URL), message(alert.KindFiring), "")
				assert.Equal(t, c.outcome, a.Outcome, k)
				assert.Contains(t, a.Reason, c.reason, k)
				require.Len(t, a.Exchanges, 1)
				assert.NotContains(t, a.Exchanges[0].Response.location(), "x=y")
			}
		})
	}
	t.Cleanup(func() { assert.Empty(t, elsewhere.all()) })
}

func (r *Response) location() string {
	if r == nil {
		return ""
	}
	return r.Headers["Location"]
}

func TestRetryAfterIsPassedOn(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "77")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	for _, k := range httpKinds() {
		a := send(t, newSender(t), channel(k, r.URL), message(alert.KindFiring), "")
		assert.Equal(t, alert.Later, a.Outcome)
		assert.Equal(t, 77*time.Second, a.RetryAfter)
		assert.Equal(t, "77", a.Exchanges[0].Response.Headers["Retry-After"])
	}
}

func TestAHugeAnswerIsCutAndAccepted(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		for { // there is no end to it
			if _, err := w.Write([]byte(strings.Repeat("lorem ipsum \x00\xff", 1<<10))); err != nil {
				return
			}
		}
	})
	a := send(t, newSender(t), channel(Webhook, r.URL), message(alert.KindFiring), "")
	assert.Equal(t, alert.Done, a.Outcome)
	assert.True(t, a.Exchanges[0].Response.Truncated)
	assert.Empty(t, a.Exchanges[0].Error)
	assert.LessOrEqual(t, len(a.Exchanges[0].Response.Body), maxShownResponse)
	assert.NotContains(t, a.Exchanges[0].Response.Body, "\x00")
}

// The status is the answer; a body that never ends takes the time, not the
// success.
func TestASlowBodyDoesNotUndoTheStatus(t *testing.T) {
	drip := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte("o"))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}
	s := newSender(t, quick)
	a := send(t, s, channel(Webhook, newReceiver(t, drip(202)).URL), message(alert.KindFiring), "")
	assert.Equal(t, alert.Done, a.Outcome)
	assert.Equal(t, "it did not answer in time", a.Exchanges[0].Error)
	a = send(t, s, channel(Webhook, newReceiver(t, drip(500)).URL), message(alert.KindFiring), "")
	assert.Equal(t, alert.Later, a.Outcome)
	a = send(t, s, channel(SlackBot, newReceiver(t, drip(200)).URL), message(alert.KindFiring), "")
	assert.Equal(t, alert.Later, a.Outcome, "Slack says in the body whether it worked")
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	a := send(t, newSender(t), channel(Webhook, at), message(alert.KindFiring), "")
	assert.Equal(t, alert.Later, a.Outcome)
	assert.Contains(t, a.Reason, "refused")
	assert.Nil(t, a.Exchanges[0].Response)
}

func TestStoppingIsNotTheReceiversFault(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) { stop(); <-r.Context().Done() })
	a, err := newSender(t).Send(ctx, channel(Webhook, r.URL), message(alert.KindFiring), "")
	require.Error(t, err)
	assert.Equal(t, alert.Later, a.Outcome)
	assert.Equal(t, "Errata was stopped meanwhile", a.Reason)
}

func TestCertificatesAreChecked(t *testing.T) {
	r := &receiver{}
	server := httptest.NewUnstartedServer(r.remember(status(200)))
	server.Config.ErrorLog = quietLog
	server.StartTLS()
	t.Cleanup(server.Close)
	a := send(t, newSender(t), channel(Webhook, server.URL), message(alert.KindFiring), "")
	assert.Equal(t, alert.Later, a.Outcome, "certificates are renewed")
	assert.Contains(t, a.Reason, "certificate")
	assert.Empty(t, r.all())

	trusting := newSender(t, func(o *Options) {
		o.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		o.Resolver = &answers{"hooks.example.com": {{"127.0.0.1"}}, "other.test": {{"127.0.0.1"}}}
	})
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	a = send(t, trusting, channel(Webhook, "https://hooks.example.com:"+port), message(alert.KindFiring), "")
	assert.Equal(t, alert.Done, a.Outcome, a.Reason) // httptest's certificate is for *.example.com
	a = send(t, trusting, channel(Webhook, "https://other.test:"+port), message(alert.KindFiring), "")
	assert.Equal(t, alert.Later, a.Outcome)
	assert.Contains(t, a.Reason, "not other.test")
}

func TestOldTLSIsRefused(t *testing.T) {
	server := httptest.NewUnstartedServer(status(200))
	server.Config.ErrorLog = quietLog
	server.TLS = oldTLS()
	server.StartTLS()
	t.Cleanup(server.Close)
	trusting := newSender(t, func(o *Options) { o.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs })
	a := send(t, trusting, channel(Webhook, server.URL), message(alert.KindFiring), "")
	assert.Equal(t, alert.Later, a.Outcome)
	assert.Contains(t, a.Reason, "protocol version")
}

// The environment's proxy would take every message past the guard.
func TestTheEnvironmentsProxyIsNotAsked(t *testing.T) {
	proxy := newReceiver(t, status(200))
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	r := newReceiver(t, status(200))
	assert.Equal(t, alert.Done, send(t, newSender(t), channel(Webhook, r.URL), message(alert.KindFiring), "").Outcome)
	assert.Len(t, r.all(), 1)
	assert.Empty(t, proxy.all())
}

func TestAProxyThatWasConfiguredIsUsed(t *testing.T) {
	proxy := newReceiver(t, status(202))
	s := newSender(t, func(o *Options) { o.Proxy = parse(t, proxy.URL); o.Allow = prefixes("10.1.2.3/32") })
	assert.Equal(t, alert.Done, send(t, s, channel(Webhook, "http://10.1.2.3"), message(alert.KindFiring), "").Outcome)
	assert.Equal(t, "http://10.1.2.3/hook", proxy.only(t).Path)
	for _, refused := range []string{"http://10.1.2.4", "https://10.1.2.4", "http://hooks.example.com", "https://127.1"} {
		a := send(t, s, channel(Webhook, refused), message(alert.KindFiring), "")
		assert.Equal(t, alert.GiveUp, a.Outcome, refused)
	}
	assert.Len(t, proxy.all(), 1)
}
