package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"errata/internal/fault"
)

// Parse reads a query for failures, as List.Parse does.
func Parse(text string) (Query, error) { return Events.Parse(text) }

// Parse reads a query. An error is a fault Unprocessable (validation_failed)
// with details: field "q", position (the column, from 1, in characters),
// length of what is wrong there, and, where one comes to mind, a suggestion
// to put in its place.
func (l *List) Parse(text string) (Query, error) {
	p := parser{list: l, text: text}
	switch {
	case len(text) > MaxLen:
		return Query{}, fault.New(fault.Unprocessable, "validation_failed", "The query is longer than %d bytes; shorten it.", MaxLen).With("field", "q")
	case !utf8.ValidString(text), strings.ContainsRune(text, 0):
		return Query{}, fault.New(fault.Unprocessable, "validation_failed", "The query must be UTF-8 text without NUL.").With("field", "q")
	}
	for p.space(); p.at < len(p.text); p.space() {
		if err := p.term(); err != nil {
			return Query{}, err
		}
	}
	return Query{p.terms}, nil
}

// parser reads one term after the other; at is where it is, in bytes.
type parser struct {
	list          *List
	text          string
	at            int
	terms         []Term
	words, values int
}

// mistake is what is wrong between two places, and what may be put there.
func (p *parser) mistake(from, to int, suggestion, format string, args ...any) error {
	column := utf8.RuneCountInString(p.text[:from]) + 1
	message := fmt.Sprintf(format, args...)
	if !strings.HasSuffix(message, "?") {
		message += "."
	}
	f := fault.New(fault.Unprocessable, "validation_failed", "Column %d: %s", column, message).
		With("field", "q").With("position", column).With("length", max(1, utf8.RuneCountInString(p.text[from:to])))
	if suggestion != "" {
		f.With("suggestion", suggestion)
	}
	return f
}

func (p *parser) space() {
	p.at = len(p.text) - len(strings.TrimLeftFunc(p.text[p.at:], unicode.IsSpace))
}

// word is what stands from here to the next of the separators, or white space.
func (p *parser) word(separators string) string {
	rest := p.text[p.at:]
	if end := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(separators, r) }); end >= 0 {
		return rest[:end]
	}
	return rest
}

func (p *parser) term() error {
	start := p.at
	if len(p.terms) == MaxTerms {
		return p.mistake(start, start+len(p.word("")), "", "a query takes at most %d terms; take some away", MaxTerms)
	}
	t := Term{Not: negates(p.text[p.at:])}
	if t.Not {
		p.at++
	}
	if strings.HasPrefix(p.text[p.at:], `"`) {
		text, err := p.quoted()
		if err != nil {
			return err
		}
		if next := p.word(""); next != "" {
			return p.mistake(p.at, p.at+len(next), "", "put a space behind the closing quote")
		}
		return p.addText(start, t, text)
	}
	word := p.word("")
	name, rest, ok := p.list.cutField(word)
	if !ok {
		p.at += len(word)
		return p.addText(start, t, word)
	}
	f := p.list.named(name)
	if f == nil {
		return p.unknown(name)
	}
	t.Field = f.name
	p.at += len(word) - len(rest)
	for {
		v, err := p.value(f)
		if err != nil {
			return err
		}
		t.Values = append(t.Values, v)
		if !strings.HasPrefix(p.text[p.at:], ",") {
			break
		}
		p.at++
	}
	p.terms = append(p.terms, t)
	return nil
}

// negates reports a minus that turns a term around. Before a digit, or another
// minus, it belongs to the text.
func negates(s string) bool {
	if !strings.HasPrefix(s, "-") {
		return false
	}
	next, _ := utf8.DecodeRuneInString(s[1:])
	return next == '"' || unicode.IsLetter(next)
}

