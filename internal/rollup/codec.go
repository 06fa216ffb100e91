package rollup

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// What is encoded begins with a byte that says how.
const (
	packed = 1 // compressed with zstd
	plain  = 2 // too small for that to be worth its time
)

// worthPacking is from how many bytes on content is compressed.
const worthPacking = 600

// maxEncoded bounds what a block may hold when it is read back: far above what
// is ever written.
const maxEncoded = 256 << 20

var (
	encoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2)) // fails on wrong options only
	decoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxEncoded))
)

var errFormat = errors.New("rollup: a block cannot be read")

// Encode writes a Table: the words, then a column after the other as variable
// length integers, all of it compressed unless it is small.
func (t *Table) Encode() []byte { return pack(t.append(nil)) }

// EncodeBundle writes the tables of several cubes as one.
func EncodeBundle(blocks []Block) []byte {
	out := binary.AppendUvarint(nil, uint64(len(blocks)))
	for i := range blocks {
		table := blocks[i].Table.append(nil)
		out = binary.AppendUvarint(out, uint64(blocks[i].Cube)) //nolint:gosec // small
		out = binary.AppendUvarint(out, uint64(len(table)))
		out = append(out, table...)
	}
	return pack(out)
}

// DecodeBundle reads those of a bundle's tables whose cubes are wanted.
func DecodeBundle(raw []byte, want func(Cube) bool) (cubes []Cube, tables []Table, err error) {
	content, err := unpack(raw)
	if err != nil {
		return nil, nil, err
	}
	r := reader{b: content}
	for range r.count() {
		c, n := Cube(min(r.uvarint(), 1<<15-1)), r.count() //nolint:gosec // bounded
		if r.bad || !c.Valid() {
			return nil, nil, errFormat
		}
		if want(c) {
			t, err := decode(c, r.b[:n])
			if err != nil {
				return nil, nil, err
			}
			cubes, tables = append(cubes, c), append(tables, t)
		}
		r.b = r.b[n:]
	}
	if r.bad || len(r.b) > 0 {
		return nil, nil, errFormat
	}
	return cubes, tables, nil
}

func pack(content []byte) []byte {
	if len(content) < worthPacking {
		return append([]byte{plain}, content...)
	}
	return encoder.EncodeAll(content, []byte{packed})
}

func unpack(raw []byte) ([]byte, error) {
	switch {
	case len(raw) > 0 && raw[0] == plain:
		return raw[1:], nil
	case len(raw) > 0 && raw[0] == packed:
		content, err := decoder.DecodeAll(raw[1:], nil)
		if err == nil {
			return content, nil
		}
	}
	return nil, errFormat
}

func (t *Table) append(out []byte) []byte {
	out = binary.AppendUvarint(out, uint64(len(t.Words)))
	for _, w := range t.Words {
		out = binary.AppendUvarint(out, uint64(len(w)))
		out = append(out, w...)
	}
	out = binary.AppendUvarint(out, uint64(len(t.N)))
	out = binary.AppendUvarint(out, uint64(len(t.Cols)))
	for _, col := range t.Cols {
		for _, v := range col {
			out = binary.AppendUvarint(out, uint64(v))
		}
	}
	for _, at := range t.At {
		out = binary.AppendUvarint(out, uint64(at))
	}
	for _, n := range t.N {
		out = binary.AppendVarint(out, n)
	}
	out = binary.AppendUvarint(out, uint64(len(t.Sets)))
	for i := range t.Sets {
		out = t.Sets[i].encode(out)
	}
	return out
}

func (s *Set) encode(out []byte) []byte {
	if s.raw != nil {
		return append(out, s.raw...)
	}
	if s.Sketch != nil {
		raw, err := s.Sketch.MarshalBinary()
		if err == nil { // it never fails
			out = binary.AppendUvarint(out, 1<<20+uint64(len(raw)))
			return append(out, raw...)
		}
	}
	out = binary.AppendUvarint(out, uint64(len(s.Exact)))
	last := uint32(0)
	for _, w := range s.Exact {
		out = binary.AppendUvarint(out, uint64(w-last))
		last = w
	}
	return out
}

