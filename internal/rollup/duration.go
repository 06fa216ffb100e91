package rollup

import (
	"math"
	"slices"
	"strconv"
)

// Durations are counted in buckets whose bounds grow by a constant factor, so
// that counts can be added up and any quantile is off by 5 % at most: the scale
// of DDSketch (https://arxiv.org/abs/1908.10693).
const accuracy = 0.05

var logGamma = math.Log((1 + accuracy) / (1 - accuracy))

const (
	// NoDuration is the bucket of what has no duration.
	NoDuration int16 = math.MinInt16
	minBucket        = -70 // about a microsecond
	maxBucket        = 220 // about three days
)

// Bucket is where a duration in milliseconds is counted: at 0 below a
// microsecond, NaN and what is negative nowhere.
func Bucket(ms float64) int16 {
	if math.IsNaN(ms) || ms < 0 {
		return NoDuration
	}
	if ms == 0 {
		return minBucket
	}
	return int16(min(max(math.Ceil(math.Log(ms)/logGamma), minBucket), maxBucket))
}

// Milliseconds is a duration that stands for a bucket.
func Milliseconds(bucket int16) float64 {
	return 2 * math.Exp(float64(bucket)*logGamma) / (math.Exp(logGamma) + 1)
}

// Histogram is how many durations fell into which bucket.
type Histogram map[int16]int64

// Add counts a bucket as a Table names it.
func (h Histogram) Add(bucket string, n int64) {
	if b, err := strconv.ParseInt(bucket, 10, 16); err == nil {
		h[int16(b)] += n
	}
}

// Quantile is the duration in milliseconds below which a share of all are; NaN
// where there is none.
func (h Histogram) Quantile(share float64) float64 {
	buckets := make([]int16, 0, len(h))
	total := int64(0)
	for b, n := range h {
		if n > 0 {
			buckets, total = append(buckets, b), total+n
		}
	}
	slices.Sort(buckets)
	rank := int64(math.Ceil(share * float64(total)))
	for _, b := range buckets {
		if rank -= h[b]; rank <= 0 {
			return Milliseconds(b)
		}
	}
	return math.NaN()
}
