package incident

import (
	"slices"

	"errata/internal/detect"
)

// Board holds a workspace's incidents: those that last, and those that may come
// back.
type Board struct {
	Incidents []*Incident
	// New makes an incident's ID and number.
	New func() (id string, number int)
	// Reopen is for how many minutes after its end an incident comes back instead
	// of a new one.
	Reopen detect.Minute
}

// Found is what a minute changed in one series.
type Found struct {
	Series
	// Provider is who causes most of its failures; "": nobody in particular.
	Provider    string
	State       detect.State
	Transitions []detect.Transition
}

// Minute takes what one minute changed: in every series that did, and in those
// that are members of an incident.
func (b *Board) Minute(minute detect.Minute, found []Found) {
	slices.SortFunc(found, func(x, y Found) int { return x.Compare(y.Series) })
	touched := map[*Incident]bool{}
	for k := range found {
		f := &found[k]
		if i := b.of(f, minute); i != nil {
			i.apply(f.Series, &f.State, f.Transitions)
			touched[i] = true
		}
	}
	for _, i := range b.Incidents { // in order
		if touched[i] {
			i.settle(minute)
		}
	}
}

// of is the incident that a series belongs to: the one it is a member of, or
// where it begins to fire the one of its group, or a new one.
func (b *Board) of(f *Found, minute detect.Minute) *Incident {
	g := Group{Family: f.Family, Environment: f.Environment, Service: f.Service}
	if f.Provider != "" {
		g.Service, g.Provider = "", f.Provider
	}
	if own, ok := f.Own(); ok {
		g.Condition = string(own.Condition)
	}
	begins := slices.ContainsFunc(f.Transitions, func(t detect.Transition) bool {
		return t.Kind == detect.Fired || t.Kind == detect.Escalated || t.Kind == detect.Reopened
	})
	var last *Incident
	for _, i := range slices.Backward(b.Incidents) {
		if i.member(f.Series) != nil && (i.Open() || minute-i.Resolved <= b.Reopen) {
			return i
		}
		if i.Group == g && last == nil && (i.Open() || minute-i.Resolved <= b.Reopen) {
			last = i
		}
	}
	if !begins {
		return nil
	}
	if last != nil {
		return last
	}
	i := &Incident{Group: g, Opened: minute}
	i.ID, i.Number = b.New()
	for _, t := range f.Transitions {
		if t.Started != 0 {
			i.Started = t.Started
		}
	}
	b.Incidents = append(b.Incidents, i)
	return i
}
