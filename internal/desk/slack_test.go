package desk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/desk"
	"errata/internal/slack"
	"errata/internal/store"
)

func commands(i store.Integration) string { return "/integrations/slack/" + i.ID + "/commands" }
func events(i store.Integration) string   { return "/integrations/slack/" + i.ID + "/events" }

// ask is the body of a command.
func ask(text string, more ...string) string {
	form := url.Values{"command": {"/errata"}, "text": {text}, "team_id": {team}, "user_id": {"U0MIA00001"}, "user_name": {"mia"}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form.Encode()
}

func TestRecordedCommand(t *testing.T) {
	f := newFixture(t)
	f.samples()
	i := f.addSlack()
	r := f.recorded("command.http", commands(i))
	require.Equal(t, http.StatusOK, r.status, r.body)
	var m slack.Message
	require.NoError(t, json.Unmarshal([]byte(r.body), &m))
	assert.Equal(t, "ephemeral", m.ResponseType, "only who asked sees it")
	for _, want := range []string{"went over", "429 rate_limit_exceeded", "customer ac…", "*What to do*", "*Reply to the customer*", "<https://errata.example/r/req_9f3a21|Open in Errata>"} {
		assert.Contains(t, r.body, want)
	}
	assert.NotContains(t, r.body, "acme-incorporated")
	assert.NotContains(t, r.body, "mia@acme.example", "what the answer said stays here")
	assert.Empty(t, f.all(), "answered at once")
	assert.NotNil(t, f.integration(i.ID).LastUsedAt)

	again := f.recorded("command.http", commands(i))
	assert.Equal(t, r.body, again.body, "who sends it again within five minutes gets what is known anyway")
	assert.Empty(t, f.integration(i.ID).LastError)

	open := f.addSlack(func(s *store.IntegrationSpec) { s.Customers = true })
	assert.Contains(t, f.recorded("command.http", commands(open)).body, "customer acme-incorporated", "where an admin wants that")
	assert.NotContains(t, f.log.String(), "req_9f3a21", "what was asked is in no log")
}

func TestRequestsThatAreNotSlacks(t *testing.T) {
	f := newFixture(t)
	f.samples()
	i := f.addSlack()
	elsewhere, err := f.AddIntegration(t.Context(), ada, 2, store.IntegrationSpec{Kind: store.Slack, Name: "theirs", Account: team, Enabled: true, Secrets: store.Secrets{store.SigningSecret: strings.Repeat("0", 32)}})
	require.NoError(t, err)
	zendesk, err := f.AddIntegration(t.Context(), ada, store.DefaultWorkspace, store.IntegrationSpec{Kind: store.Zendesk, Name: "z", Account: "acme", Enabled: true})
	require.NoError(t, err)
	header := func(name, value string) func(http.Header, []byte) []byte {
		return func(h http.Header, b []byte) []byte { h.Set(name, value); return b }
	}
	for name, one := range map[string]struct {
		path   string
		change func(http.Header, []byte) []byte
		status int
		code   string
	}{
		"tampered": {commands(i), func(_ http.Header, b []byte) []byte {
			return []byte(strings.Replace(string(b), "req_9f3a21", "req_edge1", 1))
		}, 401, "not_verified"},
		"unsigned":            {commands(i), func(h http.Header, b []byte) []byte { h.Del("X-Slack-Signature"); return b }, 401, "not_verified"},
		"a later time":        {commands(i), header("X-Slack-Request-Timestamp", "1763733756"), 401, "not_verified"},
		"another workspace":   {commands(elsewhere), header("X", "y"), 401, "not_verified"},
		"not Slack's":         {commands(zendesk), header("X", "y"), 404, "integration_not_found"},
		"nobody's":            {"/integrations/slack/00000000-0000-0000-0000-000000000000/commands", header("X", "y"), 404, "integration_not_found"},
		"no ID":               {"/integrations/slack/x/commands", header("X", "y"), 404, "integration_not_found"},
		"huge":                {commands(i), func(_ http.Header, b []byte) []byte { return append(b, make([]byte, slack.MaxBody)...) }, 413, "payload_too_large"},
		"signed, unreadable":  {commands(i), nil, 400, "invalid_request"},
		"signed, other team":  {commands(i), nil, 403, "other_account"},
		"an event, tampered":  {events(i), func(_ http.Header, b []byte) []byte { return append(b, ' ') }, 401, "not_verified"},
		"an event, not JSON":  {events(i), nil, 400, "invalid_request"},
		"an event, elsewhere": {events(i), nil, 403, "other_account"},
	} {
		var r reply
		switch name {
		case "signed, unreadable":
			r = f.signed(one.path, "nothing=here")
		case "signed, other team":
			r = f.signed(one.path, ask("req_9f3a21", "team_id", "T0OTHER0001"))
		case "an event, not JSON":
			r = f.signed(one.path, "nothing=here")
		case "an event, elsewhere":
			r = f.signed(one.path, `{"type":"event_callback","team_id":"T0OTHER0001","event":{"type":"link_shared","channel":"C1","message_ts":"1.2","links":[{"url":"https://errata.example/r/req_9f3a21"}]}}`)
		default:
			r = f.recorded("command.http", one.path, one.change)
		}
		assert.Equal(t, one.status, r.status, "%s: %s", name, r.body)
		assert.Equal(t, one.code, r.code(t), name)
		assert.NotContains(t, r.body, "rate_limit_exceeded", name)
	}
	assert.NotEmpty(t, f.integration(i.ID).LastError, "an admin sees that somebody tried")

	f.wind(slack.Window + time.Second)
	assert.Equal(t, "not_verified", f.recorded("command.http", commands(i)).code(t), "five minutes later")
	f.wind(-2*slack.Window - 2*time.Second)
	assert.Equal(t, "not_verified", f.recorded("command.http", commands(i)).code(t), "five minutes before")
	f.wind(slack.Window + time.Second)
	off := f.addSlack(func(s *store.IntegrationSpec) { s.Enabled = false })
	assert.Equal(t, "integration_disabled", f.recorded("command.http", commands(off)).code(t))
	assert.Empty(t, f.all())
	assert.NotContains(t, f.log.String(), secret)
}

func TestOtherTeamIsNoted(t *testing.T) {
	f := newFixture(t)
	i := f.addSlack()
	f.signed(commands(i), ask("req_9f3a21", "team_id", "T0OTHER0001"))
	assert.Equal(t, "A request of another Slack workspace was refused. If it is yours, enter its team ID: T0OTHER0001", f.integration(i.ID).LastError)
}

func TestCommands(t *testing.T) {
	f := newFixture(t)
	f.samples()
	i := f.addSlack()
	say := func(text string) string {
		r := f.signed(commands(i), ask(text))
		require.Equal(t, http.StatusOK, r.status, r.body)
		return r.body
	}
	assert.Contains(t, say(""), "Paste whatever the customer sent")
	assert.Contains(t, say("help"), "`/errata`")
	two := say("first req_9f3a21, then X-Request-Id: req_edge1, and req_nobody1")
	assert.Contains(t, two, `"text":"2 requests"`)
	assert.Contains(t, two, "No failure found under `req_nobody1`")
	assert.NotContains(t, two, "Reply to the customer")
	none := say("req_9F3A2l")
	assert.Contains(t, none, "No failure with this ID has been reported. Requests that succeed are not stored.")
	assert.Contains(t, none, "Did you mean `req_9f3a21`?")
	assert.Contains(t, say("the customer is not happy"), "No ID found in this text")
	assert.Contains(t, say("key is sk_live_abcdefgh12345678 for req_9f3a21"), "looks like a live key")
	assert.Contains(t, say("see https://errata.example/r/req_9f3a21."), "went over")
	assert.NotContains(t, say("<!channel> @here *req_nobody1*"), "<!channel>")
	assert.Equal(t, http.StatusOK, f.signed(commands(i), "ssl_check=1&token=x").status)

	db := f.audited()
	assert.Contains(t, db, "slack U0MIA00001 mia (Slack) request.view")
}

// Whoever asks by name is told where the customer's page is, if names may leave here.
func TestCommandsFindCustomers(t *testing.T) {
	f := newFixture(t)
	f.samples()
	_, err := f.SetCustomerName(t.Context(), ada, store.DefaultWorkspace, "acme-incorporated", "Acme Ltd")
	require.NoError(t, err)
	masked, open := f.addSlack(), f.addSlack(func(s *store.IntegrationSpec) { s.Customers = true })
	for _, text := range []string{"acme  LTD", "acme-incorporated"} {
		assert.NotContains(t, f.signed(commands(masked), ask(text)).body, "customers/", text)
		r := f.signed(commands(open), ask(text))
		assert.Contains(t, r.body, "*Acme Ltd*\\ncustomer `acme-incorporated`\\n<https://errata.example/customers/acme-incorporated|Open in Errata>", text)
		assert.NotContains(t, r.body, "No failure found")
	}
	assert.NotContains(t, f.signed(commands(masked), ask("acme ltd")).body, "incorporated")
	assert.NotContains(t, f.signed(commands(open), ask("is Acme Ltd well?")).body, "incorporated", "it is a name, and no search")
}

// Slack waits for three seconds. What takes longer is told where Slack said, once.
func TestSlowAnswersFollow(t *testing.T) {
	gate := make(chan struct{})
	f := newFixture(t, func(f *fixture, d *desk.Deps) {
		d.Store, d.Patience = &slow{Store: f.Store, gate: gate}, time.Millisecond
	})
	f.samples()
	i := f.addSlack()
	r := f.signed(commands(i), ask("req_9f3a21", "response_url", f.slack.URL+"/commands/T1/2/abc"))
	assert.Equal(t, http.StatusOK, r.status)
	assert.Contains(t, r.body, "the answer follows")
	assert.Empty(t, f.all())
	close(gate)
	f.until("the answer", func() bool { return len(f.all()) == 1 })
	got := f.all()[0]
	assert.Equal(t, []string{"/commands/T1/2/abc", ""}, []string{got.path, got.auth}, "no token: the address is one")
	assert.Equal(t, "ephemeral", got.body["response_type"])
	assert.Contains(t, fmt.Sprint(got.body), "went over")
}

// slow is a store that does not find anything before its gate opens.
type slow struct {
	*store.Store
	gate chan struct{}
}

func (s *slow) Lookup(ctx context.Context, ws int32, ids []string) (map[string][]store.Hit, error) {
	select {
	case <-s.gate:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.Store.Lookup(ctx, ws, ids)
}

// What nobody thought of ends one question, and not the process.
func TestAPanicEndsOneQuestion(t *testing.T) {
	f := newFixture(t, func(f *fixture, d *desk.Deps) {
		d.Store, d.Patience = touchy{f.Store}, 50*time.Millisecond
	})
	i := f.addSlack()
	assert.Contains(t, f.signed(commands(i), ask("req_9f3a21")).body, "the answer follows")
	assert.Contains(t, f.signed(commands(i), ask("help")).body, "Paste whatever")
	f.desk.Close(t.Context())
	assert.Contains(t, f.log.String(), "panic behind a request")
}

// touchy is a store that panics.
type touchy struct{ *store.Store }

func (touchy) Lookup(context.Context, int32, []string) (map[string][]store.Hit, error) {
	panic("nobody thought of this")
}

// A response URL that is not Slack's gets nothing, signed or not.
func TestLateAnswersGoToSlackOnly(t *testing.T) {
	gate := make(chan struct{})
	f := newFixture(t, func(f *fixture, d *desk.Deps) {
		d.Store, d.Patience, d.SlackHooks = &slow{Store: f.Store, gate: gate}, time.Millisecond, ""
	})
	f.samples()
	i := f.addSlack()
	f.signed(commands(i), ask("req_9f3a21", "response_url", f.slack.URL+"/commands/T1/2/abc"))
	close(gate)
	f.desk.Close(t.Context())
	assert.Empty(t, f.all())
	assert.Equal(t, "A late answer was not sent: the response URL does not lead to https://hooks.slack.com", f.integration(i.ID).LastError)
}

// Where nothing more is taken, people are told so, and nobody waits.
func TestStoppingBreaksOff(t *testing.T) {
	f := newFixture(t, func(f *fixture, d *desk.Deps) {
		d.Store, d.Patience = &slow{Store: f.Store, gate: make(chan struct{})}, time.Millisecond
	})
	i := f.addSlack()
	f.signed(commands(i), ask("req_9f3a21", "response_url", f.slack.URL+"/x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.desk.Close(ctx)
	assert.Contains(t, f.signed(commands(i), ask("req_9f3a21")).body, "more questions than it can take")
}

func TestChallenge(t *testing.T) {
	f := newFixture(t)
	i := f.addSlack()
	r := f.signed(events(i), `{"type":"url_verification","challenge":"3eZbrw1a","token":"x"}`)
	assert.JSONEq(t, `{"challenge":"3eZbrw1a"}`, r.body)
	assert.Equal(t, "not_verified", f.post(events(i), `{"type":"url_verification","challenge":"3eZbrw1a"}`).code(t), "Slack signs this, too")
}

func TestRecordedLinkIsUnfurled(t *testing.T) {
	f := newFixture(t)
	f.samples()
	i := f.addSlack()
	r := f.recorded("link_shared.http", events(i))
	require.Equal(t, http.StatusOK, r.status, r.body)
	f.until("the unfurling", func() bool { return len(f.all()) == 1 })
	got := f.all()[0]
	assert.Equal(t, []string{"/api/chat.unfurl", "Bearer " + bot}, []string{got.path, got.auth})
	assert.Equal(t, []any{"C0DESK0001.1763733755.000200.aa", "conversations_history"}, []any{got.body["unfurl_id"], got.body["source"]})
	shown := fmt.Sprint(got.body["unfurls"].(map[string]any)["https://errata.example/r/req_9f3a21"])
	assert.Contains(t, shown, "went over")
	assert.Contains(t, shown, "customer ac…")
	assert.NotContains(t, shown, "Reply", "a channel is not who writes the reply")
}

func TestLinksThatAreNotUnfurled(t *testing.T) {
	link := func(to string) string {
		return `{"type":"event_callback","team_id":"` + team + `","event":{"type":"link_shared","channel":"C1","message_ts":"1.2","links":[{"url":"` + to + `"}]}}`
	}
	f := newFixture(t)
	f.samples()
	i := f.addSlack()
	for _, to := range []string{"https://other.example/r/req_9f3a21", "https://errata.example/d", "https://errata.example/r/req_nobody1", "https://errata.example/events/0199"} {
		assert.Equal(t, http.StatusOK, f.signed(events(i), link(to)).status)
	}
	quiet := f.addSlack(func(s *store.IntegrationSpec) { s.Unfurl = false })
	f.signed(events(quiet), link("https://errata.example/r/req_9f3a21"))
	poor := f.addSlack(func(s *store.IntegrationSpec) { s.Name, s.Secrets = "poor", store.Secrets{store.SigningSecret: secret} })
	f.signed(events(poor), link("https://errata.example/r/req_9f3a21"))
	revoked := f.addSlack(func(s *store.IntegrationSpec) { s.Name = "revoked" })
	f.answers(`{"ok":false,"error":"token_revoked"}`)
	f.signed(events(revoked), link("https://errata.example/r/req_9f3a21"))
	f.desk.Close(t.Context())
	assert.Len(t, f.all(), 1)
	assert.Empty(t, f.integration(i.ID).LastError)
	assert.Empty(t, f.integration(quiet.ID).LastError)
	assert.Equal(t, "A link was not unfurled: there is no bot token to do so with", f.integration(poor.ID).LastError)
	assert.Equal(t, "A link was not unfurled: the answer is token_revoked", f.integration(revoked.ID).LastError)
}

func TestTestingSlack(t *testing.T) {
	f := newFixture(t)
	i := f.addSlack()
	test := func(id string) slack.Check {
		c, err := f.desk.TestIntegration(t.Context(), ada, store.DefaultWorkspace, id)
		require.NoError(t, err)
		return c
	}
	f.answers(`{"ok":true,"team_id":"` + team + `"}`)
	assert.Equal(t, slack.Check{OK: true, Message: "Slack knows the bot token, and it is of this Slack workspace. No request of Slack's has come in yet: type the command in Slack."}, test(i.ID))
	assert.Equal(t, heard{"/api/auth.test", "Bearer " + bot, map[string]any{}}, f.all()[0])
	f.answers(`{"ok":true,"team_id":"T0OTHER0001"}`)
	assert.Contains(t, test(i.ID).Message, "of another Slack workspace, T0OTHER0001")
	f.answers(`{"ok":false,"error":"invalid_auth"}`)
	assert.Equal(t, slack.Check{Message: "The bot token does not work: the answer is invalid_auth."}, test(i.ID))
	f.answers(`not JSON`)
	assert.False(t, test(i.ID).OK)
	poor := f.addSlack(func(s *store.IntegrationSpec) { s.Secrets = store.Secrets{store.SigningSecret: secret} })
	assert.Contains(t, test(poor.ID).Message, "There is no bot token")
	_, err := f.desk.TestIntegration(t.Context(), ada, 2, i.ID)
	assert.Error(t, err, "another workspace's")
	assert.Contains(t, f.audited(), "ada integration.test")
}
