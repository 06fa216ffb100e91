package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/event"
)

type catalogAnswer struct {
	Entry       *entryView
	Explanation catalog.Explanation
}

func TestCatalog(t *testing.T) {
	f := newIssueFixture(t)
	const path = "/v1/catalog/billing/LedgerDrift"
	before := decode[catalogAnswer](t, f.get(path+"?status=409"))
	assert.Nil(t, before.Entry)
	assert.Equal(t, []string{"status", "general"}, []string{before.Explanation.Source, before.Explanation.For})

	const body = `{"title":"The books differ","plain":"Two postings disagree.","side":"us","replies":{"fix":"Hello, [{request_id} ]is looked into."},"source_refs":["a.go:8"],"repo_url":"https://git.example/{path}#L{line}"}`
	assert.Equal(t, 403, f.call(http.MethodPut, path, readKey, body).Code, "readers write nothing")
	w := f.call(http.MethodPut, path, adminKey, body)
	require.Equal(t, 200, w.Code, w.Body)
	assert.Equal(t, `"1"`, w.Header().Get("ETag"))
	assert.Equal(t, "ledger_drift", decode[entryView](t, w).Code)
	after := f.get(path)
	assert.Equal(t, `"1"`, after.Header().Get("ETag"))
	said := decode[catalogAnswer](t, after)
	assert.Equal(t, "the admin key", said.Entry.UpdatedBy)
	assert.Equal(t, []string{"code", "for billing", "The books differ"}, []string{said.Explanation.Source, said.Explanation.For, said.Explanation.Title})

	// What was read before somebody else wrote does not overwrite it.
	for _, w := range []*httptest.ResponseRecorder{
		f.call(http.MethodPut, path, adminKey, body+" "), f.call(http.MethodPut, path, adminKey, body, "If-Match", `"7"`), f.call(http.MethodPut, path, adminKey, body, "If-None-Match", "*"),
		f.call(http.MethodDelete, path, adminKey, "", "If-Match", `"2"`), f.call(http.MethodPost, path+"/revert", adminKey, `{"to":1,"version":2}`),
	} {
		assert.Equal(t, 409, w.Code, w.Body)
		assert.Contains(t, w.Body.String(), `"catalog_entry_changed"`)
		assert.Contains(t, w.Body.String(), `"version":1`)
	}
	second := strings.Replace(body, "The books", "Books", 1)
	require.Equal(t, 200, f.call(http.MethodPut, path, adminKey, second, "If-Match", `"1"`).Code)
	require.Equal(t, 200, f.call(http.MethodPut, path, adminKey, `{"version":2,`+body[1:]).Code)
	for _, bad := range []string{`{"title":"x"}`, `{"title":"x","plain":"y","replies":{"fix":"{tea}"}}`, `{"version":-1}`} {
		assert.Equal(t, 422, f.call(http.MethodPut, path, adminKey, bad).Code, bad)
	}
	assert.Equal(t, 422, f.call(http.MethodPut, path, adminKey, body, "If-Match", "abc").Code)

	history := decode[struct {
		History []revisionView
		Next    *string
	}](t, f.get(path+"/history?limit=2"))
	require.Len(t, history.History, 2)
	assert.Equal(t, 3, history.History[0].Version)
	assert.Equal(t, []string{"title"}, history.History[0].Fields)
	require.NotNil(t, history.Next)
	assert.Contains(t, f.get(path+"/history?cursor="+*history.Next).Body.String(), `"version":1`)
	require.Equal(t, 200, f.call(http.MethodPost, path+"/revert", adminKey, `{"to":2}`).Code)
	assert.Equal(t, 404, f.call(http.MethodPost, path+"/revert", adminKey, `{"to":99}`).Code)
	assert.Equal(t, "Books differ", decode[catalogAnswer](t, f.get(path)).Explanation.Title)
	require.Equal(t, 204, f.call(http.MethodDelete, path, adminKey, "").Code)
	assert.Equal(t, 404, f.call(http.MethodDelete, path, adminKey, "").Code)
	assert.Nil(t, decode[catalogAnswer](t, f.get(path)).Entry)
	assert.Equal(t, 422, f.get("/v1/catalog/billing/%3F").Code)

	all := f.get("/v1/catalog?include=built_in&service=any")
	require.Equal(t, 200, all.Code)
	assert.Contains(t, all.Body.String(), `"of":"x-api-key"`)
	assert.Equal(t, 422, f.get("/v1/catalog?include=all").Code)
}

