package dialect

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

const (
	maxBody  = 1 << 20 // a longer body is read as text
	maxText  = 64 << 10
	maxDepth = 64
	maxList  = 100 // field errors and list elements that are looked at
)

// input is one answer, decoded once, as the readers see it.
type input struct {
	raw     []byte
	obj     object // the body, when it is a JSON object (or a list that starts with one)
	value   any    // the body, when it is any other JSON value
	headers map[string]string
	status  int
}

// Read recognises the shape of an error body and takes out what it says. The
// keys of headers are lower-cased; status is 0 where it is not known. It
// accepts any input, and its work is bounded.
func Read(body []byte, headers map[string]string, status int) Reading {
	in := &input{raw: bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), headers: headers, status: status}
	in.raw = bytes.TrimSpace(in.raw)
	var r Reading
	switch {
	case len(in.raw) == 0 && len(headers) == 0:
		return r
	case len(in.raw) == 0:
		// Only the headers speak.
	case in.decode():
		in.read(&r)
	case nestedTooDeep(in.raw):
		r.Dialect = "unknown"
	default:
		readText(in, &r)
	}
	in.common(&r)
	in.readHeaders(&r)
	return r
}

func (in *input) read(r *Reading) {
	for _, d := range dialects {
		if d.match(in) {
			r.Dialect = d.name
			d.read(in, r)
			return
		}
	}
}

// decode parses the body; false means that it is not JSON, or not JSON that
// is safe to look into.
func (in *input) decode() bool {
	if len(in.raw) > maxBody || nestedTooDeep(in.raw) {
		return false
	}
	switch in.raw[0] {
	case '{', '[', '"':
	default:
		return false // a bare number or word is text to a reader
	}
	dec := json.NewDecoder(bytes.NewReader(in.raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return false
	}
	if _, err := dec.Token(); err != io.EOF {
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		in.obj = v
	case []any:
		in.value = v
		if len(v) > 0 { // Google's streaming methods answer [{"error": …}]
			if first, ok := v[0].(map[string]any); ok && object(first).has("error") {
				in.obj = first
			}
		}
	default:
		in.value = v
	}
	return true
}

// nestedTooDeep reports JSON that is deeper than anything sensible, without
// parsing it.
func nestedTooDeep(b []byte) bool {
	if len(b) == 0 || (b[0] != '{' && b[0] != '[') {
		return false
	}
	depth, inString := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// header gives a response header, trimmed.
func (in *input) header(name string) string { return strings.TrimSpace(in.headers[name]) }
