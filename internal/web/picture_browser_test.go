package web

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	_ "image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/store"
)

var updatePictures = flag.Bool("update-pictures", false, "write testdata/pictures anew: look at the differences, and at the pages in $ERRATA_SCREENSHOTS")

const (
	// square is how many pixels of a page are one digit of its picture: about a
	// line of text.
	square = 16
	// Digits that differ by less than farOff, and so few of them, are another hour
	// in a text, or another version of a font.
	farOff    = 2
	tolerated = 0.04
)

// pictureOf is how dark a page is, square by square, in hexadecimal digits: white
// is f. One can see in it what moved.
func pictureOf(t *testing.T, png []byte) []string {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(png))
	require.NoError(t, err)
	size := img.Bounds().Size()
	var out []string
	for y := 0; y+square <= size.Y; y += square {
		var line strings.Builder
		for x := 0; x+square <= size.X; x += square {
			sum := uint32(0)
			for dy := range square {
				for dx := range square {
					r, g, b, _ := img.At(x+dx, y+dy).RGBA()
					sum += (r*299 + g*587 + b*114) / 1000 >> 8
				}
			}
			fmt.Fprintf(&line, "%x", sum/(square*square)/16)
		}
		out = append(out, line.String())
	}
	return out
}

// apart is the share of a picture that is not as it was. Where one goes on below
// the other, all of that differs.
func apart(was, is []string) float64 {
	digit := func(p []string, x, y int) int {
		if y >= len(p) || x >= len(p[y]) {
			return -farOff
		}
		return strings.IndexByte("0123456789abcdef", p[y][x])
	}
	all, far := 0, 0
	for y := range max(len(was), len(is)) {
		for x := range len(was[0]) {
			all++
			if d := digit(was, x, y) - digit(is, x, y); d >= farOff || -d >= farOff {
				far++
			}
		}
	}
	return float64(far) / float64(all)
}

// requirePicture compares what is shown with what it looked like when somebody
// looked at it last.
func (b *browser) requirePicture(name string) {
	b.t.Helper()
	shot := get(b, chromedp.FullScreenshot(100))
	b.picture(name)
	is, path := pictureOf(b.t, shot), filepath.Join("testdata", "pictures", name+".txt")
	if *updatePictures {
		require.NoError(b.t, os.WriteFile(path, []byte(strings.Join(is, "\n")+"\n"), 0o600))
		return
	}
	raw, err := os.ReadFile(path) //nolint:gosec // a name of this test
	require.NoError(b.t, err, "go test ./internal/web -run Pictures -update-pictures writes it")
	if d := apart(strings.Split(strings.TrimSpace(string(raw)), "\n"), is); d > tolerated {
		kept := filepath.Join(os.TempDir(), "errata-"+name+".png")
		require.NoError(b.t, os.WriteFile(kept, shot, 0o600))
		assert.Failf(b.t, "a page looks different", "%s: %.1f %% of it (%.0f %% may). See %s; if it is meant so: go test ./internal/web -run Pictures -update-pictures", name, d*100, tolerated*100, kept)
	}
}

