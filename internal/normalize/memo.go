package normalize

import (
	"crypto/sha256"
	"hash/maphash"
	"sync"
	"unsafe"
)

// Memo remembers long texts and what became of them. One bug throws the same
// stack trace thousands of times; masking and hashing it is most of the work on
// an item, and need not be done again. Safe for concurrent use.
type Memo struct {
	limit int
	seed  maphash.Seed

	mu         sync.Mutex
	young, old map[uint64]*prose
	bytes      int // of what is young
}

// prose is a long text, cleaned, masked and cut.
type prose struct {
	raw, text string
	redacted  int
	notes     []string
	// sent and stored are hashes of the text as it came and as it is kept.
	sent, stored [16]byte
	// where are the frames of a stack trace, once somebody has asked.
	once  sync.Once
	where []string
}

// memoFrom is the length from which a text is worth remembering.
const memoFrom = 256

// NewMemo keeps about so many bytes of texts, the least recently used go first.
func NewMemo(bytes int) *Memo {
	return &Memo{limit: bytes / 2, seed: maphash.MakeSeed(), young: map[uint64]*prose{}}
}

// get gives what is known of a text, making it where it is new. A nil Memo
// remembers nothing.
func (m *Memo) get(raw string, build func() *prose) *prose {
	if m == nil || len(raw) < memoFrom {
		return build()
	}
	hash := maphash.String(m.seed, raw)
	if p := m.find(hash); p != nil && p.raw == raw {
		return p
	}
	p := build()
	m.mu.Lock()
	m.keep(hash, p)
	m.mu.Unlock()
	return p
}

func (m *Memo) find(hash uint64) *prose {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.young[hash]
	if p == nil {
		if p = m.old[hash]; p != nil {
			m.keep(hash, p)
		}
	}
	return p
}

// keep is called with the lock held. What has not been used since the young
// ones filled their half is forgotten.
func (m *Memo) keep(hash uint64, p *prose) {
	if m.bytes > m.limit {
		m.old, m.young, m.bytes = m.young, map[uint64]*prose{}, 0
	}
	m.young[hash] = p
	m.bytes += len(p.raw) + 200
	if p.redacted+len(p.notes) > 0 { // else they are one string
		m.bytes += len(p.text)
	}
}

// stacktrace makes the exception's stack trace as it is stored.
func (b *builder) stacktrace(raw string) string {
	if raw == "" {
		return ""
	}
	p := b.memo.get(raw, func() *prose {
		own := builder{}
		p := &prose{raw: raw, text: own.text("stacktrace", raw, maxStack), redacted: own.redacted, notes: own.changes}
		p.sent = hashOf(raw)
		p.stored = p.sent
		if p.text != raw {
			p.stored = hashOf(p.text)
		}
		return p
	})
	b.redacted += p.redacted
	for _, note := range p.notes {
		b.note(note)
	}
	b.stackSent, b.stackStored, b.stack = p.sent, p.stored, p
	return p.text
}

// frames are those of the exception's stack trace.
func (b *builder) frames() []string {
	p := b.stack
	if p == nil {
		return nil
	}
	p.once.Do(func() { p.where = frames(p.text) })
	return p.where
}

// hashOf is the address of a content, as the store has it.
func hashOf(s string) [16]byte {
	if s == "" {
		return [16]byte{}
	}
	sum := sha256.Sum256(unsafe.Slice(unsafe.StringData(s), len(s))) //nolint:gosec // only read, and 1 kB need not be copied
	return [16]byte(sum[:16])
}
