package desk_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/brief"
	"errata/internal/store"
)

func (f *fixture) kept(id string) store.Desk {
	f.t.Helper()
	trail, err := f.Trail(f.t.Context(), store.DefaultWorkspace, id)
	require.NoError(f.t, err)
	d, err := f.Desk(f.t.Context(), store.DefaultWorkspace, trail.Events, trail.Summary.EventID)
	require.NoError(f.t, err)
	return d
}

func TestLinkTicket(t *testing.T) {
	f := newFixture(t)
	f.samples()
	path, token, i := f.addZendesk()
	session := f.open(path, token)
	post := func(to, body string) reply {
		return f.post(path+to, body, "Authorization", "Bearer "+session, "Content-Type", "application/json")
	}
	card := func(ticket string) brief.Card {
		t.Helper()
		r := post("/lookup", `{"text":"req_9f3a21","ticket":"`+ticket+`"}`)
		require.Equal(t, 200, r.status, r.body)
		var b brief.Brief
		require.NoError(t, json.Unmarshal([]byte(r.body), &b))
		require.Len(t, b.Cards, 1)
		return b.Cards[0]
	}
	id := card("").EventID
	assert.Equal(t, &brief.Tickets{Others: []brief.Ticket{}}, card("4411").Tickets)
	const url, other = "https://acme.zendesk.com/agent/tickets/4411", "https://github.com/acme/api/issues/7"
	require.NoError(t, f.AddTicket(t.Context(), ada, store.DefaultWorkspace, id, other))
	for range 2 { // once, however often
		r := post("/ticket", `{"event_id":"`+id+`","ticket":"4411"}`)
		require.Equal(t, 200, r.status, r.body)
		assert.JSONEq(t, `{"linked":true,"count":2,"others":[{"name":"GitHub acme/api#7","url":"`+other+`"}]}`, r.body)
	}
	assert.Equal(t, []bool{true, false}, []bool{card("4411").Tickets.Linked, card("4412").Tickets.Linked})
	assert.Equal(t, brief.Ticket{Name: "Zendesk #4411", URL: url}, card("4412").Tickets.Others[1])
	kept := f.kept("req_9f3a21")
	require.Len(t, kept.Tickets, 2)
	assert.Equal(t, []string{url, "Zendesk acme"}, []string{kept.Tickets[1].URL, kept.Tickets[1].By})
	assert.Len(t, kept.Issue, 2, "and of the issue")
	assert.Empty(t, f.kept("req_edge1").Tickets)
	assert.Equal(t, 1, strings.Count(f.audited(), "zendesk "+i.ID+" Zendesk acme request.ticket"))

	for body, code := range map[string]string{
		``: "invalid_request", `{}`: "invalid_request", `{"event_id":"` + id + `"}`: "invalid_request", `{"event_id":"` + id + `","ticket":"1"}{}`: "invalid_request",
		`{"event_id":"` + id + `","ticket":"4411/../../x"}`: "validation_failed", `{"event_id":"` + id + `","ticket":"https://evil.test/1"}`: "validation_failed",
		`{"event_id":"nope","ticket":"1"}`: "event_not_found", `{"event_id":"00000000-0000-0000-0000-000000000000","ticket":"1"}`: "event_not_found",
		`{"event_id":"` + strings.Repeat("x", 5<<10) + `","ticket":"1"}`: "payload_too_large",
	} {
		assert.Equal(t, code, post("/ticket", body).code(t), "%.60s", body)
	}
	assert.Equal(t, "validation_failed", post("/lookup", `{"text":"x","ticket":"a"}`).code(t))
	for what, key := range map[string]string{"the token itself": token, "nothing": "", "a guess": "ers_1_00"} {
		r := f.post(path+"/ticket", `{"event_id":"`+id+`","ticket":"1"}`, "Authorization", "Bearer "+key)
		assert.Equal(t, "embed_unauthorized", r.code(t), what)
	}
	for n := range 48 {
		require.NoError(t, f.AddTicket(t.Context(), ada, store.DefaultWorkspace, id, fmt.Sprint("https://acme.zendesk.com/agent/tickets/", n+1)))
	}
	path, token, _ = f.addZendesk(func(*store.IntegrationSpec) {}) // another one, which may ask as often
	session = f.open(path, token)
	assert.Equal(t, "too_many_tickets", post("/ticket", `{"event_id":"`+id+`","ticket":"5000"}`).code(t))
	assert.Len(t, f.kept("req_9f3a21").Tickets, 50)
	assert.Len(t, card("4411").Tickets.Others, 5)
	f.wind(16 * time.Minute)
	assert.Equal(t, "embed_unauthorized", post("/ticket", `{"event_id":"`+id+`","ticket":"1"}`).code(t))
}

// Another workspace's integration links nothing here, whatever it knows.
func TestLinkTicketOfAnotherWorkspace(t *testing.T) {
	f := newFixture(t)
	f.samples()
	id := f.kept("req_9f3a21").EventID
	there, err := f.AddIntegration(t.Context(), ada, 2, store.IntegrationSpec{Kind: store.Zendesk, Name: "theirs", Account: "evil", Enabled: true})
	require.NoError(t, err)
	token, err := f.desk.MakeToken(t.Context(), ada, 2, there.ID)
	require.NoError(t, err)
	path := "/embed/zendesk/" + there.ID
	r := f.post(path+"/ticket", `{"event_id":"`+id+`","ticket":"1"}`, "Authorization", "Bearer "+f.open(path, token), "Content-Type", "application/json")
	assert.Equal(t, "event_not_found", r.code(t))
	assert.Empty(t, f.kept("req_9f3a21").Tickets)
}
