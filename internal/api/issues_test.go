package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/normalize"
	"errata/internal/pgtest"
	"errata/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// issueFixture is the API over a real store with three issues: of billing,
// auth and search, the last one the latest.
type issueFixture struct {
	*fixture
	store *store.Store
	ids   []string
}

func newIssueFixture(t *testing.T) *issueFixture {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{URL: pgtest.New(t).AppURL})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	for scope, secret := range map[auth.Scope]string{auth.Ingest: ingestKey, auth.Support: supportKey, auth.Read: readKey, auth.Admin: adminKey} {
		require.NoError(t, s.EnsureKey(t.Context(), store.DefaultWorkspace, "the "+string(scope)+" key", []auth.Scope{scope}, secret))
	}
	f := &issueFixture{fixture: &fixture{t: t}, store: s}
	f.engine = engine(Deps{Store: s, Keys: auth.NewKeyring(s.KeyByHash, 0)})
	for i, service := range []string{"billing", "auth", "search"} {
		e := f.send(event.Envelope{
			Service: service, Status: 500, Method: "POST", Endpoint: "/v1/x", FallbackCode: "boom", FallbackMessage: "order 17 is gone", RequestID: "req_" + service,
			OccurredAt: time.Now().Add(-time.Duration(10-i) * time.Minute), Customer: "acme", Release: "v1",
		})
		f.ids = append(f.ids, e.IssueID)
	}
	return f
}

func (f *issueFixture) send(env event.Envelope) event.Event {
	f.t.Helper()
	env.Source = event.FromHTTP
	p, err := normalize.Item(env, store.DefaultWorkspace, time.Now())
	require.NoError(f.t, err)
	_, err = f.store.Write(f.t.Context(), []identity.Part{p})
	require.NoError(f.t, err)
	return p.Event
}

func decoded[T any](t *testing.T, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v), "%s", w.Body)
	return v
}

type issueList struct {
	Issues []event.Issue
	Next   *string
}

func (f *issueFixture) list(query string) (services []string) {
	f.t.Helper()
	w := f.call("GET", "/v1/issues?"+query, readKey, "")
	require.Equal(f.t, http.StatusOK, w.Code, w.Body)
	for _, i := range decoded[issueList](f.t, w).Issues {
		services = append(services, i.Service)
	}
	return services
}

func TestIssues(t *testing.T) {
	f := newIssueFixture(t)
	assert.Equal(t, []string{"search", "auth", "billing"}, f.list(""))
	assert.Equal(t, []string{"auth"}, f.list("service=auth&status=5xx&family=us&state=open,resolved&assignee=-&from=now-1h&to=now"))
	assert.Equal(t, []string{"billing"}, f.list("q="+url.QueryEscape(`is:unresolved -service:auth,search "order 17"`)))
	assert.Empty(t, f.list("state=resolved"))
	assert.Empty(t, f.list("state=unresolved&to=now-1d"))
	assert.Len(t, f.list("state=unresolved&sort=events"), 3)

	day := f.call("GET", "/v1/issues?service=billing", readKey, "").Body.String()
	assert.Contains(t, day, `"customers":1,"customers_exact":true`)
	assert.Contains(t, f.call("GET", "/v1/issues?service=billing&from=now-8d", readKey, "").Body.String(), `"customers":null`)

	first := decoded[issueList](t, f.call("GET", "/v1/issues?limit=2", readKey, ""))
	require.NotNil(t, first.Next)
	rest := decoded[issueList](t, f.call("GET", "/v1/issues?limit=2&cursor="+*first.Next, readKey, ""))
	require.Len(t, rest.Issues, 1)
	assert.Equal(t, "billing", rest.Issues[0].Service)
	assert.Nil(t, rest.Next)

	for query, field := range map[string]string{
		"customer=acme": "customer", "state=old": "state", "sort=size": "sort", "status=x": "status", "limit=201": "limit", "q=customer:acme": "q",
		"cursor=x": "cursor", "q=" + strings.Repeat("x", 501): "q", "from=now&to=now-1h": "from",
	} {
		w := f.call("GET", "/v1/issues?"+query, readKey, "")
		assert.Equal(t, http.StatusUnprocessableEntity, w.Code, query)
		assert.Contains(t, w.Body.String(), `"field":"`+field+`"`, query)
	}
}

