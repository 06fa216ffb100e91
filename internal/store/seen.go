package store

import "sync/atomic"

// seenSlots is how many keys are remembered at most: half a minute of a busy
// collector, in 8 MiB that are touched only as they are needed.
const seenSlots = 1 << 20

// cautionFor is for how many batches nothing is taken for new after another
// process turned out to have been first.
const cautionFor = 16

// seen remembers the keys that this process committed lately. It only decides
// how a batch is written: a key that it forgot, or that another process
// registered, costs a second try, and one that it wrongly knows costs the
// slower way.
type seen struct {
	slots []atomic.Uint64
	caution
}

func newSeen() *seen { return &seen{slots: make([]atomic.Uint64, seenSlots)} }

// slot of a key, and what stands there. The key is a hash: any bits will do.
func (s *seen) slot(k *keyRow) (*atomic.Uint64, uint64) {
	bits := uint64(k.hash) ^ uint64(k.kind)<<62 ^ uint64(k.day)<<21 //nolint:gosec // bits
	return &s.slots[bits%seenSlots], bits
}

func (s *seen) any(keys []keyRow) bool {
	for i := range keys {
		if slot, tag := s.slot(&keys[i]); slot.Load() == tag {
			return true
		}
	}
	return false
}

func (s *seen) add(keys []keyRow) {
	for i := range keys {
		slot, tag := s.slot(&keys[i])
		slot.Store(tag)
	}
}

// caution is for how many batches nothing of a kind is taken for new.
type caution struct{ batches atomic.Int32 }

// warn says that something was wrongly taken for new.
func (c *caution) warn() { c.batches.Store(cautionFor) }

// cautious reports whether the next batch should take nothing for new.
func (c *caution) cautious() bool { return c.batches.Load() > 0 && c.batches.Add(-1) >= 0 }
