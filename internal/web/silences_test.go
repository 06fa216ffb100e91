package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/ruleset"
	"errata/internal/silence"
	"errata/internal/store"
)

func (f *fixture) currentSilences() []silence.Silence {
	f.t.Helper()
	list, err := f.WorkspaceSilences(f.t.Context(), store.DefaultWorkspace, time.Now())
	require.NoError(f.t, err)
	return list
}

// silences sends the form of a new silence, and gives the card that it leads to.
func (f *fixture) silences(pairs ...string) *goquery.Selection {
	f.t.Helper()
	res := f.post("/alerts/silences/new", nil, append([]string{"do", "save"}, pairs...)...)
	require.Equal(f.t, http.StatusSeeOther, res.code, res.body)
	to, err := url.Parse(res.header.Get("Location"))
	require.NoError(f.t, err)
	require.Equal(f.t, "/alerts/silences", to.Path)
	p := f.get(to.Path)
	card := p.Find("#" + to.Fragment)
	require.Equal(f.t, 1, card.Length())
	return card
}

func TestSilenceAnIncident(t *testing.T) {
	f := newFixture(t).decides()
	f.outage("checkout-api", true)
	assert.Zero(t, f.get("/alerts").Find("main .side a[href='/alerts/silences']").Length())
	p := f.get("/i/1")
	requireSound(t, p)
	deed := p.Find("form.deeds:has([value=silence])")
	assert.Contains(t, words(deed), "Silence 1 h")
	assert.Contains(t, words(deed), "nobody is told about 5xx of checkout-api in production")
	assert.Zero(t, p.Find("[autofocus]").Length())

	// A link in a message leads to the button, and presses nothing.
	linked := f.get("/incidents/" + f.incidentNow("1").ID + "?do=silence&for=1h")
	require.Equal(t, "/i/1?do=silence&for=1h", linked.header.Get("Location"))
	asked := f.get("/i/1?do=silence&for=1h")
	requireSound(t, asked)
	assert.Equal(t, "Shall nobody be told for a while?", words(asked.Find("#decide")))
	assert.Equal(t, "1h", asked.Find("[autofocus].main").AttrOr("value", ""))
	assert.Equal(t, "4h", f.get("/i/1?do=silence&for=4h").Find("[autofocus]").AttrOr("value", ""))
	assert.Equal(t, "1h", f.get("/i/1?do=silence&for=100h").Find("[autofocus]").AttrOr("value", ""))
	assert.Empty(t, f.currentSilences(), "a link changes nothing")

	p = f.incidentDeed("do", "silence", "for", "1h")
	requireSound(t, p)
	note := words(p.Find(".silenced"))
	for _, want := range []string{"Silenced until", "(in 60 min)", "by ada: incident #1", "Nobody is told about 5xx of checkout-api in production", "Undo"} {
		assert.Contains(t, note, want)
	}
	assert.Zero(t, p.Find("[value=silence]").Length(), "it is silenced")
	assert.Zero(t, f.get("/i/1?do=silence").Find("[autofocus]").Length())
	list := f.currentSilences()
	require.Len(t, list, 1)
	s := list[0]
	assert.Equal(t, []any{"production", "checkout-api", "5xx", "incident #1", "ada"}, []any{s.Environment, s.Service, s.Family, s.Reason, s.CreatedBy})
	assert.Empty(t, s.Method+s.Endpoint+s.Code+s.Customer+s.RuleID)
	assert.WithinDuration(t, time.Now().Add(time.Hour), s.EndsAt.Time, time.Minute)

	f.incidentDeed("do", "silence", "for", "4h")
	f.incidentDeed("do", "silence") // for an hour, which is shorter
	list = f.currentSilences()
	require.Len(t, list, 1, "it goes on for longer, and is not there twice")
	assert.WithinDuration(t, time.Now().Add(4*time.Hour), list[0].EndsAt.Time, time.Minute)

	alerts := f.get("/alerts")
	requireSound(t, alerts)
	assert.Contains(t, words(alerts.Find("main > .side")), "Messages are kept back by 1 silence.")
	assert.Contains(t, words(alerts.Find(".incidents li .silenced")), "by ada: incident #1 5xx of checkout-api in production")
	card := f.get("/alerts/silences").Find("#s-" + s.ID)
	assert.Equal(t, "/i/1", card.Find("p a").First().AttrOr("href", ""))
	assert.Contains(t, words(f.get("/services/checkout-api").Find(".silenced")), "by ada: incident #1")
	assert.Zero(t, f.get("/services/checkout-api?environment=staging").Find(".silenced").Length())

	assert.Equal(t, 422, f.post("/i/1", nil, "do", "silence", "for", "9y").code)
	assert.Equal(t, 403, f.post("/i/1", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}, "do", "unsilence", "silence", s.ID).code)
	undone := f.incidentDeed("do", "unsilence", "silence", s.ID)
	assert.Zero(t, undone.Find(".silenced").Length())
	assert.Equal(t, 1, undone.Find("[value=silence]").Length())
	assert.Empty(t, f.currentSilences())
	again := f.post("/i/1", nil, "do", "unsilence", "silence", s.ID)
	assert.Equal(t, 409, again.code)
	assert.Contains(t, words(again.Find("[role=alert]")), "has ended")
	past := f.get("/alerts/silences")
	requireSound(t, past)
	assert.Contains(t, words(past.Find("section[aria-labelledby=ended] tbody tr")), "5xx of checkout-api in productionincident #1ada")

	f.incidentDeed("do", "silence")
	f.incidentDeed("do", "resolve")
	assert.Equal(t, 409, f.post("/i/1", nil, "do", "silence").code)
	assert.Contains(t, words(f.get("/alerts").Find("main > .side")), "Messages are kept back by 1 silence.", "also where nothing fires")

	f.client = f.newClient()
	f.signIn()
	assert.Zero(t, f.get("/i/1?do=silence").Find("main form").Length())
	for _, path := range []string{"/i/1", "/alerts/silences/new", "/alerts/silences/" + f.currentSilences()[0].ID} {
		for _, do := range []string{"silence", "unsilence", "save", "end", "longer", "preview"} {
			assert.Equal(t, 403, f.post(path, nil, "do", do, "service", "x", "reason", "x", "for", "1h", "silence", f.currentSilences()[0].ID).code, "%s %s", path, do)
		}
	}
	reader := f.get("/alerts/silences")
	requireSound(t, reader)
	assert.Zero(t, reader.Find("main form, .deed").Length())
	assert.Equal(t, 1, reader.Find(".silences li").Length(), "but who looks may know")
	assert.Equal(t, 403, f.get("/alerts/silences/new").code)
}

