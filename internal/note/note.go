// Package note renders what people write about a request: a little of Markdown,
// and nothing of HTML. It is pure.
//
// The source is escaped wherever it is written; tags come from here alone. What
// is understood: paragraphs, lists, **strong**, *emphasis*, `code`, fenced code,
// [words](https://…) and bare https addresses. Everything else is text.
package note

import (
	"html"
	"html/template"
	"net/url"
	"regexp"
	"strings"
)

// Render gives the note as HTML.
func Render(source string) template.HTML {
	r := &rendering{}
	for line := range strings.Lines(strings.ReplaceAll(source, "\r\n", "\n")) {
		r.line(strings.TrimSuffix(line, "\n"))
	}
	r.into("")
	return template.HTML(r.out.String()) //nolint:gosec // every piece of the source went through html.EscapeString
}

// rendering is a note on its way, by lines.
type rendering struct {
	out  strings.Builder
	open string // the element that the line before is in
}

// into ends what is open, and begins that.
func (r *rendering) into(tag string) (fresh bool) {
	if r.open == tag {
		return false
	}
	if r.open != "" {
		r.out.WriteString("</" + r.open + ">")
	}
	if tag != "" {
		r.out.WriteString("<" + tag + ">")
	}
	r.open = tag
	return true
}

func (r *rendering) line(s string) {
	fence := strings.HasPrefix(s, "```")
	switch bullet, item := strings.CutPrefix(s, "- "); {
	case r.open == "pre" && fence:
		r.into("")
	case r.open == "pre":
		r.out.WriteString(html.EscapeString(s) + "\n")
	case fence:
		r.into("pre")
	case strings.TrimSpace(s) == "":
		r.into("")
	case item:
		r.into("ul")
		r.out.WriteString("<li>" + inline(bullet) + "</li>")
	default:
		if !r.into("p") {
			r.out.WriteString("<br>")
		}
		r.out.WriteString(inline(s))
	}
}

// marks are what stands within a line, the first of them winning.
var marks = regexp.MustCompile("`([^`]+)`|\\*\\*([^*]+)\\*\\*|\\*([^*\\s][^*]*)\\*|\\[([^\\[\\]]+)\\]\\((https://[^\\s()]+)\\)|(https://[^\\s<>\"'()]+)")

func inline(s string) string {
	var out strings.Builder
	at := 0
	for _, m := range marks.FindAllStringSubmatchIndex(s, -1) {
		out.WriteString(html.EscapeString(s[at:m[0]]))
		group := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return html.EscapeString(s[m[2*n]:m[2*n+1]])
		}
		switch whole := s[m[0]:m[1]]; {
		case m[2] >= 0:
			out.WriteString("<code>" + group(1) + "</code>")
		case m[4] >= 0:
			out.WriteString("<strong>" + inline(s[m[4]:m[5]]) + "</strong>")
		case m[6] >= 0:
			out.WriteString("<em>" + inline(s[m[6]:m[7]]) + "</em>")
		case m[8] >= 0:
			out.WriteString(link(s[m[10]:m[11]], s[m[8]:m[9]], whole))
		default:
			bare := strings.TrimRight(whole, ".,;:!?*_`~")
			out.WriteString(link(bare, bare, bare) + html.EscapeString(whole[len(bare):]))
		}
		at = m[1]
	}
	out.WriteString(html.EscapeString(s[at:]))
	return out.String()
}

// link leads to an https address, and stays text where it is none that a
// browser would take for what the reader takes it for.
func link(address, words, whole string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Contains(address, `\`) {
		return html.EscapeString(whole)
	}
	return `<a href="` + html.EscapeString(u.String()) + `" rel="noopener nofollow noreferrer">` + html.EscapeString(words) + `</a>`
}
