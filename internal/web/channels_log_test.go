package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/notify"
	"errata/internal/store"
	"errata/internal/watch"
)

// memo is a log that several write to.
type memo struct {
	mu sync.Mutex
	strings.Builder
}

func (m *memo) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Builder.Write(p)
}

func (m *memo) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.String()
}

// Whatever is done with a secret, and whatever goes wrong, no log, audit row or
// delivery has it.
func TestChannelSecretsAreInNoLog(t *testing.T) {
	f, h := newFixture(t), newHook(t, hush)
	log := &memo{}
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	courier, err := watch.NewCourier(watch.CourierDeps{Store: f.Store, Logger: logger, Sender: notify.New(notify.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})})
	require.NoError(t, err)
	f.server = httptest.NewServer(New(Deps{Store: f.Store, Courier: courier, Keys: auth.NewKeyring(f.KeyByHash, 0), Sessions: f.Sessions(), Logger: logger}))
	t.Cleanup(f.server.Close)
	f.decides()
	form := f.get("/alerts/channels/new?kind=webhook")
	require.Equal(t, 422, f.save(form, "name", "", "settings.url", h.URL, "secrets.secret", hush).code)
	added := f.save(form, "name", "ops", "settings.url", h.URL, "secrets.secret", hush)
	require.Equal(t, 200, added.code)
	path := added.Find("form.form").First().AttrOr("action", "")
	for _, status := range []int32{200, 500, 410} {
		h.status.Store(status)
		require.Equal(t, http.StatusSeeOther, f.post(path, nil, "do", "test").code)
	}
	require.Equal(t, 422, f.post(path, nil, "do", "rotate", "new_secret", hush2[:20]).code)
	require.Equal(t, http.StatusSeeOther, f.post(path, nil, "do", "rotate", "new_secret", hush2).code)
	slack := f.save(f.get("/alerts/channels/new?"+query("kind", string(notify.SlackWebhook))), "name", "chat", "secrets.url", h.URL+"/services/T0/B0/"+hush2[6:30])
	require.Equal(t, 200, slack.code, slack.body)
	require.Equal(t, http.StatusSeeOther, f.post(slack.Find("form.form").First().AttrOr("action", ""), nil, "do", "test").code)

	list, _, err := f.Deliveries(t.Context(), store.DefaultWorkspace, store.DeliveryFilter{}, 10, "")
	require.NoError(t, err)
	require.Len(t, list, 4)
	for i := range list {
		p := f.get("/alerts/deliveries/" + list[i].ID)
		requireHushed(t, p)
		assert.NotContains(t, p.body, hush2[6:30])
	}
	assert.Contains(t, log.text(), "a message did not arrive", "there is something to read")
	for _, secret := range []string{hush[6:30], hush2[6:18], hush2[6:30]} {
		assert.NotContains(t, log.text(), secret)
	}
}
