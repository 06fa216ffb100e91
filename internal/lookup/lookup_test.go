package lookup

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func values(text string) []string {
	var out []string
	for _, c := range Extract(text) {
		out = append(out, c.Value)
	}
	return out
}

func TestExtract(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"bare", "req_abc123xyz", "req_abc123xyz"},
		{"trailing punctuation", " req_abc123xyz. ", "req_abc123xyz"},
		{"short bare", "weird", "weird"},
		{"nested body", `{"error":{"code":"x","details":{"request_id":"req_in"}}}`, "req_in"},
		{"body in an e-mail", "Hi,\nwe get {\"requestId\": \"abc-1\"} since lunch", "abc-1"},
		{"header", "HTTP/1.1 429\r\n< X-Request-Id: 7f3c\r\n", "7f3c"},
		{"ray", "CF-Ray: 7d1f2a3b4c5d6e7f-FRA", "7d1f2a3b4c5d6e7f"},
		{"traceparent", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"},
		{"permalink", "see https://errata.example.com/r/req%2Fslash", "req/slash"},
		{"trace", "4BF92F3577B34DA6A3CE929D0E0E4736", "4BF92F3577B34DA6A3CE929D0E0E4736"},
		{"number", `{"request_id": 12345678901234567890}`, "12345678901234567890"},
		{"number beside a known field", `{"request_id": 12345678901234567890, "trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`, "12345678901234567890"},
		{"prose", "It says req_99x21zz when I pay", "req_99x21zz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := values(c.text)
			if assert.NotEmpty(t, got) {
				assert.Equal(t, c.want, got[0])
			}
		})
	}
}

// A secret in the place of an ID leaves no candidate behind, not even the name
// of the field.
func TestExtractSecrets(t *testing.T) {
	for _, text := range []string{"request_id=sk_live_abcdefgh12345678", "sk_live_abcdefgh12345678", "order=sk_live_abcdefgh12345678 failed"} {
		assert.Empty(t, values(text), text)
	}
	assert.Equal(t, []string{"AbC9876543=="}, values("AbC9876543=="))
	assert.Equal(t, []string{"weird1"}, values("order=weird1"))
}

func TestExtractNothing(t *testing.T) {
	for _, text := range []string{"", "   ", "null", "hello my good people", `{"request_id":"undefined"}`} {
		assert.Empty(t, values(text), text)
	}
}

func TestExtractIsBounded(t *testing.T) {
	assert.LessOrEqual(t, len(Extract(strings.Repeat("req_a1b2c3d4 x9y8z7w6 ", 100_000))), maxCandidates)
	Extract(strings.Repeat("{", 256<<10))
	var ids strings.Builder
	for i := range 2000 {
		ids.WriteString("id-1234567")
		ids.WriteByte(byte('0' + i%10))
		ids.WriteByte(byte('a' + i/10%26))
		ids.WriteByte(byte('a' + i/260%26))
		ids.WriteByte('\n')
	}
	assert.LessOrEqual(t, len(Extract(ids.String())), maxCandidates)
}

func FuzzExtract(f *testing.F) {
	for _, s := range []string{"req_1", `{"a":[{"request_id":"x"}]}`, "cf-ray: 1-FRA", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "\x00\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Extract(text)
		assert.LessOrEqual(t, len(got), maxCandidates)
		for _, c := range got {
			assert.NotEmpty(t, c.Value)
			assert.LessOrEqual(t, len(c.Value), 200)
		}
	})
}
