package note

import (
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
)

const rel = ` rel="noopener nofollow noreferrer"`

func TestRender(t *testing.T) {
	for in, want := range map[string]string{
		"told them\nto batch\n\nand again": "<p>told them<br>to batch</p><p>and again</p>",
		"- one\n- two\nand":                "<ul><li>one</li><li>two</li></ul><p>and</p>",
		"**strong** *em* `co*de*`":         "<p><strong>strong</strong> <em>em</em> <code>co*de*</code></p>",
		"```\n<b>\n**x**\n```\nafter":      "<pre>&lt;b&gt;\n**x**\n</pre><p>after</p>",
		"see https://a.test/x?y=1&z=2.":    `<p>see <a href="https://a.test/x?y=1&amp;z=2"` + rel + `>https://a.test/x?y=1&amp;z=2</a>.</p>`,
		"[docs](https://a.test/)":          `<p><a href="https://a.test/"` + rel + `>docs</a></p>`,
		"2 * 3 * 4":                        "<p>2 * 3 * 4</p>",
		"":                                 "",
	} {
		assert.Equal(t, want, string(Render(in)), in)
	}
}

func TestNothingButOurTags(t *testing.T) {
	for _, in := range []string{
		`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `[x](javascript:alert(1))`, `[x](http://a.test)`, `[x](https://a.test"onclick="y)`,
		"`<b>`", "**<i>**", `https://a.test/"><script>`, `[<b>](https://a.test)`, `https://user@a.test/`, `[x](https://good.test@evil.test/)`, "&lt;script&gt;", `https://a.test\@evil.test`,
	} {
		requireSafe(t, string(Render(in)), in)
	}
}

func requireSafe(t *testing.T, out, in string) {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader("<body>" + out))
	assert.NoError(t, err)
	doc.Find("body *").Each(func(_ int, s *goquery.Selection) {
		name := goquery.NodeName(s)
		assert.Contains(t, []string{"p", "br", "ul", "li", "strong", "em", "code", "pre", "a"}, name, "%q → %q", in, out)
		for _, a := range s.Nodes[0].Attr {
			switch {
			case name == "a" && a.Key == "rel" && a.Val == "noopener nofollow noreferrer":
			case name == "a" && a.Key == "href" && strings.HasPrefix(a.Val, "https://") && !strings.Contains(a.Val, "@"):
			default:
				t.Errorf("%q → %s=%q", in, a.Key, a.Val)
			}
		}
	})
}

func FuzzRender(f *testing.F) {
	for _, s := range []string{"**a** `b` [c](https://d.test) https://e.test", "- a\n```\nb", "<script>", "[x](https://a\"b)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "@") { // an @ may stand in a path
			t.Skip()
		}
		requireSafe(t, string(Render(s)), s)
	})
}
