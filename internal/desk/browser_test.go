package desk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/desk"
	"errata/internal/store"
)

// zendesk is a page on an origin of its own that frames the sidebar and speaks the
// app framework's side, as far as it is public: the handshake, get and invoke.
const zendesk = `<!doctype html><html lang="en"><title>Ticket</title><iframe id="app" title="app" width="340" height="900"></iframe><script>
var said = [], settings = {token: %q}, ticket = %s;
addEventListener("message", function (e) {
  var app = document.getElementById("app");
  if (e.source !== app.contentWindow) return;
  var m = JSON.parse(e.data);
  said.push(m);
  var answer = function (v) { app.contentWindow.postMessage(JSON.stringify(v), e.origin); };
  if (m.key === "iframe.handshake") answer({key: "zaf.app.registered", message: {metadata: {settings: settings}, context: {}}});
  if (m.request === "get") answer({id: m.id, result: ticket});
  if (m.request === "invoke") answer({id: m.id, result: {}});
});
document.getElementById("app").src = %q + "?origin=" + encodeURIComponent(location.origin) + "&app_guid=guid-1";
</script></html>`

// frames serves such a page.
func (f *fixture) frames(path, token string, ticket map[string]any) *httptest.Server {
	f.t.Helper()
	doc, err := json.Marshal(ticket)
	require.NoError(f.t, err)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, zendesk, token, doc, f.server.URL+path)
	}))
	f.t.Cleanup(s.Close)
	return s
}

// browser is a tab of a real Chromium, and what it complained of.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string
	places   map[string]runtime.ExecutionContextID // where scripts of an origin run
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "these tests need a real Chromium: install the package chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(380, 960))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, places: map[string]runtime.ExecutionContextID{}}
	require.NoError(t, chromedp.Listen(ctx, func(ev any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch ev := ev.(type) {
		case *runtime.EventExecutionContextCreated:
			b.places[ev.Context.Origin] = ev.Context.ID
		case *runtime.EventExceptionThrown:
			b.problems = append(b.problems, ev.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			b.problems = append(b.problems, ev.Entry.Text)
		case *runtime.EventConsoleAPICalled:
			b.problems = append(b.problems, "console."+string(ev.Type))
		}
	}))
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	return b
}

func call[P, R any](b *browser, cmd cdp.Command[P, R], params P) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, cmd, params)
	require.NoError(b.t, err)
}

func (b *browser) complaints() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.problems, "\n")
}

func (b *browser) goTo(address string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, chromedp.Navigate(address)))
}

func eval[T any](b *browser, script string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script))
}

