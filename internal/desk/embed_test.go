package desk_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/brief"
	"errata/internal/store"
)

// addZendesk gives the path of an integration and its token.
func (f *fixture) addZendesk(change ...func(*store.IntegrationSpec)) (path, token string, i store.Integration) {
	f.t.Helper()
	spec := store.IntegrationSpec{Kind: store.Zendesk, Name: "tickets" + strings.Repeat("!", len(change)), Account: "acme", Enabled: true}
	for _, fn := range change {
		fn(&spec)
	}
	i, err := f.AddIntegration(f.t.Context(), ada, store.DefaultWorkspace, spec)
	require.NoError(f.t, err)
	token, err = f.desk.MakeToken(f.t.Context(), ada, store.DefaultWorkspace, i.ID)
	require.NoError(f.t, err)
	return "/embed/zendesk/" + i.ID, token, i
}

func (f *fixture) get(path string) reply {
	f.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, f.server.URL+path, nil)
	require.NoError(f.t, err)
	return f.send(req)
}

func (f *fixture) open(path, token string) string {
	f.t.Helper()
	r := f.post(path+"/session", "", "Authorization", "Bearer "+token)
	require.Equal(f.t, http.StatusOK, r.status, r.body)
	var s struct{ Session string }
	require.NoError(f.t, json.Unmarshal([]byte(r.body), &s))
	return s.Session
}

