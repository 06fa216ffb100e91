package chart

import (
	"math"
	"strconv"
	"strings"
)

// maxValue keeps sums finite, and whole numbers whole.
const maxValue = 1e15

// clean is a value as it is drawn and as it stands in the table: what cannot be
// is a gap, and what has a fraction keeps four digits.
func clean(v float64) float64 {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0) || v < 0:
		return math.NaN()
	case v >= maxValue:
		return maxValue
	case v == math.Trunc(v):
		return math.Abs(v) // without a sign on zero
	case v >= 1000:
		return math.Round(v)
	}
	digits := math.Pow(10, 3-math.Floor(math.Log10(v)))
	if math.IsInf(digits, 0) {
		return 0
	}
	return math.Round(v*digits) / digits
}

func isGap(v float64) bool { return math.IsNaN(v) }

// plain writes a value for machines; a gap is nothing.
func plain(b []byte, v float64) []byte {
	if math.IsNaN(v) {
		return b
	}
	if v == math.Trunc(v) {
		return strconv.AppendInt(b, int64(v), 10)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// exact writes a value for readers, with all its digits.
func exact(v float64, u Unit) string {
	if math.IsNaN(v) {
		return "–"
	}
	return grouped(v) + suffix(u)
}

func suffix(u Unit) string { return [...]string{"", "%", " ms"}[min(u, Milliseconds)] }

func grouped(v float64) string {
	s := string(plain(nil, v))
	end := strings.IndexAny(s, ".e")
	if end < 0 {
		end = len(s)
	}
	for i := end - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes a value in little room: 1.2k, 3.4M, 0.84%, 1.5 s.
func short(v float64, u Unit) string {
	if math.IsNaN(v) {
		return "–"
	}
	switch {
	case u == Percent:
		return digits(v) + "%"
	case u == Milliseconds && v >= 60_000:
		return digits(v/60_000) + " min"
	case u == Milliseconds && v >= 1000:
		return digits(v/1000) + " s"
	case u == Milliseconds:
		return digits(v) + " ms"
	}
	for _, big := range []struct {
		of   float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= big.of*.9995 {
			return digits(v/big.of) + big.name
		}
	}
	return digits(v)
}

// digits writes three digits, less where they are zeros.
func digits(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	}
	s, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil || s < 1e-6 {
		return "0"
	}
	return strconv.FormatFloat(s, 'f', -1, 64)
}

// ticks are the round values of an axis that holds high: from 0 to the last,
// which is the top.
func ticks(high float64, u Unit) []float64 {
	least := 1e-4
	if u == Count {
		least = 1 // half an error does not happen
	}
	if !(high > 0) {
		high = 1
	}
	step := math.Max(least, math.Pow(10, math.Floor(math.Log10(high/4))))
	for _, by := range []float64{2, 2.5, 2} { // 1 2 5 10
		if high/step <= 4 {
			break
		}
		step *= by
	}
	n := max(1, int(math.Ceil(high/step-1e-9)))
	out := make([]float64, 0, n+1)
	for i := range n + 1 {
		out = append(out, float64(i)*step)
	}
	return out
}