// Decode reads the Table of a cube.
func Decode(c Cube, raw []byte) (Table, error) {
	content, err := unpack(raw)
	if err != nil || !c.Valid() {
		return Table{}, errFormat
	}
	return decode(c, content)
}

func decode(c Cube, content []byte) (Table, error) {
	r := reader{b: content}
	t := Table{numbers: &numbering{}, Words: make([]string, r.count())}
	text := string(r.b) // words are parts of one allocation
	for i := range t.Words {
		n := r.count()
		at := len(text) - len(r.b)
		t.Words[i] = text[at : at+n]
		r.b = r.b[n:]
	}
	rows, cols := r.count(), r.count()
	if cols != len(c.Dims()) || r.bad {
		return Table{}, errFormat
	}
	t.Cols = make([][]uint32, cols)
	all := make([]uint32, rows*cols)
	for k := range t.Cols {
		t.Cols[k] = all[k*rows : (k+1)*rows]
		for i := range rows {
			t.Cols[k][i] = r.word(len(t.Words))
		}
	}
	t.At, t.N = make([]uint16, rows), make([]int64, rows)
	for i := range rows {
		t.At[i] = uint16(min(r.uvarint(), 1<<16-1)) //nolint:gosec // bounded
	}
	for i := range rows {
		t.N[i] = r.varint()
	}
	if n := r.count(); n != 0 && n != rows || (n == 0) == (c.spec().sets && rows > 0) {
		return Table{}, errFormat
	} else if n > 0 {
		t.Sets = make([]Set, n)
		for i := range t.Sets {
			t.Sets[i] = r.unread()
		}
	}
	if r.bad || len(r.b) > 0 {
		return Table{}, errFormat
	}
	return t, nil
}

// reader reads what Encode wrote. After something that cannot be, bad is set
// and everything reads as zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 { // nearly always
		v := uint64(r.b[0])
		r.b = r.b[1:]
		return v
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads how many there are of something that takes a byte at least.
func (r *reader) count() int {
	v := r.uvarint()
	if v > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(v) //nolint:gosec // below len
}

func (r *reader) word(words int) uint32 {
	v := r.uvarint()
	if v >= uint64(words) { //nolint:gosec // a length
		r.bad, r.b = true, nil
		return 0
	}
	return uint32(v) //nolint:gosec // below words
}

// unread steps over a Set.
func (r *reader) unread() Set {
	all := r.b
	n := r.uvarint()
	if n >= 1<<20 {
		if n -= 1 << 20; n > uint64(len(r.b)) {
			r.bad, n = true, 0
		}
		r.b = r.b[n:]
	} else {
		for ; n > 0 && !r.bad; n-- {
			r.uvarint()
		}
	}
	if r.bad {
		return Set{}
	}
	return Set{raw: all[:len(all)-len(r.b)]}
}

// set reads a Set, that of a table with so many words. What cannot be is empty.
func (r *reader) set(words int) Set {
	n := r.uvarint()
	if n >= 1<<20 {
		n -= 1 << 20
		if n > uint64(len(r.b)) {
			r.bad, r.b = true, nil
			return Set{}
		}
		sk, err := unmarshalSketch(slices.Clone(r.b[:n]))
		r.bad = r.bad || err != nil
		r.b = r.b[n:]
		return Set{Sketch: sk}
	}
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return Set{}
	}
	if n == 0 {
		return Set{}
	}
	s := Set{Exact: make([]uint32, n)}
	last := uint64(0)
	for i := range s.Exact {
		last += r.uvarint()
		if last >= uint64(words) { //nolint:gosec // a length
			r.bad, r.b = true, nil
			return Set{}
		}
		s.Exact[i] = uint32(last) //nolint:gosec // below words
	}
	return s
}
