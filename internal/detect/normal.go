package detect

// inForce is the baseline before the incident while there is one, so that an
// incident does not become its own measure.
func inForce(s *State, in *Input, set *Settings) *Baseline {
	if s.Baseline != nil {
		return s.Baseline
	}
	return known(s, in, set)
}

// known is what is normal as far as it can be known. The minutes of an incident
// are masked, and of one that lasted for a day nothing is left to learn from: a
// mask that let a part of it through would teach the outage. Until enough of the
// day is not masked, what was normal before it counts too.
func known(s *State, in *Input, set *Settings) *Baseline {
	if s.Before == nil || in.Baseline.Minutes >= set.LearnMinutes {
		return &in.Baseline
	}
	b, old := in.Baseline, s.Before
	b.Rate, b.Phi, b.Count = max(b.Rate, old.Rate), max(b.Phi, old.Phi), max(b.Count, old.Count)
	for i := range spans {
		b.High[i], b.Times[i] = max(b.High[i], old.High[i]), max(b.Times[i], old.Times[i])
	}
	if b.Requests == 0 || b.Minutes < set.NewMinutes {
		b.Requests = old.Requests
	}
	b.Minutes = max(b.Minutes, old.Minutes)
	return &b
}

// trust lets go of what was normal before, once the day says enough by itself.
func (m *step) trust() {
	if m.in.Baseline.Minutes >= m.set.LearnMinutes {
		m.s.Before = nil
	}
}

// freeze keeps what was normal before, once: a state is small.
func (m *step) freeze() {
	if m.s.Baseline == nil {
		b := *known(&m.s, m.in, m.set)
		m.s.Baseline, m.s.Before = &b, nil
	}
}

// thaw is for what came to nothing.
func (m *step) thaw() {
	m.s.Baseline, m.s.Before = nil, m.s.Baseline
	m.trust()
}
