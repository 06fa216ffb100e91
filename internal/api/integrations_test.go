package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/desk"
	"errata/internal/slack"
	"errata/internal/store"
)

const slackDesk = `{"name":"desk","kind":"slack","account":"T0DESK0001","secrets":{"signing_secret":"0f1e2d3c4b5a69788796a5b4c3d2e1f0"}}`

func TestIntegrations(t *testing.T) {
	f := newIssueFixture(t)
	f.engine = engine(Deps{Store: f.store, Keys: auth.NewKeyring(f.store.KeyByHash, 0), Desk: desk.New(desk.Deps{Store: f.store}), Logger: slog.New(slog.DiscardHandler)})
	admin := func(method, target, body string) *httptest.ResponseRecorder {
		return f.call(method, target, adminKey, body)
	}
	code := func(w *httptest.ResponseRecorder) string {
		c, _ := errorOf(t, w)
		return c
	}
	const all = "/v1/integrations"
	assert.JSONEq(t, `{"integrations":[]}`, admin(http.MethodGet, all, "").Body.String())
	w := admin(http.MethodPost, all, slackDesk)
	require.Equal(t, 201, w.Code, w.Body)
	one := decode[store.Integration](t, w)
	assert.Equal(t, []any{"the admin key", true, true, false, []string{"signing_secret"}}, []any{one.UpdatedBy, one.Enabled, one.Unfurl, one.Customers, one.Secrets})
	path := all + "/" + one.ID
	for _, target := range []string{"GET " + all, "POST " + all, "GET " + path, "PUT " + path, "DELETE " + path, "POST " + path + "/test", "POST " + path + "/token", "DELETE " + path + "/token"} {
		method, to, _ := strings.Cut(target, " ")
		assert.Equal(t, "forbidden", code(f.call(method, to, readKey, "")), target)
	}
	assert.Equal(t, "integration_name_taken", code(admin(http.MethodPost, all, slackDesk)))
	_, details := errorOf(t, admin(http.MethodPost, all, `{"name":"a","kind":"slack","account":"acme"}`))
	assert.Equal(t, "account", details["field"])
	assert.Equal(t, "no_embed_token", code(admin(http.MethodPost, path+"/token", "")))
	assert.Equal(t, slack.Check{Message: "There is no bot token, so links are not unfurled. No request of Slack's has come in yet: type the command in Slack."}, decode[slack.Check](t, admin(http.MethodPost, path+"/test", "")))
	w = admin(http.MethodPut, path, `{"name":"help","account":"T0DESK0001","customers":true,"unfurl":false}`)
	require.Equal(t, 200, w.Code, w.Body)
	set := decode[store.Integration](t, w)
	assert.Equal(t, []any{"help", "slack", true, false, []string{"signing_secret"}}, []any{set.Name, set.Kind, set.Customers, set.Unfurl, set.Secrets})
	for _, target := range []string{all, path} {
		assert.NotContains(t, admin(http.MethodGet, target, "").Body.String(), "0f1e2d3c")
	}

	zendesk := decode[store.Integration](t, admin(http.MethodPost, all, `{"name":"tickets","kind":"zendesk","account":"acme"}`))
	w = admin(http.MethodPost, all+"/"+zendesk.ID+"/token", "")
	require.Equal(t, 201, w.Code, w.Body)
	token := decode[struct{ Token string }](t, w).Token
	assert.Regexp(t, `^erz_[\w-]{43}$`, token)
	w = admin(http.MethodGet, all+"/"+zendesk.ID, "")
	assert.NotNil(t, decode[store.Integration](t, w).TokenAt)
	assert.NotContains(t, w.Body.String(), token)
	assert.Equal(t, 204, admin(http.MethodDelete, all+"/"+zendesk.ID+"/token", "").Code)

	assert.Equal(t, 204, admin(http.MethodDelete, path, "").Code)
	for _, target := range []string{"GET " + path, "DELETE " + path, "POST " + path + "/test"} {
		method, to, _ := strings.Cut(target, " ")
		assert.Equal(t, "integration_not_found", code(admin(method, to, "")), target)
	}
}
