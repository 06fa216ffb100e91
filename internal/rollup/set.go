package rollup

import (
	"errors"
	"maps"

	"github.com/axiomhq/hyperloglog"
)

// Set is the distinct customers of a row: each of them while they are few, and
// a HyperLogLog sketch beyond maxExact. Both can be merged; neither forgets what
// was taken back, so that a correction may leave a customer in who should have
// gone, until the block is made anew.
type Set struct {
	Exact  []uint32 // sorted indices into the table's Words
	Sketch *hyperloglog.Sketch

	raw []byte // as encoded; what most readers of a Table never ask for
}

const (
	// maxExact customers are 100 to 200 bytes, a sketch up to 4 kB.
	maxExact = 100
	// maxFolded customers are listed in what is not stored.
	maxFolded = 1000
	// precision 12 is 1.6 % standard error
	// (https://static.googleusercontent.com/media/research.google.com/en//pubs/archive/40671.pdf).
	precision = 12
)

func newSketch() *hyperloglog.Sketch {
	sk, err := hyperloglog.NewSketch(precision, true)
	if err != nil {
		panic(err) // a precision that the library does not know
	}
	return sk
}

// newDense takes 4 kB and is quick to merge into.
func newDense() *hyperloglog.Sketch {
	sk, err := hyperloglog.NewSketch(precision, false)
	if err != nil {
		panic(err) // as above
	}
	return sk
}

// Distinct counts customers over rows and blocks. The zero value is empty.
type Distinct struct {
	names  map[string]struct{}
	sketch *hyperloglog.Sketch
	others bool // there were more than a block could name
	shared bool // names and sketch are somebody else's, too
	// estimate is what the sketch says, where it was asked after the last that was
	// added: asking takes much longer than adding.
	estimate  int64
	estimated bool
}

// Size is about how many bytes it takes, beyond the names.
func (d *Distinct) Size() int {
	size := 40 + 30*len(d.names)
	if d.sketch != nil {
		size += 1 << precision
	}
	return size
}

// maxNames is how many customers are counted one by one.
const maxNames = 20_000

// Add counts one customer.
func (d *Distinct) Add(name string) {
	if name == Other {
		d.others = true
		return
	}
	if d.shared {
		d.own()
	}
	if d.sketch != nil {
		d.estimated = false
		d.sketch.Insert([]byte(name))
		return
	}
	if d.names == nil {
		d.names = map[string]struct{}{}
	}
	d.names[name] = struct{}{}
	if len(d.names) > maxNames {
		d.approximate()
	}
}

// own copies what others read as well.
func (d *Distinct) own() {
	d.shared, d.names = false, maps.Clone(d.names)
	if d.sketch != nil {
		d.sketch = d.sketch.Clone()
	}
}

func (d *Distinct) approximate() {
	d.sketch = newDense()
	for n := range d.names {
		d.sketch.Insert([]byte(n))
	}
	d.names = nil
}

// addSet counts the customers of a row of a table with these words.
func (d *Distinct) addSet(s *Set, words []string) {
	if s.raw != nil {
		read := (&reader{b: s.raw}).set(len(words))
		s = &read
	}
	for _, w := range s.Exact {
		d.Add(words[w])
	}
	if s.Sketch == nil {
		return
	}
	if d.shared {
		d.own()
	}
	if d.sketch == nil {
		d.approximate()
	}
	d.estimated = false
	if err := mergeSketch(d.sketch, s.Sketch); err != nil {
		d.others = true // what cannot be read was counted by nobody
	}
}

func mergeSketch(into, from *hyperloglog.Sketch) (err error) {
	defer func() {
		if recover() != nil {
			err = errSketch
		}
	}()
	return into.Merge(from)
}

// Count is how many there are, and whether that is certain.
func (d *Distinct) Count() (n int64, exact bool) {
	if d.estimated {
		return d.estimate, false
	}
	if d.sketch != nil {
		return int64(d.sketch.Estimate()), false //nolint:gosec // far below 2^63
	}
	return int64(len(d.names)), !d.others
}

// settle keeps what Count says, for those who read it from now on. Unlike Count it is
// not for many at a time.
func (d *Distinct) settle() {
	if d.sketch != nil && !d.estimated {
		d.estimate, _ = d.Count()
		d.estimated = true
	}
}

// merge adds the customers of another.
func (d *Distinct) merge(o *Distinct) {
	for n := range o.names {
		d.Add(n)
	}
	d.others = d.others || o.others
	if o.sketch != nil {
		d.addSet(&Set{Sketch: o.sketch}, nil)
	}
}

// exact appends the customers of a Set of a table with so many words, where they
// are listed.
func (s *Set) exact(words int, to []uint32) (list []uint32, ok bool) {
	if s.raw == nil {
		return append(to, s.Exact...), s.Sketch == nil
	}
	r := reader{b: s.raw}
	n := r.uvarint()
	if n >= 1<<20 {
		return to, false
	}
	for last := uint64(0); n > 0 && !r.bad; n-- {
		if last += r.uvarint(); r.bad || last >= uint64(words) { //nolint:gosec // a length
			break
		}
		to = append(to, uint32(last)) //nolint:gosec // below words
	}
	return to, true
}

var errSketch = errors.New("rollup: a sketch cannot be read")

func unmarshalSketch(raw []byte) (sk *hyperloglog.Sketch, err error) {
	// The library indexes what it reads by what it has just read.
	defer func() {
		if recover() != nil {
			sk, err = nil, errSketch
		}
	}()
	sk = newSketch()
	if err := sk.UnmarshalBinary(raw); err != nil {
		return nil, errSketch
	}
	return sk, nil
}
