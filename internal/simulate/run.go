package simulate

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"text/tabwriter"
)

// Seeds begin two sequences that share nothing: Tuning is for looking, as often
// as one likes, and for the tests; Judged is for the figures that are told, and
// no number of the rules was chosen by it.
const (
	Tuning uint64 = 1_000
	Judged uint64 = 31_000_000
)

// Run makes reps series of each class and base, and lets every detector see
// each of them.
func Run(seed uint64, reps int, noise Noise, detectors []Detector) []Score {
	scores := make([]Score, len(detectors))
	for rep := range reps {
		for i, class := range Classes() {
			for j, base := range Bases() {
				r := rand.New(rand.NewPCG(seed+uint64(rep), uint64(10*i+j))) //nolint:gosec // made-up series
				s := Make(r, class, base, noise)
				for k, d := range detectors {
					scores[k].Add(s, d.Page(s))
				}
			}
		}
	}
	return scores
}

// Table prints scores.
func Table(out io.Writer, detectors []Detector, scores []Score) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "detector\tP\tof pages\tR\tF1\tfalse/week/100\tp50/p90 min\toutage p50/p90\tflaps")
	for i, d := range detectors {
		c := &scores[i]
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.1f\t%d / %d\t%d / %d\t%.3f\n", d.Name, c.Precision(), c.OfPages(), c.Recall(), c.F1(), c.FalsePerWeek(),
			Quantile(c.Delay, 0.5), Quantile(c.Delay, 0.9), Quantile(c.OutageDelay, 0.5), Quantile(c.OutageDelay, 0.9), c.FlapsPerIncident())
	}
	return w.Flush()
}

// Why tells what was missed and what was false.
func (c *Score) Why() string {
	text := fmt.Sprintf("%d incidents, %d found, %d false", c.Incidents, c.Found, c.False)
	for _, k := range slices.Sorted(maps.Keys(c.Missed)) {
		text += fmt.Sprintf("; missed %s %d", k, c.Missed[k])
	}
	for _, k := range slices.Sorted(maps.Keys(c.FalseIn)) {
		text += fmt.Sprintf("; false %s %d", k, c.FalseIn[k])
	}
	return text
}
