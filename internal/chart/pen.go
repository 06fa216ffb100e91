package chart

import (
	"bytes"
	"encoding/xml"
	"html/template"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// pen writes markup that is HTML and well-formed XML at once.
type pen struct{ b []byte }

// raw writes markup: constants, never what somebody sent.
func (p *pen) raw(parts ...string) {
	for _, s := range parts {
		p.b = append(p.b, s...)
	}
}

// text writes what somebody sent, for content and for quoted attributes.
func (p *pen) text(s string) {
	if plainText(s) {
		p.b = append(p.b, s...)
		return
	}
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer does not fail
	p.b = append(p.b, b.Bytes()...)
}

func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '<' || c == '>' || c == '&' || c == '"' || c == '\'' {
			return false
		}
	}
	return true
}

func itoa(n int) string { return strconv.Itoa(n) }

func (p *pen) int(n int) { p.b = strconv.AppendInt(p.b, int64(n), 10) }

// num writes a coordinate as short as it can be: .5, not 0.50.
func (p *pen) num(v float64) {
	v = math.Round(v*100) / 100
	if v == 0 {
		p.b = append(p.b, '0')
		return
	}
	start := len(p.b)
	p.b = strconv.AppendFloat(p.b, v, 'f', -1, 64)
	if p.b[start] == '0' {
		p.b = append(p.b[:start], p.b[start+1:]...)
	}
}

// share writes an attribute that is a share of the width.
func (p *pen) share(attribute string, v float64) {
	p.raw(" ", attribute, `="`)
	p.num(v * 100)
	p.raw(`%"`)
}

func (p *pen) px(attribute string, v int) {
	p.raw(" ", attribute, `="`)
	p.int(v)
	p.raw(`"`)
}

// link opens an <a>, which stands even where it leads nowhere: scripts count. What
// follows are names of attributes, each with its value; they are of links that
// lead somewhere.
func (p *pen) link(href string, attributes ...string) {
	if href = safeURL(href); href == "" {
		p.raw("<a>")
		return
	}
	p.raw(`<a href="`)
	p.text(href)
	if strings.Contains(href, "//") {
		p.raw(`" rel="noopener noreferrer`)
	}
	p.raw(`"`)
	for i := 0; i+1 < len(attributes); i += 2 {
		p.raw(" ", attributes[i], `="`)
		p.text(attributes[i+1])
		p.raw(`"`)
	}
	p.raw(`>`)
}

// linked writes a text, as a link where there is somewhere to go.
func (p *pen) linked(href, text string) {
	if safeURL(href) == "" {
		p.text(text)
		return
	}
	p.link(href)
	p.text(text)
	p.raw("</a>")
}

func (p *pen) html() template.HTML { return template.HTML(p.b) } //nolint:gosec // every text went through text

// safeURL keeps relative addresses and those of the web; a deploy's address is
// what somebody sent, and may be a script.
func safeURL(s string) string {
	scheme, _, found := strings.Cut(s, ":")
	if found && !strings.ContainsAny(scheme, "/?#") && !strings.EqualFold(scheme, "https") && !strings.EqualFold(scheme, "http") || len(s) > 2000 {
		return ""
	}
	return s
}

// safeID keeps what may stand in url(#…) without quotes.
func safeID(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r < utf8.RuneSelf && (r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9') {
			return r
		}
		return -1
	}, s)
	if s == "" || s[0] < 'A' {
		s = "chart-" + s
	}
	return s[:min(len(s), 40)]
}

// cut shortens a label to what there is room for.
func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	r := []rune(s)
	return string(r[:limit-1]) + "…"
}
