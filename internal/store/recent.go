package store

import "sync"

// recent remembers what was committed lately, so that it need not be written
// again. What has not been asked for since half of the room filled up is
// forgotten: wrong only in the safe direction.
type recent[K comparable] struct {
	mu         sync.Mutex
	half       int
	young, old map[K]struct{}
}

func newRecent[K comparable](limit int) *recent[K] {
	return &recent[K]{half: limit / 2, young: map[K]struct{}{}}
}

func (r *recent[K]) has(k K) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.young[k]; ok {
		return true
	}
	_, ok := r.old[k]
	if ok {
		r.keep(k)
	}
	return ok
}

func (r *recent[K]) add(keys []K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range keys {
		r.keep(k)
	}
}

func (r *recent[K]) keep(k K) {
	if len(r.young) >= r.half {
		r.old, r.young = r.young, make(map[K]struct{}, r.half)
	}
	r.young[k] = struct{}{}
}

type issueKey struct {
	workspace int32
	id        string
}

type blobKey struct {
	kind      contentKind
	workspace int32
	day       int32
	hash      [16]byte
}
