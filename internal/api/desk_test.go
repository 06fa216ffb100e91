package api

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/store"
)

func TestDesk(t *testing.T) {
	f := newIssueFixture(t)
	const path = "/v1/requests/req_billing"
	d := decoded[store.Desk](t, f.call("GET", path+"/desk", readKey, ""))
	assert.Equal(t, []any{store.DeskNew, f.ids[0], 0, 0}, []any{d.Status, d.IssueID, len(d.Notes), len(d.Tickets)})

	w := f.call("POST", path+"/notes", readKey, `{"body":"see https://acme.zendesk.com/agent/tickets/4411"}`)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	d = decoded[store.Desk](t, w)
	require.Len(t, d.Notes, 1)
	assert.Equal(t, "the read key", d.Notes[0].Author)
	require.Len(t, d.Tickets, 1)
	assert.Equal(t, "#4411", d.Tickets[0].Key)
	w = f.call("POST", path+"/tickets", readKey, `{"url":"https://github.com/acme/api/pull/9#x"}`)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	assert.Len(t, decoded[store.Desk](t, w).Issue, 2)
	w = f.call("PUT", path+"/status", readKey, `{"status":"answered"}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	assert.Equal(t, store.DeskAnswered, decoded[store.Desk](t, w).Status)

	issue := decoded[event.IssueDetail](t, f.call("GET", "/v1/issues/"+f.ids[0], readKey, ""))
	require.Len(t, issue.Tickets, 2)
	assert.Equal(t, "req_billing", issue.Tickets[0].RequestID)

	assert.Equal(t, http.StatusNoContent, f.call("DELETE", path+"/tickets?url="+url.QueryEscape("https://github.com/acme/api/pull/9"), readKey, "").Code)
	assert.Equal(t, http.StatusNoContent, f.call("DELETE", path+"/notes/"+d.Notes[0].ID, readKey, "").Code)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/notes", `{"body":""}`, 422}, {"POST", "/notes", `{"text":"x"}`, 422}, {"POST", "/notes", `{`, 400},
		{"POST", "/tickets", `{"url":"https://github.com.evil.test/a/b/issues/1"}`, 422}, {"DELETE", "/tickets?url=x", "", 404}, {"DELETE", "/tickets?ur=x", "", 422},
		{"PUT", "/status", `{"status":"done"}`, 422}, {"DELETE", "/notes/nope", "", 404}, {"DELETE", "/notes/" + d.Notes[0].ID, "", 404},
	} {
		assert.Equal(t, c.status, f.call(c.method, path+c.path, readKey, c.body).Code, "%s %s %s", c.method, c.path, c.body)
	}
	for _, missing := range []string{"/desk", "/notes/x"} {
		method := map[string]string{"/desk": "GET", "/notes/x": "DELETE"}[missing]
		assert.Equal(t, http.StatusNotFound, f.call(method, "/v1/requests/req_nope"+missing, readKey, "").Code)
	}
	w = f.call("POST", path+"/notes", adminKey, `{"body":"by the admin"}`)
	require.Equal(t, http.StatusCreated, w.Code)
	assert.Equal(t, http.StatusForbidden, f.call("DELETE", path+"/notes/"+decoded[store.Desk](t, w).Notes[0].ID, readKey, "").Code)
}
