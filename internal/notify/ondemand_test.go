package notify

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
)

func TestPagerDuty(t *testing.T) {
	r := newReceiver(t, status(http.StatusAccepted))
	s, c := newSender(t), channel(PagerDuty, r.URL)
	first := send(t, s, c, message(alert.KindFiring), "")
	key := "errata/production/01932f5e-0000-7000-8000-000000000012"
	assert.Equal(t, Handle(key), first.Handle)
	renamed := message(alert.KindResolved)
	renamed.Incidents[0].Environment = "renamed"
	send(t, s, c, renamed, first.Handle)

	all := r.all()
	require.Len(t, all, 2)
	trigger := all[0].json(t)
	assert.Equal(t, "/v2/enqueue", all[0].Path)
	assert.Equal(t, "trigger", trigger["event_action"])
	assert.Equal(t, key, trigger["dedup_key"])
	assert.Equal(t, "hushhushhushhushhushhushhushhush", trigger["routing_key"])
	payload := trigger["payload"].(map[string]any)
	assert.Equal(t, title, payload["summary"])
	assert.Equal(t, "critical", payload["severity"])
	assert.Equal(t, "2026-11-20T14:02:00Z", payload["timestamp"])
	assert.Equal(t, []any{"req_9f3a", "req_71bc"}, payload["custom_details"].(map[string]any)["request_ids"])
	assert.Equal(t, "https://errata.example/incidents/01932f5e-0000-7000-8000-000000000012", trigger["client_url"])
	resolve := all[1].json(t)
	assert.Equal(t, map[string]any{"routing_key": "hushhushhushhushhushhushhushhush", "event_action": "resolve", "dedup_key": key}, resolve)
	assert.NotContains(t, first.Exchanges[0].Request.Body, "hush")
	assert.Contains(t, first.Exchanges[0].Request.Body, `"routing_key":"[redacted]"`)
}

func TestADigestLosesNoIncident(t *testing.T) {
	r := newReceiver(t, status(http.StatusAccepted))
	m := digest(2)
	m.Incidents[1].ID, m.Incidents[1].State, m.Incidents[1].ResolvedAt = "other", alert.Resolved, moment("2026-11-20T14:39:00Z")
	send(t, newSender(t), channel(PagerDuty, r.URL), m, "")
	var actions []any
	for _, g := range r.all() {
		actions = append(actions, g.json(t)["event_action"])
	}
	assert.Equal(t, []any{"trigger", "resolve"}, actions)
	send(t, newSender(t), channel(Opsgenie, r.URL), m, "")
	assert.Len(t, r.all(), 4)
	assert.Equal(t, "/v2/alerts/errata-other/close?identifierType=alias", r.all()[3].Path)
}

// A test wakes nobody for long.
func TestATestResolvesItself(t *testing.T) {
	m := alert.Test("d1", "Acme", "https://errata.example", moment("2026-11-20T14:00:00Z"))
	r := newReceiver(t, status(http.StatusAccepted))
	send(t, newSender(t), channel(PagerDuty, r.URL), m, "")
	send(t, newSender(t), channel(Opsgenie, r.URL), m, "")
	all := r.all()
	require.Len(t, all, 4)
	assert.Equal(t, "info", all[0].json(t)["payload"].(map[string]any)["severity"])
	assert.Equal(t, "resolve", all[1].json(t)["event_action"])
	assert.Equal(t, "P4", all[2].json(t)["priority"])
	assert.Equal(t, "/v2/alerts/errata-test-d1/close?identifierType=alias", all[3].Path)
}

func TestOpsgenie(t *testing.T) {
	r := newReceiver(t, status(http.StatusAccepted))
	c := channel(Opsgenie, r.URL+"/jsm/ops/integration/")
	c.Settings["team"] = "Payments"
	s := newSender(t)
	for _, k := range []alert.Kind{alert.KindFiring, alert.KindUpdate, alert.KindResolved, alert.KindReopened} {
		send(t, s, c, message(k), "")
	}
	all := r.all()
	require.Len(t, all, 4)
	base := "/jsm/ops/integration/v2/alerts"
	alias := "errata-01932f5e-0000-7000-8000-000000000012"
	assert.Equal(t, []string{base, base + "/" + alias + "/notes?identifierType=alias", base + "/" + alias + "/close?identifierType=alias", base},
		[]string{all[0].Path, all[1].Path, all[2].Path, all[3].Path})
	created := all[0].json(t)
	assert.Equal(t, alias, created["alias"])
	assert.LessOrEqual(t, utf8.RuneCountInString(created["message"].(string)), 130)
	assert.True(t, strings.HasPrefix(created["message"].(string), "[FIRING] checkout-api 5xx"))
	assert.Contains(t, created["description"], "Why it fired: rule A")
	assert.Equal(t, "P1", created["priority"])
	assert.Equal(t, []any{map[string]any{"name": "Payments", "type": "team"}}, created["responders"])
	assert.Contains(t, all[1].json(t)["note"], "GET /v1/refunds joined")
	assert.Equal(t, "GenieKey hushhush-hush-hush", all[0].Header.Get("Authorization"))
}

func TestClosingWhatIsNotThereIsDone(t *testing.T) {
	r := newReceiver(t, status(http.StatusNotFound))
	s, c := newSender(t), channel(Opsgenie, r.URL)
	assert.Equal(t, alert.Done, send(t, s, c, message(alert.KindResolved), "").Outcome)
	assert.Equal(t, alert.GiveUp, send(t, s, c, message(alert.KindFiring), "").Outcome)
}

func TestTeams(t *testing.T) {
	r := newReceiver(t, status(http.StatusAccepted))
	m := message(alert.KindFiring)
	m.Incidents[0].Codes[0].Name = "**bold** [x](https://evil) <at>all</at>"
	a := send(t, newSender(t), channel(Teams, r.URL), m, "")
	assert.NotContains(t, a.Exchanges[0].Request.URL, "hush")
	body := r.only(t).json(t)
	attachment := body["attachments"].([]any)[0].(map[string]any)
	assert.Equal(t, "message", body["type"])
	assert.Equal(t, "application/vnd.microsoft.card.adaptive", attachment["contentType"])
	card := attachment["content"].(map[string]any)
	assert.Equal(t, "AdaptiveCard", card["type"])
	for _, b := range card["body"].([]any) {
		assert.Equal(t, "RichTextBlock", b.(map[string]any)["type"], "a TextBlock would read Markdown")
	}
	assert.Equal(t, title, card["body"].([]any)[0].(map[string]any)["inlines"].([]any)[0].(map[string]any)["text"])
	assert.Len(t, card["actions"], 4)
	assert.Contains(t, string(r.only(t).Body), "**bold** [x](https://evil) <at>all</at> 88%")
}

func TestTeamsCardsStayWithinItsLimit(t *testing.T) {
	r := newReceiver(t, status(http.StatusAccepted))
	send(t, newSender(t), channel(Teams, r.URL), digest(50), "")
	assert.LessOrEqual(t, len(r.only(t).Body), 28_000)
	assert.Contains(t, string(r.only(t).Body), "50 incidents: 50 firing")
}
