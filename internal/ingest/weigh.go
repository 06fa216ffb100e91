package ingest

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"

	"errata/internal/fault"
)

// What a body becomes has little to do with how long it is: a span that failed
// and says nothing else is a hundred bytes on the wire and two thousand here,
// and an empty one takes a hundred times its two bytes. So bodies are weighed
// before they are decoded, and what is too much for the budget is refused while
// it is still small. The weights are bytes of live heap, measured, rounded up
// (TestWeights); garbage comes on top.

// message is what decoding allocates for one message of OTLP's protobufs.
type message struct {
	bytes int64
	// scalar is for each number in it, where numbers are repeated.
	scalar int64
	// within are the messages in it, by the number of their field. All other
	// fields are texts, or are skipped.
	within map[protowire.Number]*message
}

// perText is what a text takes beside its bytes.
const perText = 24

type fields = map[protowire.Number]*message

var (
	anyValue = &message{bytes: 32}
	keyValue = &message{bytes: 64, within: fields{2: anyValue}}
	entity   = &message{bytes: 128}
	resource = &message{within: fields{1: keyValue, 3: entity}}
	scope    = &message{within: fields{3: keyValue}}

	spanEvent   = &message{bytes: 96, within: fields{3: keyValue}}
	spanLink    = &message{bytes: 144, within: fields{4: keyValue}}
	tracesShape = request(&message{bytes: 240, within: fields{9: keyValue, 11: spanEvent, 13: spanLink}})

	logsShape = request(&message{bytes: 272, within: fields{5: anyValue, 6: keyValue}})

	exemplar  = &message{bytes: 192, within: fields{7: keyValue}}
	number    = &message{bytes: 144, within: fields{5: exemplar, 7: keyValue}}
	histogram = &message{bytes: 320, scalar: 16, within: fields{8: exemplar, 9: keyValue}}
	buckets   = &message{scalar: 16}
	expHisto  = &message{bytes: 384, within: fields{1: keyValue, 8: buckets, 9: buckets, 11: exemplar}}
	quantile  = &message{bytes: 48}
	summary   = &message{bytes: 176, within: fields{6: quantile, 7: keyValue}}

	metricsShape = request(&message{bytes: 240, within: fields{5: points(number), 7: points(number), 9: points(histogram), 10: points(expHisto), 11: points(summary), 12: keyValue}})
)

func init() {
	anyValue.within = fields{5: {bytes: 48, within: fields{1: anyValue}}, 6: {bytes: 48, within: fields{1: keyValue}}}
}

// request is what the three signals have in common.
func request(item *message) *message {
	group := &message{bytes: 192, within: fields{1: scope, 2: item}}
	return &message{within: fields{1: {bytes: 192, within: fields{1: resource, 2: group}}}}
}

func points(of *message) *message { return &message{bytes: 48, within: fields{1: of}} }

// weigh says how many bytes an export request will take when it is decoded.
// One that nests too deeply to be decoded is refused.
func weigh(shape *message, body []byte, asJSON bool) (int64, error) {
	if asJSON {
		// Nobody can tell what an object is without decoding it; the largest
		// is meant, and there are two for each attribute.
		return int64(2*len(body) + 400*bytes.Count(body, []byte("{")) + 16*bytes.Count(body, []byte(","))), nil
	}
	return shape.weigh(body, maxNesting)
}

// weigh refuses what is no message, lest the decoder see more in it, and what
// nests so deeply that the decoder, which calls itself, would run out of stack:
// that ends the process.
func (m *message) weigh(b []byte, levels int) (total int64, err error) {
	if levels == 0 {
		return 0, fault.New(fault.Invalid, "invalid_request", "The message nests deeper than %d levels.", maxNesting)
	}
	total = m.bytes
	for len(b) > 0 {
		field, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, malformed(protowire.ParseError(n))
		}
		b = b[n:]
		if wire != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(field, wire, b); n < 0 {
				return 0, malformed(protowire.ParseError(n))
			}
			b = b[n:]
			total += m.scalar
			continue
		}
		value, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return 0, malformed(protowire.ParseError(n))
		}
		b = b[n:]
		if inner := m.within[field]; inner != nil {
			more, err := inner.weigh(value, levels-1)
			if err != nil {
				return 0, err
			}
			total += more
			continue
		}
		total += perText + int64(len(value))*max(1, m.scalar) // or numbers, packed
	}
	return total, nil
}

const (
	// itemWeight is what becomes of an item after it is decoded: an Envelope,
	// a Part, what the writers make of it.
	itemWeight = 2_500
	// pointWeight is the same of a data point.
	pointWeight = 800
	// objectWeight is what an object of POST /v1/errors takes between the two.
	objectWeight = 1_000
)
