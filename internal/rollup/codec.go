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

// DecodeBundle reads those of a bundle's tables whose cubes are wanted, each like
// Decode.
func DecodeBundle(raw []byte, want func(Cube) bool, customer string) (cubes []Cube, tables []Table, err error) {
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
			t, err := decode(c, r.b[:n], customer)
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

// Decode reads the Table of a cube. Where customer is not "" and the cube tells
// customers apart, it gives their rows and those of Other only: a page about one
// customer does not pay for the thousands of others.
func Decode(c Cube, raw []byte, customer string) (Table, error) {
	content, err := unpack(raw)
	if err != nil || !c.Valid() {
		return Table{}, errFormat
	}
	return decode(c, content, customer)
}

func decode(c Cube, content []byte, customer string) (Table, error) {
	if customer != "" && c.Covers([]Dim{Customer}) {
		return decodeCustomer(c, content, customer)
	}
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
	t.Cols = r.columns(rows, cols, len(t.Words))
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

// decodeCustomer reads the rows of one customer and of Other. Cubes that tell
// customers apart have no Sets.
func decodeCustomer(c Cube, content []byte, customer string) (Table, error) {
	t := Table{numbers: &numbering{}, Cols: make([][]uint32, len(c.Dims()))}
	r := reader{b: content}
	words := make([][]byte, r.count())
	theirs, others := -1, -1
	for i := range words {
		n := r.count()
		words[i], r.b = r.b[:n], r.b[n:]
		switch string(words[i]) { // the compiler makes no text of it
		case customer:
			theirs = i
		case Other:
			others = i
		}
	}
	rows, cols := r.count(), r.count()
	if cols != len(t.Cols) || r.bad {
		return Table{}, errFormat
	}
	if theirs < 0 && others < 0 {
		return t, nil
	}
	all := r.columns(rows, cols, len(words))
	var picked []int
	for i, w := range all[slices.Index(c.Dims(), Customer)] {
		if int(w) == theirs || int(w) == others {
			picked = append(picked, i)
		}
	}
	numbers := map[uint32]uint32{}
	for k, col := range all {
		t.Cols[k] = make([]uint32, len(picked))
		for to, from := range picked {
			n, ok := numbers[col[from]]
			if !ok {
				n = uint32(len(t.Words)) //nolint:gosec // fewer than there were
				numbers[col[from]], t.Words = n, append(t.Words, string(words[col[from]]))
			}
			t.Cols[k][to] = n
		}
	}
	t.At, t.N = make([]uint16, len(picked)), make([]int64, len(picked))
	for i, to := 0, 0; i < rows; i++ {
		if at := r.uvarint(); to < len(picked) && picked[to] == i {
			t.At[to] = uint16(min(at, 1<<16-1)) //nolint:gosec // bounded
			to++
		}
	}
	for i, to := 0, 0; i < rows; i++ {
		if n := r.varint(); to < len(picked) && picked[to] == i {
			t.N[to] = n
			to++
		}
	}
	if r.count() != 0 || r.bad || len(r.b) > 0 {
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

// columns reads indices into so many words, column by column.
func (r *reader) columns(rows, cols, words int) [][]uint32 {
	out := make([][]uint32, cols)
	all := make([]uint32, rows*cols)
	for k := range out {
		out[k] = all[k*rows : (k+1)*rows]
		for i := range rows {
			out[k][i] = r.word(words)
		}
	}
	return out
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
