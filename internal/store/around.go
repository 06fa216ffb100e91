package store

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/blast"
	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/incident"
)

// Around is what went on when something failed.
type Around struct {
	Blast    blast.Answer
	Incident *incident.Record // that it was part of
	Deploy   *Deploy          // the last one before, of its release where it names one
}

// ofFailure is the same code at the same endpoint, in minutes.
const ofFailure = `workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz
  AND service = $4::text AND environment = $5::text AND role = $6::int2 AND method = $7::text AND endpoint = $8::text AND code = $9::text`

const sqlAroundMinutes = `
SELECT minute, sum(n)::int8 FROM error_minutes WHERE ` + ofFailure + ` GROUP BY minute HAVING sum(n) > 0 ORDER BY minute`

// Corrections are counted below zero, and a customer of whom nothing is left is none.
const sqlAroundCustomers = `
SELECT count(*)::int8, coalesce(sum(n) FILTER (WHERE customer = $10::text), 0)::int8
FROM (SELECT customer, sum(n) AS n FROM customer_counts WHERE ` + ofFailure + ` AND customer <> '' GROUP BY customer HAVING sum(n) > 0) c`

const sqlAroundCounted = `
SELECT EXISTS (SELECT FROM error_minutes WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz)`

const (
	// countedBefore is how long before the hour that is compared with something must
	// have been counted: else "usually none" only says that Errata was not there.
	countedBefore = 24 * time.Hour
	// deployBefore is how far back a deploy is looked for.
	deployBefore = 30 * 24 * time.Hour
)

// Around says of a failure whether others met it, which incident it was part of and
// which deploy it followed: in one round trip, from minutes as they were counted and
// never from Events, so that it takes as long in a storm as on a quiet day.
func (s *Store) Around(ctx context.Context, ws int32, e *event.Event, now time.Time) (out Around, err error) {
	defer fault.Wrap(&err, "Around")
	c := blast.Counts{Window: blast.WindowOf(e.OccurredAt, now), Customer: e.Customer}
	before := c.Before()
	args := func(w blast.Window) []any {
		return []any{ws, w.From, w.To, e.Service, e.Environment, ordinal(roles, e.Role), e.Method, e.Endpoint, e.Code}
	}
	b := &pgx.Batch{}
	b.Queue(sqlAroundMinutes, args(c.Window)...).Query(func(rows pgx.Rows) error { return countMinutes(rows, &c) })
	b.Queue(sqlAroundMinutes, args(before)...).Query(func(rows pgx.Rows) error {
		last := blast.Counts{Window: before}
		err := countMinutes(rows, &last)
		c.Normal = last.Events
		return err
	})
	b.Queue(sqlAroundCounted, ws, before.From.Add(-countedBefore), before.To).QueryRow(func(row pgx.Row) error { return row.Scan(&c.NormalKnown) })
	b.Queue(sqlAroundCustomers, append(args(c.Window), e.Customer)...).QueryRow(func(row pgx.Row) error { return row.Scan(&c.Customers, &c.Theirs) })
	queueCovering(b, ws, e, &out.Incident)
	b.Queue(sqlDeploys, ws, e.OccurredAt.Add(-deployBefore), e.OccurredAt.Add(time.Millisecond), e.Service, e.Environment, 1, e.Release).Query(func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, scanDeploy)
		if len(list) > 0 {
			out.Deploy = &list[0]
		}
		return err
	})
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return out, unavailable(err)
	}
	if r := out.Incident; r != nil {
		c.Incident = &blast.Incident{Name: r.Name(), Number: r.Number, Title: r.Title, Open: r.Open(), StartedAt: r.StartedAt, ResolvedAt: r.ResolvedAt}
	}
	out.Blast = blast.Judge(c)
	return out, nil
}

// countMinutes adds up what was counted within a window.
func countMinutes(rows pgx.Rows, c *blast.Counts) error {
	c.Minutes = make([]int64, c.To.Sub(c.From)/time.Minute)
	var minute time.Time
	var n int64
	_, err := pgx.ForEachRow(rows, []any{&minute, &n}, func() error {
		if minute = minute.UTC(); c.First.IsZero() {
			c.First = minute
		}
		c.Last = minute
		c.Events += n
		c.Minutes[minute.Sub(c.From)/time.Minute] = n
		return nil
	})
	return err
}

// queueCovering looks for the incident that a failure was part of; one that lasts
// before one that is over. What callers do wrong is nobody's incident.
func queueCovering(b *pgx.Batch, ws int32, e *event.Event, into **incident.Record) {
	family := detect.Server.String()
	switch e.Family {
	case event.FamilyCaller:
		return
	case event.FamilyLimits:
		family = detect.Limits.String()
	}
	f := IncidentFilter{Service: e.Service, Environment: e.Environment, Family: family, From: e.OccurredAt.Add(-time.Minute), To: e.OccurredAt.Add(time.Millisecond)}
	b.Queue(sqlIncidentsOver, append(f.args(ws), e.Endpoint, e.Method, "", "", MaxOver)...).Query(func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, justRecord)
		for i := range list {
			r := &list[i]
			switch {
			case r.Provider != "" && (e.Upstream == nil || !strings.EqualFold(e.Upstream.Provider, r.Provider)):
			case r.Why.Customer != "" && r.Why.Customer != e.Customer: // it is about somebody else
			case *into == nil || r.Open() && !(*into).Open():
				*into = r
			}
		}
		return err
	})
}
