package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"errata/internal/dialect"
	"errata/internal/event"
)

// kind is what sort of item is being mapped.
type kind uint8

const (
	serverSpan kind = iota
	consumerSpan
	clientSpan
	innerSpan // INTERNAL, PRODUCER, unspecified
	logRecord
	metricPoint
)

// item is the span or log record at hand, with its attributes indexed, and the
// Envelope in the making. One item is used for a whole request.
type item struct {
	m   *mapping
	opt Options
	env event.Envelope

	kind      kind
	span      ptrace.Span
	record    plog.LogRecord
	eventName string // of a log record
	severe    bool   // of a log record: ERROR or worse
	pointName string // of a data point: the name of the spans that it counts

	// scopes are the item's own attributes, best first: those of the span,
	// then of its span events; or those of the record, then its body's.
	scopes   []*bag
	resource *bag
	// answers reports whether any span of the request answers requests; loose
	// keys count on other spans only if none does.
	answers func() bool

	filled     []bool // by row
	body       []byte
	bodyRead   bool
	reading    dialect.Reading
	readDone   bool
	exception  event.Exception
	excDone    bool
	badStatus  string
	badDetails bool
}

func newItem(m *mapping, opt Options) *item {
	return &item{
		m: m, opt: opt,
		scopes:   []*bag{newBag(m), newBag(m)},
		resource: newBag(m),
		filled:   make([]bool, len(m.rows)),
		answers:  func() bool { return false },
	}
}

// next makes the item ready for another span or record of the same resource.
func (it *item) next() {
	it.env = event.Envelope{}
	for _, b := range it.scopes {
		b.clear()
	}
	clear(it.filled)
	it.eventName, it.severe = "", false
	it.body, it.bodyRead = nil, false
	it.reading, it.readDone = dialect.Reading{}, false
	it.exception, it.excDone = event.Exception{}, false
	it.badStatus, it.badDetails = "", false
}

func (it *item) setResource(attrs pcommon.Map) {
	it.resource.clear()
	it.resource.fill(it.m, attrs)
}

// fillAll works through the whole table.
func (it *item) fillAll() {
	for i := range it.m.rows {
		it.fillRow(i)
	}
}

// fill works out one field, once.
func (it *item) fill(field string) { it.fillRow(it.m.field[field]) }

func (it *item) fillRow(i int) {
	if it.filled[i] {
		return
	}
	it.filled[i] = true
	r := &it.m.rows[i]
	if r.when != nil && !r.when(it) {
		return
	}
	for j := range r.from {
		if it.try(r, &r.from[j]) {
			return
		}
	}
}

// try asks one source of a row.
func (it *item) try(r *row, src *source) bool {
	put := src.put
	if put == nil {
		put = r.put
	}
	if src.calc != nil {
		s := src.calc(it)
		return s != "" && put(it, s)
	}
	for _, s := range src.slots {
		if it.hidden(r, s) {
			continue
		}
		for _, b := range it.scopes {
			if it.tryBag(b, s, src, put) {
				return true
			}
		}
		if !r.own && it.tryBag(it.resource, s, src, put) {
			return true
		}
	}
	return false
}

func (it *item) tryBag(b *bag, s slot, src *source, put func(*item, string) bool) bool {
	v, ok := b.get(s)
	if !ok {
		return false
	}
	if src.value != nil {
		return src.value(it, v)
	}
	if v.Type() == pcommon.ValueTypeStr { // nearly all are; saves a closure
		t := text(v)
		return t != "" && put(it, t)
	}
	return candidates(v, func(t string) bool { return put(it, t) })
}

// hidden reports keys that would name another request than the item's own.
func (it *item) hidden(r *row, s slot) bool {
	if !r.asked {
		return false
	}
	info := &it.m.info[s]
	if info.answer {
		return isUpstream(it)
	}
	inner := it.kind == clientSpan || it.kind == innerSpan
	return info.loose && inner && it.present(s) && it.answers()
}

func (it *item) present(s slot) bool {
	for _, b := range it.scopes {
		if b.present[s] {
			return true
		}
	}
	return false
}

// get is the first value of a known key in the item's own scopes.
func (it *item) get(key string) (attribute, bool) {
	s, ok := it.m.slots[key]
	if !ok {
		return attribute{}, false
	}
	for _, b := range it.scopes {
		if v, ok := b.get(s); ok {
			return v, true
		}
	}
	return attribute{}, false
}

// text is get as text; of a list, its first element.
func (it *item) text(key string) string {
	v, ok := it.get(key)
	if !ok {
		return ""
	}
	return firstText(v)
}

func (it *item) traceID() string {
	id := it.nativeTraceID()
	if id.IsEmpty() {
		return ""
	}
	return id.String()
}

func (it *item) spanID() string {
	id := it.nativeSpanID()
	if id.IsEmpty() {
		return ""
	}
	return id.String()
}

func (it *item) nativeTraceID() pcommon.TraceID {
	if it.kind == logRecord {
		return it.record.TraceID()
	}
	return it.span.TraceID()
}

func (it *item) nativeSpanID() pcommon.SpanID {
	if it.kind == logRecord {
		return it.record.SpanID()
	}
	return it.span.SpanID()
}
