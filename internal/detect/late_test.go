package detect

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A tenth of the rows comes 1 to 20 minutes late: those within 15 minutes count
// where they belong, the others are noted. It costs no incident and hardly any time.
func TestLateRows(t *testing.T) {
	set := Default()
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		replay := NewReplay(sceneStart, true, Server, &set)
		var book Book
		type row struct {
			due Minute
			Sample
		}
		var waiting []row
		began := sceneStart + 8*1440 + Minute(r.IntN(1000))
		for m := sceneStart; m < began+120; m++ {
			rate := 0.002
			if m >= began && m < began+20 {
				rate = 0.5
			}
			now := Sample{Minute: m, Counts: Counts{Requests: 300}}
			for range 300 {
				if r.Float64() >= rate {
					continue
				}
				if r.Float64() >= 0.1 {
					now.Errors++
					continue
				}
				late := Minute(1 + r.IntN(20))
				one := row{m + late, Sample{Minute: m, Counts: Counts{Errors: 1}}}
				if late > 15 { // counted where it arrives
					one.Sample = Sample{Minute: m + late, Counts: Counts{Late: 1}}
				}
				waiting = append(waiting, one)
			}
			replay.Add(now)
			kept := waiting[:0]
			for _, w := range waiting {
				if w.due == m {
					replay.Add(w.Sample)
				} else {
					kept = append(kept, w)
				}
			}
			waiting = kept
			book.Note(replay.Close(m))
		}
		if assert.Len(t, book.Incidents, 1) {
			assert.LessOrEqual(t, after(book.Incidents[0].Fired, began), 3)
			assert.NotZero(t, book.Incidents[0].Resolved)
		}
	}
}

// A spool that drains after an hour shows errors of long ago: no page.
func TestVeryLateRowsCannotPage(t *testing.T) {
	s := newScene(t, 300, 0.002, Default(), Server).week()
	for range 30 {
		s.replay.Add(Sample{Minute: s.at, Counts: Counts{Late: 200}})
		s.run(1, s.base)
	}
	s.incidents(0)
}

// A source whose clock is half an hour slow sends nothing but late rows: they
// count like those of others.
func TestSkewedClock(t *testing.T) {
	s := newScene(t, 300, 0.005, Default(), Server)
	late := func(minutes int, rate float64) {
		for range minutes {
			errors, requests := s.errors(rate)
			s.replay.Add(Sample{Minute: s.at, Counts: Counts{Late: errors}})
			s.minute(0, requests)
		}
	}
	late(8*1440, s.base)
	s.incidents(0)
	assert.True(t, s.replay.in.Baseline.Skewed)
	assert.InDelta(t, 0.005, s.replay.in.Baseline.Rate, 0.002)
	began := s.at
	late(10, 0.5)
	assert.Less(t, after(s.incidents(1).Fired, began), 5)
}

// Totals that are missing, or begin anew, are no outage.
func TestTotalsThatFail(t *testing.T) {
	for name, requests := range map[string]int64{"unknown": Unknown, "reset": 0, "a bit of them": 1} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 300, 0.01, Default(), Server).week()
			for range 50 {
				s.minute(3, requests)
			}
			s.incidents(0)
			for range 10 {
				s.minute(150, requests) // and an outage is one without them
			}
			assert.Equal(t, Page, s.incidents(1).Level)
		})
	}
	s := newScene(t, 300, 0.01, Default(), Server).week()
	for range 50 {
		s.minute(3, 300)
		s.minute(3, 300_000_000) // a counter that ran over
	}
	s.incidents(0)
}
