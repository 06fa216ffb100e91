package normalize

import (
	"crypto/sha256"
	"sync"
)

// Memo remembers long texts and what became of them. One bug throws the same
// stack trace thousands of times; masking and hashing it is most of the work on
// an item, and need not be done again. Safe for concurrent use.
type Memo struct {
	limit int

	mu         sync.Mutex
	young, old map[string]*prose
	bytes      int // of what is young
}

// prose is a long text, cleaned, masked and cut.
type prose struct {
	text     string
	redacted int
	notes    []string
	// sent and stored are hashes of the text as it came and as it is kept.
	sent, stored [16]byte
}

// memoFrom is the length from which a text is worth remembering.
const memoFrom = 256

// NewMemo keeps about so many bytes of texts, the least recently used go first.
func NewMemo(bytes int) *Memo {
	return &Memo{limit: bytes / 2, young: map[string]*prose{}}
}

// get gives what is known of a text, making it where it is new. A nil Memo
// remembers nothing.
func (m *Memo) get(raw string, build func() *prose) *prose {
	if m == nil || len(raw) < memoFrom {
		return build()
	}
	m.mu.Lock()
	p, known := m.young[raw]
	if !known {
		if p, known = m.old[raw]; known {
			m.keep(raw, p)
		}
	}
	m.mu.Unlock()
	if known {
		return p
	}
	p = build()
	m.mu.Lock()
	m.keep(raw, p)
	m.mu.Unlock()
	return p
}

// keep is called with the lock held. What has not been used since the young
// ones filled their half is forgotten.
func (m *Memo) keep(raw string, p *prose) {
	if m.bytes > m.limit {
		m.old, m.young, m.bytes = m.young, map[string]*prose{}, 0
	}
	m.young[raw] = p
	m.bytes += len(raw) + len(p.text) + 200
}

// stacktrace makes the exception's stack trace as it is stored.
func (b *builder) stacktrace(raw string) string {
	if raw == "" {
		return ""
	}
	p := b.memo.get(raw, func() *prose {
		own := builder{}
		p := &prose{text: own.text("stacktrace", raw, maxStack), redacted: own.redacted, notes: own.changes}
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
	b.stackSent, b.stackStored = p.sent, p.stored
	return p.text
}

// hashOf is the address of a content, as the store has it.
func hashOf(s string) [16]byte {
	if s == "" {
		return [16]byte{}
	}
	sum := sha256.Sum256([]byte(s))
	return [16]byte(sum[:16])
}