// A request is explained by what its workspace wrote.
func TestRequestsUseTheCatalogue(t *testing.T) {
	f := newIssueFixture(t)
	const body = `{"title":"Boom","plain":"The order is gone.","replies":{"fix":"Hello[, {request_id}] is looked into."},"owner":"team-orders"}`
	require.Equal(t, 200, f.call(http.MethodPut, "/v1/catalog/billing/boom", adminKey, body).Code)
	for service, want := range map[string]string{"billing": "for billing", "auth": "general"} {
		trail := decode[struct {
			Explanation catalog.Explanation
			Replies     []catalog.Reply
		}](t, f.get("/v1/requests/req_"+service))
		assert.Equal(t, want, trail.Explanation.For)
		require.Len(t, trail.Replies, 3)
		assert.Equal(t, service == "billing", trail.Replies[0].Text == "Hello, req_billing is looked into.", trail.Replies[0].Text)
	}
}

func TestUndocumented(t *testing.T) {
	f := newIssueFixture(t)
	f.send(event.Envelope{Service: "billing", Status: 500, FallbackCode: "internal_error", OccurredAt: time.Now().Add(-5 * time.Minute)})
	_, err := f.store.RollUp(t.Context(), time.Now())
	require.NoError(t, err)
	type list struct {
		Codes []undocumentedCode
		More  int
	}
	got := decode[list](t, f.get("/v1/catalog/undocumented"))
	require.Len(t, got.Codes, 1, "what has an entry is no work")
	boom := got.Codes[0]
	assert.Equal(t, []any{"boom", event.FamilyUs, int64(3)}, []any{boom.Code, boom.Family, boom.Failures})
	require.NotNil(t, boom.Customers)
	assert.InDelta(t, 1, *boom.Customers, 0)
	assert.WithinDuration(t, time.Now(), boom.LastSeen.Time, 25*time.Hour)

	require.Equal(t, 200, f.call(http.MethodPut, "/v1/catalog/billing/boom", adminKey, `{"title":"Boom","plain":"p"}`).Code)
	assert.Empty(t, decode[list](t, f.get("/v1/catalog/undocumented")).Codes)
	assert.Empty(t, decode[list](t, f.get("/v1/catalog/undocumented?service=billing")).Codes)
	assert.Len(t, decode[list](t, f.get("/v1/catalog/undocumented?service=auth")).Codes, 1, "another service has none")
}

func TestCatalogFiles(t *testing.T) {
	f := newIssueFixture(t)
	const file = "entries:\n  - service: billing\n    code: boom\n    title: Boom\n    plain: The order is gone.\n"
	yaml := func(path, key, body string) *httptest.ResponseRecorder {
		return f.call(http.MethodPost, path, key, body, "Content-Type", "application/yaml")
	}
	bad := yaml("/v1/catalog/plan", readKey, "entries:\n  - code: boom\n    titel: x\n  - code: baz\n")
	assert.Equal(t, 422, bad.Code)
	assert.Contains(t, bad.Body.String(), `"line":3`)
	assert.Contains(t, bad.Body.String(), `entries[1].title`)
	plan := decode[planView](t, yaml("/v1/catalog/plan", readKey, file))
	require.Len(t, plan.Changes, 1)
	assert.Equal(t, catalog.Create, plan.Changes[0].Act)
	assert.Equal(t, "entries: []\n", f.get("/v1/catalog/export").Body.String(), "looking changes nothing")
	assert.Equal(t, 403, yaml("/v1/catalog/import?plan="+plan.Plan, readKey, file).Code)
	assert.Equal(t, 422, yaml("/v1/catalog/import", adminKey, file).Code)
	assert.Equal(t, 409, yaml("/v1/catalog/import?plan=0123", adminKey, file).Code)
	assert.Equal(t, 422, yaml("/v1/catalog/plan?prune=maybe", readKey, file).Code)
	applied := yaml("/v1/catalog/import?plan="+plan.Plan, adminKey, file)
	require.Equal(t, 200, applied.Code, applied.Body)
	assert.True(t, decode[planView](t, applied).Applied)
	export := f.get("/v1/catalog/export").Body.String()
	assert.Equal(t, file, export)
	pruned := decode[planView](t, yaml("/v1/catalog/plan?prune=true", readKey, "entries: []\n"))
	assert.Equal(t, catalog.Remove, pruned.Changes[0].Act)
	assert.Len(t, decode[planView](t, yaml("/v1/catalog/plan", readKey, "entries: []\n")).Left, 1)
}