// Which silences mute an incident is judged as for its messages: with its rules,
// and with the shares of what it is made of.
func TestSilencedByOthers(t *testing.T) {
	f := newFixture(t).decides()
	f.outage("checkout-api", true)
	card := f.silences("rule_id", ruleset.DefaultID, "for", "2h", "reason", "the rule is wrong")
	assert.Contains(t, words(card), "5xx and 429 of every service found by the rule default")
	note := f.get("/i/1").Find(".silenced")
	assert.Contains(t, words(note), "by ada: the rule is wrong")
	assert.Zero(t, note.Find("button").Length(), "it is for more than this incident, and is ended where it is listed")
	assert.Equal(t, 1, f.get("/i/1").Find("[name=do][value=silence]").Length(), "it may end before this incident does")
	require.Equal(t, http.StatusSeeOther, f.post("/alerts/silences/"+f.currentSilences()[0].ID, nil, "do", "end").code)

	other, err := f.SaveRule(t.Context(), store.System, store.DefaultWorkspace, ruleset.Rule{Name: "payments", Query: "service:billing", Sensitivity: ruleset.Default().Sensitivity, Level: "page", Enabled: true})
	require.NoError(t, err)
	gone, err := f.SaveRule(t.Context(), store.System, store.DefaultWorkspace, ruleset.Rule{Name: "old", Query: "service:old", Sensitivity: ruleset.Default().Sensitivity, Level: "page", Enabled: true})
	require.NoError(t, err)
	of := f.silences("rule_id", gone.ID, "for", "1h", "reason", "old")
	require.NoError(t, f.RemoveRule(t.Context(), store.System, store.DefaultWorkspace, gone.ID))
	edit := f.get("/alerts/silences/" + strings.TrimPrefix(of.AttrOr("id", ""), "s-"))
	assert.Equal(t, gone.ID, edit.Find("#rule_id [selected]").AttrOr("value", ""), "a change does not silence what other rules find")
	require.Equal(t, http.StatusSeeOther, f.post("/alerts/silences/"+f.currentSilences()[0].ID, nil, "do", "end").code)
	for _, about := range [][]string{{"rule_id", other.ID}, {"code", "internal_error"}, {"service", "checkout-api", "environment", "staging"}, {"family", "429"}, {"customer", "customer-0"}} {
		f.silences(append([]string{"for", "1h", "reason", "not this"}, about...)...)
	}
	assert.Zero(t, f.get("/i/1").Find(".silenced").Length())
	assert.Contains(t, words(f.get("/alerts").Find("main > .side")), "kept back by 5 silences.")
	f.silences("endpoint", "post /v1/charges", "for", "1h", "reason", "all of it")
	assert.Contains(t, words(f.get("/i/1").Find(".silenced")), "all of it Nobody is told about 5xx and 429 of every service at POST /v1/charges")
	for range 3 {
		f.silences("service", "checkout-api", "for", "1h", "reason", "again")
	}
	p := f.incidentDeed("do", "silence", "for", "24h")
	require.Equal(t, 3, p.Find("div.silenced").Length(), "not all of them")
	assert.Equal(t, 1, p.Find("div.silenced").First().Find("[value=unsilence]").Length(), "its own comes first, although it ends last")
	assert.Equal(t, 3, f.get("/services/checkout-api").Find(".silenced").Length())
}

