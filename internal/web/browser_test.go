package web

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/store"
)

// browser is a tab of a real Chromium, and what went wrong in it.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	require.NotEmpty(t, path, "these tests need a real Chromium: install the package chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(1200, 900))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, b.hear))
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	return b
}

func (b *browser) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, ev.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError || ev.Entry.Level == log.EntryLevelWarning {
			b.problems = append(b.problems, ev.Entry.Text)
		}
	case *runtime.EventConsoleAPICalled:
		b.problems = append(b.problems, "console."+string(ev.Type))
	}
}

// deed is something that the user or the page does.
type deed = chromedp.Action[chromedp.Void]

// patience is how long one group of steps may take.
const patience = 30 * time.Second

func (b *browser) run(steps ...deed) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, steps...))
}

func get[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	require.NoError(b.t, err)
	return v
}

func call[P, R any](b *browser, cmd cdp.Command[P, R], params P) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, cmd, params)
	require.NoError(b.t, err)
}

// requireQuiet fails when the console said anything.
func (b *browser) requireQuiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Empty(b.t, b.problems)
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	return strings.Join(strings.Fields(get(b, chromedp.Text(chromedp.CSS(selector)))), " ")
}

// truth gives a page a moment to make something true: focus and style follow
// after it has loaded.
func (b *browser) truth(script string) bool {
	b.t.Helper()
	for end := time.Now().Add(5 * time.Second); ; {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script))
		cancel()
		if (err == nil && ok) || time.Now().After(end) {
			require.NoError(b.t, err)
			return ok
		}
	}
}

// press is one key as a keyboard sends it, where a script that takes the key
// keeps its character from being typed.
func (b *browser) press(key, code string) {
	b.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		params := input.DispatchKeyEventParams{Type: kind, Key: key, Code: code}
		if kind == input.DispatchKeyEventTypeKeyDown {
			params.Text = strings.ReplaceAll(key, "Enter", kb.Enter)
		}
		call(b, input.DispatchKeyEvent, params)
	}
}

// picture keeps a screenshot where $ERRATA_SCREENSHOTS says, for people.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("ERRATA_SCREENSHOTS")
	if dir == "" {
		return
	}
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), get(b, chromedp.FullScreenshot(100)), 0o600))
}

func (b *browser) scheme(value string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
}

// wait waits until a page with that path is there and loaded. While one page
// gives way to another, a script in it may be cut off; that is no failure.
func wait(path string) deed {
	loaded := chromedp.Evaluate[bool](`document.readyState === "complete" && location.pathname === "` + path + `"`)
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if ok, err := loaded(ctx, t); err == nil && ok {
				return chromedp.Void{}, nil
			}
			select {
			case <-ctx.Done():
				return chromedp.Void{}, fmt.Errorf("no page at %s: %w", path, ctx.Err())
			case <-tick.C:
			}
		}
	}
}

func (f *fixture) signInBrowser(b *browser) {
	f.t.Helper()
	require.NoError(f.t, f.CreateLoginLink(context.Background(), store.DefaultWorkspace, "leo", auth.Admin, auth.Hash("one-time"), f.now.Add(time.Hour)))
	b.run(chromedp.Navigate(f.server.URL+"/login/one-time"), chromedp.Click(chromedp.CSS("main button")), wait("/"))
}

func TestBrowserLookUp(t *testing.T) {
	f := newFixture(t)
	b := newBrowser(t)
	b.run(chromedp.Navigate(f.server.URL + "/login"))
	b.picture("login")
	f.signInBrowser(b)
	b.picture("empty")
	f.samples()
	b.run(chromedp.Reload(), wait("/"))
	b.picture("home")
	assert.True(t, b.truth(`document.activeElement.id === "q"`), "ready for a paste")

	b.run(chromedp.SendKeys(chromedp.CSS("#q"), `Hi, {"error":{"details":{"request_id":"req_9f3a21"}}} since lunch`),
		chromedp.Click(chromedp.CSS(".find button")), wait("/r/req_9f3a21"))
	assert.Contains(t, b.text("h1"), "went over their limit of 60 requests per minute")
	assert.True(t, b.truth(`!document.querySelector("button[data-copy=reply]").hidden`), "the copy button works here")
	b.picture("request")

	b.press("/", "Slash")
	assert.Equal(t, "q:", get(b, chromedp.Evaluate[string](`document.activeElement.id + ":" + document.activeElement.value`)), "/ goes to the box and types nothing")
	b.run(chromedp.SendKeys(chromedp.CSS("#q"), "req_edge1"+kb.Enter), wait("/r/req_edge1"))
	assert.Contains(t, b.text(".began"), "The failure began in prompts-api")
	b.picture("root-cause")
	b.run(chromedp.KeyEvent("j"), chromedp.KeyEvent("j"))
	assert.True(t, b.truth(`document.activeElement === document.querySelectorAll("a.row")[1]`), "j walks the list")
	b.run(chromedp.KeyEvent("k"))
	assert.True(t, b.truth(`document.activeElement === document.querySelectorAll("a.row")[0]`))

	b.run(chromedp.Navigate(f.server.URL + "/events"))
	b.picture("events")
	b.run(chromedp.Click(chromedp.CSS("a.row")), wait("/r/req_edge1"))
	b.requireQuiet()
}

