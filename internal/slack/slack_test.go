package slack_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/brief"
	"errata/internal/event"
	"errata/internal/slack"
)

// The recordings have the form of Slack's requests, and our names, and were signed
// on the command line:
//
//	printf 'v0:%s:%s' "$time" "$body" | openssl dgst -sha256 -hmac "$secret"
const recordedSecret = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

var recordedAt = time.Unix(1763733755, 0)

func recorded(t testing.TB, name string) (http.Header, []byte) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // only read
	req, err := http.ReadRequest(bufio.NewReader(f))
	require.NoError(t, err)
	body, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	return req.Header, body
}

func TestRecordedRequestsAreSlacks(t *testing.T) {
	for _, name := range []string{"command.http", "link_shared.http"} {
		h, body := recorded(t, name)
		at, signature := h.Get("X-Slack-Request-Timestamp"), h.Get("X-Slack-Signature")
		verify := func(secret, at, signature string, body []byte, now time.Time) error {
			return slack.Verify(secret, at, signature, body, now)
		}
		require.NoError(t, verify(recordedSecret, at, signature, body, recordedAt), name)
		assert.NoError(t, verify(recordedSecret, at, signature, body, recordedAt.Add(slack.Window)))
		assert.NoError(t, verify(recordedSecret, at, signature, body, recordedAt.Add(-slack.Window)))
		assert.ErrorIs(t, verify(recordedSecret, at, signature, body, recordedAt.Add(slack.Window+time.Second)), slack.ErrStale)
		assert.ErrorIs(t, verify(recordedSecret, at, signature, body, recordedAt.Add(-slack.Window-time.Second)), slack.ErrStale)
		assert.ErrorIs(t, verify(recordedSecret, at, signature, append([]byte("x"), body...), recordedAt), slack.ErrSignature)
		assert.ErrorIs(t, verify(recordedSecret, "1763733756", signature, body, recordedAt), slack.ErrSignature, "the time is signed, too")
		assert.ErrorIs(t, verify("another", at, signature, body, recordedAt), slack.ErrSignature)
		assert.ErrorIs(t, verify("", at, signature, body, recordedAt), slack.ErrUnsigned, "nobody forgot to enter one")
		for _, bad := range []string{"", "v0=", signature[3:], "v1=" + signature[3:], signature[:len(signature)-2], signature + "00", "v0=" + strings.Repeat("z", 64)} {
			assert.Error(t, verify(recordedSecret, at, bad, body, recordedAt), bad)
		}
		for _, bad := range []string{"", "now", "1763733755.0", "99999999999999999999"} {
			assert.ErrorIs(t, verify(recordedSecret, bad, signature, body, recordedAt), slack.ErrUnsigned, bad)
		}
	}
}

func TestParseCommand(t *testing.T) {
	_, body := recorded(t, "command.http")
	c, err := slack.ParseCommand(body)
	require.NoError(t, err)
	assert.Equal(t, slack.Command{Name: "/errata", Text: `Customer got {"error":{"code":"rate_limit_exceeded","request_id":"req_9f3a21"}} since lunch & is angry`, TeamID: "T0DESK0001", UserID: "U0MIA00001", UserName: "mia",
		ResponseURL: "https://hooks.slack.com/commands/T0DESK0001/1/abc"}, c)
	assert.False(t, c.Help())
	for _, text := range []string{"", "  ", "help", " HELP ", "?"} {
		assert.True(t, slack.Command{Text: text}.Help(), text)
	}
	for _, bad := range []string{"", "text=x", "command=%2Ferrata&text=x", "team_id=T1&text=%zz", "command=%2Ferrata&team_id=" + strings.Repeat("T", 300), "a=" + strings.Repeat("x", slack.MaxBody)} {
		_, err := slack.ParseCommand([]byte(bad))
		assert.Error(t, err, "%.60s", bad)
	}
	check, err := slack.ParseCommand([]byte("ssl_check=1&token=x"))
	require.NoError(t, err)
	assert.True(t, check.Check)
}

func TestUnescape(t *testing.T) {
	for text, want := range map[string]string{
		"see <https://errata.example/r/req_1?a=1&amp;b=2|errata.example/r/req_1>": "see https://errata.example/r/req_1?a=1&b=2",
		"<mailto:mia@acme.example|mia@acme.example> &lt;b&gt; &amp;lt;":           "mailto:mia@acme.example <b> &lt;",
		"a < b": "a < b",
	} {
		assert.Equal(t, want, slack.Unescape(text))
	}
}

