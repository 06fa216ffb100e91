package detect

import "slices"

// Evaluate takes a series one closed minute further. It changes nothing but
// what it returns; a minute that the state has seen returns the state as it is.
func Evaluate(s State, in *Input, set *Settings) (State, []Transition) {
	if s.Minute != 0 && in.Minute <= s.Minute {
		return s, nil
	}
	m := step{s: s, in: in, set: set}
	m.s.Minute = in.Minute
	m.run()
	return m.s, m.out
}

// Explain gives the numbers of a minute under the baseline that is in force.
func Explain(s State, in *Input, set *Settings) Numbers {
	return judge(in, inForce(&s, in, set), set).numbers()
}

// Accept ends an incident because what it found is normal from now on. Its
// minutes should be unmasked.
func Accept(s State, at Minute) (State, []Transition) {
	m := step{s: s, in: &Input{Minute: at}}
	if !s.Active() {
		return s, nil
	}
	m.end(ReasonAccepted)
	m.s.Phase, m.s.Baseline, m.s.Before = OK, nil, nil
	return m.s, m.out
}

// Dismiss ends an incident, or what is about to become one of that level, because
// somebody says so. As long as others could come back, it does not unless it gets
// louder, or was well in between; if it still goes on then, it is a new one.
func Dismiss(s State, level Level, at Minute) State {
	if !s.Active() && s.Phase != Pending {
		return s
	}
	s.Phase, s.Level, s.Dismissed = Resolved, max(s.Level, level), true
	s.Resolved, s.ClearFor, s.SilentFor = at, 0, 0
	return s
}

type step struct {
	s   State
	in  *Input
	set *Settings
	l   look
	out []Transition
}

func (m *step) run() {
	if m.s.Phase == Resolved && m.in.Minute-m.s.Resolved > Minute(m.set.Reopen) {
		m.forget()
	}
	if m.s.Phase == OK && len(m.s.Told) > 0 {
		m.s.Told = m.recentlyTold("")
	}
	m.trust()
	if m.in.Missing {
		m.silence()
		return
	}
	m.l = look{in: m.in, b: inForce(&m.s, m.in, m.set), set: m.set}
	m.l.run()
	if m.s.Active() && m.quiet() {
		m.silence()
		return
	}
	m.s.SilentFor = 0
	if m.s.Phase == Stale {
		m.move(Revived, Firing)
	}
	if m.s.Dismissed {
		v := &m.l.v
		m.s.Dismissed = m.s.Phase == Resolved && v.level <= m.s.Level && (v.level > Quiet || !v.clear)
	}
	switch v := &m.l.v; {
	case m.s.Dismissed:
	case v.level > Quiet && !m.alreadyTold():
		m.breach()
	case m.s.Active():
		m.ease()
	case v.pending && m.s.Phase == OK:
		m.freeze()
		m.move(Became, Pending)
	case !v.pending && m.s.Phase == Pending:
		m.thaw()
		m.move(Became, OK)
	}
	m.measure()
}

// quiet says that an incident's series is silent, which does not make it well:
// no request where there always are some, or none at all for very long.
func (m *step) quiet() bool {
	if m.s.Why != nil && m.s.Why.Rule == Heartbeat {
		return false
	}
	return m.l.silent || m.l.v.why.Rule == Heartbeat
}

// silence keeps what fires for a while, and then lets go of it.
func (m *step) silence() {
	m.s.SilentFor++
	switch {
	case m.s.Phase == Pending:
		m.thaw()
		m.move(Became, OK)
	case !m.s.Active():
	case m.s.SilentFor >= m.set.MissingAfter:
		m.end(ReasonMissing)
	case m.s.SilentFor >= m.set.StaleAfter && m.s.Phase != Stale:
		m.s.ClearFor = 0
		m.move(WentStale, Stale)
	}
}

