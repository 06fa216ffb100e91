package normalize

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
)

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"

// secrets are texts, and the part of each that must not be stored.
var secrets = []struct{ text, secret string }{
	{"sent Bearer abc.def-123 to us", "abc.def-123"},
	{"jwt " + jwt + " expired", jwt},
	{"key sk_live_4eC39HqLyjWD was used", "4eC39HqLyjWD"}, {"sk-proj-abcdEFGH1234abcd", "abcdEFGH1234abcd"},
	{"ep_live_abcdefgh12", "abcdefgh12"}, {"erk_abcdefgh12", "abcdefgh12"}, {"ghp_abcdefgh12", "abcdefgh12"},
	{"GET /login/" + auth.NewToken(auth.LoginPrefix) + " failed", auth.LoginPrefix}, {"/s/" + auth.NewToken(auth.SharePrefix), auth.SharePrefix},
	{"key " + auth.NewSecret(), auth.KeyPrefix}, {"token=" + auth.NewToken(auth.TokenPrefix), auth.TokenPrefix},
	{"x " + auth.SessionPrefix + "1795305600_" + strings.Repeat("0af9", 16), "0af90af9"},
	{"xoxb-1234-abcd", "1234-abcd"}, {"AKIAIOSFODNN7EXAMPLE", "IOSFODNN7EXAMPLE"}, {"Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"},
	{"password=hunter2&x=1", "hunter2"}, {`{"db_password": "hunter2"}`, "hunter2"}, {"Password: hunter2", "hunter2"},
	{"GET /x?access_token=t0psecret&y=2", "t0psecret"}, {"postgres://bob:hunter2@db/x", "hunter2"},
	{"Authorization: Token abcdef987", "abcdef987"}, {"Cookie: a=b1c2; d=e3f4\nnext", "e3f4"},
	{"card 4242 4242 4242 4242 declined", "4242 4242"}, {"card 4242424242424242", "4242424242"},
	{`{\"client_secret\":\"hunter2\"}`, "hunter2"},
}

func TestRedact(t *testing.T) {
	for _, c := range secrets {
		out, n := Redact(c.text)
		assert.Positive(t, n, c.text)
		assert.NotContains(t, out, c.secret, c.text)
		again, n := Redact(out)
		assert.Equal(t, out, again, "masking twice changes nothing")
		assert.Zero(t, n, out)
	}
}

func TestRedactLeavesTheRest(t *testing.T) {
	for _, s := range []string{
		"", "Use the Bearer prefix", "Missing Bearer token", "Basic authentication failed", "password: is too short", "invalid token",
		"order 4242424242424243", "at 1763647355123", "id 550e8400-e29b-41d4-a716-446655440000", "see https://example.com/a@b",
		"erv_01J9ZK7Q3V5M8N2P4R6S8T0W1X", "ers_1795305600", "risk-adjusted-return-figures", "task-abcdefghijklmnop", "eyJ is a prefix", "12:30:45", "max_tokens=5 stop",
	} {
		out, n := Redact(s)
		assert.Equal(t, s, out)
		assert.Zero(t, n)
	}
}

// TestRedactIsLinear: no text makes the search start over for each word.
func TestRedactIsLinear(t *testing.T) {
	for _, s := range []string{"eyJ-", "cookie: a ", "://", "bearer ", "basic a", "4-", "password='", "token=", "sk-"} {
		start := time.Now()
		Redact(strings.Repeat(s, (4<<20)/len(s)))
		assert.Less(t, time.Since(start), 5*time.Second, s)
	}
}

func TestRedactJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"b":1,"password":"x","a":{"apiKey":"k","list":["Bearer abc123def"]}}`: `{"b":1,"password":"[redacted]","a":{"apiKey":"[redacted]","list":["Bearer [redacted]"]}}`,
		`{"token":{"value":"abc"},"secret":123,"cookie":null}`:                  `{"token":{"value":"[redacted]"},"secret":"[redacted]","cookie":null}`,
		`{"errors":{"password":["is too short"]}}`:                              `{"errors":{"password":["is too short"]}}`,
		`{"password":["abc","is too short"]}`:                                   `{"password":["[redacted]","is too short"]}`,
		`{"n":4242424242424242,"max_tokens":5}`:                                 `{"n":"[redacted]","max_tokens":5}`,
		`{"\u0070assword":"x"}`:                                                 `{"password":"[redacted]"}`,
	} {
		out, _ := RedactJSON([]byte(in))
		assert.JSONEq(t, want, string(out), in)
	}
	out, n := RedactJSON([]byte("password=x1"))
	assert.Equal(t, "password=[redacted]", string(out))
	assert.Equal(t, 1, n)
}

func TestRedactHeaders(t *testing.T) {
	in := map[string]string{"Authorization": "x", "set-cookie": "x", "X-Api-Key": "x", "proxy-authorization": "x", "x-auth-token": "x", "date": "d"}
	out := RedactHeaders(in)
	for name := range in {
		if name != "date" {
			assert.Equal(t, mask, out[name], name)
		}
	}
	assert.Equal(t, "d", out["date"])
	assert.Equal(t, "x", in["Authorization"], "the input is left alone")
}

// TestNoSecretSurvives sends every secret through every field of prose and
// every place that a body has. Card numbers are left alone in fields of IDs.
func TestNoSecretSurvives(t *testing.T) {
	for _, c := range secrets {
		s := c.text
		body, err := json.Marshal(map[string]any{"error": map[string]any{"code": "x", "message": s, "details": map[string]any{"field": s, "note": []any{s}}}})
		require.NoError(t, err)
		for _, sent := range [][]byte{body, []byte(s), []byte("<html><title>" + s + "</title></html>")} {
			env := event.Envelope{
				Status: 500, FallbackMessage: s, Body: sent, Headers: map[string]string{"cookie": s},
				Exception: &event.Exception{Type: "E", Message: s, Stacktrace: s},
			}
			if !strings.HasPrefix(s, "card") {
				env.RequestID, env.Customer, env.Environment, env.Path, env.UpstreamProvider, env.FallbackCode = s, s, s, s, s, s
				env.Aliases = []event.Alias{{Kind: "x", Value: s}}
				env.Headers["x-any"] = s
			}
			p := item(t, env)
			stored, err := json.Marshal(p)
			require.NoError(t, err)
			assert.NotContains(t, string(stored), c.secret, s)
			assert.NotContains(t, string(p.Event.RawBody), c.secret, s)
		}
	}
}

func TestSecretIsNoID(t *testing.T) {
	for _, id := range []string{jwt, "Bearer abc123def", "session=abcdef"} {
		ev := item(t, event.Envelope{Status: 500, RequestID: id}).Event
		assert.Empty(t, ev.RequestID, id)
		assert.Contains(t, ev.Notes, "redacted:request_id")
	}
	assert.Equal(t, "4242424242424242", item(t, event.Envelope{Status: 500, RequestID: "4242424242424242"}).Event.RequestID)
}
