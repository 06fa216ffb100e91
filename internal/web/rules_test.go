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

	"errata/internal/alert"
	"errata/internal/event"
	"errata/internal/incident"
	"errata/internal/ruleset"
	"errata/internal/slo"
	"errata/internal/store"
)

func (f *fixture) channel(name string) store.Channel {
	f.t.Helper()
	ch, err := f.AddChannel(f.t.Context(), store.System, store.DefaultWorkspace, store.ChannelSpec{Name: name, Kind: "webhook", Settings: map[string]string{"url": "https://hooks.example.com/" + name}, Level: alert.Notify, Hourly: 20, Enabled: true},
		func(store.ChannelSpec) error { return nil })
	require.NoError(f.t, err)
	return ch
}

// form is what a browser would send of the page's form, with some of it changed.
func (p page) form(changes ...string) []string {
	v := url.Values{}
	p.Find("form.rule").Find("input, select, textarea").Each(func(_ int, s *goquery.Selection) {
		name, _ := s.Attr("name")
		value, _ := s.Attr("value")
		if goquery.NodeName(s) == "select" {
			o := s.Find("option[selected]")
			if o.Length() == 0 {
				o = s.Find("option").First()
			}
			var ok bool
			if value, ok = o.Attr("value"); !ok {
				value = o.Text()
			}
		}
		if kind, _ := s.Attr("type"); kind == "checkbox" {
			if _, on := s.Attr("checked"); !on {
				return
			}
		}
		v.Set(name, value)
	})
	for i := 0; i+1 < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
	}
	var out []string
	for name := range v {
		out = append(out, name, v.Get(name))
	}
	return out
}

func TestRulesPage(t *testing.T) {
	f := newFixture(t).decides()
	p := f.get("/alerts/rules")
	requireSound(t, p)
	assert.Equal(t, "Rules", words(p.Find(".tabs [aria-current]")))
	assert.Contains(t, words(p.Find(".list tbody tr")), "default every workspace has it everything sensitivity normal page tells all channels")
	assert.Contains(t, words(p.Find("#teach ~ p")), "The editor replays the last 14 days")
	assert.Contains(t, words(p.Find("table.rank")), "min_errorsHow many failures five minutes must have.30106errors")
	ops := f.channel("ops")
	r := ruleset.New("a/b & c")
	r.Query, r.Sensitivity, r.Channels, r.Enabled, r.Advanced = "service:billing", "high", []string{ops.ID}, false, ruleset.Overrides{"min_errors": 3}
	_, err := f.SaveRule(t.Context(), store.Actor{Kind: "key", ID: "k", Label: "ci"}, store.DefaultWorkspace, r)
	require.NoError(t, err)
	p = f.get("/alerts/rules")
	row := p.Find(".list tbody tr").First()
	if !strings.Contains(words(row), "a/b") {
		row = p.Find(".list tbody tr").Last()
	}
	assert.Regexp(t, `^a/b & c off changed by ci .* service:billing sensitivity high 1 number of its own page tells ops`, words(row))
	assert.Zero(t, p.Find("#teach").Length())
	to, _ := row.Find("a.row").Attr("href")
	edit := f.get(to)
	require.Equal(t, 200, edit.code)
	requireSound(t, edit)
	assert.Equal(t, "Rule “a/b & c”", words(edit.Find("h1")))
	assert.Equal(t, 1, edit.Find("details.numbers[open]").Length(), "numbers of its own are shown")
	export := f.get("/alerts/rules/export")
	assert.Equal(t, "application/yaml; charset=utf-8", export.header.Get("Content-Type"))
	assert.Contains(t, export.body, "min_errors: 3")
	assert.Equal(t, 404, f.get("/alerts/rules/nobody").code)
	offers := f.get("/alerts/rules/complete?q=ser").body
	assert.Contains(t, offers, `"service:"`)
	assert.NotContains(t, offers, "customer")
}