// breach opens an incident, or keeps it open.
func (m *step) breach() {
	v := &m.l.v
	m.s.Breached, m.s.ClearFor = m.in.Minute, 0
	switch {
	case m.s.Phase == Firing && v.level <= m.s.Level:
		return
	case m.s.Phase == Recovering && v.level <= m.s.Level:
		m.move(Relapsed, Firing)
		return
	case m.s.Phase == Resolved && v.level <= m.s.Level:
		m.s.Reopened++
		m.remember()
		m.move(Reopened, Firing)
		return
	}
	kind := Fired
	if m.s.Active() || m.s.Phase == Resolved { // louder than before
		kind = Escalated
	} else {
		m.s.Started, m.s.Opened = v.onset, m.in.Minute
		m.s.Peak, m.s.Errors, m.s.Reopened = 0, 0, 0
	}
	m.freeze()
	m.remember()
	why := v.why
	m.s.Level, m.s.Fired, m.s.Why = v.level, m.in.Minute, &why
	m.move(kind, Firing)
}

// ease counts clear minutes. One that is not clear starts the count again.
func (m *step) ease() {
	if !m.l.v.clear {
		m.s.ClearFor = 0
		switch {
		case m.s.Phase == Recovering:
			m.move(Relapsed, Firing)
		case m.in.Minute-m.s.Breached > Minute(m.set.SilentAfter) && m.l.w.n[Hour] == 0:
			m.end(ReasonMissing)
		}
		return
	}
	m.s.ClearFor++
	switch {
	case m.s.ClearFor >= m.set.ClearMinutes:
		m.end(ReasonClear)
	case m.s.ClearFor >= m.set.ClearShown && m.s.Phase == Firing:
		m.move(Eased, Recovering)
	}
}

func (m *step) end(reason string) {
	m.s.Resolved, m.s.ClearFor, m.s.SilentFor = m.in.Minute, 0, 0
	m.move(Ended, Resolved)
	m.out[len(m.out)-1].Reason = reason
}

// forget is the end of the time in which an incident may come back.
func (m *step) forget() {
	told, before := m.s.Told, m.s.Baseline
	m.s = State{Minute: m.s.Minute, Told: told, Before: before}
}

// measure keeps what the message of the end says.
func (m *step) measure() {
	if m.s.Active() {
		e, _ := m.l.w.span(0, 1)
		m.s.Errors += int64(e)
		if m.l.w.known {
			m.s.Peak = max(m.s.Peak, m.l.w.rate(0, 5))
		}
	}
}

// alreadyTold says that all there is to say is about a customer of whom it has
// been said within the day.
func (m *step) alreadyTold() bool {
	why := &m.l.v.why
	if why.Rule != Concentrated || m.s.Active() {
		return false
	}
	return slices.ContainsFunc(m.s.Told, func(t Told) bool {
		return t.Customer == why.Customer && m.in.Minute-t.Minute < Minute(m.set.TopEvery)
	})
}

// remember notes a message about a customer. The slice is a new one: the state
// that came in stays as it was.
func (m *step) remember() {
	why := &m.l.v.why
	if why.Rule != Concentrated {
		return
	}
	kept := m.recentlyTold(why.Customer)
	if len(kept) >= maxTold {
		kept = kept[len(kept)-maxTold+1:]
	}
	m.s.Told = append(kept, Told{why.Customer, m.in.Minute})
}

// recentlyTold are the messages about customers that count still, but for one
// customer's; a series about which there is no other has nothing to remember.
func (m *step) recentlyTold(but string) []Told {
	kept := slices.DeleteFunc(slices.Clone(m.s.Told), func(t Told) bool {
		return but != "" && t.Customer == but || m.in.Minute-t.Minute >= Minute(m.set.TopEvery)
	})
	if len(kept) == 0 {
		return nil
	}
	return kept
}

func (m *step) move(kind Kind, to Phase) {
	t := Transition{Minute: m.in.Minute, Kind: kind, From: m.s.Phase, To: to, Level: m.s.Level, Started: m.s.Started}
	if kind == Fired || kind == Escalated || kind == Reopened {
		why := m.l.v.why
		t.Why = &why
		t.MaskFrom = m.in.Minute - Minute(m.set.MaskBefore)
	}
	m.s.Phase = to
	m.out = append(m.out, t)
}