func TestSilencesPages(t *testing.T) {
	f := newFixture(t).decides()
	f.samples()
	empty := f.get("/alerts/silences")
	requireSound(t, empty)
	assert.Equal(t, "Silences", words(empty.Find(".tabs [aria-current]")))
	assert.Contains(t, words(empty.Find("main")), "Nothing is silenced A silence keeps messages back")

	form := f.get("/alerts/silences/new?service=billing&reason=incident+%231")
	requireSound(t, form)
	assert.Less(t, zipped(t, form.body), 10<<10)
	assert.Equal(t, "billing", form.Find("#service").AttrOr("value", ""))
	assert.Equal(t, "incident #1", form.Find("#reason").Text())
	assert.Contains(t, words(form.Find(".words")), "5xx and 429 of billing")
	assert.Contains(t, form.Find("#services option").Map(func(_ int, s *goquery.Selection) string { return s.AttrOr("value", "") }), "prompts-api")
	assert.Equal(t, "default", words(form.Find("#rule_id option").Last()))

	card := f.silences("service", "billing", "endpoint", "POST /v1/charges", "code", "provider.Error", "for", "8h", "reason", "the bank\r\nmoves house")
	for _, want := range []string{"5xx and 429 of billing at POST /v1/charges with code", "the bank moves house", "(in 8 h)", "By ada", "It has kept no message back so far."} {
		assert.Contains(t, words(card), want)
	}
	later := f.silences("service", "billing", "starts_at", "now+2h", "ends_at", time.Now().UTC().Add(3*time.Hour).Format(formTime), "for", "8h", "reason", "later")
	assert.Contains(t, words(later), "From: ")
	p := f.get("/alerts/silences")
	requireSound(t, p)
	assert.Equal(t, 1, p.Find("section[aria-labelledby=now] li").Length())
	assert.Equal(t, 1, p.Find("section[aria-labelledby=later] li").Length())
	assert.Contains(t, words(f.get("/alerts").Find("main > .side")), "The next silence begins in 2 h: 5xx and 429 of billing.")

	// Longer, changed, ended.
	id, _ := card.Attr("id")
	path := "/alerts/silences/" + strings.TrimPrefix(id, "s-")
	longer, _ := card.Find("[name=until]").First().Attr("value")
	for range 2 { // twice is as long as once
		require.Equal(t, http.StatusSeeOther, f.post(path, nil, "do", "longer", "until", longer).code)
	}
	assert.Contains(t, words(f.get("/alerts/silences").Find("#"+id)), "(in 9 h)")
	edit := f.get(path)
	requireSound(t, edit)
	assert.Equal(t, "Change the silence", words(edit.Find("h1")))
	values := []string{"do", "save"}
	edit.Find(".silence input, .silence select, .silence textarea").Each(func(_ int, s *goquery.Selection) {
		value := s.AttrOr("value", s.Text())
		if goquery.NodeName(s) == "select" {
			value = s.Find("[selected]").AttrOr("value", "")
		}
		values = append(values, s.AttrOr("name", ""), value)
	})
	before := f.silenceOf(path)
	require.Equal(t, http.StatusSeeOther, f.post(path, nil, append(values, "reason", "still")...).code)
	after := f.silenceOf(path)
	assert.Equal(t, "still", after.Reason)
	before.Reason, before.StartsAt, before.EndsAt = after.Reason, after.StartsAt, after.EndsAt
	assert.Equal(t, before, after, "nothing else")
	require.Equal(t, http.StatusSeeOther, f.post(path, nil, "do", "end").code)
	ended := f.post(path, nil, "do", "end")
	assert.Equal(t, 409, ended.code)
	assert.Contains(t, words(ended.Find("[role=alert]")), "There is no silence with this ID")
	assert.Equal(t, 404, f.get(path).code)
	assert.Equal(t, 422, f.post("/alerts/silences/"+f.currentSilences()[0].ID, nil, "do", "longer", "until", "x").code)
	for _, path := range []string{"/alerts/silences/nonsense", "/alerts/silences/%FF"} {
		assert.GreaterOrEqual(t, f.get(path).code, 400, path)
	}
}

