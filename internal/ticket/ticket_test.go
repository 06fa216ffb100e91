package ticket

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]Ticket{
		"https://acme.zendesk.com/agent/tickets/4411?brand=1":                                {Zendesk, "#4411", "https://acme.zendesk.com/agent/tickets/4411"},
		"https://ACME.zendesk.com:443/hc/en-us/requests/4411":                                {Zendesk, "#4411", "https://acme.zendesk.com/agent/tickets/4411"},
		"https://app.intercom.com/a/inbox/abc12345/inbox/shared/all/conversation/987654321":  {Intercom, "#987654321", "https://app.intercom.com/a/inbox/abc12345/inbox/shared/all/conversation/987654321"},
		"https://app.eu.intercom.com/a/apps/abc12345/inbox/inbox/1/conversations/12345?x=y":  {Intercom, "#12345", "https://app.eu.intercom.com/a/apps/abc12345/inbox/inbox/1/conversations/12345"},
		"https://acme.atlassian.net/browse/OPS-12?focusedCommentId=3#x":                      {Jira, "OPS-12", "https://acme.atlassian.net/browse/OPS-12"},
		"https://acme.atlassian.net/jira/software/projects/OPS/boards/1?selectedIssue=OPS-7": {Jira, "OPS-7", "https://acme.atlassian.net/browse/OPS-7"},
		"https://acme.atlassian.net/jira/servicedesk/projects/SD/queues/custom/3/SD-9":       {Jira, "SD-9", "https://acme.atlassian.net/browse/SD-9"},
		"https://linear.app/acme/issue/ENG-42/the-title":                                     {Linear, "ENG-42", "https://linear.app/acme/issue/ENG-42"},
		"https://github.com/acme/api/issues/7#issuecomment-1":                                {GitHub, "acme/api#7", "https://github.com/acme/api/issues/7"},
		"https://github.com/acme/api.v2/pull/8/files":                                        {GitHub, "acme/api.v2#8", "https://github.com/acme/api.v2/pull/8"},
	} {
		got, ok := Parse(in)
		assert.True(t, ok, in)
		assert.Equal(t, want, got, in)
		again, ok := Parse(got.URL)
		assert.True(t, ok, "what is stored is recognised as well: %s", got.URL)
		assert.Equal(t, got, again)
	}
	assert.Equal(t, "Zendesk #4411", Ticket{Zendesk, "#4411", ""}.Name())
}

// hostile are addresses that want to be taken for a ticket.
var hostile = []string{
	"https://acme.zendesk.com.evil.test/agent/tickets/1", "https://zendesk.com.evil.test/agent/tickets/1", "https://evil-zendesk.com/agent/tickets/1",
	"https://acme.zendesk.co/agent/tickets/1", "https://app.intercom.com.evil.test/a/inbox/abc12345/conversation/12345", "https://atlassian.net.evil.test/browse/A-1",
	"https://acme-atlassian.net/browse/A-1", "https://linear.app.evil.test/a/issue/A-1", "https://github.com.evil.test/a/b/issues/1", "https://githubb.com/a/b/issues/1",
	"https://gith\u0443b.com/a/b/issues/1", "https://xn--gthub-n4a.com/a/b/issues/1",
}

func TestHostileAddressesAreNoTickets(t *testing.T) {
	more := []string{
		"https://github.com@evil.test/a/b/issues/1", "https://evil.test#@github.com/a/b/issues/1", "https://evil.test/?u=https://github.com/a/b/issues/1",
		"http://github.com/a/b/issues/1", "https://github.com:8443/a/b/issues/1", "https://user:pass@github.com/a/b/issues/1", "https://github.com./a/b/issues/1",
		"javascript://github.com/a/b/issues/1", `https://github.com\@evil.test/a/b/issues/1`, "https://github.com/a/b/issues/1\r\nX: y", "https://github.com/../../issues/1",
		"https://github.com/a/b/issues/x", "https://acme.zendesk.com/agent/tickets/", "https://acme.atlassian.net/browse/ops-1", "https://app.intercom.com/a/inbox/abc12345/../conversation/12345",
		"https://github.com%2f.evil.test/a/b/issues/1", "", "github.com/a/b/issues/1", "https://github.com/a/b/issues/1?" + strings.Repeat("a", maxURL),
	}
	for _, in := range append(more, hostile...) {
		got, ok := Parse(in)
		assert.False(t, ok, "%s became %s", in, got.URL)
	}
	for _, in := range hostile {
		assert.True(t, Poses(in), in)
	}
	for _, in := range []string{"https://jira.acme.example/browse/OPS-1", "https://github.acme.example/a/b/issues/1", "https://acme.zendesk.com/x", "https://tickets.acme.example/1"} {
		assert.False(t, Poses(in), in)
	}
}

func TestFind(t *testing.T) {
	text := "See https://acme.zendesk.com/agent/tickets/4411, (https://github.com/a/b/issues/7) and **https://linear.app/acme/issue/ENG-1**.\n" +
		"Again https://acme.zendesk.com/agent/tickets/4411?x=1 and not https://github.com.evil.test/a/b/issues/1."
	var names []string
	for _, f := range Find(text) {
		names = append(names, f.Name())
	}
	assert.Equal(t, []string{"Zendesk #4411", "GitHub a/b#7", "Linear ENG-1"}, names)
	assert.Empty(t, Find("nothing"))
	assert.Len(t, Find(strings.Repeat("https://github.com/a/b/issues/1 ", 3)), 1)
}

// Whatever is recognised is an address of one of the systems, and nothing else.
func FuzzParse(f *testing.F) {
	for _, s := range append([]string{"https://github.com/a/b/issues/1", "https://acme.atlassian.net/jira/x?selectedIssue=A-1", "https://app.intercom.com/a/inbox/abc12345/conversation/12345"}, hostile...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := Parse(s)
		if !ok {
			return
		}
		u, err := url.Parse(got.URL)
		if err != nil || u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || len(got.URL) > 2*maxURL {
			t.Fatalf("%q became %q", s, got.URL)
		}
		switch h := u.Host; {
		case h == "github.com", h == "linear.app", strings.HasSuffix(h, ".zendesk.com"), strings.HasSuffix(h, ".atlassian.net"), strings.HasPrefix(h, "app.") && strings.Contains(h, "intercom."):
		default:
			t.Fatalf("%q became %q", s, got.URL)
		}
		if again, ok := Parse(got.URL); !ok || again != got {
			t.Fatalf("%q is not stable: %v, %v", s, got, again)
		}
	})
}
