package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/notify"
	"errata/internal/store"
)

// muteReceiver is a channel's other end, which messages reach over HTTP.
type muteReceiver struct {
	f      *fixture
	got    []string       // kinds
	texts  []string       // as people read them
	sender *notify.Sender // the real one, which may talk to this machine
}

func newMuteReceiver(t *testing.T, f *fixture) *muteReceiver {
	t.Helper()
	r := &muteReceiver{f: f, sender: notify.New(notify.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var in struct{ Type string }
		body, err := io.ReadAll(req.Body)
		if assert.NoError(t, err) && assert.NoError(t, json.Unmarshal(body, &in)) {
			r.got = append(r.got, in.Type)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	_, err := f.AddChannel(t.Context(), store.System, store.DefaultWorkspace, store.ChannelSpec{Name: "chat", Kind: "webhook", Settings: map[string]string{"url": server.URL},
		Secrets: store.Secrets{"secret": notify.NewWebhookSecret().Reveal()}, Level: alert.Notify, Hourly: 1000, Enabled: true}, func(store.ChannelSpec) error { return nil })
	require.NoError(t, err)
	return r
}

// deliver sends all that is due, and gives the kinds of what arrived.
func (r *muteReceiver) deliver() []string {
	t, ctx := r.f.t, r.f.t.Context()
	t.Helper()
	r.got = nil
	for {
		due, err := r.f.ClaimDelivery(ctx, store.DeliveryRules{})
		require.NoError(t, err)
		if due == nil {
			return r.got
		}
		due.Message.Incidents[0].BaseURL = r.f.server.URL
		r.texts = append(r.texts, alert.Write(due.Message).Plain())
		to := notify.Channel{ID: due.ChannelID, Name: due.ChannelName, Kind: notify.Kind(due.ChannelKind), Settings: due.Settings, Secrets: map[string]notify.Secret{}}
		for name, secret := range due.Secrets {
			to.Secrets[name] = notify.NewSecret(secret)
		}
		a, err := r.sender.Send(ctx, to, due.Message, "")
		require.NoError(t, err)
		require.NoError(t, r.f.RecordDelivery(ctx, due, store.Tried{At: a.At, Took: a.Took, Outcome: a.Outcome, Request: []byte("[]"), Response: []byte("[]")}))
	}
}

// While a silence that was made in a browser lasts, nothing is sent; what still
// lasts when it is undone is sent then.
func TestSilencedMessagesAreNotDelivered(t *testing.T) {
	f := newFixture(t).decides()
	r := newMuteReceiver(t, f)
	f.silences("service", "checkout-api", "environment", "production", "family", "5xx", "starts_at", "now-1h", "for", "4h", "reason", "incident #1")
	f.outage("checkout-api", true)
	assert.Empty(t, r.deliver())
	list, _, err := f.Deliveries(t.Context(), store.DefaultWorkspace, store.DeliveryFilter{}, 10, "")
	require.NoError(t, err)
	assert.Empty(t, list, "nor is anything kept to be sent later")
	p := f.get("/i/1")
	assert.Contains(t, words(p.Find(".silenced")), "by ada: incident #1")
	assert.Contains(t, words(p.Find(".timeline")), "no message: incident #1")
	assert.Contains(t, words(f.get("/alerts/silences").Find(".silences li")), "It has kept 1 message back so far.")

	f.incidentDeed("do", "unsilence", "silence", f.currentSilences()[0].ID)
	_, err = f.EvaluateAlerts(t.Context(), time.Now())
	require.NoError(t, err)
	assert.Equal(t, []string{"incident.firing"}, r.deliver())
}

// The link in a message leads to the button, which somebody presses.
func TestSilenceLinkOfAMessage(t *testing.T) {
	f := newFixture(t).decides()
	r := newMuteReceiver(t, f)
	f.outage("checkout-api", true)
	require.Equal(t, []string{"incident.firing"}, r.deliver())
	found := regexp.MustCompile(`Silence 1h: (\S+)`).FindStringSubmatch(r.texts[0])
	require.Len(t, found, 2, r.texts[0])
	res := f.get(strings.TrimPrefix(found[1], f.server.URL))
	require.Equal(t, http.StatusSeeOther, res.code)
	asked := f.get(res.header.Get("Location"))
	require.Equal(t, 200, asked.code)
	button := asked.Find("form:has([name=do][value=silence]) [autofocus].main")
	assert.Equal(t, "Silence 1 h", words(button))
	assert.Empty(t, f.currentSilences(), "following a link changes nothing")
	f.incidentDeed("do", "silence", button.AttrOr("name", ""), button.AttrOr("value", ""))
	assert.Len(t, f.currentSilences(), 1)
}
