package otlp

import (
	"strings"
)

// slot is the place of an attribute key in a bag.
type slot int

// mapping is the table made ready: every key that it mentions has a slot, so
// that one pass over an item's attributes finds all of them.
type mapping struct {
	rows  []row
	field map[string]int // field name → row
	slots map[string]slot
	info  []slotInfo // by slot
}

// slotInfo is what is known of a key beyond its place in the table.
type slotInfo struct {
	key    string
	answer bool   // part of an answer: on a CLIENT span the called service's
	loose  bool   // see source.loose
	errata bool   // errata.*: somebody reports a failure on purpose
	alias  string // the kind of alias that its value makes; empty: none
}

// plain is the mapping without options, which most workspaces use.
var plain = compile(table(Options{}))

func mappingFor(opt Options) *mapping {
	if len(opt.RequestIDKeys) == 0 && len(opt.CustomerKeys) == 0 {
		return plain
	}
	return compile(table(opt))
}

func compile(rows []row) *mapping {
	m := &mapping{rows: rows, field: map[string]int{}, slots: map[string]slot{}}
	for i := range rows {
		m.field[rows[i].field] = i
		for j := range rows[i].from {
			m.place(&rows[i].from[j])
		}
	}
	return m
}

func (m *mapping) place(src *source) {
	for _, key := range src.keys {
		s := m.slotOf(key)
		m.info[s].loose = m.info[s].loose || src.loose
		src.slots = append(src.slots, s)
	}
	for _, key := range src.uses {
		m.slotOf(key)
	}
}

func (m *mapping) slotOf(key string) slot {
	if s, ok := m.slots[key]; ok {
		return s
	}
	s := slot(len(m.info))
	m.slots[key] = s
	m.info = append(m.info, slotInfo{
		key:    key,
		answer: strings.HasPrefix(key, responseHeader) || strings.Contains(key, "response.metadata."),
		errata: strings.HasPrefix(key, "errata."),
		alias:  aliasKind(key),
	})
	return s
}
