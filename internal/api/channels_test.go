package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/fault"
	"errata/internal/store"
)

type channelList struct{ Channels []store.Channel }

type deliveryList struct {
	Deliveries []store.Delivery
	Next       *string
}

// hands are a Courier's, in front of a real store: how the real one sends is
// another package's business.
type hands struct {
	*fixture
	store *store.Store
}

func (hands) Check(spec store.ChannelSpec) error {
	if spec.Kind != "webhook" {
		return fault.New(fault.Unprocessable, "validation_failed", "The 'kind' field must be one of webhook").With("field", "kind")
	}
	return nil
}

func (h hands) Test(ctx context.Context, actor store.Actor, ws int32, channel string) (d store.DeliveryDetail, err error) {
	due, err := h.store.ClaimTest(ctx, actor, ws, channel, "https://errata.example")
	if err != nil {
		return d, err
	}
	tried := store.Tried{Outcome: "give_up", Error: "404", Request: json.RawMessage(`[{"url":"https://example.com"}]`), Response: json.RawMessage(`[{"status":404}]`)}
	if err := h.store.RecordDelivery(ctx, due, tried); err != nil {
		return d, err
	}
	return h.store.Delivery(ctx, ws, due.ID)
}

func newChannelFixture(t *testing.T) *issueFixture {
	t.Helper()
	f := newIssueFixture(t)
	f.engine = engine(Deps{Store: f.store, Keys: auth.NewKeyring(f.store.KeyByHash, 0), Courier: hands{f.fixture, f.store}, Logger: slog.New(slog.DiscardHandler)})
	return f
}

const opsChannel = `{"name":"ops","kind":"webhook","settings":{"url":"https://example.com/x"},"secrets":{"secret":"whsec_hush"},"level":"page"}`

func TestChannels(t *testing.T) {
	f := newChannelFixture(t)
	code := func(w *httptest.ResponseRecorder) string {
		c, _ := errorOf(t, w)
		return c
	}
	assert.JSONEq(t, `{"channels":[]}`, f.get("/v1/alerts/channels").Body.String())
	assert.Equal(t, 403, f.call(http.MethodPost, "/v1/alerts/channels", readKey, opsChannel).Code)
	w := f.call(http.MethodPost, "/v1/alerts/channels", adminKey, opsChannel)
	require.Equal(t, 201, w.Code, w.Body)
	ops := decode[store.Channel](t, w)
	assert.Equal(t, []any{"the admin key", 20, true, "secret"}, []any{ops.UpdatedBy, ops.Hourly, ops.Enabled, ops.Secrets[0]})
	assert.Equal(t, "channel_name_taken", code(f.call(http.MethodPost, "/v1/alerts/channels", adminKey, opsChannel)))
	for body, field := range map[string]string{
		`{"kind":"webhook"}`: "name", `{"name":"a","kind":"pigeon"}`: "kind", `{"name":"a","kind":"webhook","level":"loud"}`: "level", `{"name":"a","kind":"webhook","hourly":0}`: "hourly",
		`{"name":"a","kind":"webhook","fallback":"x"}`: "fallback", `{"name":"a","kind":"webhook","colour":"red"}`: "colour",
	} {
		_, details := errorOf(t, f.call(http.MethodPost, "/v1/alerts/channels", adminKey, body))
		assert.Equal(t, field, details["field"], body)
	}
	path := "/v1/alerts/channels/" + ops.ID
	w = f.call(http.MethodPut, path, adminKey, `{"name":"operations","kind":"webhook","hourly":5}`)
	require.Equal(t, 200, w.Code, w.Body)
	set := decode[store.Channel](t, w)
	assert.Equal(t, []any{"operations", 5, []string{"secret"}}, []any{set.Name, set.Hourly, set.Secrets})
	assert.Equal(t, set, decode[store.Channel](t, f.get(path)))
	assert.Len(t, decode[channelList](t, f.get("/v1/alerts/channels")).Channels, 1)
	for _, w := range []*httptest.ResponseRecorder{f.get("/v1/alerts/channels"), f.get(path), w} {
		assert.NotContains(t, w.Body.String(), "hush")
	}
	assert.Equal(t, 403, f.call(http.MethodDelete, path, readKey, "").Code)
	assert.Equal(t, 204, f.call(http.MethodDelete, path, adminKey, "").Code)
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		assert.Equal(t, "channel_not_found", code(f.call(method, path, adminKey, "")))
	}
	assert.Equal(t, "channel_not_found", code(f.call(http.MethodPost, path+"/test", adminKey, "")))
	assert.Equal(t, 422, f.get("/v1/alerts/channels?name=x").Code)
}

func TestDeliveries(t *testing.T) {
	f := newChannelFixture(t)
	ops := decode[store.Channel](t, f.call(http.MethodPost, "/v1/alerts/channels", adminKey, opsChannel))
	assert.Equal(t, 403, f.call(http.MethodPost, "/v1/alerts/channels/"+ops.ID+"/test", readKey, "").Code)
	var last store.DeliveryDetail
	for range 3 {
		w := f.call(http.MethodPost, "/v1/alerts/channels/"+ops.ID+"/test", adminKey, "")
		require.Equal(t, 200, w.Code, w.Body)
		last = decode[store.DeliveryDetail](t, w)
	}
	assert.Equal(t, []any{store.Dead, "404", 1}, []any{last.State, last.Error, len(last.Tries)})
	page := decode[deliveryList](t, f.get("/v1/alerts/deliveries?limit=2&channel="+ops.ID+"&state=dead"))
	require.Len(t, page.Deliveries, 2)
	assert.Equal(t, last.ID, page.Deliveries[0].ID)
	require.NotNil(t, page.Next)
	page = decode[deliveryList](t, f.get("/v1/alerts/deliveries?limit=2&cursor="+*page.Next))
	assert.Len(t, page.Deliveries, 1)
	assert.Nil(t, page.Next)
	assert.Empty(t, decode[deliveryList](t, f.get("/v1/alerts/deliveries?state=sent")).Deliveries)
	assert.Equal(t, last, decode[store.DeliveryDetail](t, f.get("/v1/alerts/deliveries/"+last.ID)))

	again := "/v1/alerts/deliveries/" + last.ID + "/redeliver"
	assert.Equal(t, 403, f.call(http.MethodPost, again, readKey, "").Code)
	code, _ := errorOf(t, f.call(http.MethodPost, again, adminKey, ""))
	assert.Equal(t, "delivery_not_sendable", code, "a test")
	code, _ = errorOf(t, f.get("/v1/alerts/deliveries/nonsense"))
	assert.Equal(t, "delivery_not_found", code)
	for _, q := range []string{"state=lost", "channel=x", "incident=x", "cursor=x", "who=x"} {
		assert.Equal(t, 422, f.get("/v1/alerts/deliveries?"+q).Code, q)
	}
}
