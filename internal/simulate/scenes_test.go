package simulate

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"errata/internal/detect"
)

// quiet is a series with noise and nothing else.
func quiet(seed uint64, class Class, base float64) *Series {
	s := &Series{Class: class, Base: base, Noise: Usual()}
	s.draw(rand.New(rand.NewPCG(seed, 5)))
	return s
}

// shape replaces what a stretch has by another share of errors.
func (s *Series) shape(r *rand.Rand, from, to int, rate float64) {
	for i := from; i < to; i++ {
		s.Samples[i].Errors = binomial(r, s.Samples[i].Requests, rate)
	}
}

func pages(s *Series) (pages, others int) {
	for _, i := range Incidents(s, true, detect.Default()) {
		if i.Level == detect.Page {
			pages++
		} else {
			others++
		}
	}
	return pages, others
}

// Five weeks of nothing, over many keys: nobody is woken.
func TestQuietKeys(t *testing.T) {
	total := 0
	for seed := range uint64(2) {
		for _, class := range Classes() {
			p, _ := pages(quiet(seed, class, Bases()[seed%3]))
			total += p
		}
	}
	assert.Zero(t, total, "false pages in 40 weeks")
}

// A release that makes errors four times as frequent, below the limit, and stays.
func TestLevelShiftsOfReleases(t *testing.T) {
	total := 0
	r := rand.New(rand.NewPCG(1, 6))
	for _, class := range Classes()[:3] {
		s := quiet(50, class, 0.002)
		s.shape(r, 14*day, Days*day, 0.008)
		p, _ := pages(s)
		total += p
	}
	assert.Zero(t, total)
}

// A storm hits all keys of a service in the same minutes: each of them fires
// once, and is over at about the same time.
func TestStorm(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := quiet(seed+100, Classes()[seed%2], 0.002)
		s.shape(r, 20*day, 20*day+30, 0.5)
		s.shape(r, 20*day+34, 20*day+40, 0.5)
		all := Incidents(s, true, detect.Default())
		if assert.Len(t, all, 1) {
			assert.LessOrEqual(t, int(all[0].Fired-Start)-20*day, 4)
			assert.LessOrEqual(t, int(all[0].Resolved-Start)-20*day, 40+20)
		}
	}
}
