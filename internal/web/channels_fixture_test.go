package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/notify"
	"errata/internal/store"
	"errata/internal/watch"
)

// courierOf is the real one, which may talk to this machine.
func courierOf(t testing.TB, s *store.Store) *watch.Courier {
	t.Helper()
	c, err := watch.NewCourier(watch.CourierDeps{Store: s, Logger: slog.New(slog.DiscardHandler),
		Sender: notify.New(notify.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})})
	require.NoError(t, err)
	return c
}

// hook is a receiver of webhooks that believes only what is signed.
type hook struct {
	*httptest.Server
	status atomic.Int32
	signed atomic.Int32 // messages with a signature that is right
	secret atomic.Pointer[string]
}

func newHook(t testing.TB, secret string) *hook {
	t.Helper()
	h := &hook{}
	h.status.Store(http.StatusOK)
	h.secret.Store(&secret)
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		verifier, err := standardwebhooks.NewWebhook(*h.secret.Load())
		assert.NoError(t, err)
		if err := verifier.Verify(body, r.Header); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.signed.Add(1)
		w.WriteHeader(int(h.status.Load()))
		_, err = io.WriteString(w, "thank you, "+*h.secret.Load()) // receivers should not say such things
		assert.NoError(t, err)
	}))
	t.Cleanup(h.Close)
	return h
}

// addHook adds a channel to it, behind the pages.
func (f *fixture) addHook(name string, h *hook) store.Channel {
	f.t.Helper()
	spec := store.ChannelSpec{Name: name, Kind: "webhook", Settings: map[string]string{"url": h.URL}, Secrets: store.Secrets{"secret": *h.secret.Load()},
		Level: alert.Notify, Hourly: store.DefaultHourly, Enabled: true}
	c, err := f.AddChannel(f.t.Context(), store.System, store.DefaultWorkspace, spec, courierOf(f.t, f.Store).Check)
	require.NoError(f.t, err)
	return c
}

// deliver runs a courier until the test ends.
func (f *fixture) deliver() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	courier := courierOf(f.t, f.Store)
	go func() { ended <- courier.Deliver(ctx) }()
	f.t.Cleanup(func() {
		cancel()
		assert.NoError(f.t, <-ended)
	})
}

// until waits for something that happens in the background.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 20*time.Second, 20*time.Millisecond, what)
}
