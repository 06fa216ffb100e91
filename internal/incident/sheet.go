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
	requests map[Place]*[Room]int64
	heard    map[Place]*[Room]bool // of a service: minutes of which anything is known
}

// NewSheet is empty.
func NewSheet(rules []Rule, last detect.Minute) *Sheet {
	return &Sheet{Rules: rules, last: last, lines: map[Series]*line{}, requests: map[Place]*[Room]int64{}, heard: map[Place]*[Room]bool{}}
}

func slot(m detect.Minute) int { return int(m % Room) }

// Advance makes room for the minutes up to last.
func (s *Sheet) Advance(last detect.Minute) {
	s.Clear(max(s.last+1, last-Room+1), last+1)
	s.last = last
}

// Clear forgets the minutes from from to before to, so that they can be counted
// again.
func (s *Sheet) Clear(from, to detect.Minute) {
	for m := from; m < to; m++ {
		at := slot(m)
		for _, l := range s.lines {
			l[at] = detect.Counts{}
		}
		for _, n := range s.requests {
			n[at] = 0
		}
		for _, h := range s.heard {
			h[at] = false
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
	for k, n := range s.requests {
		if *n == ([Room]int64{}) {
			delete(s.requests, k)
		}
	}
	for k, h := range s.heard {
		if *h == ([Room]bool{}) {
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
		n := int64(a.N + .5)
		s.answered(a.Place, a.Minute, n)
		if whole := a.Whole(); whole != a.Place {
			s.answered(whole, a.Minute, n)
		}
		s.hear(a.Place, a.Minute)
	}
}

func (s *Sheet) answered(p Place, m detect.Minute, n int64) {
	at := s.requests[p]
	if at == nil {
		at = new([Room]int64)
		s.requests[p] = at
	}
	at[slot(m)] += n
}

func (s *Sheet) hear(p Place, m detect.Minute) {
	p = p.Whole()
	h := s.heard[p]
	if h == nil {
		h = new([Room]bool)
		s.heard[p] = h
	}
	h[slot(m)] = true
}

// Failed counts failures.
func (s *Sheet) Failed(list []Failure) {
	for k := range list {
		f := &list[k]
		if !s.covers(f.Minute) {
			continue
		}
		s.hear(Place{f.Environment, f.Service, "", ""}, f.Minute)
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

// Fewest is how many failures in an hour a series needs so that any rule can
// hold, however sensitive.
const Fewest = 5

// Worth are the series that are worth a look: the others have too few failures
// for any rule. Endpoints whose requests nobody counts are left to their service,
// where its requests are counted.
func (s *Sheet) Worth() (out []Series) {
	for of, l := range s.lines {
		hour := int64(0)
		for m := s.last - detect.Hour + 1; m <= s.last; m++ {
			hour += l[slot(m)].Errors + l[slot(m)].Late
		}
		if hour < Fewest && (hour == 0 || s.objective(of) == 0) {
			continue
		}
		if of.Endpoint == "" || s.requests[of.Place()] != nil || s.requests[of.Place().Whole()] == nil {
			out = append(out, of)
		}
	}
	return out
}

func (s *Sheet) objective(of Series) float64 {
	for r := range s.Rules {
		if s.Rules[r].ID == of.Rule {
			return s.Rules[r].Objective(of)
		}
	}
	return 0
}

// Recent is how many failures a series had in the ten minutes that ended with a
// minute.
func (s *Sheet) Recent(of Series, minute detect.Minute) (n int64) {
	if l := s.lines[of]; l != nil {
		for m := minute - 9; m <= minute; m++ {
			n += l[slot(m)].Errors
		}
	}
	return n
}

// missingAfter is for how many minutes nothing must come of a service before its
// data is missing: totals come up to two minutes late.
const missingAfter = 3

// Fill puts the hour that ended with a minute into an Input. counted says that
// the series' requests are counted, if not in this hour.
func (s *Sheet) Fill(in *detect.Input, of Series, minute detect.Minute, counted bool) {
	in.Minute, in.Family, in.NewCode = minute, of.Family, of.Code != ""
	n, l := s.requests[of.Place()], s.lines[of]
	for i := range in.Last {
		at := slot(minute - detect.Minute(i))
		in.Last[i] = detect.Counts{Requests: detect.Unknown}
		if l != nil {
			in.Last[i] = l[at]
		}
		switch {
		case n != nil:
			in.Last[i].Requests = n[at]
		case counted:
			in.Last[i].Requests = 0
		default:
			in.Last[i].Requests = detect.Unknown
		}
	}
	h := s.heard[of.Place().Whole()]
	in.Missing = true
	for m := minute - missingAfter + 1; h != nil && m <= minute; m++ {
		in.Missing = in.Missing && !h[slot(m)]
	}
}
