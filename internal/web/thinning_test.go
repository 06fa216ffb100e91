package web

import (
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/normalize"
	"errata/internal/store"
)

// bots are refusals of a day that has been over for long enough, reported as they
// happened.
func (f *fixture) bots(n int) (day time.Time) {
	f.t.Helper()
	day = f.now.AddDate(0, 0, -5).Truncate(24 * time.Hour)
	var parts []identity.Part
	for i := range n {
		env := event.Envelope{Service: "edge", Status: 429, Method: "GET", Endpoint: "/v1/x", FallbackCode: "slow_down", RequestID: "req_bot" + itoa(i), OccurredAt: day.Add(time.Hour), Source: event.FromHTTP}
		p, err := normalize.Item(env, store.DefaultWorkspace, day.Add(time.Hour))
		require.NoError(f.t, err)
		parts = append(parts, p)
	}
	_, err := f.Write(f.t.Context(), parts)
	require.NoError(f.t, err)
	return day
}

func TestThinning(t *testing.T) {
	f := newFixture(t).signIn()
	day := f.bots(12)
	assert.Equal(t, http.StatusForbidden, f.get(thinningPath).code, "for administrators only")
	assert.Equal(t, http.StatusForbidden, f.post(thinningPath, nil, "do", "save").code)
	f.client = f.newClient()
	f.decides()
	empty := f.get(thinningPath)
	requireSound(t, empty)
	assert.Contains(t, words(empty.Find("main")), "There is no rule yet")
	assert.Equal(t, thinningPath, f.get("/settings/links").Find("nav.tabs a[href='"+thinningPath+"']").AttrOr("href", ""))
	assert.Zero(t, empty.Find("button[value=save]").Length(), "what is saved was previewed")

	for field, value := range map[string]string{"name": "a b", "match": "servcie:edge", "keep": "x", "after_days": "2"} {
		form := map[string]string{"name": "bots", "match": "service:edge", "keep": "2", "after_days": "3"}
		form[field] = value
		bad := f.post(thinningPath, nil, "do", "preview", "name", form["name"], "match", form["match"], "keep", form["keep"], "after_days", form["after_days"])
		require.Equal(t, http.StatusUnprocessableEntity, bad.code, field)
		requireSound(t, bad)
		assert.Equal(t, value, bad.Find("[aria-invalid]").AttrOr("value", ""), "what was typed stays: %s", field)
	}

	rule := []string{"name", "bots", "match", "service:edge status:429", "keep", "2", "after_days", "3"}
	preview := f.post(thinningPath, nil, append(rule, "do", "preview")...)
	require.Equal(t, 200, preview.code)
	requireSound(t, preview)
	assert.Contains(t, words(preview.Find("[role=status]")), "It would let go 10 of 12 failures (83%) of")
	list, err := f.ThinningRules(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.Empty(t, list)
	saved := f.post(thinningPath, nil, append(rule, "do", "save")...)
	require.Equal(t, http.StatusSeeOther, saved.code, saved.body)
	shown := f.get(saved.header.Get("Location"))
	requireSound(t, shown)
	assert.Contains(t, words(shown.Find("tbody")), "bots service:edge status:429 2 of each issue and hour, after 3 days changed by ada")
	assert.Equal(t, 422, f.post(thinningPath, nil, append(rule, "do", "preview")...).code, "a rule of that name is changed, not written over")

	// Another name, and off.
	renamed := f.post(thinningPath, nil, "had", "bots", "name", "robots", "match", "service:edge", "keep", "1", "after_days", "4", "off", "1", "do", "save")
	require.Equal(t, http.StatusSeeOther, renamed.code, renamed.body)
	form := f.get(thinningPath + "?rule=robots")
	requireSound(t, form)
	assert.Equal(t, []string{"robots", "service:edge", "1", "4"}, []string{form.Find("#t-name").AttrOr("value", ""), form.Find("#t-match").AttrOr("value", ""), form.Find("#t-keep").AttrOr("value", ""), form.Find("#t-days").AttrOr("value", "")})
	assert.Contains(t, words(form.Find("tbody")), "off")
	require.NoError(t, f.Expire(t.Context(), f.now))
	found := func() (gone []string) {
		for i := range 12 {
			if id := "req_bot" + itoa(i); f.get("/r/"+id).code == http.StatusNotFound {
				gone = append(gone, id)
			}
		}
		return gone
	}
	assert.Empty(t, found(), "it is off")
	require.Equal(t, http.StatusSeeOther, f.post(thinningPath, nil, "name", "robots", "do", "on").code)
	require.NoError(t, f.Expire(t.Context(), f.now))
	gone := found()
	require.Len(t, gone, 11)

	// What is not there is said to have been thinned out wherever it is asked for.
	const does = "the rule 'robots' keeps 1 failure of each issue and hour after 4 days."
	for name, p := range map[string]page{
		"one": f.post("/find", nil, "text", gone[0]), "its page": f.get("/r/" + gone[0]), "two": f.post("/find", nil, "text", gone[0]+" "+gone[1]),
		"a few": f.post("/find", nil, "text", gone[0]+" and the others of the day, and req_bot0 req_bot1 req_bot2 req_bot3 req_bot4 req_bot5 req_bot6 req_bot7 req_bot8 req_bot9 req_bot10 req_bot11"),
	} {
		said := words(p.Find("main"))
		assert.Contains(t, said, "It was counted on "+day.Format(time.DateOnly)+", and not kept: "+does, name)
	}
	assert.Contains(t, words(f.get("/events?q=service:edge").Find("main")), "not every failure is kept (robots)")
	assert.NotContains(t, words(f.get("/events?q=service:edge&from=now-1d").Find("main")), "not every failure")
	assert.Zero(t, f.get("/r/"+gone[0]).Find("form[action='/watches']").Length(), "it does not come again")
	require.Equal(t, http.StatusSeeOther, f.post(thinningPath, nil, "name", "robots", "do", "remove").code)
	assert.Contains(t, words(f.get("/r/"+gone[0]).Find("main")), does)
	assert.Contains(t, words(f.get("/settings/audit").Find("main")), "thinning.remove")
}

func TestBrowserThinning(t *testing.T) {
	f := newFixture(t).decides()
	f.bots(40)
	b := newBrowser(t)
	f.signInBrowser(b)
	look := func(name string) {
		for _, scheme := range []string{"light", "dark"} {
			call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-reduced-motion", Value: "reduce"}, {Name: "prefers-color-scheme", Value: scheme}}}) // colours on their way are not read well
			for device, width := range map[string]int64{"phone": 360, "wide": 1200} {
				b.run(chromedp.EmulateViewport(width, 844))
				assert.True(t, b.truth(`document.documentElement.scrollWidth <= innerWidth`), "%s scrolls sideways at %d", name, width)
				assert.Empty(t, get(b, chromedp.Evaluate[[]string](faint)), "%s %s", name, scheme)
				b.requireAccessible(name + " " + scheme + " " + device)
				b.picture("thinning-" + name + "-" + scheme + "-" + device)
			}
		}
	}
	b.run(chromedp.Navigate(f.server.URL+thinningPath), chromedp.WaitVisible(chromedp.CSS("#what")))
	look("empty")
	b.run(chromedp.SendKeys(chromedp.CSS("#t-name"), "bots"), chromedp.SendKeys(chromedp.CSS("#t-match"), "service:edge status:429"),
		chromedp.SetValue(chromedp.CSS("#t-keep"), "5"))
	b.tabOnTo(`[value=preview]`)
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS("[value=save]")))
	look("preview")
	assert.True(t, b.truth(`document.activeElement.value === "save"`), "what it says is where one goes on")
	b.press("Enter", "Enter")
	b.run(chromedp.WaitVisible(chromedp.CSS("tbody")))
	require.NoError(t, f.Expire(t.Context(), f.now))
	look("rules")
	b.requireQuiet()
}