func TestBrowserSearch(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	f.signInBrowser(b)
	b.run(chromedp.Navigate(f.server.URL + "/events"))
	box := chromedp.CSS("#search")
	value := func() string { return get(b, chromedp.Evaluate[string](`document.querySelector("#search").value`)) }
	offers := func(first string) bool {
		return b.truth(`(document.querySelector("#offers li") || {}).textContent === "` + first + `"`)
	}

	b.run(chromedp.SendKeys(box, "-se"))
	require.True(t, offers("service:"))
	b.run(chromedp.SendKeys(box, kb.ArrowDown))
	b.press("Enter", "Enter")
	assert.Equal(t, "-service:", value(), "Enter takes the offer and does not send the form")
	require.True(t, offers("prompts-api"), "the most frequent first")
	b.picture("search-offers")
	assert.Equal(t, "true", get(b, chromedp.Evaluate[string](`document.querySelector("#search").getAttribute("aria-expanded")`)))
	b.run(chromedp.SendKeys(box, kb.ArrowDown))
	assert.True(t, b.truth(`document.getElementById(document.querySelector("#search").getAttribute("aria-activedescendant")).getAttribute("aria-selected") === "true"`))
	assert.Empty(t, get(b, chromedp.Evaluate[[]string](faint)))
	b.press("Enter", "Enter")
	assert.Equal(t, "-service:prompts-api ", value())
	b.run(chromedp.SendKeys(box, "co"))
	require.True(t, offers("code:"))
	b.run(chromedp.SendKeys(box, kb.Escape))
	assert.True(t, b.truth(`document.querySelector("#offers").hidden`))
	b.run(chromedp.SendKeys(box, "de:prov"))
	require.True(t, offers("provider_error"))
	get(b, chromedp.Evaluate[bool](`document.querySelector("#offers li").dispatchEvent(new MouseEvent("mousedown", {bubbles: true, cancelable: true}))`))
	assert.Equal(t, "-service:prompts-api code:provider_error ", value())
	b.run(chromedp.SendKeys(box, "sttus:502"+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#mistake")))
	assert.Equal(t, "-service:prompts-api code:provider_error sttus:502", value(), "the box keeps the text")
	assert.True(t, b.truth(`document.activeElement.id === "search"`), "ready to be mended")
	assert.Equal(t, "sttus", b.text("mark"))
	b.picture("search-mistake")
	b.run(chromedp.EmulateViewport(390, 844))
	assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "it scrolls sideways")
	b.picture("search-mistake-phone")
	b.mu.Lock()
	b.problems = nil // Chromium notes the status 422 of the page
	b.mu.Unlock()
	b.run(chromedp.Click(chromedp.CSS("#mistake a")), chromedp.WaitVisible(chromedp.CSS("a.row")))
	assert.Equal(t, "-service:prompts-api code:provider_error status:502", value())
	b.requireQuiet()
}

func TestBrowserNotFound(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	f.signInBrowser(b)
	b.run(chromedp.SendKeys(chromedp.CSS("#q"), "req_9f3a2l"), chromedp.Click(chromedp.CSS(".find button")), wait("/find"))
	assert.Contains(t, b.text("main"), "Did you mean")
	b.picture("nothing")
	b.run(chromedp.Click(chromedp.CSS("a.row")), wait("/r/req_9f3a21"))
}

func TestBrowserPhoneAndDark(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	b.run(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	f.signInBrowser(b)
	for name, path := range map[string]string{"home": "/", "request": "/r/req_edge1", "fields": "/r/req%2Fodd+id%201", "events": "/events", "rejections": "/rejections", "nothing": "/login"} {
		b.run(chromedp.Navigate(f.server.URL + path))
		assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways", path)
		b.picture("phone-" + name)
	}
	b.run(chromedp.EmulateViewport(1200, 900))
	b.scheme("dark")
	b.run(chromedp.Navigate(f.server.URL + "/r/req_edge1"))
	assert.True(t, b.truth(`getComputedStyle(document.body).backgroundColor === "rgb(17, 20, 24)"`))
	b.picture("dark-request")
	b.run(chromedp.Navigate(f.server.URL + "/"))
	b.picture("dark-home")
	b.scheme("light")
	assert.True(t, b.truth(`getComputedStyle(document.body).backgroundColor === "rgb(255, 255, 255)"`))
	b.requireQuiet()
}

func TestBrowserTrouble(t *testing.T) {
	f := newFixture(t)
	f.samples()
	f.trouble()
	b := newBrowser(t)
	f.signInBrowser(b)
	assert.Contains(t, b.text("body"), "4,812", "reports that wait in a spool are told of on every page")
	b.picture("trouble-home")
	b.run(chromedp.Navigate(f.server.URL + "/rejections"))
	for _, want := range []string{"1,204", "rate_limit_exceeded", "<script>x</script>", "req_bad1", "must be between 100 and 599"} {
		assert.Contains(t, b.text("main"), want)
	}
	b.picture("trouble-rejections")
	b.scheme("dark")
	b.run(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile), chromedp.Reload(), wait("/rejections"))
	assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "it scrolls sideways")
	b.picture("trouble-phone-dark")
	b.requireQuiet()
}

