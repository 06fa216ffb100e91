package otlp

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

type attribute = pcommon.Value

// responseHeader is the prefix of captured response headers.
const responseHeader = "http.response.header."

const (
	maxHeaders = 64
	// maxOtherHeaders leaves room for those about limits and retries.
	maxOtherHeaders = 48
)

// bag holds the attributes of one scope that the mapping knows, by slot, and
// the captured response headers, which have open-ended names. It is filled
// again and again.
type bag struct {
	values  []attribute
	present []bool
	used    []slot
	headers []header
	others  int // of headers: those not about limits
}

type header struct {
	name  string // as in the attribute key
	value attribute
}

func newBag(m *mapping) *bag {
	return &bag{values: make([]attribute, len(m.info)), present: make([]bool, len(m.info))}
}

func (b *bag) clear() {
	for _, s := range b.used {
		b.present[s] = false
	}
	b.used = b.used[:0]
	b.headers = b.headers[:0]
	b.others = 0
}

// fill adds attributes in one pass, however many there are. Of a repeated key
// the first one that says something counts.
func (b *bag) fill(m *mapping, attrs pcommon.Map) {
	attrs.Range(func(key string, v attribute) bool {
		if name, ok := strings.CutPrefix(key, responseHeader); ok {
			b.addHeader(name, v)
		}
		if s, ok := m.slots[key]; ok {
			b.add(s, v)
		}
		return true
	})
}

func (b *bag) add(s slot, v attribute) {
	if b.present[s] || isEmpty(v) {
		return
	}
	b.present[s] = true
	b.values[s] = v
	b.used = append(b.used, s)
}

// forget drops known keys, so that later attributes take their place.
func (b *bag) forget(m *mapping, keys ...string) {
	for _, key := range keys {
		if s, ok := m.slots[key]; ok && b.present[s] {
			b.present[s] = false
			b.used = slices.DeleteFunc(b.used, func(u slot) bool { return u == s })
		}
	}
}

func (b *bag) get(s slot) (attribute, bool) {
	if !b.present[s] {
		return attribute{}, false
	}
	return b.values[s], true
}

func (b *bag) addHeader(name string, v attribute) {
	if len(b.headers) >= maxHeaders || name == "" || len(name) > maxHeaderName {
		return
	}
	if !aboutLimits(name) {
		if b.others >= maxOtherHeaders {
			return
		}
		b.others++
	}
	b.headers = append(b.headers, header{name: name, value: v})
}

// hasErrata reports whether any errata.* attribute is there.
func (b *bag) hasErrata(m *mapping) bool {
	for _, s := range b.used {
		if m.info[s].errata {
			return true
		}
	}
	return false
}
