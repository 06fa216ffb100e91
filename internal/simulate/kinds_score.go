package simulate

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"text/tabwriter"

	"errata/internal/detect"
)

// told is a message: an incident that fired, or got louder.
type told struct {
	at    int
	level detect.Level
}

// replay is what the detector tells of a case.
func (c *Case) replay(set detect.Settings) (all []told) {
	slices.SortStableFunc(c.late, func(a, b arrival) int { return a.due - b.due })
	replay := detect.NewReplay(Start, true, c.Family, &set)
	next := 0
	for i, s := range c.Samples {
		for ; next < len(c.late) && c.late[next].due == i; next++ {
			row := c.late[next].Sample
			row.Requests = detect.Unknown // it brings none
			replay.Add(row)
		}
		replay.Add(s)
		for _, t := range replay.Close(s.Minute) {
			if t.Kind == detect.Fired || t.Kind == detect.Escalated {
				all = append(all, told{i, t.Level})
			}
		}
	}
	return all
}

// KindScore is how cases of one kind were told of.
type KindScore struct {
	Name           string
	Cases          int
	Wanted, Told   int // what somebody must be told of; and was, in time and as loud as agreed
	Pages, Notices int // about nothing, or louder than agreed; and notices about nothing
	Again          int // told more than once
	Delay          []int
}

// Recall is the share of what must be told that was told as agreed.
func (k *KindScore) Recall() float64 { return share(k.Told, k.Wanted) }

// Precision is the share of what was told that was to be told so loud.
func (k *KindScore) Precision() float64 { return share(k.Told, k.Told+k.Pages+k.Notices) }

// add scores a case.
func (k *KindScore) add(c *Case, all []told) {
	k.Cases++
	used := make([]bool, len(all))
	for _, w := range c.Wants {
		k.Wanted++
		times := 0
		for i, m := range all {
			if used[i] || m.at < w.From || m.at >= w.To+slack || m.level < w.Level {
				continue
			}
			used[i] = true
			switch times++; {
			case m.level > w.Level:
				k.Pages++
			case times > 1:
				k.Again++
			default:
				k.Told++
				k.Delay = append(k.Delay, m.at+1-w.From)
			}
		}
	}
	for i, m := range all {
		switch {
		case used[i] || m.at < caseFrom-day: // it is learning
		case m.level == detect.Page:
			k.Pages++
		default:
			k.Notices++
		}
	}
}

// RunKinds draws cases of all kinds.
func RunKinds(seed uint64, cases int, noise Noise, set detect.Settings) []KindScore {
	var scores []KindScore
	for i, s := range Situations() {
		k := KindScore{Name: s.Name}
		for n := range cases {
			r := rand.New(rand.NewPCG(seed+uint64(n), uint64(1000+i))) //nolint:gosec // made-up series
			c := s.Draw(r, noise)
			k.add(c, c.replay(set))
		}
		scores = append(scores, k)
	}
	return scores
}

// KindTable prints them.
func KindTable(out io.Writer, scores []KindScore) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "kind\tcases\tto tell\ttold\tP\tR\tfalse pages\tfalse notices\ttwice\tp50/p90 min")
	for i := range scores {
		k := &scores[i]
		p, r := "-", "-"
		if k.Wanted > 0 {
			p, r = fmt.Sprintf("%.3f", k.Precision()), fmt.Sprintf("%.3f", k.Recall())
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%d\t%d\t%d\t%d / %d\n", k.Name, k.Cases, k.Wanted, k.Told, p, r, k.Pages, k.Notices, k.Again, Quantile(k.Delay, 0.5), Quantile(k.Delay, 0.9))
	}
	return w.Flush()
}
