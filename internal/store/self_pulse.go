package store

import (
	"context"
	"time"

	"errata/internal/fault"
	"errata/internal/selfwatch"
)

// Pulse is whether alerts are alive, whoever sees to them.
type Pulse struct {
	At      time.Time     // by the database's clock
	Judged  time.Time     // the end of the last minute that was judged; zero: none yet
	Late    time.Time     // since when a collector holds back reports, so that nothing is judged; zero: none does
	Overdue time.Duration // how long the message has waited that could have been sent first
}

// Stalled says since when nobody judges.
func (p *Pulse) Stalled() (since time.Time, ok bool) {
	return p.Judged, !p.Judged.IsZero() && p.At.Sub(p.Judged) > selfwatch.StalledLimit
}

const (
	// As sqlBehind has it.
	sqlPulse = `
SELECT now(), (SELECT minute FROM alert_clock), (SELECT min(c.spool_oldest) FROM collectors c
  WHERE c.seen_at > now() - interval '2 minutes' AND c.spool_oldest < now() - interval '3 minutes')`
	sqlPulseOverdue = `
SELECT coalesce(greatest(extract(epoch FROM now() - min(d.next_at)), 0), 0)::float8 FROM deliveries d WHERE ` + dueHead
)

// Pulse says whether minutes are judged. It is asked for by pages: what it costs
// does not grow with what waits.
func (s *Store) Pulse(ctx context.Context) (p Pulse, err error) {
	defer fault.Wrap(&err, "Pulse")
	var judged, late *time.Time
	if err := s.pool.QueryRow(ctx, sqlPulse).Scan(&p.At, &judged, &late); err != nil {
		return p, unavailable(err)
	}
	if judged != nil {
		p.Judged = judged.UTC().Add(time.Minute)
	}
	if late != nil {
		p.Late = late.UTC()
	}
	return p, nil
}

// FullPulse also says whether messages are sent.
func (s *Store) FullPulse(ctx context.Context) (p Pulse, err error) {
	defer fault.Wrap(&err, "FullPulse")
	if p, err = s.Pulse(ctx); err != nil {
		return p, err
	}
	var overdue float64
	err = s.pool.QueryRow(ctx, sqlPulseOverdue).Scan(&overdue)
	p.Overdue = seconds(overdue)
	return p, unavailable(err)
}
