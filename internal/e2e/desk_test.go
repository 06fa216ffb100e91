package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/config"
	"errata/internal/pgtest"
)

// What a service reports is answered in Slack and beside a ticket, by integrations
// that an admin added over the API.
func TestAskingFromSlackAndZendesk(t *testing.T) {
	p := launchWith(t, pgtest.New(t).URL, t.TempDir(), func(c *config.Config) { c.PublicURL = "https://errata.example" })
	status, body := p.post("/v1/errors", p.ingestKey, "application/json", `{"service":"billing","status":429,"customer":"acme-incorporated","envelope":{"error":{"code":"rate_limit_exceeded","request_id":"req_desk1"}}}`)
	require.Equal(t, http.StatusOK, status, body)
	ask := func(method, path, body string, header ...string) (int, http.Header, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.HTTPAddr+path, strings.NewReader(body))
		require.NoError(t, err)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close() //nolint:errcheck // read to its end
		all, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, res.Header, string(all)
	}
	admin := func(method, path, body string) (out struct{ ID, Token string }) {
		t.Helper()
		status, _, said := ask(method, path, body, "X-Api-Key", p.readKey, "Content-Type", "application/json")
		require.Equal(t, http.StatusCreated, status, said)
		require.NoError(t, json.Unmarshal([]byte(said), &out))
		return out
	}

	const secret = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	slack := admin(http.MethodPost, "/v1/integrations", `{"kind":"slack","name":"desk","account":"T0DESK0001","secrets":{"signing_secret":"`+secret+`"}}`)
	form := url.Values{"command": {"/errata"}, "text": {"what is req_desk1 ?"}, "team_id": {"T0DESK0001"}, "user_id": {"U1"}, "user_name": {"mia"}}.Encode()
	at := fmt.Sprint(time.Now().Unix())
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + at + ":" + form))
	status, _, said := ask(http.MethodPost, "/integrations/slack/"+slack.ID+"/commands", form, "X-Slack-Request-Timestamp", at, "X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	require.Equal(t, http.StatusOK, status, said)
	assert.Contains(t, said, "429 rate_limit_exceeded")
	assert.Contains(t, said, "https://errata.example/r/req_desk1")
	assert.NotContains(t, said, "acme-incorporated")

	zendesk := admin(http.MethodPost, "/v1/integrations", `{"kind":"zendesk","name":"tickets","account":"acme"}`)
	token := admin(http.MethodPost, "/v1/integrations/"+zendesk.ID+"/token", "").Token
	page := "/embed/zendesk/" + zendesk.ID
	status, header, _ := ask(http.MethodGet, page, "")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, header.Get("Content-Security-Policy"), "frame-ancestors https://acme.zendesk.com")
	status, _, said = ask(http.MethodPost, page+"/session", "", "Authorization", "Bearer "+token)
	require.Equal(t, http.StatusOK, status, said)
	var s struct{ Session string }
	require.NoError(t, json.Unmarshal([]byte(said), &s))
	status, _, said = ask(http.MethodPost, page+"/lookup", `{"text":"the customer says req_desk1"}`, "Authorization", "Bearer "+s.Session)
	require.Equal(t, http.StatusOK, status, said)
	assert.Contains(t, said, `"id":"req_desk1"`)
	assert.NotContains(t, said, "acme-incorporated")
}
