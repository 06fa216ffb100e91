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
	kind                 contentKind
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
	young, old map[likeness]*kin
}

// kin is the base of a likeness, and how well it did.
type kin struct {
	base
	// poor counts differences in a row that were hardly smaller than the
	// contents; wait is how many contents are not tried because of that. Making
	// a dictionary costs as much as storing an Event.
	poor, wait int
}

const (
	patience   = 2  // poor differences before the first pause
	maxPoverty = 10 // pauses grow up to 1024 contents
)

func newBases() *bases { return &bases{young: map[likeness]*kin{}} }

// find gives the base to try, nil for none.
func (b *bases) find(l likeness) *base {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.get(l)
	switch {
	case k == nil:
		return nil
	case k.wait > 0:
		k.wait--
		return nil
	}
	return &k.base
}

// tell says how a base did.
func (b *bases) tell(l likeness, good bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch k := b.get(l); {
	case k == nil:
	case good:
		k.poor = 0
	default:
		if k.poor = min(k.poor+1, maxPoverty); k.poor > patience {
			k.wait = 1 << k.poor
		}
	}
}

// add offers contents that were committed. One that is stored whole takes the
// place of the base that it was not like.
func (b *bases) add(list []content) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range list {
		c := &list[i]
		if c.codec == relative || len(c.text) < packFrom || len(c.text) > maxBase {
			continue
		}
		next := &kin{base: base{c.hash, dictOf([]byte(c.text))}}
		if k := b.get(c.likeness); k != nil {
			if k.wait > 0 {
				continue
			}
			next.poor = k.poor
		}
		b.keep(c.likeness, next)
	}
}

// get and keep are called with the lock held.
func (b *bases) get(l likeness) *kin {
	if k := b.young[l]; k != nil {
		return k
	}
	k := b.old[l]
	if k != nil {
		b.keep(l, k)
	}
	return k
}

func (b *bases) keep(l likeness, k *kin) {
	if len(b.young) >= maxBases/2 {
		b.old, b.young = b.young, map[likeness]*kin{}
	}
	b.young[l] = k
}

// dictOf makes the dictionary of a content, the same one whenever it is made.
func dictOf(whole []byte) *s2.Dict { return s2.MakeDictManual(whole, 0) }
