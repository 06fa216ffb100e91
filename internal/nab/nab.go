// Package nab scores detections the way the Numenta Anomaly Benchmark publishes
// (Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", 2015;
// standard profile): early within a labelled window is worth most, the first
// detection of a window is the one that counts, each false one costs a little,
// less so right after a window, and a window that was missed costs most.
package nab

import "math"

// The weights of the standard profile.
const (
	truePositive  = 1.0
	falsePositive = 0.11
	falseNegative = 1.0

	probation    = 0.15 // of a file, that is not scored
	probationMax = 5000 // of which at most this many records are thought to be
)

// Window are the first and the last record of what is labelled.
type Window struct{ First, Last int }

// Result is how a detector did on one file, or on several.
type Result struct {
	Score, Null, Perfect float64
	// By event: windows that were found, all windows, detections outside of any.
	Found, Windows, False int
}

// Probation is how many records at the beginning of a file do not count.
func Probation(records int) int {
	return int(probation * float64(min(records, probationMax)))
}

// sigmoid is the worth of a detection: 1 at the beginning of a window (y = -1),
// 0 at its end, -1 long after it.
func sigmoid(y float64) float64 {
	if y > 3 {
		return -1
	}
	return 2/(1+math.Exp(5*y)) - 1
}

// File scores the detections of one file, which are indices of records.
func File(records int, windows []Window, detections []int) Result {
	r := Result{Windows: len(windows), Null: -falseNegative * float64(len(windows)), Perfect: truePositive * float64(len(windows))}
	best := make([]float64, len(windows)) // by window; 0: missed
	hit := make([]bool, len(windows))
	for _, d := range detections {
		if d < Probation(records) || d >= records {
			continue
		}
		if i := inside(windows, d); i >= 0 {
			w := windows[i]
			width := float64(w.Last - w.First + 1)
			y := -float64(w.Last-d+1) / width
			best[i] = max(best[i], sigmoid(y)/sigmoid(-1))
			hit[i] = true
			continue
		}
		r.False++
		r.Score += falsePositive * sigmoid(since(windows, d))
	}
	for i := range windows {
		if hit[i] {
			r.Found++
			r.Score += truePositive * best[i]
		} else {
			r.Score -= falseNegative
		}
	}
	return r
}

func inside(windows []Window, d int) int {
	for i, w := range windows {
		if d >= w.First && d <= w.Last {
			return i
		}
	}
	return -1
}

// since is how far a detection is behind the last window before it, in lengths
// of that window; far, when there is none.
func since(windows []Window, d int) float64 {
	y := math.Inf(1)
	for _, w := range windows {
		if w.Last < d && w.Last > w.First {
			y = min(y, float64(d-w.Last)/float64(w.Last-w.First))
		}
	}
	return y
}

// Add makes one result of several.
func (r *Result) Add(o Result) {
	r.Score += o.Score
	r.Null += o.Null
	r.Perfect += o.Perfect
	r.Found += o.Found
	r.Windows += o.Windows
	r.False += o.False
}

// Normalised is 0 for a detector that says nothing, and 100 for a perfect one.
func (r *Result) Normalised() float64 {
	if r.Perfect == r.Null {
		return 0
	}
	return 100 * (r.Score - r.Null) / (r.Perfect - r.Null)
}

// F1 is by event: windows found, and detections outside of windows.
func (r *Result) F1() float64 {
	if r.Found == 0 {
		return 0
	}
	precision, recall := float64(r.Found)/float64(r.Found+r.False), float64(r.Found)/float64(r.Windows)
	return 2 * precision * recall / (precision + recall)
}