func (f *fixture) silenceOf(path string) silence.Silence {
	f.t.Helper()
	for _, s := range f.currentSilences() {
		if strings.HasSuffix(path, s.ID) {
			return s
		}
	}
	require.Fail(f.t, "no such silence", path)
	return silence.Silence{}
}

func TestMaintenanceWindows(t *testing.T) {
	f := newFixture(t).decides()
	day := f.now.AddDate(0, 0, 3).Weekday() // not now, whenever this runs
	cron := "30 2 * * " + strings.ToUpper(day.String()[:3])
	form := f.get("/alerts/silences/new?kind=window")
	requireSound(t, form)
	assert.Equal(t, "New maintenance window", words(form.Find("h1")))
	assert.Equal(t, "UTC", form.Find("#time_zone").AttrOr("value", ""))

	window := []string{"kind", "window", "service", "billing", "cron", cron, "minutes", "90", "time_zone", "Europe/Berlin", "for", "365d", "reason", "weekly maintenance"}
	preview := f.post("/alerts/silences/new", nil, append(window, "do", "preview")...)
	require.Equal(t, 200, preview.code, preview.body)
	requireSound(t, preview)
	assert.Contains(t, words(preview.Find(".words")), "5xx and 429 of billing, every "+day.String()+" at 02:30 (Europe/Berlin), for 1 h 30 min. Next: ")
	assert.Equal(t, 3, preview.Find(".words time").Length())
	assert.Equal(t, cron, preview.Find("#cron").AttrOr("value", ""), "what was typed stays")
	assert.Equal(t, "365d", preview.Find("#for [selected]").AttrOr("value", ""))
	assert.Empty(t, f.currentSilences(), "a preview changes nothing")

	card := f.silences(window...)
	for _, want := range []string{"maintenance window", "Silent every " + day.String() + " at 02:30 (Europe/Berlin), for 1 h 30 min.", "weekly maintenance"} {
		assert.Contains(t, words(card), want)
	}
	assert.Zero(t, card.Find("[name=until]").Length())
	always := f.silences("kind", "window", "environment", "staging", "cron", "* * * * *", "minutes", "5", "time_zone", "UTC", "for", "30d", "reason", "staging is nobody's")
	assert.Contains(t, words(always), "every minute (UTC), for 5 min")
	p := f.get("/alerts/silences")
	assert.Equal(t, 1, p.Find("section[aria-labelledby=now] li").Length())
	assert.Contains(t, words(f.get("/alerts").Find("main > .side")), "kept back by 1 maintenance window.")
	edit := f.get("/alerts/silences/" + strings.TrimPrefix(card.AttrOr("id", ""), "s-"))
	requireSound(t, edit)
	assert.Equal(t, []string{cron, "90", "Europe/Berlin", "window"}, []string{edit.Find("#cron").AttrOr("value", ""), edit.Find("#minutes").AttrOr("value", ""), edit.Find("#time_zone").AttrOr("value", ""), edit.Find("[name=kind]").AttrOr("value", "")})
}

