package store

import (
	"encoding/binary"
	"math"
	"sync"
	"time"
)

// copyBuffer is rows in PostgreSQL's binary COPY format
// (https://www.postgresql.org/docs/current/sql-copy.html). pgx's own CopyFrom
// asks for the columns' types with a round trip each time and boxes every
// value; here the types are known.
type copyBuffer struct {
	raw []byte
}

var copySignature = []byte("PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00")

// keptCopy is how large a buffer may be to be used again.
const keptCopy = 1 << 20

var copyBuffers = sync.Pool{New: func() any { return &copyBuffer{raw: make([]byte, 0, 64<<10)} }}

func newBuffer() *copyBuffer {
	c := copyBuffers.Get().(*copyBuffer) //nolint:forcetypeassert // nothing else is put there
	c.raw = c.raw[:0]
	return c
}

func newCopy() *copyBuffer {
	c := newBuffer()
	c.raw = append(c.raw, copySignature...)
	return c
}

func (c *copyBuffer) free() {
	if cap(c.raw) <= keptCopy {
		copyBuffers.Put(c)
	}
}

// row begins a row of n columns.
func (c *copyBuffer) row(n int) {
	c.raw = binary.BigEndian.AppendUint16(c.raw, uint16(n)) //nolint:gosec // columns of a table
}

func (c *copyBuffer) null() { c.raw = append(c.raw, 0xff, 0xff, 0xff, 0xff) }

func (c *copyBuffer) size(n int) {
	c.raw = binary.BigEndian.AppendUint32(c.raw, uint32(n)) //nolint:gosec // bounded values
}

func (c *copyBuffer) int2(v int16) {
	c.size(2)
	c.raw = binary.BigEndian.AppendUint16(c.raw, uint16(v)) //nolint:gosec // bits
}

func (c *copyBuffer) int4(v int32) {
	c.size(4)
	c.raw = binary.BigEndian.AppendUint32(c.raw, uint32(v)) //nolint:gosec // bits
}

func (c *copyBuffer) int8(v int64) {
	c.size(8)
	c.raw = binary.BigEndian.AppendUint64(c.raw, uint64(v)) //nolint:gosec // bits
}

func (c *copyBuffer) float8(v float64) {
	c.size(8)
	c.raw = binary.BigEndian.AppendUint64(c.raw, math.Float64bits(v))
}

func (c *copyBuffer) bool(v bool) {
	c.size(1)
	if v {
		c.raw = append(c.raw, 1)
	} else {
		c.raw = append(c.raw, 0)
	}
}

func (c *copyBuffer) uuid(v [16]byte) {
	c.size(16)
	c.raw = append(c.raw, v[:]...)
}

func (c *copyBuffer) text(v string) {
	c.size(len(v))
	c.raw = append(c.raw, v...)
}

// jsonb writes a document that PostgreSQL takes; see jsonText.
func (c *copyBuffer) jsonb(doc string) {
	const version = 1
	c.size(len(doc) + 1)
	c.raw = append(append(c.raw, version), doc...)
}

// The types of array elements, as every PostgreSQL numbers them.
const (
	int2OID = 21
	int4OID = 23
	textOID = 25
)

// array writes a one-dimensional array without NULLs, in the form of
// PostgreSQL's array_send.
func (c *copyBuffer) array(oid, n int, element func(i int)) {
	start := len(c.raw)
	c.size(0)
	for _, v := range [...]int{1, 0, oid, n, 1} { // dimensions, no NULLs, type, length, first index
		c.size(v)
	}
	for i := range n {
		element(i)
	}
	binary.BigEndian.PutUint32(c.raw[start:], uint32(len(c.raw)-start-4)) //nolint:gosec // bounded values
}

// PostgreSQL counts from 2000-01-01.
const (
	epochDay    = 10957
	epochSecond = epochDay * 24 * 60 * 60
)

// date writes a day counted from 1970-01-01.
func (c *copyBuffer) date(day int32) { c.int4(day - epochDay) }

func (c *copyBuffer) time(t time.Time) {
	c.int8((t.Unix()-epochSecond)*1_000_000 + int64(t.Nanosecond()/1000))
}

// The opt… methods write NULL for the zero value.
func (c *copyBuffer) optInt2(v int16) {
	if v == 0 {
		c.null()
	} else {
		c.int2(v)
	}
}

func (c *copyBuffer) optInt8(v int64) {
	if v == 0 {
		c.null()
	} else {
		c.int8(v)
	}
}

func (c *copyBuffer) optFloat8(v float64) {
	if v == 0 {
		c.null()
	} else {
		c.float8(v)
	}
}

func (c *copyBuffer) optUUID(v [16]byte) {
	if v == ([16]byte{}) {
		c.null()
	} else {
		c.uuid(v)
	}
}

func (c *copyBuffer) optText(v string) {
	if v == "" {
		c.null()
	} else {
		c.text(v)
	}
}

func (c *copyBuffer) optJSONB(doc string) {
	if doc == "" {
		c.null()
	} else {
		c.jsonb(doc)
	}
}
