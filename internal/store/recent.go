package store

import "sync"

// recent remembers what was committed lately, so that it need not be inserted
// again. It forgets everything when full: wrong only in the safe direction.
type recent[K comparable] struct {
	mu  sync.Mutex
	max int
	set map[K]struct{}
}

func newRecent[K comparable](limit int) *recent[K] {
	return &recent[K]{max: limit, set: map[K]struct{}{}}
}

func (r *recent[K]) has(k K) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.set[k]
	return ok
}

func (r *recent[K]) add(keys []K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.set)+len(keys) > r.max {
		clear(r.set)
	}
	for _, k := range keys {
		r.set[k] = struct{}{}
	}
}

type issueKey struct {
	workspace int32
	id        string
}

type blobKey struct {
	workspace int32
	day       int32
	hash      [16]byte
}