func TestOnlySlackGetsAnswers(t *testing.T) {
	for address, own := range map[string]bool{
		"https://hooks.slack.com/commands/T1/2/x": true, "http://hooks.slack.com/commands/T1/2/x": false, "https://hooks.slack.com.evil.example/x": false,
		"https://evil.example/hooks.slack.com": false, "https://hooks.slack.com@evil.example/x": false, "https://hooks.slack.com:444/x": false, "//hooks.slack.com/x": false,
		"https://hooks.slack.com": false, "https:hooks.slack.com/x": false, "": false, "https://169.254.169.254/latest": false, "https://hooks.slack.com/x#y": false,
	} {
		assert.Equal(t, own, slack.OwnsURL(slack.Origin, address), address)
	}
	assert.False(t, slack.OwnsURL("", ""))
}

func TestParseEvent(t *testing.T) {
	_, body := recorded(t, "link_shared.http")
	e, err := slack.ParseEvent(body)
	require.NoError(t, err)
	assert.Equal(t, slack.Event{TeamID: "T0DESK0001", Links: &slack.Links{Channel: "C0DESK0001", TS: "1763733755.000200", UnfurlID: "C0DESK0001.1763733755.000200.aa", Source: "conversations_history",
		URLs: []string{"https://errata.example/r/req_9f3a21"}}}, e)
	e, err = slack.ParseEvent([]byte(`{"type":"url_verification","challenge":"3eZbrw1a","token":"x"}`))
	require.NoError(t, err)
	assert.Equal(t, "3eZbrw1a", e.Challenge)
	e, err = slack.ParseEvent([]byte(`{"type":"event_callback","team_id":"T1","event":{"type":"app_home_opened"}}`))
	require.NoError(t, err)
	assert.Nil(t, e.Links)
	for _, bad := range []string{"", "[]", "{}", `{"type":"url_verification"}`, `{"type":"event_callback","event":{"type":"link_shared"}}`, `{"type":"url_verification","challenge":7}`} {
		_, err := slack.ParseEvent([]byte(bad))
		assert.Error(t, err, bad)
	}
	many := `{"type":"event_callback","team_id":"T1","event":{"type":"link_shared","channel":"C1","message_ts":"1.2","links":[` + strings.TrimRight(strings.Repeat(`{"url":"https://e/r/1"},{"url":"https://e/r/2"},`, 50), ",") + `]}}`
	e, err = slack.ParseEvent([]byte(many))
	require.NoError(t, err)
	assert.Len(t, e.Links.URLs, 2, "each once")
}

func TestOurs(t *testing.T) {
	for link, ours := range map[string]bool{
		"https://errata.example/r/req_1": true, "https://ERRATA.example/events/0199": true, "https://errata.example/r/req_1?a=1&amp;b=2": true, "https://errata.example/d": false,
		"http://errata.example/r/req_1": false, "https://other.example/r/req_1": false, "https://errata.example@evil.example/r/1": false, "https://x@errata.example/r/1": false, "::": false, "": false,
	} {
		assert.Equal(t, ours, slack.Ours("https://errata.example", link), link)
	}
	assert.True(t, slack.Ours("https://example.com/errata/", "https://example.com/errata/r/1"))
	assert.False(t, slack.Ours("https://example.com/errata", "https://example.com/r/1"))
	assert.False(t, slack.Ours("", "https://errata.example/r/1"))
}

const evil = "<!channel> <@U1> @here *x* `y` <https://evil.example|click> & \u202e\x00\n> quote"

// What others wrote mentions nobody, links nowhere, and ends no block.
func TestNothingIsMarkup(t *testing.T) {
	card := brief.Card{ID: evil, Path: "/r/x", Heading: evil, Verdict: evil, Began: evil, Service: evil, Endpoint: evil, Environment: evil, Customer: evil, Todo: evil, Fixes: []string{evil}, Reply: evil + "```" + evil, OccurredAt: event.Time{Time: recordedAt}}
	for name, m := range map[string]any{
		"one":    slack.Answer(&brief.Brief{Cards: []brief.Card{card}, Secret: true}, ""),
		"more":   slack.Answer(&brief.Brief{Cards: []brief.Card{card, card}, More: 3}, ""),
		"none":   slack.Answer(&brief.Brief{Absent: []brief.Absence{{ID: evil, Why: evil, Similar: []string{evil}}}}, ""),
		"called": slack.Answer(&brief.Brief{Customers: []brief.Customer{{Customer: evil, Name: evil, Path: "/customers/x"}}}, ""),
		"unfurl": slack.UnfurlOf(&card), "help": slack.Help(evil), "notice": slack.Notice(evil),
	} {
		for _, text := range texts(t, m) {
			text = strings.ReplaceAll(text, "<!date^", "") // ours
			assert.NotContains(t, text, "<!", name)
			assert.NotContains(t, text, "<@", name)
			assert.NotContains(t, text, "<http", name)
			assert.NotContains(t, text, "@here", name)
			assert.Zero(t, strings.Count(text, "```")%2, name)
		}
	}
}

// texts are all strings of a message as Slack gets them.
func texts(t *testing.T, m any) (out []string) {
	t.Helper()
	doc, err := json.Marshal(m)
	require.NoError(t, err)
	var v any
	require.NoError(t, json.Unmarshal(doc, &v))
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(v)
	return out
}

