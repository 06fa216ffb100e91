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
	"errata/internal/retries"
)

// Around is what went on when something failed.
type Around struct {
	Blast    blast.Answer
	Incident *incident.Record // that it was part of
	Deploy   *Deploy          // the last one before, of its release where it names one
	Attempts *retries.Answer  // of the same thing
	Called   string           // what people call the customer; "" where nobody said it
}

// ofFailure is the same code at the same endpoint, in minutes.
const ofFailure = `workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz
  AND service = $4::text AND environment = $5::text AND role = $6::int2 AND method = $7::text AND endpoint = $8::text AND code = $9::text`

// Each minute is asked for by itself: what else happened in it is not looked at.
// Hashes may be the same, and so the failure is compared as well. That a minute is in
// the window is said again for the planner, which then knows the days.
const (
	eachMinute = `generate_series($2::timestamptz, $3::timestamptz - interval '1 minute', interval '1 minute') AS m (minute)`
	sameHere   = `service = $4::text AND environment = $5::text AND role = $6::int2 AND method = $7::text AND endpoint = $8::text AND code = $9::text`

	sqlAroundMinutes = `
SELECT m.minute, c.n FROM ` + eachMinute + ` CROSS JOIN LATERAL (
  SELECT sum(n)::int8 AS n FROM error_minutes e
  WHERE e.workspace_id = $1::int4 AND e.minute = m.minute AND e.minute >= $2::timestamptz AND e.minute < $3::timestamptz AND e.key BETWEEN $10::uuid AND $11::uuid AND ` + sameHere + `) c
WHERE c.n > 0 ORDER BY m.minute`

	// Corrections are counted below zero, and a customer of whom nothing is left is none.
	sqlAroundCustomers = `
SELECT count(*)::int8, coalesce(sum(n) FILTER (WHERE customer = $11::text), 0)::int8 FROM (
  SELECT u.customer, sum(u.n) AS n FROM ` + eachMinute + ` CROSS JOIN LATERAL (
    SELECT customers, counts FROM customer_minutes c
    WHERE c.workspace_id = $1::int4 AND c.minute = m.minute AND c.minute >= $2::timestamptz AND c.minute < $3::timestamptz AND c.failure = $10::int8 AND ` + sameHere + ` OFFSET 0) c
  CROSS JOIN LATERAL unnest(c.customers, c.counts) AS u (customer, n)
  WHERE u.customer <> '' GROUP BY u.customer HAVING sum(u.n) > 0) c`
)

// What was counted before keys began with the failure is found by reading all that
// was counted in those minutes.
const (
	sqlAroundMinutesBefore = `
SELECT minute, sum(n)::int8 FROM error_minutes WHERE ` + ofFailure + ` GROUP BY minute HAVING sum(n) > 0 ORDER BY minute`

	sqlAroundCustomersBefore = `
SELECT count(*)::int8, coalesce(sum(n) FILTER (WHERE customer = $10::text), 0)::int8
FROM (SELECT customer, sum(n) AS n FROM customer_counts WHERE ` + ofFailure + ` AND customer <> '' GROUP BY customer HAVING sum(n) > 0) c`

	sqlFailureKeys = `SELECT CASE WHEN since = '-infinity' THEN 'epoch' ELSE since END FROM failure_keys`
)

// keyedSince is from when on minutes are found by their failure.
func (s *Store) keyedSince(ctx context.Context) (time.Time, error) {
	if at := s.failuresSince.Load(); at != nil {
		return *at, nil
	}
	var at time.Time
	if err := s.pool.QueryRow(ctx, sqlFailureKeys).Scan(&at); err != nil {
		return at, err
	}
	s.failuresSince.Store(&at)
	return at, nil
}

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
// which deploy it followed: in one batch, from minutes as they were counted and
// of a bounded number of Events, so that it takes as long in a storm as on a quiet day.
func (s *Store) Around(ctx context.Context, ws int32, e *event.Event, now time.Time) (out Around, err error) {
	defer fault.Wrap(&err, "Around")
	since, err := s.keyedSince(ctx)
	if err != nil {
		return out, unavailable(err)
	}
	c := blast.Counts{Window: blast.WindowOf(e.OccurredAt, now), Customer: e.Customer}
	before := c.Before()
	of, b := countedOf(ws, e, false), &pgx.Batch{}
	key := of.failure()
	args := func(w blast.Window, more ...any) []any {
		return append([]any{ws, w.From, w.To, e.Service, e.Environment, of.role, e.Method, e.Endpoint, e.Code}, more...)
	}
	minutes := func(w blast.Window) *pgx.QueuedQuery {
		if w.From.Before(since) {
			return b.Queue(sqlAroundMinutesBefore, args(w)...)
		}
		return b.Queue(sqlAroundMinutes, args(w, uuidOf(key.lowest()), uuidOf(key.highest()))...)
	}
	minutes(c.Window).Query(func(rows pgx.Rows) error { return countMinutes(rows, &c) })
	minutes(before).Query(func(rows pgx.Rows) error {
		last := blast.Counts{Window: before}
		err := countMinutes(rows, &last)
		c.Normal = last.Events
		return err
	})
	customers, with := sqlAroundCustomers, args(c.Window, key.number(), e.Customer)
	if c.Window.From.Before(since) {
		customers, with = sqlAroundCustomersBefore, args(c.Window, e.Customer)
	}
	b.Queue(customers, with...).QueryRow(func(row pgx.Row) error { return row.Scan(&c.Customers, &c.Theirs) })
	b.Queue(sqlAroundCounted, ws, before.From.Add(-countedBefore), before.To).QueryRow(func(row pgx.Row) error { return row.Scan(&c.NormalKnown) })
	queueCovering(b, ws, e, &out.Incident)
	queueAttempts(b, ws, e, now, since, &out.Attempts)
	b.Queue(sqlDeploys, ws, e.OccurredAt.Add(-deployBefore), e.OccurredAt.Add(time.Millisecond), e.Service, e.Environment, 1, e.Release).Query(func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, scanDeploy)
		if len(list) > 0 {
			out.Deploy = &list[0]
		}
		return err
	})
	if e.Customer != "" {
		b.Queue(sqlCustomerNames, ws, []string{e.Customer}).Query(func(rows pgx.Rows) error {
			names := map[string]string{}
			err := intoNames(rows, names)
			out.Called = names[e.Customer]
			return err
		})
	}
	// Planned anew each time, with all the days that there are, they take longer to plan
	// than to carry out.
	if err := s.reading(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, b).Close() }); err != nil {
		return out, err
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
