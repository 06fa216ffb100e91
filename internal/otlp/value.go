package otlp

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxDepth bounds how deep a structured attribute is followed.
const maxDepth = 64

// isEmpty reports a value that says nothing, so that a later source is asked.
func isEmpty(v attribute) bool {
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return true
	case pcommon.ValueTypeStr:
		return strings.TrimSpace(v.Str()) == ""
	case pcommon.ValueTypeSlice:
		return v.Slice().Len() == 0
	case pcommon.ValueTypeMap:
		return v.Map().Len() == 0
	case pcommon.ValueTypeBytes:
		return v.Bytes().Len() == 0
	default:
		return false
	}
}

// text gives a scalar as trimmed text; lists and maps give "".
func text(v attribute) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return strings.TrimSpace(v.Str())
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return number(v.Double())
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.Bool())
	case pcommon.ValueTypeBytes:
		return utf8Text(v.Bytes())
	default:
		return ""
	}
}

// number writes whole numbers as such: a status may arrive as 429.0.
func number(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return ""
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func utf8Text(b pcommon.ByteSlice) string {
	raw := b.AsRaw()
	if !utf8.Valid(raw) {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// candidates offers a value, or the elements of a list in turn, until one is
// taken.
func candidates(v attribute, take func(string) bool) bool {
	if v.Type() != pcommon.ValueTypeSlice {
		s := text(v)
		return s != "" && take(s)
	}
	list := v.Slice()
	for i := range list.Len() {
		if s := text(list.At(i)); s != "" && take(s) {
			return true
		}
	}
	return false
}

// firstText is the value, or the first element of a list that is not empty.
func firstText(v attribute) string {
	var first string
	candidates(v, func(s string) bool { first = s; return true })
	return first
}

// joined is a header's value: HTTP allows the elements of a list to be written
// as one, with commas.
func joined(v attribute) string {
	if v.Type() != pcommon.ValueTypeSlice {
		return text(v)
	}
	list := v.Slice()
	if list.Len() == 1 {
		return text(list.At(0))
	}
	var b strings.Builder
	for i := range list.Len() {
		s := text(list.At(i))
		if s == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s)
	}
	return b.String()
}

// content gives a captured body as the bytes that were sent, or, for one that
// was captured as a structure, as JSON.
func content(v attribute) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return []byte(v.Str())
	case pcommon.ValueTypeBytes:
		return v.Bytes().AsRaw()
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		return structured(v)
	default:
		return nil
	}
}

func structured(v attribute) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(plainValue(v, 0)); err != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// plainValue is AsRaw for JSON: bounded in depth, and without the numbers that
// JSON lacks.
func plainValue(v attribute, depth int) any {
	if depth > maxDepth {
		return nil
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeInt:
		return v.Int()
	case pcommon.ValueTypeDouble:
		return plainNumber(v.Double())
	case pcommon.ValueTypeBytes:
		return v.Bytes().AsRaw()
	case pcommon.ValueTypeSlice:
		return plainList(v.Slice(), depth+1)
	case pcommon.ValueTypeMap:
		return plainMap(v.Map(), depth+1)
	default:
		return nil
	}
}

func plainNumber(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}

func plainList(list pcommon.Slice, depth int) []any {
	out := make([]any, list.Len())
	for i := range out {
		out[i] = plainValue(list.At(i), depth)
	}
	return out
}

func plainMap(m pcommon.Map, depth int) map[string]any {
	out := make(map[string]any, m.Len())
	for key, v := range m.All() {
		out[key] = plainValue(v, depth)
	}
	return out
}
