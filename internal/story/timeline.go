package story

import (
	"cmp"
	"slices"
	"time"

	"errata/internal/event"
)

// Step is an Event in its place: below the one that called it, in order of when
// they began.
type Step struct {
	*event.Event
	Start time.Time
	Depth int
	Link  Link
	// Attempt is which of several it was; 0 for the only one.
	Attempt int
}

// Timeline puts a Trail into order. What was called from something that left no Event
// stands by itself, where it belongs by time.
func Timeline(t *event.Trail) []Step {
	c := callersOf(t.Events)
	steps := make([]Step, len(t.Events))
	place := map[string]int{}
	for i := range t.Events {
		steps[i] = Step{Event: &t.Events[i], Start: startOf(&t.Events[i]), Link: ByTime}
		place[t.Events[i].ID] = i
	}
	called := map[int][]int{} // -1: by nobody
	for i := range steps {
		by := -1
		if caller, link := c.of(steps[i].Event); caller != nil && !circular(c, steps[i].Event) {
			by, steps[i].Link = place[caller.ID], link
		}
		called[by] = append(called[by], i)
	}
	for _, list := range called {
		slices.SortStableFunc(list, func(a, b int) int {
			return cmp.Or(steps[a].Start.Compare(steps[b].Start), steps[a].OccurredAt.Compare(steps[b].OccurredAt), cmp.Compare(a, b))
		})
	}
	numbers := map[string]int{}
	for _, a := range attempts(t) {
		for _, o := range a.Outcomes {
			numbers[o.EventID] = o.N
		}
	}
	out := make([]Step, 0, len(steps))
	var add func(by, depth int)
	add = func(by, depth int) {
		for _, i := range called[by] {
			steps[i].Depth, steps[i].Attempt = depth, numbers[steps[i].ID]
			out = append(out, steps[i])
			add(i, depth+1)
		}
	}
	add(-1, 0)
	return out
}

// circular reports whether somebody claims to have been called by whom they called.
func circular(c callers, e *event.Event) bool {
	n := 0
	for at, _ := c.of(e); at != nil; at, _ = c.of(at) {
		if n++; at.ID == e.ID || n > maxDeep {
			return true
		}
	}
	return false
}

// maxDeep is more than a Trail has Events.
const maxDeep = 1000