func TestAnswers(t *testing.T) {
	card := brief.Card{ID: "req_9f3a21", Path: "/r/req_9f3a21", Heading: "429 rate_limit_exceeded", Verdict: "The customer went over their limit.", Service: "prompts-api", Customer: "ac…", Todo: "Safe to retry.", Reply: "Hello,\nplease wait.", OccurredAt: event.Time{Time: recordedAt}}
	one := slack.Answer(&brief.Brief{Cards: []brief.Card{card}}, "https://errata.example/")
	all := strings.Join(texts(t, one), "\n")
	assert.Equal(t, "ephemeral", one.ResponseType)
	for _, want := range []string{"*The customer went over their limit.*", "`429 rate_limit_exceeded` · <!date^1763733755^{date_short_pretty} {time_secs}|21 Nov 14:02:35> (21 Nov 14:02:35 UTC) · prompts-api · customer ac…", "*What to do*\nSafe to retry.", "```Hello,\nplease wait.```", "<https://errata.example/r/req_9f3a21|Open in Errata>"} {
		assert.Contains(t, all, want)
	}
	assert.NotContains(t, strings.Join(texts(t, slack.Answer(&brief.Brief{Cards: []brief.Card{card}}, "")), "\n"), "Open in Errata", "nobody knows where that is")

	several := slack.Answer(&brief.Brief{Cards: []brief.Card{card, card}, More: 2, Absent: make([]brief.Absence, 9)}, "https://errata.example")
	assert.Equal(t, "4 requests", several.Text)
	assert.Contains(t, strings.Join(texts(t, several), "\n"), "And 4 more IDs under which there is nothing.")
	none := slack.Answer(&brief.Brief{Absent: []brief.Absence{{ID: "req_x", Why: brief.Why("never_seen", "", ""), Similar: []string{"req_y"}}}}, "")
	assert.Contains(t, strings.Join(texts(t, none), "\n"), "No failure found under `req_x`.\nNo failure with this ID has been reported. Requests that succeed are not stored.\nDid you mean `req_y`?")
	assert.Contains(t, slack.Answer(&brief.Brief{}, "").Text, "No ID found")
	called := slack.Answer(&brief.Brief{Customers: []brief.Customer{{Customer: "cus_1", Name: "Acme Ltd", Path: "/customers/cus_1"}}}, "https://errata.example")
	assert.Equal(t, []string{"A customer", "*Acme Ltd*\ncustomer `cus_1`\n<https://errata.example/customers/cus_1|Open in Errata>"}, []string{called.Text, called.Blocks[0].Text.Text})
	many := slack.Answer(&brief.Brief{Customers: make([]brief.Customer, 20)}, "")
	assert.Equal(t, "20 customers", many.Text)
	assert.Contains(t, strings.Join(texts(t, many), "\n"), "And 10 more who are called so.")
	l := slack.Links{Channel: "C1", TS: "1.2"}
	assert.Equal(t, slack.Unfurling{Channel: "C1", TS: "1.2"}, l.Unfurling(nil))
}

// Slack refuses a section of more than 3,000 characters, and more than 50 blocks.
func TestAnswersFit(t *testing.T) {
	long := strings.Repeat("&<>", 3000)
	card := brief.Card{ID: long, Path: "/r/x", Heading: long, Verdict: long, Began: long, Service: long, Endpoint: long, Environment: long, Customer: long, Todo: long, Fixes: []string{long, long, long}, Reply: strings.Repeat("&&&& ", 3000) + long}
	b := brief.Brief{Absent: make([]brief.Absence, 400), Secret: true}
	for range 5 {
		b.Cards = append(b.Cards, card)
	}
	for _, m := range []slack.Message{slack.Answer(&b, "https://errata.example"), slack.Answer(&brief.Brief{Cards: b.Cards[:1]}, "")} {
		assert.LessOrEqual(t, len(m.Blocks), 50)
		for _, block := range m.Blocks {
			if block.Text != nil {
				assert.LessOrEqual(t, len([]rune(block.Text.Text)), 3000)
				assert.NotEmpty(t, block.Text.Text)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"command.http", "link_shared.http"} {
		_, body := recorded(f, name)
		f.Add(body)
	}
	f.Add([]byte("command=%2Ferrata&team_id=T1&text=<!channel>|<a|b>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if c, err := slack.ParseCommand(body); err == nil {
			_ = texts(t, slack.Help(c.Name))
			for _, text := range texts(t, slack.Answer(&brief.Brief{Absent: []brief.Absence{{ID: c.Text, Why: c.Text}}}, "")) {
				assert.NotContains(t, text, "<!")
				assert.NotContains(t, text, "<@")
			}
		}
		if e, err := slack.ParseEvent(body); err == nil && e.Links != nil {
			assert.LessOrEqual(t, len(e.Links.URLs), 5)
		}
	})
}
