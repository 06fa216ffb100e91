package store

import (
	"sync"

	"github.com/klauspost/compress/s2"
)

// likeness is what contents have in common that are probably alike: the stack
// traces of one exception, the bodies of one code at one endpoint. They differ
// in an ID, a number, a time; the first of them is the base that the others are
// stored as differences from. Of the same day, so that they go together.
type likeness struct {
	workspace, day       int32
	kind                 byte // 'b' body, 's' stack trace
	service, what, where string
}

// base is a content that is stored whole, and committed.
type base struct {
	hash [16]byte
	dict *s2.Dict
}

const (
	// maxBases bounds the memory for bases: some 40 kB each.
	maxBases = 200
	// maxBase is the longest content that is a base or stored as a difference.
	maxBase = 32 << 10
)

// bases are those that this process stored lately. What is forgotten is stored
// whole once more.
type bases struct {
	mu         sync.Mutex
	young, old map[likeness]*base
}

func newBases() *bases { return &bases{young: map[likeness]*base{}} }

func (b *bases) find(l likeness) *base {
	b.mu.Lock()
	defer b.mu.Unlock()
	if found := b.young[l]; found != nil {
		return found
	}
	found := b.old[l]
	if found != nil {
		b.keep(l, found)
	}
	return found
}

// keep is called with the lock held.
func (b *bases) keep(l likeness, found *base) {
	if len(b.young) >= maxBases/2 {
		b.old, b.young = b.young, map[likeness]*base{}
	}
	b.young[l] = found
}

// add offers contents that were committed whole.
func (b *bases) add(list []content) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range list {
		c := &list[i]
		if c.codec != relative && len(c.text) >= packFrom && len(c.text) <= maxBase {
			b.keep(c.likeness, &base{c.hash, dictOf([]byte(c.text))})
		}
	}
}

// dictOf makes the dictionary of a content, the same one whenever it is made.
func dictOf(whole []byte) *s2.Dict { return s2.MakeDictManual(whole, 0) }
