package dialect

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// object is a decoded JSON object. Its methods never fail: what is absent or
// of another type is the zero value.
type object map[string]any

func (o object) has(key string) bool { _, ok := o[key]; return ok }

// sub gives a nested object, nil when there is none.
func (o object) sub(key string) object {
	m, _ := o[key].(map[string]any)
	return m
}

func (o object) list(key string) []any {
	l, _ := o[key].([]any)
	return l
}

// str gives the first of the keys that holds a non-empty string.
func (o object) str(keys ...string) string {
	for _, k := range keys {
		if s, ok := o[k].(string); ok && strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// word is str that also takes numbers as they were written.
func (o object) word(keys ...string) string {
	for _, k := range keys {
		if s := scalar(o[k]); s != "" {
			return s
		}
	}
	return ""
}

// integer gives the first of the keys that holds a whole number, also as text.
func (o object) integer(keys ...string) (int, bool) {
	for _, k := range keys {
		if s := scalar(o[k]); numeric(s) {
			if n, err := strconv.Atoi(s); err == nil {
				return n, true
			}
		}
	}
	return 0, false
}

// number gives a finite, non-negative number, also as text.
func number(v any) (float64, bool) {
	s := scalar(v)
	if !numeric(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || f != f || f > 1e12 {
		return 0, false
	}
	return f, true
}

// numeric reports whether it is worth to parse s: that of a word fails with an
// error that costs more than all else here.
func numeric(s string) bool {
	if s == "" {
		return false
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9', c == '+', c == '-', c == '.':
		return true
	}
	return false
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	}
	return ""
}

// raw writes a value back as JSON; nil for what says nothing.
func raw(v any) json.RawMessage {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		if len(v) == 0 {
			return nil
		}
	case object:
		return raw(map[string]any(v))
	case []any:
		if len(v) == 0 {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return nil
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// first gives the first value that raw would keep.
func (o object) first(keys ...string) json.RawMessage {
	for _, k := range keys {
		if v := raw(o[k]); v != nil {
			return v
		}
	}
	return nil
}

// rest is the object without the keys that have a field of their own.
func (o object) rest(without ...string) json.RawMessage {
	left := make(map[string]any, len(o))
	for k, v := range o {
		left[k] = v
	}
	for _, k := range without {
		delete(left, k)
	}
	return raw(left)
}
