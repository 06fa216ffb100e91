package notify

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
)

// arrived is the message about an ID that somebody waits for, which is about no
// incident.
func arrived() alert.Message {
	m := message(alert.KindArrived)
	m.Incidents, m.Changed = []alert.Incident{}, []string{"req_1 has arrived", "billing: 500 boom at 2026-11-20 14:02:00 UTC", "mia waits for it"}
	m.Request = &alert.Request{ID: "req/1", EventID: "0193", BaseURL: "https://errata.example/"}
	return m
}

func TestArrivalsAreTold(t *testing.T) {
	r := newReceiver(t, status(204))
	a := send(t, newSender(t), channel(Webhook, r.URL), arrived(), "")
	require.Equal(t, alert.Done, a.Outcome, a.Reason)
	body := r.only(t).json(t)
	assert.Equal(t, "request.arrived", body["type"])
	data := body["data"].(map[string]any)
	assert.Equal(t, "[ARRIVED] req_1 has arrived", data["title"])
	assert.Empty(t, data["incidents"])
	const page = "https://errata.example/r/req%2F1"
	assert.Equal(t, map[string]any{"request_id": "req/1", "event_id": "0193", "url": page}, data["request"])
	assert.Contains(t, data["text"], page)

	box := newMailbox(t, "starttls")
	a = send(t, newSender(t, box.trust), box.channel(t), arrived(), "")
	require.Equal(t, alert.Done, a.Outcome, a.Reason)
	for _, body := range bodies(t, box.all()[0]) {
		assert.Contains(t, body, "req_1 has arrived")
		assert.Contains(t, body, "billing: 500 boom")
		assert.Contains(t, body, page)
		assert.NotContains(t, body, "incident")
	}
}

// Without an address of the pages there is no link, nor where the ID is none.
func TestArrivalsWithoutALink(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, r := range []*alert.Request{nil, {ID: "req_1"}, {BaseURL: "https://errata.example"}, {ID: "req_1", BaseURL: "javascript:alert(1)"}, {ID: long, BaseURL: "https://errata.example"}} {
		m := arrived()
		m.Request = r
		assert.Empty(t, alert.Write(m).Links, r)
	}
	got := newReceiver(t, status(204))
	m := arrived()
	m.Request = &alert.Request{ID: "req_1"}
	send(t, newSender(t), channel(Webhook, got.URL), m, "")
	assert.Equal(t, map[string]any{"request_id": "req_1"}, got.only(t).json(t)["data"].(map[string]any)["request"], "rejected, and nobody knows where the pages are")
}

// Other kinds could carry it as well.
func TestEveryKindCarriesTheLinkOfAnArrival(t *testing.T) {
	text := alert.Write(arrived())
	html, err := text.HTML()
	require.NoError(t, err)
	for _, said := range []string{text.Plain(), html, strings.Join(text.Mrkdwn(), "\n")} {
		assert.Contains(t, said, "https://errata.example/r/req%2F1")
	}
}
