package detect

import "math"

// Usual says between which numbers of errors a stretch lies as a rule, 19 times
// of 20, where so many are expected and the series varies spread times as much as
// chance: what score calls two standard deviations, to either side.
func Usual(expected, spread float64) (low, high float64) {
	if !(expected >= 0) {
		return math.NaN(), math.NaN()
	}
	middle, width := math.Sqrt(expected+0.375), math.Sqrt(max(spread, 1))
	low, high = max(middle-width, math.Sqrt(0.375)), middle+width
	return low*low - 0.375, high*high - 0.375
}