// What is typed is replayed, refused at its field, saved, changed and removed;
// each change says who made it.
func TestRuleEditor(t *testing.T) {
	f := newFixture(t).decides()
	f.outage("checkout-api", true)
	ops := f.channel("ops")
	p := f.get("/alerts/rules/new")
	requireSound(t, p)
	assert.Len(t, p.Find(".number").Nodes, len(ruleset.Numbers), "every number")

	// Replaying needs no name and saves nothing.
	p = f.post("/alerts/rules/new", nil, p.form("do", "replay", "query", "service:checkout-api", "days", "1")...)
	require.Equal(t, 200, p.code, p.body)
	requireSound(t, p)
	assert.Equal(t, "Would have fired 1 time in the last 1 day", words(p.Find("#replay-h")))
	assert.Contains(t, words(p.Find("#replay")), "It is a new rule: others find all of that as well.")
	row := words(p.Find("#w1"))
	assert.Contains(t, row, "checkout-api 5xx")
	assert.Contains(t, row, "Rule B")
	assert.Contains(t, row, "INC-1")
	assert.NotZero(t, p.Find("#replay svg [href='#w1']").Length(), "it is drawn")
	q, _ := p.Find("#search").Attr("value")
	assert.Equal(t, "service:checkout-api", q, "what was typed is still there")
	list, err := f.Rules(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.Len(t, list, 1)

	// What is wrong is told where it is.
	for field, changes := range map[string][]string{
		"name": {"name", ""}, "query": {"query", "customer:acme"}, "runbook": {"runbook", "ftp://x"}, "advanced.min_errors": {"advanced.min_errors", "many"},
		"advanced.min_rate": {"advanced.min_rate", "200 %"}, "objective": {"objective", "all of it"},
	} {
		changes = append([]string{"do", "save", "name", "checkout"}, changes...)
		bad := f.post("/alerts/rules/new", nil, p.form(changes...)...)
		assert.Equal(t, 422, bad.code, field)
		requireSound(t, bad)
		at := bad.Find("[aria-invalid], [name=objective]").FilterFunction(func(_ int, s *goquery.Selection) bool { n, _ := s.Attr("name"); return n == field })
		assert.Equal(t, 1, at.Length(), field)
		assert.NotEmpty(t, words(bad.Find(".wrong, #mistake")), field)
		assert.Equal(t, strings.HasPrefix(field, "advanced."), bad.Find("details.numbers[open]").Length() == 1, field)
	}

	saved := f.post("/alerts/rules/new", nil, p.form("do", "save", "name", "checkout", "sensitivity", "high", "level", "ticket", "channel", ops.ID, "runbook", "https://wiki.example/x", "advanced.min_rate", "1,5 %",
		"advanced.count_pages", "true", "objective", "99,5 %", "window", "30")...)
	require.Equal(t, 303, saved.code, saved.body)
	r := f.ruleNamed("checkout")
	assert.Equal(t, ruleset.Overrides{"min_rate": 0.015, "count_pages": 1}, r.Advanced)
	assert.Equal(t, []any{"service:checkout-api", "high", "ticket", "https://wiki.example/x", true, "ada", []string{ops.ID}}, []any{r.Query, string(r.Sensitivity), r.Level, r.Runbook, r.Enabled, r.UpdatedBy, r.Channels})
	slos, err := f.SLOs(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.InDelta(t, 99.5, slos[0].Objective, 1e-9)

	edit := f.get("/alerts/rules/checkout")
	requireSound(t, edit)
	assert.Equal(t, 1, edit.Find("[name=channel][checked]").Length())
	replay := f.post("/alerts/rules/checkout", nil, edit.form("do", "replay", "days", "1", "advanced.fast_errors", "100000", "advanced.min_errors", "100000", "advanced.slow_errors", "100000", "advanced.low_errors", "100000", "advanced.burn_errors", "100000")...)
	require.Equal(t, 200, replay.code, replay.body)
	assert.Equal(t, "Would have fired 0 times in the last 1 day", words(replay.Find("#replay-h")))
	assert.Contains(t, words(replay.Find("#replay")), "As it is saved it fires 1 time in the same days.")

	// Two who edit it at once: the second is told.
	off := edit.form("do", "save")
	for i := 0; i+1 < len(off); i += 2 {
		if off[i] == "enabled" {
			off[i] = "was-enabled"
		}
	}
	require.Equal(t, 303, f.post("/alerts/rules/checkout", nil, off...).code)
	assert.False(t, f.ruleNamed("checkout").Enabled)
	late := f.post("/alerts/rules/checkout", nil, edit.form("do", "save")...)
	assert.Equal(t, 409, late.code)
	assert.Contains(t, words(late.Find("[role=alert]")), "ada changed this rule while you edited it.")
	taken := f.post("/alerts/rules/new", nil, p.form("do", "save", "name", "checkout")...)
	assert.Equal(t, 409, taken.code)
	assert.Contains(t, words(taken.Find(".wrong")), "There is a rule with the name")

	sure := f.post("/alerts/rules/checkout", nil, "do", "remove")
	require.Equal(t, 200, sure.code)
	requireSound(t, sure)
	assert.Equal(t, "Remove this rule?", words(sure.Find("#sure")))
	assert.NotNil(t, f.ruleNamed("checkout"))
	require.Equal(t, 303, f.post("/alerts/rules/checkout", nil, "do", "remove", "sure", "yes").code)
	assert.Equal(t, 404, f.get("/alerts/rules/checkout").code)

	// The rule that every workspace has keeps its name, and is reset.
	def := f.get("/alerts/rules/default")
	require.Equal(t, 303, f.post("/alerts/rules/default", nil, def.form("do", "save", "name", "other", "level", "notify")...).code)
	assert.Equal(t, "notify", f.ruleNamed("default").Level)
	require.Equal(t, 303, f.post("/alerts/rules/default", nil, "do", "remove", "sure", "yes").code)
	assert.Equal(t, "page", f.ruleNamed("default").Level)
}

func (f *fixture) ruleNamed(name string) *ruleset.Rule {
	f.t.Helper()
	list, err := f.Rules(f.t.Context(), store.DefaultWorkspace)
	require.NoError(f.t, err)
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// Who may not decide may look and replay.
func TestRulesForReaders(t *testing.T) {
	f := newFixture(t).signIn()
	p := f.get("/alerts/rules/default")
	assert.Zero(t, p.Find("[value=save], [value=remove]").Length())
	assert.Equal(t, 200, f.post("/alerts/rules/default", nil, p.form("do", "replay", "days", "1")...).code)
	for path, do := range map[string][]string{"/alerts/rules/default": {"save", "remove"}, "/alerts/rules/new": {"save"}, "/alerts/rules/import": {"apply"}} {
		for _, what := range do {
			assert.Equal(t, 403, f.post(path, nil, "do", what, "sure", "yes", "name", "x", "yaml", "rules: []").code, path)
		}
	}
	assert.Len(t, words(f.get("/alerts/rules").Find("a.button")), 0)
}

// What found something leads to where that is made less sensitive.
func TestIncidentsLeadToTheirRule(t *testing.T) {
	f := newFixture(t).decides()
	f.outage("checkout-api", true)
	for path, at := range map[string]string{"/i/1": ".why a", "/alerts/history": "section[aria-labelledby=rules] td a"} {
		a := f.get(path).Find(at)
		assert.Equal(t, "Make “default” less sensitive", words(a), path)
		to, _ := a.Attr("href")
		p := f.get(to)
		require.Equal(t, 200, p.code)
		assert.Contains(t, words(p.Find("[role=status]")), "The sensitivity is set to “low” here, but not saved yet")
		chosen, _ := p.Find("#sensitivity option[selected]").Attr("value")
		assert.Equal(t, "low", chosen)
	}
	assert.Equal(t, "normal", string(f.ruleNamed("default").Sensitivity))
}

func TestImportRules(t *testing.T) {
	f := newFixture(t).decides()
	requireSound(t, f.get("/alerts/rules/import"))
	const path = "/alerts/rules/import"
	wrong := f.post(path, nil, "do", "check", "yaml", "rules:\r\n  - name: x\r\n    level: loud\r\n")
	assert.Equal(t, 422, wrong.code)
	requireSound(t, wrong)
	assert.Regexp(t, `^Line 3: rules\[0\]\.level: must be one of: .*$`, words(wrong.Find("[aria-labelledby=lint] ul")))
	text := "rules:\n  - name: payments\n    query: \"service:billing\"\n    sensitivity: high\n    level: ticket\n"
	seen := f.post(path, nil, "do", "check", "yaml", text)
	require.Equal(t, 200, seen.code)
	requireSound(t, seen)
	assert.Contains(t, words(seen.Find("[aria-labelledby=diff]")), "create payments")
	assert.Equal(t, 4, seen.Find(".diff .plus").Length())
	assert.Nil(t, f.ruleNamed("payments"), "nothing was changed")
	plan, _ := seen.Find("[name=plan]").Attr("value")
	assert.Equal(t, 409, f.post(path, nil, "do", "apply", "yaml", strings.Replace(text, "high", "low", 1), "plan", plan).code, "what is applied is what was looked at")
	assert.Nil(t, f.ruleNamed("payments"))
	require.Equal(t, 303, f.post(path, nil, "do", "apply", "yaml", text, "plan", plan).code)
	assert.Equal(t, "ada", f.ruleNamed("payments").UpdatedBy)
	assert.Contains(t, words(f.post(path, nil, "do", "check", "yaml", f.get("/alerts/rules/export").body).Find("#diff")), "Nothing to change")
	pruned := f.post(path, nil, "do", "check", "prune", "1", "yaml", "rules: []")
	assert.Contains(t, words(pruned.Find("[aria-labelledby=diff]")), "remove payments")
	assert.Equal(t, http.StatusRequestEntityTooLarge, f.post(path, nil, "do", "check", "yaml", strings.Repeat("x", maxImport)).code)
}

// Every template runs with every string hostile, and lets none of it act.
func TestNothingEscapesFromRules(t *testing.T) {
	w := &web{Deps: Deps{Now: time.Now}, assets: loadAssets(), pages: loadPages()}
	fr := frame{Title: evil, User: evil, Version: evil, CSS: w.assets.url("style.css"), JS: w.assets.url("errata.js")}
	r := ruleset.New(evil)
	r.ID, r.Query, r.Runbook, r.Level, r.Channels = evil, evil, "javascript:alert(1)", evil, []string{evil}
	form := showRule(r, []store.Channel{{ID: evil, Name: evil, Kind: evil}}, 14)
	form.Wrong = map[string]string{"name": evil, "query": evil, "runbook": evil, "channels": evil, "objective": evil, "sensitivity": evil, "level": evil, "advanced.min_rate": evil}
	form.Aim, form.AimPath, form.Objective, form.WindowDays = &slo.SLO{Service: evil, Environment: evil}, evil, evil, evil
	form.mark(map[string]string{"min_rate": evil, "count_pages": evil})
	would := store.Would{Title: evil, Environment: evil, Rules: []string{evil}, Parts: []string{evil, evil, evil, evil, evil}, Why: evilIncident().Why, Number: 1, Useful: incident.Noisy}
	out := store.Replayed{From: event.Time{Time: time.Now().Add(-time.Hour)}, To: event.Time{Time: time.Now()}, Days: 14, Count: 1, Incidents: []store.Would{would}, Missed: []store.Would{would}, LeftOut: 3, Truncated: true}
	replay := w.replayPart(&out, r)
	replay.Chart = panel{ID: "x", Title: evil, Empty: evil}
	for name, list := range map[string][]any{
		"rules": {rulesPage{frame: fr, Tabs: tabs(rulesPath), Rows: []ruleRow{{Name: evil, Path: rulePath(r), Query: evil, Sensitivity: evil, Level: evil, Tells: evil, Numbers: evil, By: evil, Useful: evil, Fired: evil}}, Alone: true, Decides: true, Done: evil}},
		"rule": {rulePage{frame: fr, Tabs: tabs(rulesPath), Heading: evil, Path: rulePath(r), ID: evil, Seen: evil, Form: form, Replay: replay, Decides: true, Problem: evil, By: evil, Note: evil},
			rulePage{frame: fr, Heading: evil, Path: rulePath(r), Remove: true}},
		"rules_import": {importPage{frame: fr, Text: evil, Mistakes: []string{evil}}, importPage{frame: fr, Text: evil, Checked: true, Decides: true, Plan: evil, Problem: evil, Left: []string{evil}, Prune: true,
			Changes: []ruleChange{{Words: []string{evil}, Lines: []diffLine{{evil, evil}}}}}},
	} {
		require.Contains(t, ruleNames, name)
		for _, data := range list {
			w.requireHarmless(t, name, data)
		}
	}
	assert.Len(t, ruleNames, 3, "a new template belongs into this test")
}
