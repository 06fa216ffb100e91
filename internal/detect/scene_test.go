package detect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A scene is a series told as a timeline, always of the same load, and what
// became of it.
type scene struct {
	t       *testing.T
	r       *rand.Rand
	replay  *Replay
	at      Minute
	load    float64 // requests per minute
	base    float64
	told    []string // transitions, as "minute kind level rule"
	book    Book
	unknown bool // no totals
	who     func(errors int64) (customers, top int64)
	change  func(*Input)
}

const sceneStart = Minute(29_449_440) // a Monday

func newScene(t *testing.T, load, base float64, set Settings, family Family) *scene {
	return &scene{t: t, r: rand.New(rand.NewPCG(7, 7)), replay: NewReplay(sceneStart, true, family, &set), at: sceneStart, load: load, base: base}
}

// counts is a scene without totals.
func counts(t *testing.T, load, base float64, set Settings) *scene {
	s := newScene(t, load, base, set, Server)
	s.replay, s.unknown = NewReplay(sceneStart, false, Server, &set), true
	return s
}

// week is what normal days there are before something happens.
func (s *scene) week() *scene { return s.run(8*1440, s.base) }

// run lets minutes go by with a share of errors.
func (s *scene) run(minutes int, rate float64) *scene {
	for range minutes {
		s.minute(s.errors(rate))
	}
	return s
}

func (s *scene) errors(rate float64) (errors, requests int64) {
	requests = int64(s.load)
	if s.r.Float64() < s.load-float64(requests) {
		requests++
	}
	for range requests {
		if s.r.Float64() < rate {
			errors++
		}
	}
	return errors, requests
}

func (s *scene) minute(errors, requests int64) {
	sample := Sample{Minute: s.at, Counts: Counts{Errors: errors, Requests: requests}}
	if s.unknown {
		sample.Requests = Unknown
	}
	if s.who != nil && errors > 0 {
		sample.Customers, sample.Top = s.who(errors)
	}
	s.replay.Add(sample)
	s.close()
}

func (s *scene) close() {
	r := s.replay
	r.prepare(s.at)
	if s.change != nil {
		s.change(&r.in)
	}
	out := r.apply(s.at)
	s.book.Note(out)
	for _, t := range out {
		s.told = append(s.told, strings.TrimSpace(fmt.Sprintf("%s %s %s", t.Kind, t.Level, t.Reason)))
	}
	s.at++
}

// incidents asserts how many there were, and gives the last.
func (s *scene) incidents(n int) Incident {
	s.t.Helper()
	if !assert.Len(s.t, s.book.Incidents, n, "%v", s.told) || n == 0 {
		return Incident{}
	}
	return s.book.Incidents[n-1]
}

// after is a time as minutes since another.
func after(m, since Minute) int { return int(m - since) }
