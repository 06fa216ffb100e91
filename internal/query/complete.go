package query

import (
	"strings"
	"unicode"
)

// Kind says what is expected where the caret is.
type Kind int

// The kinds of completion.
const (
	Nothing    Kind = iota // text, or the value of a field that does not exist
	FieldNames             // the name of a field, or text
	Values                 // a value of Completion.Field
)

// Completion is what may be typed next.
type Completion struct {
	Kind   Kind
	Field  Field  // of Values
	Typed  string // what stands before the caret and is to be replaced
	Prefix string // the same without quotes: what a candidate begins with
	// Candidates are those that are known beforehand, as they are to be
	// typed. Other values come from the data, and from the caller.
	Candidates []string
}

// Complete says what is expected at the caret of a query for failures.
func Complete(text string, caret int) Completion { return Events.Complete(text, caret) }

// Complete says what is expected at the caret, which is counted in bytes. It
// reads what is half written, and so never fails.
func (l *List) Complete(text string, caret int) Completion {
	// The caret, or the bound, may be inside of a character.
	text = strings.ToValidUTF8(text[:min(max(caret, 0), len(text), MaxLen)], "")
	word, value, isValue := l.lastWord(text)
	if !isValue {
		if strings.ContainsFunc(word, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) }) {
			return Completion{}
		}
		return Completion{Kind: FieldNames, Typed: word, Prefix: word, Candidates: beginning(strings.ToLower(word), l.Fields(), ":")}
	}
	f := l.named(word)
	if f == nil {
		return Completion{}
	}
	prefix := value
	if strings.HasPrefix(value, `"`) {
		prefix = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(value[1:])
	}
	return Completion{Kind: Values, Field: f.name, Typed: value, Prefix: prefix, Candidates: beginning(strings.ToLower(prefix), f.static, "")}
}

func beginning(prefix string, names []string, suffix string) []string {
	var out []string
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name+suffix)
		}
	}
	return out
}

// lastWord is the term at the end of a text, without its minus: a word, or the
// name of a field and what is written of its last value.
func (l *List) lastWord(text string) (word, value string, isValue bool) {
	p := parser{list: l, text: text}
	for p.space(); p.at < len(text); p.space() {
		if negates(text[p.at:]) || text[p.at:] == "-" {
			p.at++
		}
		name, _, ok := l.cutField(p.word(""))
		separator := ""
		if ok {
			p.at += len(name) + 1
			separator = ","
		}
		for {
			start := p.at
			if strings.HasPrefix(text[p.at:], `"`) {
				_, _ = p.quoted() // one that is still open reaches to the end
			}
			p.at += len(p.word(separator))
			if p.at == len(text) {
				if ok {
					return name, text[start:], true
				}
				return text[start:], "", false
			}
			if !ok || text[p.at] != ',' {
				break
			}
			p.at++
		}
	}
	return "", "", false
}
