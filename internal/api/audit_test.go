package api

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

func TestAudit(t *testing.T) {
	f := newIssueFixture(t)
	require.Equal(t, 200, f.call("GET", "/v1/requests/req_billing", readKey, "").Code)
	require.Equal(t, 200, f.call("POST", "/v1/lookup", readKey, `{"text":"jane@example.com says req_search and req_nowhere failed"}`).Code)
	assert.Equal(t, 403, f.call("GET", "/v1/audit", readKey, "").Code)
	type log struct {
		Audit []store.AuditRow
		Next  *string
	}
	w := f.call("GET", "/v1/audit?action=request.view&limit=1", adminKey, "")
	require.Equal(t, 200, w.Code, w.Body)
	first := decoded[log](t, w)
	require.Len(t, first.Audit, 1)
	require.NotNil(t, first.Next)
	assert.Equal(t, "the read key", first.Audit[0].Actor.Label)
	rest := decoded[log](t, f.call("GET", "/v1/audit?action=request.view&limit=5&cursor="+*first.Next, adminKey, ""))
	assert.Len(t, rest.Audit, 1, "one for each that was found")
	all := f.call("GET", "/v1/audit?from=now-1h&to=now", adminKey, "").Body.String()
	assert.NotContains(t, all, "jane")
	assert.NotContains(t, all, "req_nowhere")
	for _, bad := range []string{"from=x", "limit=0", "cursor=x", "who=x"} {
		assert.Equal(t, 422, f.call("GET", "/v1/audit?"+bad, adminKey, "").Code, bad)
	}
}