// faint lists the texts of a page that have less contrast to what is behind
// them than WCAG 2.2 AA asks for: 4.5, or 3 for large text (SC 1.4.3).
const faint = `(() => {
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const parse = c => c.match(/[\d.]+/g).map(Number);
  const over = (top, under) => { const a = top[3] ?? 1; return [0, 1, 2].map(i => top[i] * a + under[i] * (1 - a)); };
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const behind = e => {
    const layers = [];
    for (; e; e = e.parentElement) layers.unshift(parse(getComputedStyle(e).backgroundColor));
    return layers.reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const out = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement, text = walk.currentNode.data.trim();
    if (!text || !e.checkVisibility() || e.closest("script,style,[disabled]")) continue;
    const style = getComputedStyle(e), back = behind(e), front = over(parse(style.color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) out.push(ratio.toFixed(2) + " " + text.slice(0, 40) + " (" + style.color + ")");
  }
  for (const field of document.querySelectorAll("textarea,input,select")) {
    if (!field.checkVisibility() || field.type === "hidden") continue;
    const [a, b] = [light(parse(getComputedStyle(field).color)), light(behind(field))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) out.push("field " + field.name);
  }
  return out;
})()`

func TestBrowserContrast(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		b.run(chromedp.Navigate(f.server.URL + "/login"))
		assert.Empty(t, get(b, chromedp.Evaluate[[]string](faint)), "%s /login", scheme)
	}
	f.signInBrowser(b)
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for _, path := range []string{"/", "/r/req_edge1", "/r/req_9f3a21", "/r/req%2Fodd+id%201", "/events", "/events?q=sevice:x", "/rejections", "/r/req_9f3a2l", "/nowhere"} {
			b.run(chromedp.Navigate(f.server.URL + path))
			get(b, chromedp.Evaluate[bool](`document.querySelectorAll("details").forEach(d => d.open = true), true`))
			assert.Empty(t, get(b, chromedp.Evaluate[[]string](faint)), "%s %s", scheme, path)
		}
	}
}

func TestBrowserWithoutScripts(t *testing.T) {
	f := newFixture(t)
	f.samples()
	b := newBrowser(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(f.server.URL+"/login"),
		chromedp.SendKeys(chromedp.CSS("#key"), readKey), chromedp.Click(chromedp.CSS("main button")), chromedp.WaitVisible(chromedp.CSS("textarea#q")),
		chromedp.SendKeys(chromedp.CSS("#q"), "req_9f3a21"), chromedp.Click(chromedp.CSS(".find button")), chromedp.WaitVisible(chromedp.CSS("#reply")))
	assert.Contains(t, b.text("#reply"), "req_9f3a21")
	visible := get(b, chromedp.Evaluate[[]string](`[...document.querySelectorAll("button.copy")].filter(b => b.checkVisibility()).map(b => b.textContent)`))
	assert.Empty(t, visible, "no button that does nothing")
	b.run(chromedp.Click(chromedp.CSS(`nav a[href="/events"]`)), chromedp.WaitVisible(chromedp.CSS(".filter")))
	b.run(chromedp.SendKeys(chromedp.CSS("#search"), "status:429 -role:upstream"+kb.Enter), chromedp.WaitVisible(chromedp.CSS(`#search[value^="status"]`)))
	assert.Equal(t, "1", get(b, chromedp.Evaluate[string](`String(document.querySelectorAll("a.row").length)`)))
	b.requireQuiet()
}
