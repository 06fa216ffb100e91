package notify

import (
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

	box := newMailbox(t, "starttls")
	a = send(t, newSender(t, box.trust), box.channel(t), arrived(), "")
	require.Equal(t, alert.Done, a.Outcome, a.Reason)
	for _, body := range bodies(t, box.all()[0]) {
		assert.Contains(t, body, "req_1 has arrived")
		assert.Contains(t, body, "billing: 500 boom")
		assert.NotContains(t, body, "incident")
	}
}
