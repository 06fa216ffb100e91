package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/notify"
	"errata/internal/store"
)

// hush is a signing secret, and hush2 the next one.
const (
	hush  = "whsec_aHVzaC1odXNoLWh1c2gtaHVzaC1odXNoLWh1c2g="
	hush2 = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldw=="
)

// requireHushed fails where a page has a secret, whole or in part.
func requireHushed(t *testing.T, p page) {
	t.Helper()
	for _, secret := range []string{hush, hush2} {
		assert.NotContains(t, p.body, secret)
		assert.NotContains(t, p.body, strings.TrimPrefix(secret, "whsec_"))
		assert.NotContains(t, p.body, url.QueryEscape(secret))
	}
}

// save is the form of a channel as it would be sent, with what is changed in it.
func (f *fixture) save(p page, pairs ...string) page {
	f.t.Helper()
	form := p.Find("form.form").First()
	var all []string
	form.Find("input, select").Each(func(_ int, s *goquery.Selection) {
		value := s.AttrOr("value", "")
		switch {
		case goquery.NodeName(s) == "select":
			value = s.Find("option[selected]").AttrOr("value", "")
		case s.AttrOr("type", "") == "checkbox" && s.AttrOr("checked", "no") == "no":
			return
		}
		all = append(all, s.AttrOr("name", ""), value)
	})
	res := f.post(form.AttrOr("action", ""), nil, append(append(all, "do", "save"), pairs...)...)
	if res.code == http.StatusSeeOther {
		return f.get(res.header.Get("Location"))
	}
	return res
}

func TestChannelsBegin(t *testing.T) {
	f := newFixture(t).decides()
	p := f.get("/alerts/channels")
	requireSound(t, p)
	assert.Equal(t, "Channels", words(p.Find(".tabs [aria-current]")))
	text := words(p.Find("main"))
	for _, want := range []string{"Nobody is told yet", "Choose what you have.", "Slack (bot) One message for each incident", "Needs: Channel, Bot token.", "Webhook JSON, signed", "Needs: URL, Signing secret."} {
		assert.Contains(t, text, want)
	}
	links := p.Find(".kinds a")
	require.Equal(t, len(notify.Kinds()), links.Length())
	links.Each(func(_ int, a *goquery.Selection) {
		form := f.get(a.AttrOr("href", ""))
		require.Equal(t, 200, form.code)
		requireSound(t, form)
		assert.Equal(t, "New channel: "+words(a), words(form.Find("h1")))
		assert.NotEmpty(t, kindAbout[notify.Kind(form.Find("input[name=kind]").AttrOr("value", ""))])
		for _, field := range notify.Kind(form.Find("input[name=kind]").AttrOr("value", "")).Fields() {
			name := "settings." + field.Name
			if field.Secret {
				name = "secrets." + field.Name
			}
			input := form.Find(`.form [name="` + name + `"]`)
			require.Equal(t, 1, input.Length(), name)
			_, required := input.Attr("required")
			assert.Equal(t, field.Required && field.Default == "", required, name)
			assert.Equal(t, field.Secret, input.AttrOr("type", "") == "password", name)
			assert.Equal(t, len(field.Choices), input.Find("option").Length(), name)
		}
	})
	assert.Equal(t, "/alerts/channels#kinds", f.get("/alerts/channels/new").header.Get("Location"))
	assert.Equal(t, 422, f.get("/alerts/channels/new?kind=pigeon").code)
	assert.Equal(t, 422, f.post("/alerts/channels/new", nil, "kind", "pigeon").code)
	assert.Contains(t, words(f.get("/alerts/deliveries").Find("main")), "No message was made yet.")
	assert.Equal(t, "/alerts/channels", f.get("/alerts").Find("main section a[href='/alerts/channels']").AttrOr("href", ""), "a quiet page says where messages go")
}

