// Package query is the language of the search box and of the parameter `q`:
//
//	service:billing status:5xx -customer:acme "connection reset"
//
// Terms stand beside each other and must all hold. A field takes one value or
// several with commas between them, of which one must hold; a minus in front
// turns a term around. What has no field is text, and is searched for as
// before there was a language: an ID, a path or a line of a log can be pasted,
// and only what reads as a misspelt field is refused.
//
// It is pure, and bounded in everything, since what it reads comes out of
// addresses. The store makes SQL of a Query; this package knows none.
package query

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of a query.
const (
	MaxLen    = 500 // bytes
	MaxTerms  = 20
	MaxWords  = 10 // terms that are text: each reads every message
	MaxValues = 40 // of all terms together
)

// Query is a conjunction of terms. The zero value matches everything.
type Query struct{ Terms []Term }

// Term is one condition. Not turns it around; what has no value at all is then
// a match. Of Values at least one must hold.
type Term struct {
	Field  Field
	Not    bool
	Values []Value
}

// Value is what a field is compared with. For Status it is a range, Low and
// High included; for every other field it is Text. A Prefix is matched by
// everything that begins with Text, and so by any value at all where Text is
// empty.
type Value struct {
	Text      string
	Prefix    bool
	Low, High int
}

// Any reports whether every value matches, so that only "none" does not.
func (v Value) Any() bool { return v.Prefix && v.Text == "" }

// String is the canonical form: it parses to the same Query.
func (q Query) String() string {
	terms := make([]string, len(q.Terms))
	for i, t := range q.Terms {
		terms[i] = t.String()
	}
	return strings.Join(terms, " ")
}

// String is the canonical form of one term.
func (t Term) String() string {
	minus := ""
	if t.Not {
		minus = "-"
	}
	if t.Field == Text {
		return minus + writeText(t.Values[0].Text, t.Not)
	}
	values := make([]string, len(t.Values))
	for i, v := range t.Values {
		values[i] = v.String()
	}
	return minus + string(t.Field) + ":" + strings.Join(values, ",")
}

// String is the canonical form of a value, quoted where it has to be.
func (v Value) String() string {
	switch {
	case v.Low == 0 && v.Prefix && v.Text == "":
		return "*"
	case v.Low == 0 && v.Prefix:
		return Quote(v.Text) + "*"
	case v.Low == 0:
		return Quote(v.Text)
	case v.Low == v.High:
		return strconv.Itoa(v.Low)
	case v.Low%100 == 0 && v.High == v.Low+99:
		return strconv.Itoa(v.Low/100) + "xx"
	default:
		return strconv.Itoa(v.Low) + ".." + strconv.Itoa(v.High)
	}
}

// Quote writes a value as it must be typed to mean just itself.
func Quote(value string) string {
	if value != "" && !strings.ContainsAny(value, `,"*`) && !strings.ContainsFunc(value, unicode.IsSpace) {
		return value
	}
	return quoted(value)
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// writeText quotes also what would be taken for a field or for a minus.
func writeText(s string, not bool) string {
	first, _ := utf8.DecodeRuneInString(s)
	if strings.Contains(s, ":") || strings.ContainsFunc(s, unicode.IsSpace) || first == '"' || first == '-' || (not && !unicode.IsLetter(first)) {
		return quoted(s)
	}
	return s
}