func TestSidebarPage(t *testing.T) {
	f := newFixture(t)
	path, _, _ := f.addZendesk()
	r := f.get(path + "?origin=https://acme.zendesk.com&app_guid=g")
	require.Equal(t, http.StatusOK, r.status)
	assert.Equal(t, "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors https://acme.zendesk.com", r.header.Get("Content-Security-Policy"))
	assert.Empty(t, r.header.Get("X-Frame-Options"), "it could only say no")
	assert.Equal(t, []string{"no-store", "no-referrer", ""}, []string{r.header.Get("Cache-Control"), r.header.Get("Referrer-Policy"), r.header.Get("Set-Cookie")})
	for _, inline := range []string{"<style", "style=", "onclick", "http://", "https://static"} {
		assert.NotContains(t, r.body, inline)
	}
	off, _, _ := f.addZendesk(func(s *store.IntegrationSpec) { s.Enabled = false })
	for _, other := range []string{off, "/embed/zendesk/00000000-0000-0000-0000-000000000000", "/embed/zendesk/" + f.addSlack().ID, path + "x"} {
		r := f.get(other)
		assert.Contains(t, []int{403, 404}, r.status, other)
		assert.Contains(t, r.header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	}
	for _, file := range []string{"/embed/static/sidebar.js", "/embed/static/..%2ftemplates%2fsidebar.html"} {
		assert.Equal(t, 404, f.get(file).status, file)
	}
}

func TestEmbeddedLookUp(t *testing.T) {
	f := newFixture(t)
	f.samples()
	path, token, i := f.addZendesk()
	session := f.open(path, token)
	look := func(session, body string) reply {
		return f.post(path+"/lookup", body, "Authorization", "Bearer "+session, "Content-Type", "application/json")
	}
	r := look(session, `{"text":"Hello, X-Request-Id: req_9f3a21 and req_nobody1"}`)
	require.Equal(t, http.StatusOK, r.status, r.body)
	var b brief.Brief
	require.NoError(t, json.Unmarshal([]byte(r.body), &b))
	require.Len(t, b.Cards, 1)
	assert.Equal(t, []string{"req_9f3a21", "/r/req_9f3a21", "ac…"}, []string{b.Cards[0].ID, b.Cards[0].Path, b.Cards[0].Customer})
	assert.Equal(t, "never_seen", b.Absent[0].Reason)
	assert.NotContains(t, r.body, "acme-incorporated")
	assert.NotContains(t, r.body, "mia@acme.example")
	assert.Contains(t, f.audited(), "zendesk "+i.ID+" Zendesk acme request.view")
	assert.NotNil(t, f.integration(i.ID).LastUsedAt)
	assert.Empty(t, b.Customers)
	_, err := f.SetCustomerName(t.Context(), ada, store.DefaultWorkspace, "acme-incorporated", "Acme Ltd")
	require.NoError(t, err)
	assert.NotContains(t, look(session, `{"text":"Acme Ltd"}`).body, "incorporated", "this integration masks names")
	for body, code := range map[string]string{``: "invalid_request", `[]`: "invalid_request", `{}`: "invalid_request", `{"text":"x"}{}`: "invalid_request", `{"text":"` + strings.Repeat("x", 300<<10) + `"}`: "payload_too_large"} {
		assert.Equal(t, code, look(session, body).code(t), "%.20s", body)
	}
	for _, secret := range []string{token, session} {
		assert.NotContains(t, f.log.String(), secret)
		assert.NotContains(t, f.audited(), secret)
	}
}

func TestEmbeddedTokens(t *testing.T) {
	f := newFixture(t)
	f.samples()
	path, token, i := f.addZendesk()
	other, _, _ := f.addZendesk(func(*store.IntegrationSpec) {})
	session := f.open(path, token)
	refused := func(what, path, key string) {
		t.Helper()
		r := f.post(path, `{"text":"req_9f3a21"}`, "Authorization", "Bearer "+key)
		assert.Equal(t, 401, r.status, what)
		assert.Equal(t, "embed_unauthorized", r.code(t), what)
	}
	for what, key := range map[string]string{"nothing": "", "a guess": "erz_x", "more": token + "x", "the session": session} {
		refused(what, path+"/session", key)
	}
	refused("another integration's", other+"/session", token)
	refused("another integration's", other+"/lookup", session)
	refused("the token itself", path+"/lookup", token)
	end, sum, _ := strings.Cut(strings.TrimPrefix(session, "ers_"), "_")
	for what, key := range map[string]string{"cut": session[:len(session)-2], "longer": session + "00", "no sum": "ers_" + end + "_", "later": "ers_9" + end[1:] + "_" + sum, "empty": "ers__"} {
		refused(what, path+"/lookup", key)
	}
	assert.Equal(t, 200, f.post(path+"/lookup", `{"text":"req_9f3a21"}`, "Authorization", "Bearer "+session).status)

	f.wind(15*time.Minute + time.Second)
	refused("it has ended", path+"/lookup", session)
	session = f.open(path, token)
	fresh, err := f.desk.MakeToken(t.Context(), ada, store.DefaultWorkspace, i.ID)
	require.NoError(t, err)
	refused("replaced", path+"/session", token)
	refused("its token was replaced", path+"/lookup", session)
	assert.Contains(t, f.integration(i.ID).LastError, "showed a token that is not")
	session = f.open(path, fresh)
	_, err = f.SetIntegrationToken(t.Context(), ada, store.DefaultWorkspace, i.ID, nil)
	require.NoError(t, err)
	refused("taken away", path+"/session", fresh)
	refused("its token was taken away", path+"/lookup", session)
	refused("no hash", path+"/lookup", "ers_"+end+"_"+sum)

	c, err := f.desk.TestIntegration(t.Context(), ada, store.DefaultWorkspace, i.ID)
	require.NoError(t, err)
	assert.Contains(t, c.Message, "There is no token yet")
}

// The page is small: agents open many tickets.
func TestSidebarIsSmall(t *testing.T) {
	f := newFixture(t)
	path, _, _ := f.addZendesk()
	page := f.get(path).body
	for file, budget := range map[string]int{"sidebar.css": 2 << 10, "sidebar.js": 5 << 10} {
		at := regexp.MustCompile(`/embed/static/` + strings.ReplaceAll(file, ".", `\.[0-9a-f]{12}\.`)).FindString(page)
		require.NotEmpty(t, at, file)
		r := f.get(at)
		require.Equal(t, http.StatusOK, r.status)
		assert.Equal(t, "public, max-age=31536000, immutable", r.header.Get("Cache-Control"))
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(r.body))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		assert.Less(t, b.Len(), budget, file)
	}
}

// One integration asks so often, and no more; who may not ask uses nothing up.
func TestEmbeddedLookUpsAreBounded(t *testing.T) {
	f := newFixture(t)
	path, token, _ := f.addZendesk()
	for range 100 {
		require.Equal(t, 401, f.post(path+"/session", "", "Authorization", "Bearer erz_guess").status)
	}
	f.open(path, token)
	for n := 0; ; n++ {
		require.Less(t, n, 10_000)
		r := f.post(path+"/session", "", "Authorization", "Bearer "+token)
		if r.status != http.StatusOK {
			assert.Equal(t, []any{429, "rate_limit_exceeded"}, []any{r.status, r.code(t)})
			assert.NotEmpty(t, r.header.Get("Retry-After"))
			return
		}
	}
}