func TestAChannelFromItsFormToItsLog(t *testing.T) {
	f, h := newFixture(t).decides(), newHook(t, hush)
	form := f.get("/alerts/channels/new?kind=webhook")
	p := f.save(form, "name", " ops ", "settings.url", h.URL+"/errata", "secrets.secret", hush)
	require.Equal(t, 200, p.code, p.body)
	requireSound(t, p)
	requireHushed(t, p)
	assert.Contains(t, words(p.Find("[role=status]")), "Send a test")
	assert.Equal(t, "Webhook ops", words(p.Find("h1")))
	assert.Contains(t, words(p.Find("main")), "everything, of all rules")
	secret := p.Find(`[name="secrets.secret"]`)
	assert.Equal(t, "set; leave it empty to keep it", secret.AttrOr("placeholder", ""))
	assert.Empty(t, secret.AttrOr("value", ""))
	list, err := f.Channels(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	require.Len(t, list, 1)
	path := channelPath(list[0].ID)
	assert.Equal(t, []any{"ops", "ada", alert.Notify, 20}, []any{list[0].Name, list[0].UpdatedBy, list[0].Level, list[0].Hourly})

	// The test is really sent, and what was said on both sides is there.
	tested := f.post(path, nil, "do", "test")
	require.Equal(t, http.StatusSeeOther, tested.code, tested.body)
	assert.EqualValues(t, 1, h.signed.Load(), "the receiver believes it")
	p = f.get(tested.header.Get("Location"))
	requireSound(t, p)
	requireHushed(t, p)
	assert.Contains(t, words(p.Find("section[aria-labelledby=tested]")), "The test was delivered.")
	assert.Contains(t, p.Find("pre").First().Text(), "POST "+h.URL+"/errata")
	assert.Contains(t, p.Find("pre").First().Text(), `"type": "incident.test"`)
	assert.Contains(t, p.Find("pre").Eq(1).Text(), "200\n")
	assert.Contains(t, p.Find("pre").Eq(1).Text(), "thank you, [redacted]")
	assert.Equal(t, 1, p.Find("section[aria-labelledby=log] tbody tr").Length())
	h.status.Store(500)
	p = f.get(f.post(path, nil, "do", "test").header.Get("Location"))
	assert.Contains(t, words(p.Find("section[aria-labelledby=tested] [role=status]")), "The test did not arrive")

	// What is not typed again stays; what is changed is.
	p = f.save(p, "settings.url", h.URL+"/other", "level", "page", "hourly", "7")
	assert.Contains(t, words(p.Find("[role=status]").First()), "Saved.")
	assert.Contains(t, words(p.Find("main")), "pages only, of all rules")
	h.status.Store(200)
	assert.Contains(t, words(f.get(f.post(path, nil, "do", "test").header.Get("Location")).Find("[role=status]")), "was delivered")

	// Two secrets sign while receivers change over.
	require.Equal(t, http.StatusSeeOther, f.post(path, nil, "do", "rotate", "new_secret", hush2).code)
	for _, known := range []string{hush, hush2} {
		h.secret.Store(&known)
		p = f.get(f.post(path, nil, "do", "test").header.Get("Location"))
		requireHushed(t, p)
		assert.Contains(t, words(p.Find("section[aria-labelledby=tested] [role=status]")), "was delivered", "signed with both")
	}
	require.Equal(t, http.StatusSeeOther, f.post(path, nil, "do", "settle").code)
	old := hush
	h.secret.Store(&old)
	assert.Contains(t, words(f.get(f.post(path, nil, "do", "test").header.Get("Location")).Find("[role=status]")), "401", "the old one is over")

	// The log.
	log := f.get("/alerts/deliveries?" + query("channel", list[0].ID, "state", "sent"))
	requireSound(t, log)
	assert.Equal(t, 4, log.Find("tbody tr").Length())
	one := f.get(log.Find("tbody a.row").First().AttrOr("href", ""))
	requireSound(t, one)
	requireHushed(t, one)
	assert.Contains(t, words(one.Find("main")), "[TEST] Nothing is wrong.")
	assert.Zero(t, one.Find("button[value=again]").Length(), "tests are made anew")

	require.Equal(t, http.StatusSeeOther, f.post(path, nil, "do", "disable").code)
	assert.Contains(t, words(f.get("/alerts/channels").Find("tbody tr")), "off")
	require.Equal(t, http.StatusSeeOther, f.post(path, nil, "do", "enable").code)
	assert.Equal(t, 422, f.post(path, nil, "do", "remove").code, "only who is sure")
	assert.Equal(t, 422, f.post(path, nil, "do", "dance").code)
	res := f.post(path, nil, "do", "remove", "sure", "1")
	require.Equal(t, http.StatusSeeOther, res.code, res.body)
	assert.Contains(t, words(f.get(res.header.Get("Location")).Find("[role=status]")), "was removed")
	assert.Equal(t, 404, f.get(path).code)
	assert.Contains(t, words(f.get("/alerts/deliveries").Find("tbody")), "removed")
}

// What is wrong stands at its field, with what was typed, but for secrets.
func TestChannelsThatCannotBe(t *testing.T) {
	f, h := newFixture(t).decides(), newHook(t, hush)
	ops := f.addHook("ops", h)
	for _, bad := range [][4]string{ // field, typed, the field that is marked, why
		{"settings.url", "ftp://x", "settings.url", "Must begin with https://"}, {"settings.url", "https://10.0.0.1/", "settings.url", "Cannot be used"}, {"settings.url", "", "settings.url", "Is required"},
		{"secrets.secret", "short", "secrets.secret", "Must be whsec_"}, {"name", "", "name", "Must have 1 to 100 characters"}, {"name", "ops", "name", "There is a channel with this name already"},
		{"hourly", "many", "hourly", "Must be a number"}, {"hourly", "0", "hourly", "Must be from 1 to 1000"}, {"level", "loud", "level", "Must be page"}, {"fallback", "x", "fallback", "Must be the ID"},
	} {
		p := f.save(f.get("/alerts/channels/new?kind=webhook"), append([]string{"name", "night", "settings.url", h.URL, "secrets.secret", hush}, bad[0], bad[1])...)
		assert.Contains(t, []int{422, 409}, p.code, bad)
		requireSound(t, p)
		requireHushed(t, p)
		marked := p.Find("[aria-invalid]")
		require.Equal(t, 1, marked.Length(), bad)
		assert.Equal(t, bad[2], marked.AttrOr("name", ""))
		assert.Contains(t, words(marked.Parent().Find(".wrong")), bad[3])
		assert.Contains(t, strings.Fields(marked.AttrOr("aria-describedby", "")), marked.Parent().Find(".wrong").AttrOr("id", ""), "whoever cannot see hears it")
		assert.Contains(t, words(p.Find("[role=alert]")), "Nothing was saved")
		if bad[0] != "name" {
			assert.Equal(t, "night", p.Find("[name=name]").AttrOr("value", ""), "what was typed is there")
		}
	}
	path := channelPath(ops.ID)
	for _, secret := range []string{"", hush, "short"} {
		p := f.post(path, nil, "do", "rotate", "new_secret", secret)
		assert.Equal(t, 422, p.code)
		requireSound(t, p)
		requireHushed(t, p)
		assert.Contains(t, words(p.Find("section[aria-labelledby=rotate] .wrong")), "Must be ")
	}
	night := f.save(f.get("/alerts/channels/new?kind=webhook"), "name", "night", "settings.url", h.URL, "secrets.secret", hush, "fallback", ops.ID)
	require.Equal(t, 200, night.code)
	assert.Contains(t, words(night.Find("main")), "Fallbackops")
	p := f.post(path, nil, "do", "remove", "sure", "1")
	assert.Equal(t, 409, p.code)
	assert.Contains(t, words(p.Find("section[aria-labelledby=end] [role=alert]")), `fallback of "night"`)
	assert.Equal(t, 404, f.get("/alerts/channels/nope").code)
	assert.Equal(t, 404, f.post("/alerts/channels/01930000-0000-7000-8000-000000000000", nil, "do", "test").code)
	assert.Equal(t, 404, f.get("/alerts/deliveries/nope").code)
	for _, query := range []string{"state=lost", "channel=x", "cursor=x", "incident=INC-9"} {
		assert.Equal(t, 422, f.get("/alerts/deliveries?"+query).code, query)
	}
}

func TestWhoMayChangeChannels(t *testing.T) {
	f, h := newFixture(t), newHook(t, hush)
	ops := f.addHook("ops", h)
	path := channelPath(ops.ID)
	f.signIn() // may read
	for _, read := range []string{"/alerts/channels", path, "/alerts/deliveries"} {
		p := f.get(read)
		require.Equal(t, 200, p.code, read)
		requireSound(t, p)
		requireHushed(t, p)
		assert.Zero(t, p.Find("main form[method=post]").Length(), read)
		assert.Zero(t, p.Find("main a[href*=new]").Length(), read)
	}
	assert.Contains(t, words(f.get(path).Find("main")), "Signing secretset")
	assert.Equal(t, 403, f.get("/alerts/channels/new?kind=webhook").code)
	assert.Equal(t, 403, f.post("/alerts/channels/new", nil, "kind", "webhook").code)
	for _, do := range []string{"save", "test", "rotate", "disable", "remove", "dismiss"} {
		assert.Equal(t, 403, f.post(path, nil, "do", do, "sure", "1").code, do)
	}
	assert.Equal(t, 403, f.post("/alerts/deliveries/"+ops.ID, nil, "do", "again").code)
	assert.Zero(t, h.signed.Load())
	f.decides()
	foreign := map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
	assert.Equal(t, 403, f.post(path, foreign, "do", "test").code, "another site's form")
}
