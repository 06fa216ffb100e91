package month

import (
	"math"
	"math/rand/v2"
	"time"
)

// shape says how many failures each minute has: sums up to the end of it.
type shape struct {
	usual     []float64 // what the time of day and week makes
	all       []float64 // with the incidents
	incidents []incident
}

// incident is a time in which one endpoint fails in one way, all the time.
type incident struct {
	from, to          int // minutes
	service, endpoint int
	kind              int
	// size is how much it adds at its height, as a share of everything.
	size float64
}

func newShape(spec *Spec, minutes int, w *world, r *rand.Rand) shape {
	s := shape{usual: make([]float64, minutes), all: make([]float64, minutes)}
	for range 1 + minutes/(3*24*60) { // one every three days
		s.incidents = append(s.incidents, newIncident(minutes, w, r))
	}
	usual, all := 0.0, 0.0
	for i := range minutes {
		now := season(spec.From.Add(time.Duration(i) * time.Minute))
		usual += now
		all += now
		for k := range s.incidents {
			all += now * s.incidents[k].height(i)
		}
		s.usual[i], s.all[i] = usual, all
	}
	return s
}

// troubles are the kinds that incidents are made of.
var troubles = func() (list []int) {
	for i, k := range kinds {
		if k.status >= 500 || k.code == "rate_limit_exceeded" {
			list = append(list, i)
		}
	}
	return list
}()

func newIncident(minutes int, w *world, r *rand.Rand) incident {
	service := r.IntN(min(len(w.services), 20))
	from := r.IntN(minutes)
	return incident{from: from, to: min(from+int(about(r, 35, 0.6))+5, minutes), service: service, endpoint: w.services[service].popular.spin(r),
		kind: troubles[r.IntN(len(troubles))], size: between(r, 0.3, 2)}
}

// height rises within five minutes and ends at once, as a rollback does.
func (i *incident) height(minute int) float64 {
	if minute < i.from || minute >= i.to {
		return 0
	}
	return i.size * min(float64(minute-i.from+1)/5, 1)
}

// season is how much happens at a time, 1 on average over a working day: the
// afternoon (UTC) has four times the night, a weekend half of a working day.
func season(t time.Time) float64 {
	hour := float64(t.Hour()) + float64(t.Minute())/60
	level := 1 + 0.6*math.Sin((hour-9)/24*2*math.Pi)
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		level *= 0.5
	}
	return level
}

// events is how many failures the minute has, of n altogether.
func (s *shape) events(minute int, n int64) int64 {
	upTo := func(i int) int64 {
		if i < 0 {
			return 0
		}
		return int64(math.Round(float64(n) * s.all[i] / s.all[len(s.all)-1]))
	}
	return upTo(minute) - upTo(minute-1)
}

// usually is how many failures there would be from one minute to another, of n
// altogether, if there were no incidents.
func (s *shape) usually(from, to int, n int64) float64 {
	before := 0.0
	if from > 0 {
		before = s.usual[from-1]
	}
	return float64(n) * (s.usual[to-1] - before) / s.all[len(s.all)-1]
}

// under draws the incident that a failure of the minute belongs to; nil for
// none.
func (s *shape) under(minute int, r *rand.Rand) *incident {
	now := 1.0
	for k := range s.incidents {
		now += s.incidents[k].height(minute)
	}
	if now == 1 {
		return nil
	}
	at := r.Float64()*now - 1
	for k := range s.incidents {
		if h := s.incidents[k].height(minute); at >= 0 && at < h {
			return &s.incidents[k]
		} else if at >= 0 {
			at -= h
		}
	}
	return nil
}
