package otlp

import (
	"strconv"
	"strings"
)

// adjustedCount is how many spans one sampled span stands for, out of the
// rejection threshold in its W3C tracestate ("ot=th:c" → 4). 0 means unknown:
// there is no threshold, or it cannot be read.
func adjustedCount(state string) float64 {
	if !strings.Contains(state, "th:") {
		return 0
	}
	for member := range strings.SplitSeq(state, ",") {
		value, ok := strings.CutPrefix(strings.TrimSpace(member), "ot=")
		if !ok {
			continue
		}
		for field := range strings.SplitSeq(value, ";") {
			if digits, ok := strings.CutPrefix(field, "th:"); ok {
				return fromThreshold(digits)
			}
		}
	}
	return 0
}

// fromThreshold reads up to 14 hex digits, trailing zeros left out, as a
// fraction of 2^56 that was dropped.
func fromThreshold(digits string) float64 {
	const width = 14
	if digits == "" || len(digits) > width || strings.ContainsAny(digits, "ABCDEF+-_") {
		return 0
	}
	t, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return 0
	}
	t <<= 4 * uint(width-len(digits))
	const whole = 1 << 56
	return float64(whole) / float64(whole-t)
}