// What cannot be right is said where it was typed, and what was typed stays.
func TestSilenceMistakes(t *testing.T) {
	f := newFixture(t).decides()
	once := map[string]string{"do": "save", "service": "billing", "reason": "we know", "for": "1h"}
	window := map[string]string{"do": "save", "kind": "window", "service": "billing", "reason": "we know", "for": "30d", "cron": "0 3 * * *", "minutes": "30", "time_zone": "UTC"}
	for _, c := range []struct {
		of           map[string]string
		field, value string
		said         string
	}{
		{once, "reason", "", "This must say why"}, {once, "service", "", "at least one of these fields"}, {once, "ends_at", "yesterday", "must be a time in UTC"}, {once, "ends_at", "2020-01-01T00:00", "This must be after the start"},
		{once, "ends_at", "now+91d", "at most 90 days"}, {once, "starts_at", "soon", "The start must be a time"}, {once, "rule_id", "01970000-0000-7000-8000-000000000001", "a rule that is not there"},
		{once, "service", strings.Repeat("x", 201), "at most 200 bytes"}, {once, "code", "a\x00b", "one line"}, {once, "family", "4xx", "5xx or 429"},
		{window, "cron", "", "Say when the window begins"}, {window, "cron", "61 * * * *", "five fields"}, {window, "minutes", "", "for how many minutes"}, {window, "minutes", "20000", "1 to 10080"},
		{window, "time_zone", "Berlin", "name of a time zone"}, {window, "ends_at", "now+1m", "never begins between the start and the end"},
	} {
		var pairs []string
		for name, value := range c.of {
			if name != c.field {
				pairs = append(pairs, name, value)
			}
		}
		p := f.post("/alerts/silences/new", nil, append(pairs, c.field, c.value)...)
		require.Equal(t, 422, p.code, "%s=%q", c.field, c.value)
		requireSound(t, p)
		at := c.field
		if strings.HasPrefix(c.said, "never") {
			at = "cron"
		}
		assert.Equal(t, 1, p.Find("[role=alert]").Length(), "%s=%q", c.field, c.value)
		assert.Contains(t, words(p.Find("#"+at+"-note [role=alert]")), c.said, "%s=%q", c.field, c.value)
		assert.Equal(t, "true", p.Find("#"+at).AttrOr("aria-invalid", ""), at)
		if c.field != "service" {
			assert.Equal(t, "billing", p.Find("#service").AttrOr("value", ""), "what was typed stays")
		}
	}
	assert.Equal(t, 422, f.post("/alerts/silences/new", nil, "service", "billing", "reason", "x", "for", "1h").code, "neither saved nor a preview")
	assert.Empty(t, f.currentSilences())
	assert.Equal(t, 1, f.post("/alerts/silences/new", nil, "do", "save", "reason", "x", "for", "1h").Find("[name=all]").Length())
	assert.Contains(t, words(f.silences("all", "1", "reason", "the whole site is down for a day", "for", "1d")), "everything")
}

