package simulate

import (
	"math"
	"math/rand/v2"

	"errata/internal/detect"
)

// Noise is how a series varies while nothing is wrong.
type Noise struct {
	Name     string
	Day      float64 // how far load swings by day: 0.6 is from 40 % to 160 %
	Weekend  float64 // load of a weekend, as a share
	Load     float64 // standard deviation of the logarithm of load
	LoadKeep float64 // minutes that it needs to forget
	Shape    float64 // of the gamma distribution of error rates
	Every    int     // minutes that a drawn rate stays
	Drift    float64 // standard deviation of the logarithm of slowly moving error rates
	Keep     float64 // minutes that those need to forget
	Evening  float64 // how far the error rate swings by day
	Jitter   float64 // shape of the gamma distribution within incidents; 0: none
	Ramp     int     // minutes that an incident needs to reach its height
}

// Usual is the milder of the two noises that the gates are judged by.
func Usual() Noise {
	return Noise{Name: "usual", Day: 0.6, Weekend: 0.6, Load: 0.15, LoadKeep: 60, Shape: 5, Every: 1, Drift: 0.15, Keep: 120, Jitter: 30}
}

// Rough is the other. It is made so that common practice, rules A to D as first
// written among it, does about as well as where those were published; see the
// record of decision. Practice that goes by fixed shares hardly tells noises
// apart, since blips are nearly all that it pages for: what decides are the last
// two, which compare a series with itself.
func Rough() Noise {
	return Noise{Name: "rough", Day: 0.9, Weekend: 0.4, Load: 0.3, LoadKeep: 45, Shape: 3, Every: 1, Drift: 0.35, Keep: 30, Jitter: 8}
}

// Others are further ways in which series may vary: a detector that was made
// for one of them shows it here.
func Others() []Noise {
	make1 := func(name string, change func(*Noise)) Noise {
		n := Usual()
		n.Name = name
		change(&n)
		return n
	}
	return []Noise{
		make1("calm", func(n *Noise) { n.Shape, n.Drift, n.Load, n.Jitter = 1000, 0, 0.05, 0 }),
		make1("noisy minutes", func(n *Noise) { n.Shape = 1.5 }),
		make1("noisy, 5 min", func(n *Noise) { n.Shape, n.Every = 4, 5 }),
		make1("noisy, 15 min", func(n *Noise) { n.Shape, n.Every = 6, 15 }),
		make1("drifting", func(n *Noise) { n.Drift, n.Keep = 0.35, 60 }),
		make1("drifting slowly", func(n *Noise) { n.Drift, n.Keep = 0.4, 360 }),
		make1("drifting fast", func(n *Noise) { n.Drift, n.Keep, n.Shape = 0.5, 20, 2 }),
		make1("errors by day", func(n *Noise) { n.Evening = 0.5 }),
		make1("quiet nights", func(n *Noise) { n.Day, n.Weekend = 0.85, 0.4 }),
		make1("wild load", func(n *Noise) { n.Load, n.LoadKeep = 0.4, 20 }),
		make1("ramps", func(n *Noise) { n.Ramp = 5 }),
		make1("harsh", func(n *Noise) {
			n.Day, n.Weekend, n.Load, n.LoadKeep, n.Shape, n.Drift, n.Keep, n.Jitter = 0.8, 0.45, 0.3, 30, 2, 0.3, 60, 10
		}),
		make1("harsher", func(n *Noise) {
			n.Day, n.Weekend, n.Load, n.LoadKeep, n.Shape, n.Drift, n.Keep, n.Jitter, n.Evening = 0.9, 0.4, 0.4, 15, 1, 0.35, 45, 4, 0.3
		}),
	}
}

const (
	day  = 1440
	week = 7 * day
	// Days is how long a series is, Warm of which are not scored.
	Days = 35
	Warm = 7
)

// Start is the first minute: a Monday.
const Start = detect.Minute(29_449_440)

// Class says how busy a series is.
type Class struct {
	Name string
	Load float64 // requests per minute
}

// Classes are the four that the page on alerting names.
func Classes() []Class {
	return []Class{{"high", 3000}, {"mid", 300}, {"low", 10}, {"tiny", 0.5}}
}

// Bases are the usual shares of errors.
func Bases() []float64 { return []float64{0.0005, 0.002, 0.01} }

// Series is one made-up series and what is true of it.
type Series struct {
	Class   Class
	Base    float64
	Noise   Noise
	Samples []detect.Sample
	Truth   []Event
	minutes int // 0: Days
}

func (s *Series) length() int {
	if s.minutes > 0 {
		return s.minutes
	}
	return Days * day
}

// Make draws a series.
func Make(r *rand.Rand, class Class, base float64, noise Noise) *Series {
	s := &Series{Class: class, Base: base, Noise: noise, Truth: plan(r, class, base)}
	s.draw(r)
	return s
}

// draw fills the minutes: load, then how many of it fail.
func (s *Series) draw(r *rand.Rand) {
	class, base, noise, rates := s.Class, s.Base, s.Noise, s.overlay()
	load, drift := newWalk(r, noise.Load, noise.LoadKeep), newWalk(r, noise.Drift, noise.Keep)
	phase, level := r.Float64()*day, 1.0
	s.Samples = make([]detect.Sample, s.length())
	for i := range s.Samples {
		if i%max(noise.Every, 1) == 0 {
			level = gamma(r, noise.Shape)
		}
		turn := math.Sin(2 * math.Pi * (float64(i) + phase) / day)
		mean := class.Load * (1 + noise.Day*turn) * load.next(r)
		if i/day%7 >= 5 {
			mean *= noise.Weekend
		}
		n := poisson(r, mean)
		p := base * level * drift.next(r) * (1 + noise.Evening*turn)
		if rates[i] > 0 {
			height := rates[i]
			if noise.Jitter > 0 {
				height *= gamma(r, noise.Jitter)
			}
			p = max(p, height)
		}
		s.Samples[i] = detect.Sample{Minute: Start + detect.Minute(i), Counts: detect.Counts{Errors: binomial(r, n, min(p, 1)), Requests: n}}
	}
}

// overlay is the share of errors that events make, by minute.
func (s *Series) overlay() []float64 {
	rates := make([]float64, s.length())
	for _, e := range s.Truth {
		for i := e.From; i < e.To; i++ {
			height := e.Rate
			if ramp := s.Noise.Ramp; ramp > 0 && e.To-e.From > 2*ramp && i-e.From < ramp {
				height *= float64(i-e.From+1) / float64(ramp+1)
			}
			rates[i] = max(rates[i], height)
		}
	}
	return rates
}
