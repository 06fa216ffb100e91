package detect

import "math"

// score says by how many standard deviations errors exceed what is expected,
// after the transformation that makes the variance of counts the same for all
// sizes, so that it is sane for few and for many. phi is how much more than
// chance alone the series varies.
func score(errors, expected, phi float64) float64 {
	return 2 * (math.Sqrt(errors+0.375) - math.Sqrt(expected+0.375)) / math.Sqrt(phi)
}

// atLeast is the lower end of Wilson's 95 % interval of a share.
func atLeast(errors, requests float64) float64 {
	if requests <= 0 {
		return 0
	}
	const z2 = 1.96 * 1.96
	p := errors / requests
	centre := p + z2/(2*requests)
	half := 1.96 * math.Sqrt(max(p*(1-p), 0)/requests+z2/(4*requests*requests))
	return max((centre-half)/(1+z2/requests), 0)
}
