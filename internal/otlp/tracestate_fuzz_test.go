package otlp

import (
	"math"
	"testing"
)

// A tracestate is anybody's: the weight that comes of it is finite and at
// least 1, or unknown.
func FuzzTracestate(f *testing.F) {
	for _, seed := range []string{"ot=th:c", "ot=th:fd70a4;rv:1,acme=x", "ot=th:0", "ot=th:ffffffffffffff", "ot=th:", "ot=th:zz", "th:c", ",,ot=;th:8"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, state string) {
		if w := adjustedCount(state); math.IsNaN(w) || math.IsInf(w, 0) || (w != 0 && w < 1) {
			t.Errorf("%q: %v", state, w)
		}
	})
}
