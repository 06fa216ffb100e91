// Package incident makes incidents of what package detect finds in series, and
// decides when somebody is told what: grouping, inhibition and pacing. It is
// pure. Who calls it keeps the incidents, and sends what Due asks for.
//
// See docs/decisions/0022-alerts.md.
package incident

import (
	"cmp"
	"slices"
	"strings"

	"errata/internal/alert"
	"errata/internal/detect"
	"errata/internal/selfwatch"
)

// Series is what is judged: the failures of one family of a service, or of one
// of its endpoints, as far as a rule is about them.
type Series struct {
	Rule                 string
	Family               detect.Family
	Environment, Service string
	Method, Endpoint     string // "": the whole service
	Code                 string // "": all; a series of a new code has one
}

// Whole reports whether it is about all of a service.
func (s Series) Whole() bool { return s.Endpoint == "" && s.Code == "" }

// Own is what is wrong with Errata itself, where the series is about that.
func (s Series) Own() (of selfwatch.Series, ok bool) {
	return selfwatch.Series{Condition: selfwatch.Condition(s.Code), Subject: s.Endpoint}, s.Rule == selfwatch.RuleID
}

// OwnSeries is the series of something that can be wrong with Errata itself.
func OwnSeries(of selfwatch.Series) Series {
	return Series{Rule: selfwatch.RuleID, Family: detect.Server, Service: selfwatch.Service, Endpoint: of.Subject, Code: string(of.Condition)}
}

// Compare orders series: a service before its endpoints.
func (s Series) Compare(o Series) int {
	return cmp.Or(strings.Compare(s.Environment, o.Environment), strings.Compare(s.Service, o.Service), cmp.Compare(s.Family, o.Family), strings.Compare(s.Endpoint, o.Endpoint),
		strings.Compare(s.Method, o.Method), strings.Compare(s.Code, o.Code), strings.Compare(s.Rule, o.Rule))
}

// Group is what there is one incident for at a time. Failures that mostly one
// provider causes are that provider's, whichever service met them.
type Group struct {
	Family                         detect.Family
	Environment, Service, Provider string // Service or Provider
	// Condition is what is wrong with Errata itself; "" for incidents of services.
	Condition string
}

// Member is a series of an incident.
type Member struct {
	Series
	Level    detect.Level
	Why      detect.Why
	MaskFrom detect.Minute // since when its minutes are not normal
	Started  detect.Minute // when its failures began
	Fired    detect.Minute
	Resolved detect.Minute // 0: it lasts
	Phase    detect.Phase
	Peak     float64
	Errors   int64
	Normal   bool // somebody said that this is how it is now
}

// Incident is a period in which some series of a group fire.
type Incident struct {
	ID     string
	Number int
	Group
	Phase    detect.Phase // Firing, Recovering, Stale or Resolved
	Level    detect.Level // of its loudest member
	Rule     string       // that member's
	Why      detect.Why   // that member's
	Started  detect.Minute
	Opened   detect.Minute // when the first member fired
	Fired    detect.Minute // when it reached its level
	Resolved detect.Minute // 0: it lasts
	Reason   string        // of its end
	Peak     float64       // the largest share of requests in five minutes
	Errors   int64         // while it lasted
	Members  []Member

	Told   Told
	Events []Event // new ones, oldest first
}

// Event is something that happened to an incident.
type Event struct {
	Minute detect.Minute
	Kind   string // fired, escalated, reopened, recovering, relapsed, stale, revived, resolved, joined, left, told, muted
	Series *Series
	Why    *detect.Why
	Text   string
	// Silence is the one that muted it.
	Silence string
}

// Open reports whether it lasts.
func (i *Incident) Open() bool { return i.Phase != detect.Resolved }

func (i *Incident) note(m detect.Minute, kind string, s *Series, why *detect.Why) {
	i.Events = append(i.Events, Event{Minute: m, Kind: kind, Series: s, Why: why})
}

// member finds a series.
func (i *Incident) member(s Series) *Member {
	for k := range i.Members {
		if i.Members[k].Series == s {
			return &i.Members[k]
		}
	}
	return nil
}

