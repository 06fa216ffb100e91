package bench

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that grow with them: every one is at
// most 1/64 wide of where it begins. Its size does not depend on how many there
// are. The zero value is empty.
type histogram struct {
	counts [64 * 40]int64
	n      int64
	max    time.Duration
}

const perOctave = 64

// bucket counts in microseconds: one each up to 128, and then 64 an octave.
func bucket(d time.Duration) int {
	us := uint64(max(d, 0).Microseconds()) //nolint:gosec // not negative
	shift := max(bits.Len64(us)-7, 0)
	return shift*perOctave + int(us>>shift) //nolint:gosec // below 128
}

// upper is the end of a bucket.
func upper(i int) time.Duration {
	shift := max(i/perOctave-1, 0)
	return time.Duration(i-shift*perOctave+1) << shift * time.Microsecond
}

func (h *histogram) add(d time.Duration) {
	h.counts[min(bucket(d), len(h.counts)-1)]++
	h.n++
	h.max = max(h.max, d)
}

// quantile gives, in milliseconds, what a share q of the durations does not
// exceed; 0 when there are none.
func (h *histogram) quantile(q float64) float64 {
	rank := int64(q * float64(h.n))
	for i, n := range h.counts {
		if rank -= n; rank < 0 && n > 0 {
			return ms(min(upper(i), h.max))
		}
	}
	return ms(h.max)
}