// The pages of the support desk in their states: nothing, one, many, texts that
// are too long or run from right to left, mistakes; wide, on a phone, and dark.
func TestBrowserPictures(t *testing.T) {
	f := newFixture(t)
	b := newBrowser(t)
	still := &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"}
	scheme := func(value string) {
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{still, {Name: "prefers-color-scheme", Value: value}}})
	}
	screens := []struct {
		name, scheme string
		width        int64
	}{{"wide", "light", 1280}, {"dark", "dark", 1280}, {"phone", "dark", 368}}
	look := func(name, path string) {
		for _, screen := range screens {
			scheme(screen.scheme)
			b.run(chromedp.EmulateViewport(screen.width, 800), chromedp.Navigate(f.server.URL+path))
			require.True(t, b.truth(`document.readyState === "complete"`), name)
			get(b, chromedp.Evaluate[bool](`document.activeElement.blur(), true`)) // a caret comes and goes
			b.requirePicture(name + "-" + screen.name)
		}
	}
	look("login", "/login")
	f.signInBrowser(b)
	look("home-empty", "/")
	look("failures-empty", "/events")
	f.samples()
	long := strings.Repeat("a-name-without-an-end-", 8)
	f.write(
		event.Event{RequestID: "req_3long42", Service: long, Status: 500, Code: strings.Repeat("code_", 30), Method: "POST", Endpoint: "/v1/" + long, Customer: long,
			Message: strings.Repeat("A text that goes on and on, "+long+" ", 12), OccurredAt: f.now.Add(-time.Hour)},
		event.Event{RequestID: "req_4rtl77", Service: "billing", Status: 422, Code: "validation_failed", Method: "POST", Endpoint: "/v1/charges", Customer: "شركة الاختبار",
			Message: "المبلغ مطلوب (amount) ويجب أن يكون أكبر من 0", OccurredAt: f.now.Add(-2 * time.Hour)},
	)
	_, err := f.RollUp(t.Context(), f.now)
	require.NoError(t, err)
	for _, of := range []struct{ name, path string }{
		{"home", "/"}, {"request", "/r/req_9f3a21"}, {"request-trail", "/r/" + trace1}, {"request-long", "/r/req_3long42"}, {"request-rtl", "/r/req_4rtl77"},
		{"request-full", "/r/" + trace1 + "?view=full"}, {"not-found", "/r/req_0nobody"}, {"code", "/codes/prompts-api/rate_limit_exceeded"}, {"customer", "/customers/acme"}, {"failures", "/events"}, {"mistake", "/events?q=status%3A9xx+%22open"}, {"no-such-page", "/nowhere"},
	} {
		look(of.name, of.path)
	}
	for name, text := range map[string]string{
		"found-some": "req_9f3a21 and then req_4rtl77, and req_0nobody",
		"found-many": "req_9f3a21 req_edge1 req_3long42 req_4rtl77 " + strings.Join(manyIDs(12), " "),
		"found-none": "Hello, it does not work any more. Please help!",
	} {
		for _, screen := range screens {
			scheme(screen.scheme)
			b.run(chromedp.EmulateViewport(screen.width, 800), chromedp.Navigate(f.server.URL+"/"), wait("/"))
			get(b, chromedp.Evaluate[bool](fmt.Sprintf(`document.querySelector("main textarea").value = %q, document.querySelector("main textarea").form.requestSubmit(), true`, text)))
			b.run(wait("/find"))
			get(b, chromedp.Evaluate[bool](`document.activeElement.blur(), true`))
			b.requirePicture(name + "-" + screen.name)
		}
	}

	// What goes with them: the catalogue, endpoints, what is made public, and what
	// support sees of it.
	ctx, ws := t.Context(), store.DefaultWorkspace
	_, err = f.SetCustomerName(ctx, store.System, ws, "acme", "Acme Ltd")
	require.NoError(t, err)
	require.NoError(t, f.SetPublicLinks(ctx, store.System, ws, true))
	hits, err := f.Lookup(ctx, ws, []string{"req_9f3a21"})
	require.NoError(t, err)
	secret, _, err := f.Share(ctx, store.System, ws, f.now, hits["req_9f3a21"][0].EventID, 7)
	require.NoError(t, err)
	for _, of := range []struct{ name, path string }{
		{"home-again", "/"}, {"codes", "/codes"}, {"endpoint", pathOfEndpoint("prompts-api", "POST", "/v1/prompts/{id}/run")}, {"entry", "/codes/prompts-api/rate_limit_exceeded/edit"},
		{"sharing", "/settings/sharing"}, {"public", "/s/" + secret}, {"called-off", "/s/x"},
	} {
		look(of.name, of.path)
	}
	b.run(chromedp.Navigate(f.server.URL+"/"), wait("/"), chromedp.Click(chromedp.CSS(".user button")), wait("/login"),
		chromedp.SendKeys(chromedp.CSS("main input[name=key]"), supportKey), chromedp.Click(chromedp.CSS("main button")), wait("/"))
	for _, of := range []struct{ name, path string }{
		{"support-home", "/"}, {"support-request", "/r/req_edge1"}, {"support-code", "/codes/prompts-api/rate_limit_exceeded"}, {"support-customer", "/customers/acme"},
		{"support-incidents", "/alerts"}, {"support-forbidden", "/events"},
	} {
		look(of.name, of.path)
	}
}

func manyIDs(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("req_0nobody%02d", i))
	}
	return out
}

func TestPicturesDiffer(t *testing.T) {
	was := []string{"ffff", "f00f", "ffff"}
	assert.Zero(t, apart(was, []string{"ffff", "f01f", "efff"}))
	assert.InDelta(t, 2.0/12, apart(was, []string{"ffff", "ff0f", "f0ff"}), 1e-9)
	assert.InDelta(t, 4.0/16, apart(was, append(was, "ffff")), 1e-9)
}