// maxMembers bounds an incident: a broken gateway fails every endpoint there is.
const maxMembers = 100

// apply takes what a minute changed in one of the series.
func (i *Incident) apply(s Series, state *detect.State, all []detect.Transition) {
	m := i.member(s)
	for _, t := range all {
		switch t.Kind {
		case detect.Fired, detect.Escalated, detect.Reopened:
			if m == nil {
				if len(i.Members) >= maxMembers {
					continue
				}
				i.Members = append(i.Members, Member{Series: s, Fired: t.Minute, Started: t.Started})
				m = &i.Members[len(i.Members)-1]
				if len(i.Members) > 1 {
					i.note(t.Minute, "joined", &m.Series, t.Why)
				}
			}
			if t.Why != nil {
				m.Why = *t.Why
			}
			m.Level, m.Resolved = max(m.Level, t.Level), 0
			if t.MaskFrom != 0 && (m.MaskFrom == 0 || t.MaskFrom < m.MaskFrom) {
				m.MaskFrom = t.MaskFrom
			}
		case detect.Ended:
			if m != nil {
				m.Resolved = t.Minute
				if t.Reason == detect.ReasonAccepted {
					m.Normal = true
				}
			}
			i.Reason = t.Reason
		}
	}
	if m != nil {
		m.Phase, m.Peak, m.Errors = state.Phase, max(m.Peak, state.Peak), max(m.Errors, state.Errors)
	}
}

// settle makes of the members what the incident is.
func (i *Incident) settle(minute detect.Minute) {
	was, level := i.Phase, i.Level
	phase := detect.Resolved
	var loudest *Member
	errors := int64(0)
	for k := range i.Members {
		m := &i.Members[k]
		if m.Resolved == 0 {
			phase = louder(phase, m.Phase)
		}
		if loudest == nil || m.Level > loudest.Level || m.Level == loudest.Level && m.Whole() && !loudest.Whole() {
			loudest = m
		}
		i.Peak = max(i.Peak, m.Peak)
		if m.Whole() {
			errors = max(errors, m.Errors)
		}
	}
	if errors == 0 { // endpoints alone
		for k := range i.Members {
			errors += i.Members[k].Errors
		}
	}
	i.Errors = max(i.Errors, errors)
	if loudest != nil && (loudest.Level > i.Level || i.Rule == "") {
		i.Level, i.Rule, i.Why, i.Fired = loudest.Level, loudest.Rule, loudest.Why, minute
	}
	i.Phase = phase
	switch {
	case was == phase && level != i.Level:
		i.note(minute, "escalated", nil, &i.Why)
	case was == phase:
	case phase == detect.Resolved:
		i.Resolved = minute
		i.note(minute, "resolved", nil, nil)
	case was == detect.OK:
		i.note(minute, "fired", nil, &i.Why)
	case was == detect.Resolved:
		i.Resolved, i.Reason = 0, ""
		i.note(minute, "reopened", nil, &i.Why)
	case phase == detect.Recovering:
		i.note(minute, "recovering", nil, nil)
	case phase == detect.Stale:
		i.note(minute, "stale", nil, nil)
	case was == detect.Stale:
		i.note(minute, "revived", nil, nil)
	default:
		i.note(minute, "relapsed", nil, nil)
	}
}

// louder of two phases of members: one that fires is what the incident does.
func louder(a, b detect.Phase) detect.Phase {
	rank := func(p detect.Phase) int {
		return slices.Index([]detect.Phase{detect.Resolved, detect.Stale, detect.Recovering, detect.Firing}, p)
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// LevelOf is a level in the words of messages.
func LevelOf(l detect.Level) alert.Level {
	switch l {
	case detect.Page:
		return alert.Page
	case detect.Ticket:
		return alert.Ticket
	}
	return alert.Notify
}

// StateOf is a phase in the words of messages.
func StateOf(p detect.Phase) alert.State {
	switch p {
	case detect.Recovering:
		return alert.Recovering
	case detect.Stale:
		return alert.Stale
	case detect.Resolved:
		return alert.Resolved
	}
	return alert.Firing
}
