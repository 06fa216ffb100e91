package simulate

import "math/rand/v2"

// Kind is what an event is.
type Kind string

// The kinds. A burn may page or not.
const (
	Outage  Kind = "outage"
	Short   Kind = "short outage"
	Partial Kind = "partial"
	Dead    Kind = "dead period"
	Blip    Kind = "blip"
	Burn    Kind = "slow burn"
)

// MustPage says whether somebody should be woken.
func (k Kind) MustPage() bool { return k == Outage || k == Short || k == Partial || k == Dead }

// Event is something that happens to a series, in minutes since its start.
type Event struct {
	Kind     Kind
	From, To int // To is not included
	Rate     float64
}

type wanted struct {
	kind           Kind
	count          int
	lo, hi         float64 // share of errors
	shortest, most int     // minutes
}

// wishes are the events that a series of a class gets, as the page on alerting lists them.
func wishes(class string, base float64) []wanted {
	switch class {
	case "low":
		return []wanted{{Outage, 3, 0.4, 1, 15, 60}, {Partial, 2, 0.10, 0.25, 60, 180}, {Blip, 8, 0.10, 0.50, 1, 2}}
	case "tiny":
		return []wanted{{Dead, 2, 0.8, 1, 120, 360}, {Blip, 8, 0.30, 0.80, 2, 3}}
	}
	return []wanted{{Burn, 1, 5 * base, 10 * base, 360, 1260}, {Outage, 3, 0.3, 1, 5, 40}, {Partial, 3, 0.03, 0.10, 20, 120},
		{Short, 1, 0.5, 1, 3, 3}, {Blip, 12, 0.05, 0.30, 1, 2}}
}

// plan places the events after the warm-up, the long ones first, an hour apart.
func plan(r *rand.Rand, class Class, base float64) []Event {
	const apart = 60
	taken := make([]bool, Days*day)
	var events []Event
	for _, w := range wishes(class.Name, base) {
		for range w.count {
			length := w.shortest + r.IntN(w.most-w.shortest+1)
			for {
				from := Warm*day + apart + r.IntN((Days-Warm)*day-length-2*apart)
				if free(taken[from-apart : from+length+apart]) {
					events = append(events, Event{Kind: w.kind, From: from, To: from + length, Rate: between(r, w.lo, w.hi)})
					for i := from; i < from+length; i++ {
						taken[i] = true
					}
					break
				}
			}
		}
	}
	return events
}

func free(taken []bool) bool {
	for _, t := range taken {
		if t {
			return false
		}
	}
	return true
}
