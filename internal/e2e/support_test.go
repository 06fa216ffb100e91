package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/pgtest"
)

// A span with an exception, whose answer says nothing but a code, and the call below
// it: what support gets over the API and on the page has nothing of either.
func TestSupportSeesNothingOfTheInside(t *testing.T) {
	p := launch(t, pgtest.New(t).URL)
	at := time.Now().Add(-time.Minute).UnixNano()
	attr := func(key, value string) string {
		return fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, key, value)
	}
	span := func(service, id, parent, attrs, exception string) string {
		return fmt.Sprintf(`{"resource":{"attributes":[%s]},"scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":%q,"parentSpanId":%q,"name":"POST /v1/orders","kind":2,
			"startTimeUnixNano":"%d","endTimeUnixNano":"%d","status":{"code":2,"message":"inner status"},
			"attributes":[{"key":"http.response.status_code","value":{"intValue":"500"}},%s,%s,%s],
			"events":[{"name":"exception","timeUnixNano":"%d","attributes":[%s,%s,%s]}]}]}]}`,
			attr("service.name", service), id, parent, at, at+1e6, attr("http.request.method", "POST"), attr("http.route", "/v1/orders"), attrs,
			at, attr("exception.type", exception), attr("exception.message", "inner "+service+" at 10.0.3.7"), attr("exception.stacktrace", "inner.go:83"))
	}
	status, body := p.post("/v1/traces", p.ingestKey, "application/json", `{"resourceSpans":[`+
		span("shop", "00f067aa0ba902b1", "", attr("errata.envelope", `{"error":{"code":"internal_error","request_id":"req_inside1"}}`), "InnerShopError")+","+
		span("ledger", "00f067aa0ba902b2", "00f067aa0ba902b1", attr("http.request.header.x-inner", "inner"), "InnerLedgerError")+`]}`)
	require.Equal(t, http.StatusOK, status, body)

	api := "http://" + p.HTTPAddr
	status, body = p.do(http.MethodPost, api+"/v1/keys", p.readKey, "application/json", `{"name":"mia","scopes":["support"]}`)
	require.Equal(t, http.StatusCreated, status, body)
	var made struct{ Secret string }
	require.NoError(t, json.Unmarshal([]byte(body), &made))

	_, whole := p.get("/v1/requests/req_inside1")
	require.Contains(t, whole, "inner.go:83", "engineers see it")
	require.Contains(t, whole, "inner ledger at 10.0.3.7")
	status, body = p.do(http.MethodGet, api+"/v1/requests/req_inside1?include=blast_radius,links", made.Secret, "", "")
	require.Equal(t, http.StatusOK, status, body)
	assert.NotContains(t, strings.ToLower(body), "inner")
	assert.Contains(t, body, "The failure began in ledger: 500 Internal Server Error.")
	for _, closed := range []string{"/v1/events", "/v1/issues", "/v1/stats/top?measure=errors&by=code", "/v1/links", "/v1/catalog/export", "/v1/keys"} {
		status, _ = p.do(http.MethodGet, api+closed, made.Secret, "", "")
		assert.Equal(t, http.StatusForbidden, status, closed)
	}

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	shown := func(res *http.Response, err error) (int, string) {
		require.NoError(t, err)
		defer res.Body.Close() //nolint:errcheck // only read
		raw, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(raw)
	}
	open := func(path string) (int, string) { return shown(browser.Get(api + path)) }      //nolint:noctx // a moment, on loopback
	status, body = shown(browser.PostForm(api+"/login", url.Values{"key": {made.Secret}})) //nolint:noctx // a moment, on loopback
	require.Equal(t, http.StatusOK, status, body)
	status, body = open("/r/req_inside1")
	assert.Equal(t, http.StatusOK, status)
	assert.NotContains(t, strings.ToLower(body), "inner")
	assert.NotContains(t, body, "10.0.3.7")
	for _, closed := range []string{"/r/req_inside1?view=full", "/events", "/d", "/settings/links"} {
		status, body = open(closed)
		assert.Equal(t, http.StatusForbidden, status, closed)
		assert.NotContains(t, body, "inner.go", closed)
	}
}
