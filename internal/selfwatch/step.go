package selfwatch

import "errata/internal/detect"

const (
	// reopen is for how many minutes after its end a condition comes back in the
	// same incident, as with the rules.
	reopen = 30
	// shownClear is after how many clear minutes an incident is said to recover.
	shownClear = 2
)

// Step takes a condition one minute further. nil says that it does not hold. A
// minute that the state has seen changes nothing.
func Step(s detect.State, minute detect.Minute, c Condition, f *Finding) (detect.State, []detect.Transition) {
	if s.Minute != 0 && minute <= s.Minute {
		return s, nil
	}
	m := step{s: s, f: f, about: Of(c)}
	m.s.Minute = minute
	m.run()
	return m.s, m.out
}

type step struct {
	s     detect.State
	f     *Finding
	about About
	out   []detect.Transition
}

func (m *step) run() {
	holds := m.f != nil && m.f.Level > detect.Quiet
	if m.s.Dismissed { // until it is well, or gets louder
		if m.f != nil && m.f.Level <= m.s.Level {
			return
		}
		m.s.Dismissed = false
	}
	if m.s.Phase == detect.Resolved && !holds && m.s.Minute-m.s.Resolved > reopen {
		m.s = detect.State{Minute: m.s.Minute}
	}
	if !holds {
		m.s.HeldFor = 0
		m.ease()
		return
	}
	m.s.HeldFor++
	m.s.Breached, m.s.ClearFor = m.s.Minute, 0
	m.breach()
}

// breach opens an incident once it has held for long enough, or keeps it open.
func (m *step) breach() {
	switch {
	case m.s.Phase == detect.Firing && m.f.Level <= m.s.Level:
	case m.s.Phase == detect.Recovering && m.f.Level <= m.s.Level:
		m.move(detect.Relapsed, detect.Firing)
	case m.s.Active():
		m.fire(detect.Escalated)
	case m.s.HeldFor < m.about.hold:
		if m.s.Phase == detect.OK {
			m.s.Started = m.s.Minute
			m.s.Phase = detect.Pending
		}
	case m.s.Phase == detect.Resolved && m.s.Minute-m.s.Resolved <= reopen:
		m.s.Reopened++
		m.fire(detect.Reopened)
	default:
		if m.s.Phase != detect.Pending {
			m.s.Started = m.s.Minute
		}
		if at := detect.MinuteOf(m.f.Since); !m.f.Since.IsZero() && at < m.s.Started {
			m.s.Started = at
		}
		m.s.Opened, m.s.Level, m.s.Reopened = m.s.Minute, detect.Quiet, 0
		m.fire(detect.Fired)
	}
}

func (m *step) fire(kind detect.Kind) {
	why := m.f.Why()
	m.s.Level, m.s.Fired, m.s.Why = max(m.s.Level, m.f.Level), m.s.Minute, &why
	m.move(kind, detect.Firing)
	m.out[len(m.out)-1].Why = &why
}

// ease counts minutes in a row in which nothing was found. What is not bad enough
// to begin is not well either.
func (m *step) ease() {
	switch {
	case m.s.Phase == detect.Pending:
		m.s = detect.State{Minute: m.s.Minute}
	case !m.s.Active():
	case m.f != nil:
		m.s.ClearFor = 0
	default:
		m.s.ClearFor++
		switch {
		case m.s.ClearFor >= m.about.clear:
			m.s.Resolved, m.s.ClearFor = m.s.Minute, 0
			m.move(detect.Ended, detect.Resolved)
			m.out[len(m.out)-1].Reason = detect.ReasonClear
		case m.s.ClearFor >= shownClear && m.s.Phase == detect.Firing:
			m.move(detect.Eased, detect.Recovering)
		}
	}
}

func (m *step) move(kind detect.Kind, to detect.Phase) {
	m.out = append(m.out, detect.Transition{Minute: m.s.Minute, Kind: kind, From: m.s.Phase, To: to, Level: m.s.Level, Started: m.s.Started})
	m.s.Phase = to
}