func TestSilencePreviewPage(t *testing.T) {
	f := newFixture(t).decides()
	nothing := f.post("/alerts/silences/new", nil, "do", "preview", "service", "checkout-api")
	require.Equal(t, 200, nothing.code, "a preview needs neither reason nor end")
	assert.Contains(t, words(nothing.Find("#preview")), "no message about this at all")
	receiver := newMuteReceiver(t, f)
	f.outage("checkout-api", true)
	p := f.post("/alerts/silences/new", nil, "do", "preview", "service", "checkout-api", "family", "5xx")
	requireSound(t, p)
	assert.Equal(t, "In the last 14 days it would have muted 1 message about 1 incident.", words(p.Find("#preview")))
	row := p.Find("section[aria-labelledby=preview] tbody tr")
	assert.Contains(t, words(row), "INC-1 checkout-api 5xx production")
	assert.Equal(t, "/i/1", row.Find("a").AttrOr("href", ""))
	other := f.post("/alerts/silences/new", nil, "do", "preview", "service", "checkout-api", "code", "timeout")
	assert.Contains(t, words(other.Find("#preview")), "muted nothing: of 1 message")
	assert.Empty(t, f.currentSilences())
	assert.Equal(t, []string{"incident.firing"}, receiver.deliver())
}

// A reason is text, wherever it is shown.
func TestSilencesEscape(t *testing.T) {
	f := newFixture(t).decides()
	f.outage("checkout-api", true)
	f.silences("service", "checkout-api", "for", "1h", "reason", evil)
	f.silences("service", evil, "environment", evil, "method", "X", "endpoint", evil, "customer", evil, "for", "1h", "reason", evil)
	gone := f.silences("service", evil, "for", "1h", "reason", evil)
	require.Equal(t, http.StatusSeeOther, f.post("/alerts/silences/"+strings.TrimPrefix(gone.AttrOr("id", ""), "s-"), nil, "do", "end").code)
	pages := []page{f.get("/alerts"), f.get("/i/1"), f.get("/alerts/silences"), f.get("/services/checkout-api"), f.post("/alerts/silences/new", nil, "do", "preview", "service", evil, "reason", evil, "ends_at", evil)}
	for _, s := range f.currentSilences() {
		pages = append(pages, f.get("/alerts/silences/"+s.ID))
	}
	for i, p := range pages {
		assert.Equal(t, 1, p.Find("script").Length(), i)
		assert.Zero(t, p.Find("img, [onerror]").Length(), i)
		assert.Contains(t, p.Text()+p.Find("input").AttrOr("value", ""), "<script>alert(1)</script>", i)
		requireSound(t, p)
	}

	w := &web{Deps: Deps{Now: time.Now}, assets: loadAssets(), pages: loadPages()}
	fr := frame{Title: evil, Description: evil, User: evil, CSS: w.assets.url("style.css"), JS: w.assets.url("errata.js")}
	s := silence.Silence{ID: evil, Service: evil, Reason: evil, Cron: evil, TimeZone: evil, CreatedBy: evil, RuleID: evil}
	card := w.silenceCard(&s, namesOfRules{evil: evil})
	card.Decides, card.Incident, card.Longer = true, evil, []choice{{evil, evil, true}}
	in := silenceField{evil, evil, evil, evil, evil, evil, evil, nil, evil, true}
	for name, list := range map[string][]any{
		"silences": {silencesPage{frame: fr, Tabs: tabs(silencesPath), Now: []silenceCard{card}, Later: []silenceCard{card}, Ended: []silenceCard{card}, Decides: true, Problem: evil}, silencesPage{frame: fr}},
		"silence": {silencePage{frame: fr, Kinds: []link{{Label: evil, Path: evil}}, Action: evil, Window: true, Matches: []silenceField{in}, Reason: in, All: true, Problem: evil, Words: evil, When: evil,
			Preview: &silencePreview{evil, []mutedRow{{evil, evil, evil, evil, moment{evil, evil, evil}, 1, 1}}, true}, Services: []string{evil}, Zones: []string{evil}, Environments: []string{evil}}},
	} {
		require.Contains(t, silenceNames, name)
		for _, data := range list {
			w.requireHarmless(t, name, data)
		}
	}
	assert.Len(t, silenceNames, 2, "a new template belongs into this test")
}
