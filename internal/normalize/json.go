package normalize

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// RedactJSON masks the secrets in a JSON document and keeps everything else,
// with its order. What is not JSON is masked as text.
func RedactJSON(doc []byte) ([]byte, int) {
	if json.Valid(doc) {
		if out, n, ok := rewrite(doc); ok {
			return out, n
		}
	}
	out, n := Redact(string(doc))
	return []byte(out), n
}

// rewriter copies a JSON document, masking secrets and changing what
// PostgreSQL's jsonb refuses: NUL and lone surrogates in strings, numbers
// beyond its range.
type rewriter struct {
	in    []byte
	out   bytes.Buffer
	pos   int
	found int
}

// place says where a value stands.
type place struct {
	depth   int
	secret  bool // under a secret's name
	listed  bool // in a list under a secret's name
	reasons bool // in an object that says what is wrong with fields
}

// rewrite needs a valid document; false means that it is nested too deeply.
func rewrite(doc []byte) ([]byte, int, bool) {
	w := &rewriter{in: doc}
	w.out.Grow(len(doc))
	if !w.value(place{}) {
		return nil, 0, false
	}
	return w.out.Bytes(), w.found, true
}

func (w *rewriter) space() {
	for w.pos < len(w.in) && strings.IndexByte(" \t\r\n", w.in[w.pos]) >= 0 {
		w.pos++
	}
}

func (w *rewriter) value(p place) bool {
	if w.space(); w.pos >= len(w.in) || p.depth > maxDimensions {
		return false
	}
	switch c := w.in[w.pos]; c {
	case '{':
		return w.object(p)
	case '[':
		p.listed = p.secret
		return w.list(p)
	case '"':
		w.text(p)
	default:
		w.literal(p)
	}
	return true
}

// reasonKeys hold objects whose keys are input fields and whose values are
// sentences about them.
var reasonKeys = map[string]bool{"errors": true, "fields": true, "details": true, "field_errors": true, "validation_errors": true}

func (w *rewriter) object(p place) bool {
	w.copyByte()
	for {
		if w.space(); w.in[w.pos] == '}' {
			w.copyByte()
			return true
		}
		if w.in[w.pos] == ',' {
			w.copyByte()
			w.space()
		}
		key := w.str()
		shown, n := Redact(cleanText(key))
		w.found += n
		w.out.Write(quote(shown))
		w.space()
		w.copyByte() // ':'
		inside := place{depth: p.depth + 1, secret: p.secret || secretName(key), reasons: p.reasons || reasonKeys[key]}
		if !w.value(inside) {
			return false
		}
	}
}

func (w *rewriter) list(p place) bool {
	w.copyByte()
	p.depth++
	for {
		if w.space(); w.in[w.pos] == ']' {
			w.copyByte()
			return true
		}
		if w.in[w.pos] == ',' {
			w.copyByte()
		}
		if !w.value(p) {
			return false
		}
	}
}

func (w *rewriter) copyByte() {
	w.out.WriteByte(w.in[w.pos])
	w.pos++
}

// str reads the string at pos.
func (w *rewriter) str() string {
	token := w.token()
	plain := token[1 : len(token)-1]
	if bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		return string(plain)
	}
	var s string
	if json.Unmarshal(token, &s) != nil {
		return ""
	}
	return s
}

// token takes the string at pos with its quotes.
func (w *rewriter) token() []byte {
	from := w.pos
	for w.pos++; w.pos < len(w.in) && w.in[w.pos] != '"'; w.pos++ {
		if w.in[w.pos] == '\\' {
			w.pos++
		}
	}
	w.pos++
	return w.in[from:w.pos]
}

func (w *rewriter) text(p place) {
	s := w.str()
	explains := (p.listed || p.reasons) && strings.Contains(s, " ")
	if p.secret && s != "" && !explains {
		w.mask()
		return
	}
	out, n := Redact(cleanText(s))
	w.found += n
	w.out.Write(quote(out))
}

func (w *rewriter) mask() {
	w.found++
	w.out.WriteString(`"` + mask + `"`)
}

// literal copies a number, true, false or null.
func (w *rewriter) literal(p place) {
	from := w.pos
	for w.pos < len(w.in) && strings.IndexByte(",]} \t\r\n", w.in[w.pos]) < 0 {
		w.pos++
	}
	token := string(w.in[from:w.pos])
	if c := token[0]; c != '-' && (c < '0' || c > '9') {
		w.out.WriteString(token)
		return
	}
	_, n := Redact(token)
	switch {
	case p.secret || n > 0:
		w.mask()
	case !storable(token):
		w.out.Write(quote(cutRunes(token, maxName)))
	default:
		w.out.WriteString(token)
	}
}

// maxExponent keeps numbers well inside PostgreSQL's numeric.
const maxExponent = 1000

func storable(number string) bool {
	if len(number) > maxExponent {
		return false
	}
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return true
	}
	e, err := strconv.Atoi(strings.TrimPrefix(number[i+1:], "+"))
	return err == nil && math.Abs(float64(e)) <= maxExponent
}

// quote writes a JSON string as people read it, without escapes for HTML.
func quote(s string) []byte {
	if plainJSON(s) {
		out := make([]byte, 0, len(s)+2)
		return append(append(append(out, '"'), s...), '"')
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return []byte(`""`)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

func plainJSON(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}
