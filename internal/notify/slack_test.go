package notify

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/alert"
)

func TestSlackWebhook(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	m := message(alert.KindFiring)
	m.Incidents[0].Codes[0].Name = "<!channel> & @here"
	a := send(t, newSender(t), channel(SlackWebhook, r.URL), m, "")
	g := r.only(t)
	assert.Equal(t, "/services/T00/B00/hushhushhush", g.Path)
	assert.Equal(t, r.URL+"/…", a.Exchanges[0].Request.URL)
	body := g.json(t)
	assert.Equal(t, title, body["text"])
	assert.Equal(t, "none", body["parse"])
	assert.Equal(t, false, body["link_names"])
	assert.Contains(t, string(g.Body), "&lt;!channel&gt; &amp; ＠here 88%")
	assert.Contains(t, string(g.Body), `<https://errata.example/r/req_9f3a|req_9f3a>`)
	assert.Contains(t, string(g.Body), `<https://errata.example/incidents/01932f5e-0000-7000-8000-000000000012?do=silence&amp;for=1h|Silence 1h>`)
	for _, b := range body["blocks"].([]any) {
		if text, ok := b.(map[string]any)["text"].(map[string]any); ok {
			assert.Equal(t, true, text["verbatim"])
		}
	}
}

func digest(n int) alert.Message {
	m := message(alert.KindDigest)
	m.Incidents = nil
	for k := range n {
		i := incident()
		i.Number, i.Service = int64(k), strings.Repeat("&", 90)
		m.Incidents = append(m.Incidents, i)
	}
	return m
}

func TestSlackMessagesStayWithinItsLimits(t *testing.T) {
	m := slackWords(alert.Write(digest(200).Clean()))
	total := 0
	assert.LessOrEqual(t, len(m.Blocks), 50)
	for _, b := range m.Blocks {
		if b.Text != nil {
			assert.LessOrEqual(t, utf8.RuneCountInString(b.Text.Text), 3000)
			total += utf8.RuneCountInString(b.Text.Text)
		}
	}
	assert.LessOrEqual(t, total, 12_000)
	assert.Greater(t, total, 5_000)
	assert.LessOrEqual(t, strings.Count(m.Blocks[len(m.Blocks)-2].Text.Text, "…"), 2)
}

// slackServer is as much of Slack as a bot sees.
type slackServer struct {
	*receiver
	errors map[string]string // by method
	next   int
}

func newSlack(t *testing.T) *slackServer {
	s := &slackServer{errors: map[string]string{}}
	s.receiver = newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		method := strings.TrimPrefix(r.URL.Path, "/")
		if e := s.errors[method]; e != "" {
			_, _ = fmt.Fprintf(w, `{"ok":false,"error":%q}`, e)
			return
		}
		s.next++
		_, _ = fmt.Fprintf(w, `{"ok":true,"channel":"C0123456789","ts":"1700000000.%06d"}`, s.next)
	})
	return s
}

func TestTheBotKeepsOneMessage(t *testing.T) {
	slack := newSlack(t)
	s, c := newSender(t), channel(SlackBot, slack.URL)
	first := send(t, s, c, message(alert.KindFiring), "")
	require.Equal(t, Handle("C0123456789:1700000000.000001"), first.Handle)
	update := send(t, s, c, message(alert.KindUpdate), first.Handle)
	assert.Empty(t, update.Handle)
	send(t, s, c, message(alert.KindResolved), first.Handle)
	send(t, s, c, message(alert.KindReopened), first.Handle)

	var story []string
	for _, g := range slack.all() {
		assert.Equal(t, "Bearer xoxb-1234567890-hushhushhush", g.Header.Get("Authorization"))
		body := g.json(t)
		assert.Equal(t, "C0123456789", body["channel"])
		text, _, _ := strings.Cut(body["text"].(string), "  ")
		story = append(story, fmt.Sprintf("%s ts=%v thread=%v %s", g.Path, body["ts"], body["thread_ts"], text))
	}
	root := "1700000000.000001"
	assert.Equal(t, []string{
		"/chat.postMessage ts=<nil> thread=<nil> [FIRING] checkout-api 5xx",
		"/chat.update ts=" + root + " thread=<nil> [FIRING] checkout-api 5xx",
		"/chat.postMessage ts=<nil> thread=" + root + " GET /v1/refunds joined",
		"/chat.update ts=" + root + " thread=<nil> [RESOLVED] checkout-api 5xx",
		"/chat.postMessage ts=<nil> thread=" + root + " [RESOLVED] checkout-api 5xx",
		"/chat.update ts=" + root + " thread=<nil> [FIRING] checkout-api 5xx",
		"/chat.postMessage ts=<nil> thread=" + root + " [REOPENED] checkout-api 5xx",
	}, story)
	assert.Equal(t, "Bearer [redacted]", first.Exchanges[0].Request.Headers["Authorization"])
}

func TestAMessageThatSomebodyDeletedIsPostedAgain(t *testing.T) {
	slack := newSlack(t)
	slack.errors["chat.update"] = "message_not_found"
	a := send(t, newSender(t), channel(SlackBot, slack.URL), message(alert.KindResolved), "C0123456789:1.0")
	assert.Equal(t, alert.Done, a.Outcome)
	assert.Equal(t, Handle("C0123456789:1700000000.000001"), a.Handle)
	assert.Len(t, a.Exchanges, 2)
}

func TestTestsAndDigestsTouchNoIncidentsMessage(t *testing.T) {
	slack := newSlack(t)
	for _, m := range []alert.Message{digest(3), alert.Test("d1", "Acme", "https://errata.example", moment("2026-11-20T14:00:00Z"))} {
		a := send(t, newSender(t), channel(SlackBot, slack.URL), m, "C0123456789:1.0")
		assert.Empty(t, a.Handle)
	}
	for _, g := range slack.all() {
		assert.Equal(t, "/chat.postMessage", g.Path)
	}
}

func TestSlackSaysOKToFailures(t *testing.T) {
	for code, want := range map[string]alert.Outcome{
		"ratelimited": alert.Later, "internal_error": alert.Later, "invalid_auth": alert.GiveUp, "channel_not_found": alert.GiveUp, "not_in_channel": alert.GiveUp,
		"is_archived": alert.Disable, "token_revoked": alert.Disable, "something_new": alert.GiveUp, "message_not_found": alert.GiveUp,
	} {
		slack := newSlack(t)
		slack.errors["chat.postMessage"] = code
		a := send(t, newSender(t), channel(SlackBot, slack.URL), message(alert.KindFiring), "")
		assert.Equal(t, want, a.Outcome, code)
		assert.Equal(t, "Slack answered "+code, a.Reason)
		assert.Empty(t, a.Handle)
	}
}

func TestAnAnswerThatIsNotSlacksIsNoSuccess(t *testing.T) {
	for _, body := range []string{"", "<html>login</html>", "[]", `"ok"`} {
		r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
		assert.Equal(t, alert.Later, send(t, newSender(t), channel(SlackBot, r.URL), message(alert.KindFiring), "").Outcome)
	}
}