func TestIssueOverTheAPI(t *testing.T) {
	f := newIssueFixture(t)
	path := "/v1/issues/" + f.ids[0]
	d := decoded[event.IssueDetail](t, f.call("GET", path, readKey, ""))
	assert.Equal(t, "req_billing", d.Samples[0].RequestID)
	assert.Equal(t, "order <*> is gone", d.Template)
	assert.Len(t, d.Similar, 2)

	for body, want := range map[string]string{
		`{"state":"resolved","resolved_in":"v2"}`:                                              `"resolved_in":"v2"`,
		`{"state":"ignored","ignore_until":"now+3d","ignore_events":100,"ignore_customers":5}`: `"ignore_events":100`,
		`{"state":"open","assignee":"mia"}`:                                                    `"assignee":"mia"`,
	} {
		w := f.call("PATCH", path, adminKey, body)
		assert.Equal(t, http.StatusOK, w.Code, w.Body)
		assert.Contains(t, w.Body.String(), want)
	}
	w := f.call("POST", path+"/comments", adminKey, `{"body":"the ledger is full"}`)
	assert.Equal(t, http.StatusCreated, w.Code, w.Body)
	assert.Contains(t, w.Body.String(), "the ledger is full")
	const ticket = "https://jira.example.com/OPS-1?a=b"
	w = f.call("POST", path+"/tickets", adminKey, fmt.Sprintf(`{"url":%q}`, ticket))
	assert.Equal(t, http.StatusCreated, w.Code, w.Body)
	d = decoded[event.IssueDetail](t, w)
	assert.Equal(t, ticket, d.Tickets[0].URL)
	assert.Equal(t, "the admin key", d.Activity[0].Actor)
	assert.Equal(t, http.StatusNoContent, f.call("DELETE", path+"/tickets?url="+url.QueryEscape(ticket), adminKey, "").Code)
	assert.Equal(t, http.StatusNotFound, f.call("DELETE", path+"/tickets?url="+url.QueryEscape(ticket), adminKey, "").Code)

	merged := f.call("PATCH", path, adminKey, fmt.Sprintf(`{"merged_into":%q}`, f.ids[1]))
	assert.Equal(t, f.ids[1], decoded[event.IssueDetail](t, merged).ID)
	w = f.call("PATCH", path, adminKey, `{"state":"resolved"}`)
	assert.Equal(t, http.StatusConflict, w.Code)
	assert.Contains(t, w.Body.String(), f.ids[1])
	assert.Equal(t, f.ids[0], decoded[event.IssueDetail](t, f.call("PATCH", path, adminKey, `{"merged_into":null}`)).ID)
}

func TestIssueMistakes(t *testing.T) {
	f := newIssueFixture(t)
	path := "/v1/issues/" + f.ids[0]
	for body, field := range map[string]string{
		`{}`: "state", `{"state":"regressed"}`: "state", `{"state":7}`: "state", `{"resolved_in":"v1"}`: "resolved_in", `{"merged_into":""}`: "merged_into",
		`{"merged_into":7}`: "merged_into", `{"merged_into":"x"}`: "merged_into", `{"state":"ignored","ignore_until":"soon"}`: "ignore_until",
		`{"state":"ignored","ignore_until":"now-1d"}`: "ignore_until", `{"stat":"open"}`: "stat",
	} {
		w := f.call("PATCH", path, adminKey, body)
		assert.Equal(t, http.StatusUnprocessableEntity, w.Code, body)
		assert.Contains(t, w.Body.String(), `"field":"`+field+`"`, body)
	}
	assert.Equal(t, http.StatusUnprocessableEntity, f.call("POST", path+"/comments", adminKey, `{"body":" "}`).Code)
	assert.Equal(t, http.StatusUnprocessableEntity, f.call("POST", path+"/tickets", adminKey, `{"url":"javascript:x"}`).Code)
	nobody := "/v1/issues/00000000-0000-7000-8000-000000000000"
	for _, c := range []struct{ method, path, body string }{
		{"GET", nobody, ""}, {"GET", "/v1/issues/x", ""}, {"PATCH", nobody, `{"state":"open"}`}, {"POST", nobody + "/comments", `{"body":"x"}`},
		{"POST", nobody + "/tickets", `{"url":"https://x.test/"}`}, {"DELETE", nobody + "/tickets?url=x", ""},
	} {
		w := f.call(c.method, c.path, adminKey, c.body)
		assert.Equal(t, http.StatusNotFound, w.Code, "%s %s", c.method, c.path)
	}
	for _, c := range []struct{ method, path string }{
		{"PATCH", path}, {"PATCH", "/v1/issues"}, {"POST", path + "/comments"}, {"POST", path + "/tickets"}, {"DELETE", path + "/tickets?url=x"},
	} {
		assert.Equal(t, http.StatusForbidden, f.call(c.method, c.path, readKey, `{"state":"resolved"}`).Code, "reading is not deciding")
	}
}

func TestChangeIssuesInBulk(t *testing.T) {
	f := newIssueFixture(t)
	require.Equal(t, http.StatusOK, f.call("PATCH", "/v1/issues/"+f.ids[1], adminKey, fmt.Sprintf(`{"merged_into":%q}`, f.ids[0])).Code)
	body := fmt.Sprintf(`{"ids":[%q,%q,"x",%q],"state":"resolved","assignee":"mia"}`, f.ids[2], f.ids[1], f.ids[0])
	w := f.call("PATCH", "/v1/issues", adminKey, body)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	got := decoded[struct{ Results []changed }](t, w)
	var codes []string
	for _, r := range got.Results {
		code := "ok"
		if r.Error != nil {
			code = r.Error.Code
		}
		codes = append(codes, code)
	}
	assert.Equal(t, []string{"ok", "issue_merged", "issue_not_found", "ok"}, codes)
	assert.Equal(t, []string{"search", "billing"}, f.list("state=resolved&assignee=mia"))
	many := `{"state":"open","ids":[` + strings.Repeat(`"x",`, 100) + `"x"]}`
	for _, body := range []string{`{"state":"open"}`, `{"ids":[],"state":"open"}`, many} {
		assert.Equal(t, http.StatusUnprocessableEntity, f.call("PATCH", "/v1/issues", adminKey, body).Code)
	}
}
