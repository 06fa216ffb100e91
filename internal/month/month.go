// Package month makes up a month of failures as a company with many services
// has it: a few services and customers have most of it, days and weeks have
// their shape, services are released and break, and now and then there is an
// incident. It is what `errata bench seed` writes.
//
// It is pure and it repeats itself: the same Spec gives the same failures, down
// to their IDs. Nothing is kept of what was given out, so that a month may have
// any number of them.
package month

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"errata/internal/event"
)

// Spec says what month to make up.
type Spec struct {
	Seed uint64
	// From is inclusive, To exclusive; both are whole minutes.
	From, To time.Time
	// Events is how many failures there are, exactly.
	Events              int64
	Services, Customers int
}

// Limits of what a Spec may say.
const (
	MaxEvents    = 1_000_000_000
	MaxDays      = 400
	MaxServices  = 2_000
	MaxCustomers = 1_000_000
)

// Minute is what happened within one minute of the month.
type Minute struct {
	At time.Time
	// Failures are in the order of time, but for a caller's failure, which
	// follows the one that caused it.
	Failures []event.Envelope
	// Totals are how many requests production answered in the minutes up to this
	// one; Workspace is left to the caller.
	Totals []event.Requests
}

// Month is a Spec made ready.
type Month struct {
	spec    Spec
	minutes int
	world   *world
	shape   shape
	totals  plan
}

// The streams of randomness are apart, so that a month with more events has
// the same services.
const (
	worldStream = iota
	shapeStream
	eventStream
)

func source(spec *Spec, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(spec.Seed, stream)) //nolint:gosec // made up on purpose
}

// New makes a month ready, or says what is wrong with the Spec.
func New(spec Spec) (*Month, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	m := &Month{spec: spec, minutes: int(spec.To.Sub(spec.From) / time.Minute)}
	m.world = newWorld(&m.spec, source(&spec, worldStream))
	m.shape = newShape(&m.spec, m.minutes, m.world, source(&spec, shapeStream))
	m.totals = newPlan(m.world, m.minutes, spec.Events)
	return m, nil
}

func (s *Spec) check() error {
	s.From, s.To = s.From.UTC(), s.To.UTC()
	switch {
	case !s.From.Truncate(time.Minute).Equal(s.From) || !s.To.Truncate(time.Minute).Equal(s.To):
		return fmt.Errorf("the month must begin and end with whole minutes; it is from %s to %s", s.From.Format(time.RFC3339), s.To.Format(time.RFC3339))
	case s.To.Sub(s.From) < time.Hour || s.To.Sub(s.From) > MaxDays*24*time.Hour:
		return fmt.Errorf("a month must have between an hour and %d days; it has %s", MaxDays, s.To.Sub(s.From))
	case s.Events < 1 || s.Events > MaxEvents:
		return fmt.Errorf("there must be between 1 and %d events; there are %d", int64(MaxEvents), s.Events)
	case s.Services < 1 || s.Services > MaxServices:
		return fmt.Errorf("there must be between 1 and %d services; there are %d", MaxServices, s.Services)
	case s.Customers < 1 || s.Customers > MaxCustomers:
		return fmt.Errorf("there must be between 1 and %d customers; there are %d", MaxCustomers, s.Customers)
	}
	return nil
}

// Minutes gives the month in order, from its beginning each time.
func (m *Month) Minutes() iter.Seq[Minute] {
	return func(yield func(Minute) bool) {
		t := &teller{Month: m, rand: source(&m.spec, eventStream), release: make([]int, len(m.world.services)), failed: make([]int64, len(m.totals.series))}
		for i := range m.minutes {
			if !yield(t.minute(i)) {
				return
			}
		}
	}
}

// at is the beginning of the nth minute.
func (m *Month) at(n int) time.Time { return m.spec.From.Add(time.Duration(n) * time.Minute) }
