package detect

import "encoding/json"

// Replay takes one series through time: what production does with a store,
// done with a History.
type Replay struct {
	State    State
	History  *History
	settings *Settings
	family   Family
	in       Input
	learned  Minute
	last     Minute // the last closed minute
}

// NewReplay begins at a minute.
func NewReplay(first Minute, totals bool, family Family, set *Settings) *Replay {
	return &Replay{History: NewHistory(first, totals), settings: set, family: family, learned: -1 << 62, last: first - 1}
}

// Add counts a row of the open minute, or a late one.
func (r *Replay) Add(s Sample) bool { return r.History.Add(s) }

// Close evaluates all minutes up to this one, and gives what they changed.
func (r *Replay) Close(to Minute) []Transition {
	var all []Transition
	for m := r.last + 1; m <= to; m++ {
		all = append(all, r.minute(m)...)
	}
	return all
}

func (r *Replay) minute(m Minute) []Transition {
	r.prepare(m)
	return r.apply(m)
}

// apply evaluates what was prepared, and masks what is no measure.
func (r *Replay) apply(m Minute) []Transition {
	state, out := Evaluate(r.State, &r.in, r.settings)
	r.State, r.last = state, m
	for _, t := range out {
		if t.MaskFrom != 0 {
			r.History.Mask(t.MaskFrom, m)
		}
	}
	if state.Masks() {
		r.History.Mask(m, m)
	}
	return out
}

func (r *Replay) prepare(m Minute) {
	r.History.Advance(m)
	r.History.Fill(&r.in, m)
	r.in.Family = r.family
	if m-r.learned >= 5 || m%5 == 0 {
		r.in.Baseline, r.learned = Learn(r.History.Past(m), r.settings), m
	}
}

// Explain gives the numbers of the next minute, before it is closed.
func (r *Replay) Explain(m Minute) Numbers {
	r.prepare(m)
	return Explain(r.State, &r.in, r.settings)
}

// Incident is a period in which a rule held. Its times are minutes, by their
// beginning.
type Incident struct {
	Rule     Rule
	Level    Level
	Started  Minute // when the errors began
	Fired    Minute // the closed minute that made it reach its level
	Resolved Minute // 0: it lasts
	Reason   string // of the end
	Reopened int
	Why      Why
}

// Book makes incidents of the transitions of one series.
type Book struct {
	Incidents []Incident
}

// Note takes what a minute changed.
func (b *Book) Note(all []Transition) {
	for _, t := range all {
		if t.Kind == Fired {
			b.Incidents = append(b.Incidents, Incident{Rule: t.Why.Rule, Level: t.Level, Started: t.Started, Fired: t.Minute, Why: *t.Why})
			continue
		}
		if len(b.Incidents) == 0 {
			continue
		}
		switch last := &b.Incidents[len(b.Incidents)-1]; t.Kind {
		case Escalated:
			last.Rule, last.Level, last.Fired, last.Why, last.Resolved = t.Why.Rule, t.Level, t.Minute, *t.Why, 0
		case Reopened:
			last.Resolved, last.Reason = 0, ""
			last.Reopened++
		case Ended:
			last.Resolved, last.Reason = t.Minute, t.Reason
		}
	}
}

// MarshalState and ReadState are how a state is kept.
func MarshalState(s State) ([]byte, error) { return json.Marshal(s) }

// ReadState reads what MarshalState wrote.
func ReadState(raw []byte) (s State, err error) { return s, json.Unmarshal(raw, &s) }
