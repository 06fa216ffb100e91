package detect

import "math"

// How a series varies by itself has two parts, which are measured apart because
// waiting helps against one of them only.
//
// What differs from minute to minute is noise of counts: more of it than chance
// makes (quasi-Poisson, as Farrington's detector of outbreaks has it), but the
// longer the window, the smaller it is beside the mean. It is Phi, and belongs
// into standard deviations. It is measured from the hour around each block, so
// that a day that has two levels does not look like one that is noisy.
//
// What moves slowly, for longer than a window, no window averages out: fifteen
// minutes at three times normal are no evidence where a day has them anyhow. It
// is no matter of standard deviations, whose tails nobody knows, but of what the
// day itself reached: High, which raises the limit.

// spans are the minutes of which High is known.
var spans = [...]int{5, 15, 60}

const (
	around    = 6 // blocks to either side
	fewBlocks = 12
	fewErrors = 0.2 // expected, below which a block says nothing of its noise
	// shrinkage is how many errors at the day's mean are added to a block before
	// its share is taken for what it reached: one error of three requests is chance.
	shrinkage = 8
)

// dispersion measures how much blocks of five minutes differ from their
// neighbours, in units of what chance makes. The largest few are left out: they
// are what is looked for.
func dispersion(day *[DayBlocks]Stretch, set *Settings) float64 {
	e, n := sums(day)
	count, sum := 0, 0.0
	var largest top
	for i := range day {
		from, to := max(i-around, 0), min(i+around+1, DayBlocks)
		here, of := e[i+1]-e[i], n[i+1]-n[i]
		errors, requests := e[to]-e[from]-here, n[to]-n[from]-of
		if mu := errors / max(requests, 1) * of; mu > fewErrors {
			x := (here - mu) * (here - mu) / mu / (1 + of/requests) // the neighbours' mean is not certain either
			count++
			sum += x
			largest.offer(x)
		}
	}
	if count < fewBlocks {
		return 1
	}
	drop := dropped(count, set)
	for _, x := range largest[:drop] {
		sum -= x
	}
	return min(max(sum/float64(count-drop), 1), set.MaxPhi)
}

// high is the share that groups of the day's blocks reach.
func high(day *[DayBlocks]Stretch, group int, set *Settings) float64 {
	var all Stretch
	for i := range day {
		all.add(day[i])
	}
	if all.Errors <= 0 || all.Requests <= 0 {
		return 0
	}
	prior := shrinkage * float64(all.Requests) / float64(all.Errors)
	count := 0
	var largest top
	for i := 0; i+group <= DayBlocks; i += group {
		var s Stretch
		for j := i; j < i+group; j++ {
			s.add(day[j])
		}
		if s.Requests > 0 {
			count++
			largest.offer((float64(s.Errors) + shrinkage) / (float64(s.Requests) + prior))
		}
	}
	if count < fewBlocks {
		return 0
	}
	return largest[dropped(count, set)]
}

// times is how many times what the three hours up to half an hour before had, per
// minute, groups of the day's blocks reach: of counts that is what is normal.
func times(day *[DayBlocks]Stretch, group int, set *Settings) float64 {
	const before, gap = 36, 6
	e, n := sums(day)
	count := 0
	var largest top
	for i := before + gap; i+group <= DayBlocks; i += group {
		errors, minutes := e[i-gap]-e[i-gap-before], n[i-gap]-n[i-gap-before]
		here, of := e[i+group]-e[i], n[i+group]-n[i]
		if minutes > 0 && of > 0 {
			mu := max(errors/minutes, set.FloorCount) * of
			count++
			largest.offer((here + shrinkage) / (mu + shrinkage))
		}
	}
	if count < fewBlocks {
		return 0
	}
	return largest[dropped(count, set)]
}

// sums are running sums of errors, and of what they are a share of: requests, or
// minutes where requests are not counted.
func sums(day *[DayBlocks]Stretch) (e, n [DayBlocks + 1]float64) {
	totals := false
	for i := range day {
		totals = totals || day[i].Requests > 0
	}
	for i := range day {
		of := float64(day[i].Minutes)
		if totals {
			of = float64(max(day[i].Requests, 0))
		}
		e[i+1], n[i+1] = e[i]+float64(day[i].Errors), n[i]+of
	}
	return e, n
}

// dropped is how many of the largest are left out.
func dropped(n int, set *Settings) int {
	return min(int(math.Ceil(set.DropBlocks*float64(n))), len(top{})-1)
}

// top keeps the largest few numbers, the largest first.
type top [16]float64

func (t *top) offer(x float64) {
	i := len(t) - 1
	if x <= t[i] {
		return
	}
	for ; i > 0 && t[i-1] < x; i-- {
		t[i] = t[i-1]
	}
	t[i] = x
}
