package web

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/store"
)

func evilEvent(id string) event.Event {
	blob, _ := json.Marshal(map[string]string{"x": evil}) //nolint:errcheck // cannot fail
	return event.Event{
		ID: id, OccurredAt: time.Now(), Role: event.Role(evil), Family: event.Family(evil), RequestID: evil, TraceID: evil, SpanID: "a" + id, ParentSpanID: "b",
		Service: evil, Environment: evil, Release: evil, Method: evil, Endpoint: evil, Path: evil, Customer: evil, Status: 422, RawCode: evil, Code: evil,
		Message: evil, Details: blob, FieldErrors: []event.FieldError{{Field: evil, Code: evil, Message: evil}}, RetryAfter: &event.RetryAfter{Seconds: 1, Source: evil},
		RateLimit: &event.RateLimit{Limit: ptr(int64(1)), Window: evil}, Upstream: &event.UpstreamInfo{Provider: evil, Code: evil, RequestID: evil},
		Exception: &event.Exception{Type: evil, Message: evil, Stacktrace: evil}, Headers: map[string]string{evil: evil},
		Aliases: []event.Alias{{Kind: evil, Value: evil}}, Dialect: evil, GRPCCode: evil, Instance: evil, Notes: []string{evil}, Raw: blob,
	}
}

