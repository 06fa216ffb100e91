package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// A template of a reply is text with {fields}. What is not known of a failure is
// never made up, and never leaves a hole: a part in [brackets] is left out where
// one of its fields is unknown, [this {field}|or that] takes the first part of
// which all is known, and a sentence with an unknown field outside of brackets is
// left out as a whole. {{, }}, [[ and ]] are the characters themselves.

// Fields are the names that templates may use, with what they are. They hold only
// what the customer knows already or may know.
var Fields = []struct{ Name, About string }{
	{"customer_name", "what to call the customer, where somebody gave a name"},
	{"request_id", "the ID of the request"},
	{"time_utc", "when it happened, such as 20 November 2026, 14:02:35; write UTC behind it"},
	{"retry_at", "the clock time from which on a retry makes sense, such as 14:03:20 UTC; only where the answer named one"},
	{"limit", "how many requests are allowed, such as 60"},
	{"window", "in which time, such as minute"},
	{"docs_url", "the link of the entry to the documentation"},
	{"endpoint", "method and endpoint, such as POST /v1/charges"},
	{"code", "the code as it was sent"},
	{"service", "the name of the service, as it reports itself"},
}

// node is a piece of a template: text, a field, or alternatives.
type node struct {
	text   string
	field  string
	either [][]node
}

// Render fills a template in. A template that cannot be read says nothing.
func Render(template string, known map[string]string) string {
	nodes, err := parse(template)
	if err != nil {
		return ""
	}
	var out strings.Builder
	for _, s := range sentences(nodes) {
		if text, ok := fill(s, known); ok {
			out.WriteString(text)
		} else if end := s[len(s)-1].text; strings.HasSuffix(end, "\n") { // the line ends all the same
			out.WriteString(end[len(strings.TrimRight(end, "\n")):])
		}
	}
	return tidy(out.String())
}

// fill is false where a field is unknown that nothing stands in for.
func fill(nodes []node, known map[string]string) (string, bool) {
	var b strings.Builder
	for _, n := range nodes {
		switch {
		case n.field != "":
			if known[n.field] == "" {
				return "", false
			}
			b.WriteString(known[n.field])
		case n.either != nil:
			for _, part := range n.either {
				if text, ok := fill(part, known); ok {
					b.WriteString(text)
					break
				}
			}
		default:
			b.WriteString(n.text)
		}
	}
	return b.String(), true
}

// sentences cuts at what ends a sentence, and at ends of lines.
func sentences(nodes []node) (out [][]node) {
	var current []node
	for _, n := range nodes {
		if n.field != "" || n.either != nil {
			current = append(current, n)
			continue
		}
		for rest := n.text; rest != ""; {
			end := sentenceEnd(rest)
			current = append(current, node{text: rest[:end]})
			if rest = rest[end:]; rest != "" || ends(current[len(current)-1].text) {
				out, current = append(out, current), nil
			}
		}
	}
	if len(current) > 0 {
		out = append(out, current)
	}
	return out
}

func ends(s string) bool { return sentenceEnd(s+"x") == len(s) }

// sentenceEnd is behind the first end of a sentence, with the space that follows.
func sentenceEnd(s string) int {
	for i := range len(s) {
		switch {
		case s[i] == '\n':
			for i++; i < len(s) && s[i] == '\n'; i++ {
			}
			return i
		case strings.IndexByte(".!?", s[i]) >= 0 && i+1 < len(s) && s[i+1] == ' ':
			return i + 2
		}
	}
	return len(s)
}

// tidy takes away what left-out parts leave behind.
func tidy(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	s = strings.Join(lines, "\n")
	for strings.Contains(s, "\n\n\n") {
		s = strings.ReplaceAll(s, "\n\n\n", "\n\n")
	}
	return strings.TrimSpace(s)
}

// checkTemplate says what is wrong with a template; "" for nothing.
func checkTemplate(s string) string {
	if len(s) > MaxReply || !isText(s) {
		return "must be text of at most 2,000 bytes"
	}
	if _, err := parse(s); err != nil {
		return err.Error()
	}
	if s != "" && Render(s, nil) == "" {
		return "says nothing where no field is known: put what not every failure has in [brackets], such as [at {time_utc} UTC]"
	}
	return ""
}

// parse reads a template. Its errors are in words, for whoever wrote it.
func parse(s string) ([]node, error) {
	p := &parser{rest: s}
	nodes, err := p.part(false)
	return nodes, err
}

type parser struct{ rest string }

// part reads up to the end, or within brackets up to | or ].
func (p *parser) part(inside bool) (out []node, err error) {
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			out = append(out, node{text: text.String()})
			text.Reset()
		}
	}
	for p.rest != "" {
		c := p.rest[0]
		switch {
		case len(p.rest) > 1 && p.rest[1] == c && strings.IndexByte("{}[]", c) >= 0:
			text.WriteByte(c)
			p.rest = p.rest[2:]
			continue
		case c == '{':
			flush()
			n, err := p.named()
			if err != nil {
				return nil, err
			}
			out = append(out, n)
			continue
		case c == '[' && inside:
			return nil, fmt.Errorf("has brackets within brackets, which are not understood")
		case c == '[':
			flush()
			n, err := p.brackets()
			if err != nil {
				return nil, err
			}
			out = append(out, n)
			continue
		case inside && (c == '|' || c == ']'):
			flush()
			return out, nil
		case c == '}' || c == ']':
			return nil, fmt.Errorf("has a %c that closes nothing; write %c%c for the character itself", c, c, c)
		}
		text.WriteByte(c)
		p.rest = p.rest[1:]
	}
	if inside {
		return nil, fmt.Errorf("has a [ that is not closed; write [[ for the character itself")
	}
	flush()
	return out, nil
}

func (p *parser) named() (node, error) {
	name, rest, ok := strings.Cut(p.rest[1:], "}")
	if !ok {
		return node{}, fmt.Errorf("has a { that is not closed; write {{ for the character itself")
	}
	if !slices.ContainsFunc(Fields, func(f struct{ Name, About string }) bool { return f.Name == name }) {
		return node{}, fmt.Errorf("has {%s}, which is no field; there are: %s", cutTo(name, 40), strings.Join(fieldNames(), ", "))
	}
	p.rest = rest
	return node{field: name}, nil
}

func (p *parser) brackets() (node, error) {
	n := node{either: [][]node{}}
	for {
		p.rest = p.rest[1:]
		part, err := p.part(true)
		if err != nil {
			return n, err
		}
		n.either = append(n.either, part)
		if p.rest[0] == ']' {
			p.rest = p.rest[1:]
			return n, nil
		}
	}
}

func fieldNames() []string {
	out := make([]string, len(Fields))
	for i, f := range Fields {
		out[i] = f.Name
	}
	return out
}

func cutTo(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
