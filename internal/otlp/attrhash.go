package otlp

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// appendMap writes attributes so that equal ones give equal bytes: in the
// order of their keys, and every text with its length in front.
func appendMap(b []byte, m pcommon.Map, depth int) []byte {
	type entry struct {
		key   string
		value attribute
	}
	entries := make([]entry, 0, m.Len())
	for key, value := range m.All() {
		entries = append(entries, entry{key, value})
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	b = binary.BigEndian.AppendUint32(b, uint32(len(entries))) //nolint:gosec // bounded by the body
	for _, e := range entries {
		b = appendValue(appendText(b, e.key), e.value, depth)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s))) //nolint:gosec // bounded by the body
	return append(b, s...)
}

func appendValue(b []byte, v attribute, depth int) []byte {
	b = append(b, byte(v.Type()))
	if depth > maxDepth {
		return b
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return appendText(b, v.Str())
	case pcommon.ValueTypeInt:
		return binary.BigEndian.AppendUint64(b, uint64(v.Int())) //nolint:gosec // bits
	case pcommon.ValueTypeDouble:
		return binary.BigEndian.AppendUint64(b, math.Float64bits(v.Double()))
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case pcommon.ValueTypeBytes:
		return appendText(b, string(v.Bytes().AsRaw()))
	case pcommon.ValueTypeMap:
		return appendMap(b, v.Map(), depth+1)
	case pcommon.ValueTypeSlice:
		list := v.Slice()
		b = binary.BigEndian.AppendUint32(b, uint32(list.Len())) //nolint:gosec // bounded by the body
		for i := range list.Len() {
			b = appendValue(b, list.At(i), depth+1)
		}
	}
	return b
}
