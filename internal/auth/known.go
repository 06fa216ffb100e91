package auth

import (
	"context"
	"sync"
	"time"

	"errata/internal/fault"
)

const (
	// honoured is for how long a key is good for that could not be asked for
	// again because the store is away.
	honoured = 24 * time.Hour
	// savedEvery is how old what was saved may be.
	savedEvery = 5 * time.Minute
	// askAgain is how long the store is not asked after it could not answer,
	// for keys that are known.
	askAgain = time.Second
	// patience is how long a known key waits for the store.
	patience = 2 * time.Second
	maxKnown = 10_000
)

// Known is a key that the store vouched for.
type Known struct {
	Hash      []byte    `json:"hash"`
	ID        string    `json:"id"`
	Workspace int32     `json:"workspace"`
	Name      string    `json:"name"`
	Scopes    []Scope   `json:"scopes"`
	SeenAt    time.Time `json:"seen_at"`
}

// Memory keeps known keys over a restart: hashes, no secrets.
type Memory interface {
	Load() ([]Known, error)
	Save([]Known) error
}

// known is what a Keyring falls back to while the store is away.
type known struct {
	mu     sync.Mutex
	memory Memory
	keys   map[[32]byte]Known
	saved  map[[32]byte]time.Time // SeenAt as it was saved
	downAt time.Time
}

// Remember lets the Keyring honour, for up to 24 hours, keys that it knows
// while the store cannot be asked, and says how many there are. Without it, no
// key is good then.
func (r *Keyring) Remember(m Memory) (int, error) {
	list, err := m.Load()
	if err != nil {
		return 0, err
	}
	r.known = &known{memory: m, keys: map[[32]byte]Known{}, saved: map[[32]byte]time.Time{}}
	for _, k := range list {
		if len(k.Hash) == 32 && time.Since(k.SeenAt) < honoured {
			hash := [32]byte(k.Hash)
			r.known.keys[hash], r.known.saved[hash] = k, k.SeenAt
		}
	}
	return len(r.known.keys), nil
}

// lookupKey asks the store, or memory where the store cannot answer.
func (r *Keyring) lookupKey(ctx context.Context, hash [32]byte) (Key, error) {
	if r.known == nil {
		return r.lookup(ctx, hash[:])
	}
	have, down := r.known.find(hash)
	if have != nil && down {
		return have.key(), nil
	}
	if have != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	key, err := r.lookup(ctx, hash[:])
	switch {
	case err == nil && key.RevokedAt == nil:
		r.known.add(hash, key)
	case err == nil, fault.Is(err, fault.NotFound):
		r.known.forget(hash)
	case have != nil:
		r.known.setDown()
		return have.key(), nil
	}
	return key, err
}

func (k *Known) key() Key {
	return Key{ID: k.ID, Workspace: k.Workspace, Name: k.Name, Scopes: k.Scopes, Hash: k.Hash}
}

func (n *known) find(hash [32]byte) (have *Known, down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if k, ok := n.keys[hash]; ok && time.Since(k.SeenAt) < honoured {
		have = &k
	}
	return have, time.Since(n.downAt) < askAgain
}

func (n *known) setDown() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.downAt = time.Now()
}

func (n *known) add(hash [32]byte, key Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.downAt = time.Time{}
	if len(n.keys) >= maxKnown {
		clear(n.keys)
	}
	n.keys[hash] = Known{hash[:], key.ID, key.Workspace, key.Name, key.Scopes, time.Now()}
	if time.Since(n.saved[hash]) > savedEvery {
		n.save()
	}
}

func (n *known) forget(hash [32]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.keys[hash]; ok {
		delete(n.keys, hash)
		n.save()
	}
}

// save writes all of it. That it could not is no reason to refuse a key: the
// next one tries again. Who calls holds mu.
func (n *known) save() {
	list := make([]Known, 0, len(n.keys))
	for hash, k := range n.keys {
		if time.Since(k.SeenAt) < honoured {
			list = append(list, k)
		} else {
			delete(n.keys, hash)
		}
	}
	if n.memory.Save(list) != nil {
		return
	}
	clear(n.saved)
	for _, k := range list {
		n.saved[[32]byte(k.Hash)] = k.SeenAt
	}
}