// cutField splits field:value. An unknown name with nothing behind its colon,
// or what no value begins with, is text that happens to have a colon, such as
// "Error: refused", "https://acme.com" and "std::length_error".
func (l *List) cutField(word string) (name, rest string, ok bool) {
	name, rest, ok = strings.Cut(word, ":")
	if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) }) {
		return "", "", false
	}
	if l.named(name) == nil && (rest == "" || strings.HasPrefix(rest, "//") || rest[0] == ':' || rest[0] == '\\') {
		return "", "", false
	}
	return name, rest, true
}

func (p *parser) unknown(name string) error {
	if other := p.list.elsewhere(name); other != nil {
		return p.mistake(p.at, p.at+len(name), "", "'%s' is a field of %s, which %s do not have. The fields here are %s",
			strings.ToLower(name), other.things, p.list.things, strings.Join(p.list.Fields(), ", "))
	}
	if near := Nearest(strings.ToLower(name), p.list.Fields()); near != "" {
		return p.mistake(p.at, p.at+len(name), near, "unknown field '%s'; did you mean '%s'?", name, near)
	}
	return p.mistake(p.at, p.at+len(name), "", `unknown field '%s'. The fields are %s. To search for this text itself, put it in quotes`,
		name, strings.Join(p.list.Fields(), ", "))
}

func (p *parser) addText(start int, t Term, text string) error {
	if strings.TrimSpace(text) == "" {
		return p.mistake(start, p.at, "", "there is nothing between the quotes")
	}
	if p.words == MaxWords {
		return p.mistake(start, p.at, "", "a query takes at most %d words; put those that belong together into quotes", MaxWords)
	}
	p.words++
	t.Values = []Value{{Text: text}}
	p.terms = append(p.terms, t)
	return nil
}

// value reads one value, up to a comma, white space, or the end.
func (p *parser) value(f *field) (Value, error) {
	start := p.at
	text, prefix, err := p.valueText(f)
	if err != nil {
		return Value{}, err
	}
	if p.values == MaxValues {
		return Value{}, p.mistake(start, p.at, "", "a query takes at most %d values; take some away", MaxValues)
	}
	p.values++
	v, problem := f.read(text, prefix)
	if problem.why == "" {
		return v, nil
	}
	meant := ""
	if problem.suggestion != "" {
		meant = "; did you mean '" + problem.suggestion + "'?"
	}
	return Value{}, p.mistake(start, p.at, problem.suggestion, "%s '%s' %s%s", f.name, p.text[start:p.at], problem.why, meant)
}

func (p *parser) valueText(f *field) (text string, prefix bool, err error) {
	start := p.at
	if strings.HasPrefix(p.text[p.at:], `"`) {
		if text, err = p.quoted(); err != nil {
			return "", false, err
		}
		if prefix = strings.HasPrefix(p.text[p.at:], "*"); prefix {
			p.at++
		}
		if next := p.word(","); next != "" {
			return "", false, p.mistake(p.at, p.at+len(next), "", "put a space or a comma behind the closing quote")
		}
	} else {
		word := p.word(",")
		text, prefix = strings.CutSuffix(word, "*")
		if star := strings.IndexByte(text, '*'); star >= 0 {
			return "", false, p.mistake(start+star, start+star+1, "", "a star can only be the last character of a value; to search for the character, put the value in quotes")
		}
		p.at += len(word)
	}
	if text == "" && !prefix {
		return "", false, p.mistake(start, p.at, "", "'%s' needs a value right behind the colon or comma; -%s:* finds what has none", f.name, f.name)
	}
	return text, prefix, nil
}

// quoted reads from one quote to the next. A backslash keeps a quote or
// another backslash from being more than itself.
func (p *parser) quoted() (string, error) {
	start := p.at
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return b.String(), nil
		case c == '\\' && p.at+1 < len(p.text) && (p.text[p.at+1] == '"' || p.text[p.at+1] == '\\'):
			p.at++
			b.WriteByte(p.text[p.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.mistake(start, len(p.text), "", "this quote is never closed; add one at its end, or take it away")
}
