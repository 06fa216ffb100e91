package store

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
	"errata/internal/retries"
)

// attemptColumns are what is told of an attempt.
const attemptColumns = `e.id::text, e.request_id, e.trace_id, e.occurred_at, e.duration_ms, e.status, e.code, e.path, e.extra->'retry_after'`

// sameRoute: the customer's request went the same way.
const sameRoute = `e.customer = $4::text AND e.service = $5::text AND e.environment = $6::text AND e.role = $7::int2 AND e.method = $8::text AND e.endpoint = $9::text
  AND e.occurred_at >= $10::timestamptz AND e.occurred_at <= $11::timestamptz AND e.merged_into IS NULL`

// wasThinned: a rule has let failures of these days go, which may have been attempts.
// Of what is left nothing can be said.
const wasThinned = `EXISTS (SELECT FROM expired_days d
  WHERE d.workspace_id = $1::int4 AND d.day IN (DATE '1970-01-01' + $12::int4, DATE '1970-01-01' + $13::int4) AND d.rule IS NOT NULL)`

// The primary key of aliases has day, value and ID in this order: however many
// failures have a key, only those of the window are read, and of those not many.
const sqlAttemptsByKey = `
SELECT ` + attemptColumns + `
FROM (SELECT a.workspace_id, a.day, a.event_id FROM aliases a
  WHERE a.workspace_id = $1::int4 AND a.day IN (DATE '1970-01-01' + $12::int4, DATE '1970-01-01' + $13::int4) AND a.value = $14::text
    AND a.event_id >= $2::uuid AND a.event_id <= $3::uuid AND a.kind = 'idempotency' AND NOT ` + wasThinned + ` LIMIT $15::int4) a
JOIN events e ON e.workspace_id = a.workspace_id AND e.day = a.day AND e.id = a.event_id
WHERE ` + sameRoute

// Without a key, failures are walked through in order of time, from this one into the
// past and into the time after it, a bounded number of them: an index by customer
// would lead to all that they met in a day. Each part is of one day, named outright,
// or the primary key would not give its order; the third is what the window has of
// another day. The last column says how many a part read at most.
// Minutes know how often the customer met this failure: most met it once, so that there
// is nothing to walk through, and of those who meet it often nothing is said.
const sqlAttemptsAlike = `
WITH met AS MATERIALIZED (
  SELECT CASE WHEN ` + wasThinned + ` THEN -1 ELSE coalesce(sum(u.n), 0) END AS n
  FROM generate_series(date_trunc('minute', $10::timestamptz), $11::timestamptz, interval '1 minute') AS m (minute) CROSS JOIN LATERAL (
    SELECT customers, counts FROM customer_minutes c
    WHERE c.workspace_id = $1::int4 AND c.minute = m.minute AND c.minute >= $10::timestamptz - interval '1 minute' AND c.minute <= $11::timestamptz AND c.failure = $18::int8 OFFSET 0) c
  CROSS JOIN LATERAL unnest(c.customers, c.counts) AS u (customer, n) WHERE u.customer = $4::text),
near AS MATERIALIZED (
  (SELECT 1 AS part, e.day, e.id, ` + alike + ` AS alike FROM events e
   WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $12::int4 AND e.id >= $2::uuid AND e.id < $14::uuid AND ` + metAgain + `
   ORDER BY e.id DESC LIMIT $15::int4)
  UNION ALL
  (SELECT 2, e.day, e.id, ` + alike + ` FROM events e
   WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $12::int4 AND e.id > $14::uuid AND e.id <= $3::uuid AND ` + metAgain + `
   ORDER BY e.id LIMIT $15::int4)
  UNION ALL
  (SELECT 3, e.day, e.id, ` + alike + ` FROM events e
   WHERE e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + $13::int4 AND e.id >= $2::uuid AND e.id <= $3::uuid AND ` + metAgain + `
   ORDER BY e.id LIMIT $15::int4))
SELECT ` + attemptColumns + `, (SELECT max(p.n) FROM (SELECT count(*) AS n FROM near n GROUP BY n.part) p)
FROM (SELECT n.day, n.id FROM near n WHERE n.alike LIMIT $17::int4) n
JOIN events e ON e.workspace_id = $1::int4 AND e.day = n.day AND e.id = n.id`

