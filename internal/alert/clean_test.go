package alert

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nBcc: x@y":         "a Bcc: x@y",
		"  a \t b\u2028c  ":     "a b c",
		"evil\u202egnp.exe":     "evilgnp.exe",
		"zero\u200bwidth\ufeff": "zerowidth",
		"nul\x00\x1b[31mred":    "nul[31mred",
		"bad\xff\xfeutf8":       "badutf8",
		"Zürich 東京 🙂":           "Zürich 東京 🙂",
		"0123456789":            "0123456789",
		"01234567890":           "012345678…",
		"012345678 x":           "012345678…",
		"filler\u3164\u115f":    "filler",
	} {
		assert.Equal(t, want, Plain(in, 10+2*len(want)/100+max(0, len([]rune(want))-10)), "%q", in)
	}
}

func TestMentionsCallNobody(t *testing.T) {
	i := checkout()
	i.Service = "<!channel> @here <@U123> <https://evil|Click> &amp;"
	i.Codes = []Share{{"@everyone", 1}}
	shown := strings.Join(Write(message(KindFiring, i)).Mrkdwn(), "\n")
	assert.Contains(t, shown, "&lt;!channel&gt; ＠here &lt;@U123&gt; &lt;https://evil|Click&gt; &amp;amp;")
	assert.Contains(t, shown, "＠everyone 100%")
}

func TestSampleIDsCannotChangeTheirLink(t *testing.T) {
	i := checkout()
	i.Samples = []string{"a|b>c <!here>", "../../admin?x=1#y"}
	i.Runbook = "javascript:alert(1)"
	text := Write(message(KindFiring, i))
	shown := strings.Join(text.Mrkdwn(), "\n")
	assert.Contains(t, shown, "<https://errata.example/r/a%7Cb%3Ec%20%3C%21here%3E|a¦b&gt;c &lt;!here&gt;>")
	assert.Contains(t, shown, "<https://errata.example/r/..%2F..%2Fadmin%3Fx=1%23y|../../admin?x=1#y>")
	assert.NotContains(t, shown, "javascript:")
	for _, u := range []string{"https://user:secret@host/", "ftp://x/", "//x", "https://", "/x"} {
		assert.Empty(t, webURL(u))
	}
}

func TestCleaningChangesNothingOfItsCaller(t *testing.T) {
	m := message(KindFiring, checkout())
	m.Incidents[0].Members[0].Endpoint = "a\nb"
	m.Incidents[0].Deploy.Release = "a\nb"
	m.Clean()
	assert.Equal(t, "a\nb", m.Incidents[0].Members[0].Endpoint)
	assert.Equal(t, "a\nb", m.Incidents[0].Deploy.Release)
}

func TestWhatIsOverHasAnEnd(t *testing.T) {
	i := checkout()
	i.State = Resolved
	m := message(KindResolved, i)
	assert.Equal(t, m.At, m.Clean().Incidents[0].ResolvedAt, "receivers take no end for going on")
}

// harmless is what every line that leaves must be.
func harmless(t *testing.T, line string) {
	t.Helper()
	require.True(t, utf8.ValidString(line))
	require.False(t, strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }), "%q", line)
}

func FuzzWrite(f *testing.F) {
	for _, s := range []string{"checkout-api", "<!channel>", "@here", "a\r\nBcc: x", "\u202e", "<script>alert(1)</script>", "*a* `b` _c_ ~d~", "<http://x|y>", "]](https://x)", "\xff\x00", strings.Repeat("🙂", 400), "https://x/|>"} {
		f.Add(s, "req_1|2", "https://runbook/<!here>|x")
	}
	f.Fuzz(func(t *testing.T, s, id, link string) {
		i := checkout()
		i.ID, i.Service, i.Environment, i.Workspace, i.TopCustomer, i.TopCustomerShare, i.ResolvedBy = id, s, s, s, s, 1, s
		i.Members, i.Codes, i.Deploy.Release = []Member{{s, s, 1}}, []Share{{s, 1}, {id, 0}}, s
		i.Samples, i.Runbook, i.BaseURL, i.Rule.Name, i.Why.Statistic = []string{id, s}, link, link, s, s
		for _, kind := range []Kind{KindFiring, KindUpdate, KindResolved, KindTest, KindDigest, Kind(s)} {
			m := message(kind, i)
			m.Changed = []string{s}
			text := Write(m)
			harmless(t, text.Title)
			for _, line := range strings.Split(text.Plain(), "\n") {
				harmless(t, line)
			}
			require.LessOrEqual(t, utf8.RuneCountInString(text.Plain()), 12_000)

			for _, paragraph := range text.Mrkdwn() {
				require.NotRegexp(t, mention, paragraph)
				require.NotContains(t, paragraph, "<!")
				require.NotContains(t, paragraph, "<@")
				require.NotContains(t, paragraph, "<#")
				for rest := paragraph; strings.Contains(rest, "<"); { // what is left of < are our own links
					_, after, _ := strings.Cut(rest, "<")
					target, tail, ok := strings.Cut(after, ">")
					require.True(t, ok)
					require.True(t, strings.HasPrefix(target, "http"), "%q", target)
					require.Equal(t, 1, strings.Count(target, "|"))
					require.NotContains(t, target, "<")
					rest = tail
				}
			}

			page, err := text.HTML()
			require.NoError(t, err)
			doc, err := goquery.NewDocumentFromReader(strings.NewReader(page))
			require.NoError(t, err)
			require.Zero(t, doc.Find("script,img,iframe,style,form,svg").Length())
			require.Equal(t, text.Title, doc.Find("strong").Text())
			doc.Find("a").Each(func(_ int, a *goquery.Selection) {
				require.Regexp(t, `^https?://`, a.AttrOr("href", ""))
			})

			raw, err := json.Marshal(m.Clean())
			require.NoError(t, err)
			require.Less(t, len(raw), 60_000)
		}
	})
}
