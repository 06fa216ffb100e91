package web

import (
	"archive/zip"
	"bytes"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/desk"
	"errata/internal/notify"
	"errata/internal/slack"
	"errata/internal/store"
)

const signingHush = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

// deskOf is the real one, which may talk to this machine.
func deskOf(s *store.Store) *desk.Desk {
	return desk.New(desk.Deps{Store: s, Sender: notify.New(notify.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), SlackAPI: "http://127.0.0.1:1/api"})
}

func TestIntegrationsAreForAdmins(t *testing.T) {
	f := newFixture(t).signIn()
	assert.Zero(t, f.get("/").Find(`a[href="/settings/integrations"]`).Length())
	for _, path := range []string{"/settings/integrations", "/settings/integrations/new?kind=slack", "/settings/integrations/x"} {
		assert.Equal(t, http.StatusForbidden, f.get(path).code, path)
	}
	assert.Equal(t, http.StatusForbidden, f.post("/settings/integrations/new", nil, "kind", "slack", "name", "x").code)
	list, err := f.Integrations(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.Empty(t, list)
}

func TestIntegrationPages(t *testing.T) {
	f := newFixture(t).decides()
	assert.Equal(t, 1, f.get("/").Find(`nav a[href="/settings/integrations"]`).Length())
	empty := f.get("/settings/integrations")
	assert.Equal(t, 2, empty.Find(".kinds a").Length())
	requireSound(t, empty)
	fresh := f.get("/settings/integrations/new?kind=slack")
	assert.Contains(t, fresh.Find("#manifest").Text(), "links:write")
	assert.NotContains(t, fresh.Find("#manifest").Text(), "url:")
	assert.Equal(t, http.StatusSeeOther, f.get("/settings/integrations/new?kind=pigeon").code)

	refused := f.post("/settings/integrations/new", nil, "kind", "slack", "name", "desk", "account", "acme", "secrets.signing_secret", signingHush)
	assert.Equal(t, http.StatusUnprocessableEntity, refused.code)
	assert.Equal(t, 1, refused.Find("#f-account[aria-invalid]").Length())
	requireSound(t, refused)
	assert.NotContains(t, refused.body, signingHush, "what is secret goes only in")
	assert.Equal(t, http.StatusUnprocessableEntity, f.post("/settings/integrations/new", nil, "kind", "pigeon", "name", "x").code)

	added := f.post("/settings/integrations/new", nil, "kind", "slack", "name", "desk", "account", "T0DESK0001", "secrets.signing_secret", signingHush, "secrets.bot_token", "xoxb-1234567890-hushhush", "unfurl", "1", "enabled", "1")
	require.Equal(t, http.StatusSeeOther, added.code, added.body)
	path, _, _ := strings.Cut(added.header.Get("Location"), "?")
	page := f.get(added.header.Get("Location"))
	assert.Contains(t, page.Find("[role=status]").Text(), "The integration is there")
	requireSound(t, page)
	id := strings.TrimPrefix(path, "/settings/integrations/")
	assert.Contains(t, page.Find("#manifest").Text(), f.server.URL+"/integrations/slack/"+id+"/commands")
	assert.Contains(t, page.Find("#manifest").Text(), f.server.URL+"/integrations/slack/"+id+"/events")
	for _, hush := range []string{signingHush, "xoxb-1234567890-hushhush"} {
		assert.NotContains(t, page.body, hush)
	}
	tested := f.post(path, nil, "do", "test")
	assert.Equal(t, http.StatusOK, tested.code)
	assert.Contains(t, tested.Find("section[aria-labelledby=tested] .warn").Text(), "The bot token does not work")

	saved := f.post(path, nil, "do", "save", "name", "help desk", "account", "T0DESK0001", "customers", "1", "forget.bot_token", "1")
	require.Equal(t, http.StatusSeeOther, saved.code, saved.body)
	i, err := f.Integration(t.Context(), store.DefaultWorkspace, id)
	require.NoError(t, err)
	assert.Equal(t, []any{"help desk", true, false, false, []string{store.SigningSecret}}, []any{i.Name, i.Customers, i.Unfurl, i.Enabled, i.Secrets})
	assert.Equal(t, http.StatusUnprocessableEntity, f.post(path, nil, "do", "save", "name", "", "account", "T0DESK0001").code)
	require.NoError(t, f.NoteIntegration(t.Context(), store.DefaultWorkspace, id, "A request was <refused>"))
	assert.Contains(t, f.get("/settings/integrations").Find("td").Text(), "A request was <refused>")
	assert.Equal(t, http.StatusNotFound, f.get(path+"/errata-zendesk.zip").code)

	assert.Equal(t, http.StatusUnprocessableEntity, f.post(path, nil, "do", "remove").code)
	assert.Equal(t, http.StatusUnprocessableEntity, f.post(path, nil, "do", "dance").code)
	assert.Equal(t, "/settings/integrations?done=removed", f.post(path, nil, "do", "remove", "sure", "1").header.Get("Location"))
	assert.Equal(t, http.StatusNotFound, f.get(path).code)
	cross := map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
	assert.Equal(t, http.StatusForbidden, f.post("/settings/integrations/new", cross, "kind", "zendesk", "name", "z", "account", "acme").code)
}

func TestZendeskPages(t *testing.T) {
	f := newFixture(t).decides()
	added := f.post("/settings/integrations/new", nil, "kind", "zendesk", "name", "tickets", "account", "acme", "enabled", "1")
	require.Equal(t, http.StatusSeeOther, added.code, added.body)
	path, _, _ := strings.Cut(added.header.Get("Location"), "?")
	assert.Contains(t, f.get(path).Find("section[aria-labelledby=token]").Text(), "There is none, so nobody is answered.")
	made := f.post(path, nil, "do", "token")
	require.Equal(t, http.StatusOK, made.code)
	requireSound(t, made)
	token := made.Find("#made").Text()
	assert.Regexp(t, `^erz_[\w-]{43}$`, token)
	assert.Equal(t, "no-store", made.header.Get("Cache-Control"))
	assert.NotContains(t, f.get(path).body, token, "only once")
	assert.Contains(t, f.get(path).Find("section[aria-labelledby=token]").Text(), "There is one since")
	app := f.get(path + "/errata-zendesk.zip")
	assert.Equal(t, "application/zip", app.header.Get("Content-Type"))
	z, err := zip.NewReader(bytes.NewReader([]byte(app.body)), int64(len(app.body)))
	require.NoError(t, err)
	assert.Equal(t, "manifest.json", z.File[0].Name)
	assert.NotContains(t, app.body, token)
	assert.Equal(t, path+"?done=ended", f.post(path, nil, "do", "end").header.Get("Location"))
	assert.Contains(t, f.post(path, nil, "do", "test").Find("[role=status]").Text(), "There is no token yet")
}

// Every template runs with every string hostile, and lets none of it act.
func TestNothingEscapesFromIntegrations(t *testing.T) {
	w := &web{Deps: Deps{Now: time.Now}, assets: loadAssets(), pages: loadPages()}
	when := moment{evil, evil, evil}
	fr := frame{Title: evil, User: evil, CSS: w.assets.url("style.css"), JS: w.assets.url("errata.js"), Admin: true}
	sick := health{Tone: evil, Word: evil, Why: evil, Failing: when}
	w.requireHarmless(t, "integrations", integrationsPage{fr, evil, []integrationRow{{evil, evil, evil, evil, sick}}, []integrationKind{{evil, evil, evil, evil}}, false})
	w.requireHarmless(t, "integrations", integrationsPage{frame: fr, Kinds: []integrationKind{{evil, evil, evil, evil}}, Full: true})
	wrong := map[string]string{"name": evil, "account": evil, "secrets.signing_secret": evil, "secrets.bot_token": evil}
	for _, kind := range []string{store.Slack, store.Zendesk, evil} {
		for _, fresh := range []bool{true, false} {
			form := &integrationForm{Action: evil, Kind: evil, Name: evil, Account: evil, New: fresh, Set: map[string]bool{"signing_secret": true, "bot_token": true}, Wrong: wrong}
			w.requireHarmless(t, "integration", integrationPage{frame: fr, Name: evil, Kind: kind, System: evil, About: evil, Path: evil, Done: evil, Problem: evil, Form: form, Health: sick, Used: when,
				Tested: &slack.Check{Message: evil}, Addresses: []row{{evil, evil}}, Manifest: evil, Guessed: true, Token: evil, TokenAt: when, RemoveWrong: evil})
		}
	}
}

// Somebody adds one by keyboard, and the pages fit every screen.
func TestBrowserIntegrations(t *testing.T) {
	f := newFixture(t)
	b := newBrowser(t)
	f.signInBrowser(b)
	b.run(chromedp.Navigate(f.server.URL+"/settings/integrations"), wait("/settings/integrations"))
	b.picture("integrations-empty")
	b.run(chromedp.KeyEvent("j"))
	require.True(t, b.truth(`document.activeElement.textContent === "Slack"`))
	b.press("Enter", "Enter")
	b.run(wait("/settings/integrations/new"), chromedp.Focus(chromedp.CSS("#f-name")))
	b.picture("integration-new")
	b.run(chromedp.KeyEvent("desk"+kb.Tab), chromedp.KeyEvent("T0DESK0001"+kb.Tab), chromedp.KeyEvent(signingHush+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#tested")))
	assert.NotContains(t, get(b, chromedp.Evaluate[string](`document.documentElement.outerHTML`)), signingHush)
	assert.True(t, b.truth(`!document.querySelector("[data-copy=manifest]").hidden`))
	slackPage := get(b, chromedp.Evaluate[string](`location.pathname`))
	z, err := f.AddIntegration(t.Context(), store.System, store.DefaultWorkspace, store.IntegrationSpec{Kind: store.Zendesk, Name: "an-integration-with-a-name-that-goes-on-and-on-and-does-not-break-anywhere", Account: "acme", Enabled: true})
	require.NoError(t, err)
	require.NoError(t, f.NoteIntegration(t.Context(), store.DefaultWorkspace, z.ID, "A page showed a token that is not this integration's"))
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for name, path := range map[string]string{"list": "/settings/integrations", "slack": slackPage, "zendesk": integrationPath(z.ID), "new": "/settings/integrations/new?kind=zendesk"} {
			for device, width := range map[string]int64{"phone": 360, "wide": 1200} {
				b.run(chromedp.EmulateViewport(width, 844), chromedp.Navigate(f.server.URL+path))
				require.True(t, b.truth(`document.readyState === "complete" && !!document.querySelector("main h1")`), path)
				assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways at %d", path, width)
				assert.Empty(t, get(b, chromedp.Evaluate[[]string](faint)), "%s %s", scheme, path)
				b.picture("integrations-" + name + "-" + scheme + "-" + device)
			}
		}
	}
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(f.server.URL+integrationPath(z.ID)), chromedp.Click(chromedp.CSS("[value=token]")), chromedp.WaitVisible(chromedp.CSS("#made")))
	b.requireQuiet()
}
