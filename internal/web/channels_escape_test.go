package web

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
	"errata/internal/event"
	"errata/internal/notify"
	"errata/internal/store"
)

// Every template about channels runs with every string hostile: names, settings,
// what receivers answer, what is in a message. None of it acts.
func TestNothingEscapesOfChannels(t *testing.T) {
	w := &web{Deps: Deps{Now: time.Now}, assets: loadAssets(), pages: loadPages()}
	at := event.Time{Time: time.Now()}
	when := w.moment(at.Time)
	fr := frame{Title: evil, User: evil, CSS: w.assets.url("style.css"), JS: w.assets.url("errata.js"),
		Alarmed: alarmed{Alarms: []alarm{{evil, evil, evil, when, evil, 1, true}, {evil, evil, evil, when, evil, 0, false}}, More: 1, Here: evil, Decides: true}}
	incident := evil
	request, err := json.Marshal([]notify.Request{{Method: evil, URL: evil, Headers: map[string]string{evil: evil}, Body: evil, Truncated: 1}})
	require.NoError(t, err)
	response, err := json.Marshal([]map[string]any{{"status": 200, "headers": map[string]string{evil: evil}, "body": evil, "error": evil}})
	require.NoError(t, err)
	d := store.DeliveryDetail{Delivery: store.Delivery{ID: evil, ChannelID: evil, Channel: evil, IncidentID: &incident, Kind: alert.Kind(evil), DedupKey: evil, State: store.DeliveryState(evil), Why: evil, Error: evil, CreatedAt: at, NextAt: &at, EndedAt: &at, Service: evil},
		Message: alert.Message{Kind: alert.KindFiring, Workspace: evil, Incidents: []alert.Incident{{ID: evil, Service: evil, Environment: evil, Codes: []alert.Share{{Name: evil}}, Samples: []string{evil}, Runbook: "javascript:alert(1)"}}},
		Tries:   []store.DeliveryAttempt{{N: 1, At: at, Outcome: alert.Outcome(evil), Error: evil, Request: request, Response: response}, {N: 2, At: at, Request: json.RawMessage(evil), Response: json.RawMessage(evil)}}}
	one, line := w.deliveryView(&d), w.deliveryRow(&d.Delivery)
	sick := health{evil, evil, evil, when, when, 1, 1}
	var forms []*channelForm
	for _, k := range notify.Kinds() {
		spec := store.ChannelSpec{Name: evil, Kind: string(k), Settings: map[string]string{}, Fallback: evil}
		var secrets []string
		for _, f := range k.Fields() {
			spec.Settings[f.Name], secrets = evil, append(secrets, f.Name)
		}
		form := newChannelForm(evil, &spec, secrets, []store.Channel{{ID: evil, Name: evil}}, "self")
		form.Wrong = map[string]string{"name": evil, "level": evil, "fallback": evil, "hourly": evil}
		for i := range form.Fields {
			form.Fields[i].Wrong, form.Fields[i].Help = evil, evil
		}
		forms = append(forms, form)
	}
	pages := map[string][]any{
		"channels": {channelsPage{fr, tabs(""), evil, []channelRow{{evil, evil, evil, evil, evil, sick}}, []channelKind{{evil, evil, evil, evil}}, true, true}, channelsPage{frame: fr, Kinds: []channelKind{{evil, evil, evil, evil}}, Decides: true}},
		"deliveries": {deliveriesPage{frame: fr, Channels: []choice{{evil, evil, true}}, States: []choice{{evil, evil, true}}, Incident: evil, Rows: []deliveryRow{line}, Older: evil},
			deliveriesPage{frame: fr, Problem: evil}},
		"delivery": {deliveryPage{fr, tabs(""), one, evil, evil, true}},
	}
	for _, form := range forms {
		pages["newchannel"] = append(pages["newchannel"], channelPage{frame: fr, Name: evil, Kind: evil, About: evil, Problem: evil, Form: form})
		p := channelPage{frame: fr, Name: evil, Kind: evil, Done: evil, Problem: evil, Form: form, Health: sick, Gets: []row{{evil, evil}}, Settings: []row{{evil, evil}}, Decides: true, Signs: true, Settling: true,
			RotateWrong: evil, RemoveWrong: evil, Tested: one, Deliveries: []deliveryRow{line}, All: evil, Path: evil}
		pages["channel"] = append(pages["channel"], p)
		p.Decides = false
		pages["channel"] = append(pages["channel"], p)
	}
	for name, list := range pages {
		require.Contains(t, channelNames, name)
		for _, data := range list {
			doc := w.requireHarmless(t, name, data)
			assert.Zero(t, doc.Find("input[type=password][value]").Length(), "%s: a secret comes back", name)
		}
	}
	assert.Len(t, pages, len(channelNames), "a new template belongs into this test")
	assert.Equal(t, evil, wrongWords(evil, evil))
	assert.Equal(t, "Is "+evil, wrongWords("The 'x' field is "+evil, "x"))
}
