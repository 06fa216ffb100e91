package ingest

import (
	"time"

	"errata/internal/event"
	"errata/internal/spool"
)

// Condition is how a collector is.
type Condition struct {
	Spool    spool.Stats
	SpoolMax int64 // 0: it has no spool
	// Away is how long it is, or was the last time, without the database.
	Away time.Duration
}

// Condition tells how the collector is.
func (s *Server) Condition() Condition {
	if s.keep == nil {
		return Condition{}
	}
	stats, since := s.keep.stats()
	c := Condition{Spool: stats, SpoolMax: s.deps.Spool.MaxBytes()}
	s.keep.mu.Lock()
	c.Away = s.keep.last
	s.keep.mu.Unlock()
	if !since.IsZero() {
		c.Away = time.Since(since)
	}
	return c
}

// FetchRefusals gives what was refused since it was fetched last. Who cannot
// pass it on gives it back with ReturnRefusals.
func (s *Server) FetchRefusals() map[event.Refusal]int64 { return s.refusals.fetch() }

// ReturnRefusals takes counts back.
func (s *Server) ReturnRefusals(counts map[event.Refusal]int64) {
	for what, n := range counts {
		s.refusals.add(what, n)
	}
}