// Every template runs with every string hostile, and lets none of it act.
func TestNothingEscapes(t *testing.T) {
	w := &web{Deps: Deps{Now: time.Now}, assets: loadAssets(), pages: loadPages()}
	fr := frame{Title: evil, Description: evil, Alerts: 1, Paused: evil, At: evil, User: evil, Version: evil, CSS: w.assets.url("style.css"), JS: w.assets.url("errata.js"), Box: true, Reads: true}
	a, b := evilEvent("1"), evilEvent("2")
	trail := event.NewTrail(evil, []event.Event{a, b})
	request := w.requestPage(trail, "1", nil, catalog.About{CustomerName: evil})
	request.frame, request.Began, request.Them = fr, evil, evil
	evilRequest(&request, &trail)
	support := request
	support.Engineer, support.All = false, false
	support.hide()
	evilRow := w.incidentRow(&evilIncident().Record)
	request.Known, request.Desk = &knownIncident{evilRow, evil}, evilDesk(evil)
	list := append(w.rows([]event.Event{a}), w.hitRow(store.Hit{EventID: evil, Value: evil, Service: evil, Code: evil, Customer: evil}))
	status := statusLine{Newest: moment{evil, evil, evil}}
	form := filterForm{evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, []choice{{evil, evil, true}}, []choice{{evil, evil, true}}}
	for name, page := range map[string][]any{
		"login": {loginPage{frame: fr, Next: evil, Problem: evil}, loginPage{frame: fr, Draft: &draft{Action: evil, Do: "note", Text: "</textarea>" + evil}}, loginPage{frame: fr, Draft: &draft{Action: evil, Do: "ticket", Text: evil}}}, "link": {linkPage{fr, evil}},
		"home":       {homePage{fr, status, list, false, evil, &nowLine{2, []incidentRow{evilRow}}, evilWatches(evil), []lookRow{{list[1], status.Newest}}}, homePage{fr, status, nil, true, evil, nil, nil, nil}},
		"request":    {request, support},
		"found":      {foundPage{fr, []foundTrail{{list[0], evil, &list[1]}}, []absence{{evil, evil, list, true}}, []string{evil}}},
		"bulk":       {bulkPage{fr, []bulkRow{{evil, &list[1], time.Time{}, evil, nil}, {evil, nil, time.Time{}, "", &absence{evil, evil, list, true}}}, evil, 1, 2, []string{evil}}},
		"nothing":    {nothingPage{fr, []absence{{evil, evil, list, true}}, []choice{{evil, evil, true}}, status, []string{evil}, 2, []row{{evil, "/x"}}, evil, []reachRow{{evil, status.Newest, evil}}}},
		"events":     {eventsPage{fr, form, []row{{evil, evil}}, nil, evil, "", nil, evil}, eventsPage{fr, form, nil, list, evil, "", nil, evil}, eventsPage{fr, form, nil, nil, "", evil, nil, ""}, eventsPage{fr, form, nil, nil, "", "", &mistake{evil, evil, evil, evil, evil, evil}, ""}},
		"issues":     evilIssues(w, fr),
		"issue":      {evilIssue(w, fr)},
		"rejections": {rejectionsPage{fr, []rejectionRow{{status.Newest, event.Source(evil), evil, evil, evil, evil, evil, evil}}, evil, []store.Refused{{Key: evil, Service: evil, Reason: evil}}}},
		"dashboard":  evilDashboards(fr),
		"alerts":     {alertsPage{frame: fr, Tabs: tabs("/alerts"), Rows: []incidentRow{evilRow}, Decides: true}, alertsPage{frame: fr, Last: &evilRow}},
		"history":    {historyPage{frame: fr, Tabs: tabs("/alerts"), Service: evil, Environment: evil, Rows: []incidentRow{evilRow}, Older: evil, Rules: []ruleVotes{{evil, evil, evil, evil, &link{Label: evil, Path: "/alerts/rules/x"}}}}, historyPage{frame: fr, Problem: evil}},
		"incident":   {evilIncidentPage(w, fr), evilOwnPage(w, fr)},
		"called":     {calledPage{fr, evil, []row{{evil, "/x"}}, true}},
		"error":      {errorPage{fr, 500, evil, evil, evil, evil}},
	} {
		require.Contains(t, pageNames, name)
		for _, data := range page {
			w.requireHarmless(t, name, data)
		}
	}
	assert.Len(t, pageNames, 17, "a new template belongs into this test")
	w.requireTeamHarmless(t, fr, evil)
	rules := []thinningRow{{evil, evil, evil, "/settings/thinning?rule=x", "/events?q=x", false, evil, status.Newest}}
	typed := thinningForm{evil, evil, evil, evil, evil, true, map[string]string{"name": evil, "match": evil, "keep": evil, "after_days": evil}, 3, 9}
	w.requireHarmless(t, "thinning", thinningPage{fr, evil, evil, rules, true, typed, &thinningPreview{evil, evil}})
	w.requireHarmless(t, "thinning", thinningPage{frame: fr})
	fr.Reads = false
	known := &knownIncident{evilRow, evil}
	support.frame, support.Full, support.EditPath, support.Known = fr, "", "", known
	for name, page := range map[string][]any{
		"forbidden": {errorPage{fr, 403, evil, evil, evil, evil}}, "plaincode": {plainCodePage{fr, evil, evil, evil, request.Why, evil, false}}, "plaincustomer": {plainCustomer{fr, evil, evil, evilNaming(evil), []sideRow{{evil, evil, 1}}, evil, ""}, plainCustomer{frame: fr, Problem: evil}}, "alertsnow": {alertsNowPage{fr, []*knownIncident{known}}, alertsNowPage{frame: fr}},
		"request": {support}, "home": {homePage{fr, status, list, false, evil, &nowLine{2, []incidentRow{evilRow}}, nil, nil}},
		"found": {foundPage{fr, []foundTrail{{list[0], evil, nil}}, nil, nil}}, "bulk": {bulkPage{fr, []bulkRow{{evil, &list[1], time.Time{}, evil, nil}}, evil, 1, 2, nil}},
	} {
		for _, data := range page {
			w.requireHarmless(t, name, data)
		}
	}
}

// requireHarmless runs a template with hostile strings: none of it may act.
func (w *web) requireHarmless(t *testing.T, name string, data any) *goquery.Document {
	t.Helper()
	of := reflect.Indirect(reflect.ValueOf(data)).Type()
	for i := range reflect.TypeFor[frame]().NumField() {
		field, _ := of.FieldByName(reflect.TypeFor[frame]().Field(i).Name)
		assert.NotEqual(t, 1, len(field.Index), "%s: its own %s hides that of the frame", name, field.Name)
	}
	var out bytes.Buffer
	require.NoError(t, w.pages[name].Execute(&out, data), name)
	doc, err := goquery.NewDocumentFromReader(&out)
	require.NoError(t, err)
	assert.Equal(t, 1, doc.Find("script").Length(), "%s: a foreign script", name)
	assert.Zero(t, doc.Find("img, [onerror], main script").Length(), name)
	doc.Find("[href], [src], [action]").Each(func(_ int, s *goquery.Selection) {
		for _, attr := range []string{"href", "src", "action"} {
			assert.False(t, strings.HasPrefix(strings.ToLower(s.AttrOr(attr, "")), "javascript:"), name)
		}
	})
	return doc
}