func (b *browser) until(script string) bool {
	b.t.Helper()
	for end := time.Now().Add(15 * time.Second); ; {
		ok, err := eval[bool](b, script)
		if err == nil && ok {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("ERRATA_SCREENSHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o600))
}

// A page on the one origin that may frames the sidebar, which reads the ticket,
// looks it up, and puts a reply into it.
func TestBrowserSidebar(t *testing.T) {
	allowed := ""
	f := newFixture(t, func(_ *fixture, d *desk.Deps) {
		d.Now, d.Frames = time.Now, func(string) []string { return []string{allowed} }
	})
	f.samples()
	path, token, _ := f.addZendesk()
	require.NoError(t, f.AddTicket(t.Context(), ada, store.DefaultWorkspace, f.kept("req_9f3a21").EventID, "https://acme.zendesk.com/agent/tickets/4400"))
	evil := `<img src=x onerror="parent.said.push('script')"><script>parent.said.push("script")</script>`
	host := f.frames(path, token, map[string]any{
		"ticket.id": 4411, "ticket.subject": "It does not work", "ticket.description": "<p>Hello, since lunch:</p><p>X-Request-Id: req_9f3a21</p><div>and</div>" + evil,
		"ticket.comments":     []any{map[string]any{"value": "<p>also</p><p>req_nobody1</p>"}},
		"ticket.conversation": []any{map[string]any{"message": map[string]any{"content": "and <b>req_edge1</b><br>sk_live_abcdefgh12345678"}}}, "errors": map[string]any{},
	})
	allowed = host.URL
	b := newBrowser(t)
	b.goTo(host.URL)
	require.True(t, b.until(`said.some(function (m) { return m.request === "invoke" && m.params.resize; })`), "%s", b.complaints())
	b.picture("sidebar-light")
	frame := f.inFrame(b)
	assert.Equal(t, "2 requests", frame(`document.querySelector("#status").textContent`))
	all := frame(`document.querySelector("main").innerText`)
	for _, want := range []string{"went over", "429 rate_limit_exceeded", "customer ac…", "What to do", "Reply to the customer", "Put into the reply", "502 provider_error", "No failure found under req_nobody1", "looks like a live key"} {
		assert.Contains(t, all, want)
	}
	assert.NotContains(t, all, "acme-incorporated")
	assert.Equal(t, f.server.URL+"/r/req_9f3a21", frame(`document.querySelector("article > p > a").href`))
	assert.Equal(t, "_blank noopener noreferrer", frame(`document.querySelector("article > p > a").target + " " + document.querySelector("article > p > a").rel`))
	assert.Equal(t, "0", frame(`String(document.cookie.length + localStorage.length + sessionStorage.length)`))
	assert.Equal(t, "true", frame(`String(document.documentElement.scrollWidth <= innerWidth)`), "it scrolls sideways")

	frame(`document.querySelector("article button").click(), ""`)
	require.True(t, b.until(`said.some(function (m) { return m.request === "invoke" && m.params["comment.appendText"] && m.params["comment.appendText"][0].length > 40; })`))
	// The ticket is linked to the request, and to no other one.
	assert.Contains(t, all, "1 ticket on this issue")
	assert.Equal(t, "https://acme.zendesk.com/agent/tickets/4400 noopener noreferrer", frame(`document.querySelector("article li a[target]").href + " " + document.querySelector("article li a[target]").rel`))
	frame(`[...document.querySelectorAll("article button")].find(function (b) { return b.textContent === "Link this ticket"; }).click(), ""`)
	f.until("it is linked", func() bool {
		return strings.Contains(frame(`document.activeElement.textContent`), "This ticket is linked to the request.")
	})
	b.picture("sidebar-linked")
	assert.Contains(t, frame(`document.querySelector("article").innerText`), "2 tickets on this issue")
	assert.Equal(t, "true", frame(`String(document.documentElement.scrollWidth <= innerWidth)`))
	require.Len(t, f.kept("req_9f3a21").Tickets, 2)
	assert.Equal(t, "https://acme.zendesk.com/agent/tickets/4411", f.kept("req_9f3a21").Tickets[1].URL)
	assert.Empty(t, f.kept("req_edge1").Tickets)
	frame(`document.querySelector("#text").value = "req_9f3a21 " + "ä".repeat(190000), document.querySelector("#ask").requestSubmit(), ""`)
	f.until("the beginning", func() bool {
		return strings.Contains(frame(`document.querySelector("main").innerText`), "only its beginning was looked through")
	})
	assert.Equal(t, "1 request", frame(`document.querySelector("#status").textContent`))
	frame(`document.querySelector("#text").value = "req_9F3A2l", document.querySelector("#ask").requestSubmit(), ""`)
	f.until("the other answer", func() bool { return frame(`document.querySelector("#status").textContent`) == "No failure found" })
	assert.Contains(t, frame(`document.querySelector("main").innerText`), "Did you mean req_9f3a21?")
	said, err := eval[string](b, `JSON.stringify(said)`)
	require.NoError(t, err)
	assert.NotContains(t, said, `"script"`, "what is in a ticket runs nothing")
	assert.NotContains(t, said, token, "the page says its token to nobody")
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	b.goTo(host.URL)
	require.True(t, b.until(`said.some(function (m) { return m.request === "invoke" && m.params.resize; })`))
	b.picture("sidebar-dark")
	assert.Empty(t, b.complaints())
	assert.NotContains(t, f.log.String(), token)
}

// inFrame runs scripts that give a string in the page that is framed.
func (f *fixture) inFrame(b *browser) func(script string) string {
	return func(script string) string {
		f.t.Helper()
		b.mu.Lock()
		place, ok := b.places[f.server.URL]
		b.mu.Unlock()
		require.True(f.t, ok, "nothing is framed")
		r, err := chromedp.Call(b.ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: script, ContextID: place})
		require.NoError(f.t, err)
		require.Nil(f.t, r.ExceptionDetails, script)
		var out string
		require.NoError(f.t, json.Unmarshal([]byte(r.Result.Value), &out), script)
		return out
	}
}

// What is typed may be what a customer is called.
func TestBrowserSidebarFindsCustomers(t *testing.T) {
	allowed := ""
	f := newFixture(t, func(_ *fixture, d *desk.Deps) {
		d.Now, d.Frames = time.Now, func(string) []string { return []string{allowed} }
	})
	f.samples()
	const evil = `<img src=x onerror="parent.said.push('script')">`
	for id, name := range map[string]string{"acme-incorporated": "Acme Ltd", "x" + evil: "Acme ltd"} {
		_, err := f.SetCustomerName(t.Context(), ada, store.DefaultWorkspace, id, name)
		require.NoError(t, err)
	}
	path, token, _ := f.addZendesk(func(s *store.IntegrationSpec) { s.Customers = true })
	host := f.frames(path, token, map[string]any{"ticket.id": 4411, "ticket.subject": "Acme Ltd", "errors": map[string]any{}})
	allowed = host.URL
	b := newBrowser(t)
	b.goTo(host.URL)
	require.True(t, b.until(`said.some(function (m) { return m.request === "invoke" && m.params.resize; })`), "%s", b.complaints())
	frame := f.inFrame(b)
	frame(`document.querySelector("#text").value = "ACME ltd", document.querySelector("#ask").requestSubmit(), ""`)
	f.until("the customers", func() bool { return frame(`document.querySelector("#status").textContent`) == "2 customers" })
	assert.Equal(t, "Acme Ltd acme-incorporated Open in Errata", strings.Join(strings.Fields(frame(`document.querySelector("article").innerText`)), " "))
	assert.Equal(t, f.server.URL+"/customers/acme-incorporated", frame(`document.querySelector("article a").href`))
	assert.Equal(t, "true", frame(`String(document.documentElement.scrollWidth <= innerWidth)`))
	b.picture("sidebar-customers")
	said, err := eval[string](b, `JSON.stringify(said)`)
	require.NoError(t, err)
	assert.NotContains(t, said, `"script"`)
	assert.Empty(t, b.complaints())
}

// Another origin gets an empty frame: the browser refuses it, since the page says
// who may.
func TestBrowserSidebarElsewhere(t *testing.T) {
	f := newFixture(t, func(_ *fixture, d *desk.Deps) { d.Now = time.Now }) // as configured: https://acme.zendesk.com
	f.samples()
	path, token, _ := f.addZendesk()
	host := f.frames(path, token, map[string]any{"ticket.subject": "req_9f3a21"})
	b := newBrowser(t)
	b.goTo(host.URL)
	f.until("it is refused", func() bool { return strings.Contains(b.complaints(), "frame-ancestors https://acme.zendesk.com") })
	none, err := eval[bool](b, `said.length === 0`)
	require.NoError(t, err)
	assert.True(t, none)
	assert.NotContains(t, f.audited(), "request.view")

	// Opened by itself it says where it belongs, and asks nobody.
	b.goTo(f.server.URL + path)
	require.True(t, b.until(`document.querySelector("#status").textContent.startsWith("This page belongs beside a ticket")`))
	b.goTo(f.server.URL + path + "?origin=" + host.URL + "&app_guid=g")
	require.True(t, b.until(`document.querySelector("#status").textContent.startsWith("This page belongs beside a ticket")`), "not the origin that the address names")
}

// A token that is not right is said, and nothing is shown.
func TestBrowserSidebarRefused(t *testing.T) {
	allowed := ""
	f := newFixture(t, func(_ *fixture, d *desk.Deps) {
		d.Now, d.Frames = time.Now, func(string) []string { return []string{allowed} }
	})
	f.samples()
	path, _, _ := f.addZendesk()
	host := f.frames(path, "erz_wrong", map[string]any{"ticket.subject": "req_9f3a21"})
	allowed = host.URL
	b := newBrowser(t)
	b.goTo(host.URL)
	require.True(t, b.until(`said.some(function (m) { return m.request === "invoke"; })`))
	assert.Contains(t, f.inFrame(b)(`document.querySelector("#status").textContent`), "The token is not this integration's")
}
