package api

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShares(t *testing.T) {
	f := newIssueFixture(t)
	const path = "/v1/requests/req_billing/shares"
	assert.Equal(t, 403, f.call("POST", path, readKey, `{}`).Code)
	assert.Equal(t, 403, f.call("GET", "/v1/shares", readKey, "").Code)
	assert.JSONEq(t, `{"public_links":false,"shares":[]}`, f.call("GET", "/v1/shares", adminKey, "").Body.String())
	assert.Equal(t, 409, f.call("POST", path, adminKey, `{}`).Code)
	assert.Equal(t, 422, f.call("PUT", "/v1/shares", adminKey, `{}`).Code)
	assert.Equal(t, 200, f.call("PUT", "/v1/shares", adminKey, `{"public_links":true}`).Code)
	w := f.call("POST", path, adminKey, `{"days":3}`)
	require.Equal(t, 201, w.Code, w.Body)
	made := decoded[struct{ ID, Path string }](t, w)
	assert.Regexp(t, `^/s/erv_[\w-]{43}$`, made.Path)
	assert.NotContains(t, f.call("GET", "/v1/shares", adminKey, "").Body.String(), made.Path)
	assert.Equal(t, 422, f.call("POST", path, adminKey, `{"days":31}`).Code)
	assert.Equal(t, 404, f.call("POST", "/v1/requests/req_nope/shares", adminKey, `{}`).Code)
	assert.Equal(t, 204, f.call("DELETE", "/v1/shares/"+made.ID, adminKey, "").Code)
	assert.Equal(t, 404, f.call("DELETE", "/v1/shares/"+made.ID, adminKey, "").Code)
}