// metAgain is known before anything is walked through.
const metAgain = `(SELECT met.n FROM met) BETWEEN $19::int8 AND $20::int8`

// alike is a condition, and a column only so that the limit counts what was read.
const alike = `(e.code = $16::text AND ` + sameRoute + ` AND (e.extra->'aliases' @> '[{"kind":"idempotency"}]') IS NOT TRUE)`

// maxNear is how many failures are walked through on either side: those of a
// workspace that has 1.3 million a day.
const maxNear = 10_000

// maxMet is how often the customer may have met the failure for anything to be walked
// through: some of them have a key, or are of the minutes at the window's ends.
const maxMet = 4 * (retries.MaxAlike + 1)

// Attempts gives what belongs to a failure as attempts of the same thing: with the
// same idempotency key where it has one, else perhaps. nil where nothing is known.
func (s *Store) Attempts(ctx context.Context, ws int32, e *event.Event, now time.Time) (out *retries.Answer, err error) {
	defer fault.Wrap(&err, "Attempts")
	since, err := s.keyedSince(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	b := &pgx.Batch{}
	queueAttempts(b, ws, e, now, since, &out)
	if b.Len() == 0 {
		return nil, nil
	}
	if err := s.reading(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, b).Close() }); err != nil {
		return nil, err
	}
	return out, nil
}

// queueAttempts adds the one statement that it takes, if any. since is from when on
// minutes know failures (keyedSince).
func queueAttempts(b *pgx.Batch, ws int32, e *event.Event, now, since time.Time, into **retries.Answer) {
	from, to := e.OccurredAt.Add(-retries.Window), e.OccurredAt.Add(retries.Window)
	// The ID of an Event has the time of its first report; the others may have set
	// another.
	low, high := from.Add(-identity.JoinWindow), to.Add(identity.JoinWindow)
	first, last := int32(identity.DayOf(low)), int32(identity.DayOf(high))
	args := []any{ws, firstID(low), firstID(high), e.Customer, e.Service, e.Environment, ordinal(roles, e.Role), e.Method, e.Endpoint, from, to}
	if key := e.IdempotencyKey(); key != "" {
		b.Queue(sqlAttemptsByKey, append(args, first, last, key, retries.MaxKeyed+1)...).Query(func(rows pgx.Rows) error {
			found, err := collectAttempts(rows, nil)
			if len(found.Events) == 0 { // not even this one: nothing is known
				return err
			}
			found.Basis, found.More = retries.ByKey, len(found.Events) > retries.MaxKeyed
			*into = retries.Judge(e, found, now)
			return err
		})
		return
	}
	if e.Customer == "" || e.Role != event.Primary || e.WentWell() {
		return
	}
	own := dayOfID(e.ID, e.OccurredAt)
	var other any // NULL: the window is of one day
	switch {
	case first != own:
		other = first
	case last != own:
		other = last
	}
	least, most := int64(2), int64(maxMet)
	if from.Add(-time.Minute).Before(since) {
		least, most = 0, math.MaxInt64
	}
	of := countedOf(ws, e, false)
	b.Queue(sqlAttemptsAlike, append(args, own, other, e.ID, maxNear, e.Code, retries.MaxAlike+1, of.failure().number(), least, most)...).Query(func(rows pgx.Rows) error {
		var read int64
		found, err := collectAttempts(rows, &read)
		found.Basis, found.More = retries.ByLikeness, read >= maxNear || len(found.Events) > retries.MaxAlike
		*into = retries.Judge(e, found, now)
		return err
	})
}

func collectAttempts(rows pgx.Rows, read *int64) (found retries.Found, err error) {
	found.Events, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (event.Event, error) {
		var e event.Event
		var request *string
		var trace *[16]byte
		var status *int16
		places := []any{&e.ID, &request, &trace, &e.OccurredAt, &e.DurationMS, &status, &e.Code, &e.Path, &e.RetryAfter}
		if read != nil {
			places = append(places, read)
		}
		err := row.Scan(places...)
		e.RequestID, e.TraceID, e.Status, e.OccurredAt = deref(request), traceText(trace), int(deref(status)), e.OccurredAt.UTC()
		return e, err
	})
	return found, err
}
