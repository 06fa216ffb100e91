package incident

import (
	"errata/internal/detect"
	"errata/internal/event"
)

// Failure is what was counted of failures that are alike in one minute.
type Failure struct {
	Minute                                                 detect.Minute
	Family                                                 detect.Family
	Cause                                                  event.Family // within Family: us or upstream, or limits
	Status                                                 int
	Environment, Service, Method, Endpoint, Code, Provider string
	N, Late                                                int64 // Late: of N, those that came more than 15 minutes late
}

// Answered is how many requests an endpoint answered in one minute.
type Answered struct {
	Minute detect.Minute
	Place
	N float64
}

// Rule is what a rule needs for judging.
type Rule struct {
	ID       string
	Matches  func(*Failure) bool // nil: all
	Settings detect.Settings
	// Objectives are the shares of requests that must succeed, where somebody set
	// one.
	Objectives map[Place]float64
}

// Objective is that of a series; 0 for none.
func (r *Rule) Objective(s Series) float64 {
	if s.Family != detect.Server || s.Code != "" || len(r.Objectives) == 0 {
		return 0
	}
	at := s.Place()
	if o, ok := r.Objectives[at]; ok {
		return o
	}
	at.Environment = ""
	return r.Objectives[at]
}

// Place is a service or one of its endpoints.
type Place struct{ Environment, Service, Method, Endpoint string }

// Whole is the place's service.
func (p Place) Whole() Place { return Place{p.Environment, p.Service, "", ""} }

// Place is what a series is about.
func (s Series) Place() Place {
	if s.Code != "" {
		return Place{s.Environment, s.Service, "", ""}
	}
	return Place{s.Environment, s.Service, s.Method, s.Endpoint}
}

const (
	// MaxBehind is how many minutes are judged one by one after nobody did.
	MaxBehind = 15
	// Room is how many minutes a Sheet covers: an hour, and those.
	Room = detect.Hour + MaxBehind
)

type line [Room]detect.Counts

// Sheet is what was counted in the last hour, by series. Minutes can be counted
// again, and new ones push out the oldest.
type Sheet struct {
	Rules []Rule

	last     detect.Minute // the newest minute
	lines    map[Series]*line
	requests map[Place]*answers
	heard    map[Place]*[Room]heard // of a service
}

// answers are a place's requests: as the rules take them, and as they were told.
type answers struct {
	n     [Room]int64
	exact [Room]float64
}

// heard is what is known of a minute.
type heard uint8

const (
	heardFailures heard = 1 << iota
	heardAnswers
)

// NewSheet is empty.
func NewSheet(rules []Rule, last detect.Minute) *Sheet {
	return &Sheet{Rules: rules, last: last, lines: map[Series]*line{}, requests: map[Place]*answers{}, heard: map[Place]*[Room]heard{}}
}

func slot(m detect.Minute) int { return int(m % Room) }

// Advance makes room for the minutes up to last.
func (s *Sheet) Advance(last detect.Minute) {
	s.Clear(max(s.last+1, last-Room+1), last+1)
	s.last = last
}

// Clear forgets the minutes from from to before to.
func (s *Sheet) Clear(from, to detect.Minute) {
	s.ClearFailed(from, to)
	s.ClearAnswered(from, to)
}

// ClearFailed forgets their failures, so that they can be counted again.
func (s *Sheet) ClearFailed(from, to detect.Minute) {
	for m := from; m < to; m++ {
		at := slot(m)
		for _, l := range s.lines {
			l[at] = detect.Counts{}
		}
		for _, h := range s.heard {
			h[at] &^= heardFailures
		}
	}
}

// ClearAnswered forgets their requests.
func (s *Sheet) ClearAnswered(from, to detect.Minute) {
	for m := from; m < to; m++ {
		at := slot(m)
		for _, a := range s.requests {
			a.n[at], a.exact[at] = 0, 0
		}
		for _, h := range s.heard {
			h[at] &^= heardAnswers
		}
	}
}

// Sweep drops what has nothing in it.
func (s *Sheet) Sweep() {
	for k, l := range s.lines {
		if *l == (line{}) {
			delete(s.lines, k)
		}
	}
	for k, a := range s.requests {
		if *a == (answers{}) {
			delete(s.requests, k)
		}
	}
	for k, h := range s.heard {
		if *h == ([Room]heard{}) {
			delete(s.heard, k)
		}
	}
}

func (s *Sheet) covers(m detect.Minute) bool { return m <= s.last && m > s.last-Room }

// Answered counts requests.
func (s *Sheet) Answered(list []Answered) {
	for k := range list {
		a := &list[k]
		if !s.covers(a.Minute) {
			continue
		}
		s.answered(a.Place, a)
		if whole := a.Whole(); whole != a.Place {
			s.answered(whole, a)
		}
		s.hear(a.Place, a.Minute, heardAnswers)
	}
}

func (s *Sheet) answered(p Place, a *Answered) {
	of := s.requests[p]
	if of == nil {
		of = new(answers)
		s.requests[p] = of
	}
	at := slot(a.Minute)
	of.n[at] += int64(a.N + .5)
	of.exact[at] += a.N
}

func (s *Sheet) hear(p Place, m detect.Minute, what heard) {
	p = p.Whole()
	h := s.heard[p]
	if h == nil {
		h = new([Room]heard)
		s.heard[p] = h
	}
	h[slot(m)] |= what
}

// Failed counts failures.
func (s *Sheet) Failed(list []Failure) {
	for k := range list {
		f := &list[k]
		if !s.covers(f.Minute) {
			continue
		}
		s.hear(Place{f.Environment, f.Service, "", ""}, f.Minute, heardFailures)
		for r := range s.Rules {
			if m := s.Rules[r].Matches; m != nil && !m(f) {
				continue
			}
			of := Series{Rule: s.Rules[r].ID, Family: f.Family, Environment: f.Environment, Service: f.Service}
			s.add(of, f)
			if f.Endpoint != "" {
				of.Method, of.Endpoint = f.Method, f.Endpoint
				s.add(of, f)
			}
		}
	}
}

// Unmet counts the failures of a code that is new once more, by themselves.
func (s *Sheet) Unmet(list []Failure) {
	for k := range list {
		f := &list[k]
		for r := range s.Rules {
			if m := s.Rules[r].Matches; s.covers(f.Minute) && (m == nil || m(f)) {
				s.add(Series{Rule: s.Rules[r].ID, Family: f.Family, Environment: f.Environment, Service: f.Service, Code: f.Code}, f)
			}
		}
	}
}

// Meet forgets the codes that Unmet counted.
func (s *Sheet) Meet() {
	for k := range s.lines {
		if k.Code != "" {
			delete(s.lines, k)
		}
	}
}

func (s *Sheet) add(of Series, f *Failure) {
	l := s.lines[of]
	if l == nil {
		l = &line{}
		s.lines[of] = l
	}
	c := &l[slot(f.Minute)]
	c.Errors += f.N - f.Late
	c.Late += f.Late
}
