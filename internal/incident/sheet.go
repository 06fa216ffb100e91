package incident

import (
	"errata/internal/detect"
)

// Failure is what was counted of failures that are alike in one minute.
type Failure struct {
	Minute                                                 detect.Minute
	Family                                                 detect.Family
	Status                                                 int
	Environment, Service, Method, Endpoint, Code, Provider string
	N, Late                                                int64 // Late: of N, those that came more than 15 minutes late
}

// Answered is how many requests an endpoint answered in one minute.
type Answered struct {
	Minute                                 detect.Minute
	Environment, Service, Method, Endpoint string
	N                                      float64
}

// Rule is what a rule needs for judging.
type Rule struct {
	ID       string
	Matches  func(*Failure) bool // nil: all
	Settings detect.Settings
	// Objectives are the shares of requests that must succeed, where somebody set
	// one, by series.
	Objectives map[Place]float64
}

// Place is a service or one of its endpoints.
type Place struct{ Environment, Service, Method, Endpoint string }

func (p Place) whole() Place { return Place{p.Environment, p.Service, "", ""} }

// Room is how many minutes a Sheet covers: an hour, and those that may be caught
// up with.
const Room = detect.Hour + MaxBehind

// MaxBehind is how many minutes are judged one by one after nobody did.
const MaxBehind = 15

// Line is a series' minutes.
type Line struct {
	counts    [Room]detect.Counts
	hour      int64            // errors in the last hour of the sheet
	providers map[string]int64 // of the last ten minutes
	recent    int64            // errors of these
}

// Sheet is what was counted in the last hour, by series.
type Sheet struct {
	last     detect.Minute // the newest minute
	Lines    map[Series]*Line
	requests map[Place]*[Room]int64
	heard    map[Place]detect.Minute // of a service: the newest minute of which anything is known
}

// NewSheet adds up what was counted up to a minute. isNew says for codes whether
// nobody met them in the week before; nil for none.
func NewSheet(last detect.Minute, rules []Rule, failures []Failure, answered []Answered, isNew func(*Failure) bool) *Sheet {
	s := &Sheet{last: last, Lines: map[Series]*Line{}, requests: map[Place]*[Room]int64{}, heard: map[Place]detect.Minute{}}
	for k := range answered {
		a := &answered[k]
		i := s.at(a.Minute)
		if i < 0 {
			continue
		}
		at := Place{a.Environment, a.Service, a.Method, a.Endpoint}
		for _, p := range [...]Place{at, at.whole()} {
			n := s.requests[p]
			if n == nil {
				n = new([Room]int64)
				s.requests[p] = n
			}
			n[i] += int64(a.N + .5)
			if p == at && p.Endpoint == "" {
				break
			}
		}
		s.hear(at, a.Minute)
	}
	for k := range failures {
		f := &failures[k]
		i := s.at(f.Minute)
		if i < 0 {
			continue
		}
		s.hear(Place{f.Environment, f.Service, "", ""}, f.Minute)
		for r := range rules {
			if m := rules[r].Matches; m != nil && !m(f) {
				continue
			}
			of := Series{Rule: rules[r].ID, Family: f.Family, Environment: f.Environment, Service: f.Service}
			s.add(of, f, i)
			if isNew != nil && f.Code != "" && isNew(f) {
				code := of
				code.Code = f.Code
				s.add(code, f, i)
			}
			if f.Endpoint != "" {
				of.Method, of.Endpoint = f.Method, f.Endpoint
				s.add(of, f, i)
			}
		}
	}
	return s
}

// at is a minute's place in a line; below 0 for none.
func (s *Sheet) at(m detect.Minute) int {
	i := int(s.last - m)
	if i >= Room {
		return -1
	}
	return i
}

func (s *Sheet) hear(p Place, m detect.Minute) {
	if p = p.whole(); m > s.heard[p] {
		s.heard[p] = m
	}
}

func (s *Sheet) add(of Series, f *Failure, i int) {
	l := s.Lines[of]
	if l == nil {
		l = &Line{}
		s.Lines[of] = l
	}
	l.counts[i].Errors += f.N - f.Late
	l.counts[i].Late += f.Late
	if i < detect.Hour {
		l.hour += f.N
	}
	if i < 10 {
		l.recent += f.N
		if f.Provider != "" && of.Family == detect.Server {
			if l.providers == nil {
				l.providers = map[string]int64{}
			}
			l.providers[f.Provider] += f.N
		}
	}
}

// Known reports whether requests of a place were counted in the last hour.
func (s *Sheet) Known(p Place) bool { return s.requests[p] != nil }

// mostly is the share from which a provider's failures are its incident.
const mostly = 0.8

// Provider is who causes most of a series' failures; "": nobody in particular.
func (s *Sheet) Provider(of Series) string {
	l := s.Lines[of]
	if l == nil {
		return ""
	}
	for p, n := range l.providers {
		if float64(n) >= mostly*float64(l.recent) {
			return p
		}
	}
	return ""
}

// fewest is how many failures in an hour a series needs so that any rule can
// hold, however sensitive.
const fewest = 5

// Worth reports whether a series may be worth a look: the others have too few
// failures for any rule. Endpoints whose requests nobody counts are left to their
// service, where its requests are counted.
func (s *Sheet) Worth(of Series) bool {
	l := s.Lines[of]
	if l == nil || l.hour < fewest {
		return false
	}
	return of.Whole() || of.Code != "" || s.Known(of.Place()) || !s.Known(of.Place().whole())
}

// Place is what a series is about.
func (s Series) Place() Place { return Place{s.Environment, s.Service, s.Method, s.Endpoint} }

// missingAfter is for how many minutes nothing must come of a service before its
// data is missing: totals come up to two minutes late.
const missingAfter = 3

// Fill puts the hour that ended with a minute into an Input. counted says that
// the series' requests are counted, if not in this hour.
func (s *Sheet) Fill(in *detect.Input, of Series, minute detect.Minute, counted bool) {
	in.Minute, in.Family, in.NewCode = minute, of.Family, of.Code != ""
	at := of.Place()
	if of.Code != "" {
		at = at.whole()
	}
	n, l := s.requests[at], s.Lines[of]
	shift := int(s.last - minute)
	for i := range in.Last {
		in.Last[i] = detect.Counts{Requests: detect.Unknown}
		if l != nil {
			in.Last[i] = l.counts[i+shift]
		}
		switch {
		case n != nil:
			in.Last[i].Requests = n[i+shift]
		case counted:
			in.Last[i].Requests = 0
		default:
			in.Last[i].Requests = detect.Unknown
		}
	}
	heard, ok := s.heard[at.whole()]
	in.Missing = !ok || minute-heard >= missingAfter
}
