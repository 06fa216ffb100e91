package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// RequestFilter says which requests are asked for. Empty texts match all; From
// is inclusive, To exclusive, and both are needed.
type RequestFilter struct {
	Service, Environment, Method, Endpoint string
	From, To                               time.Time
}

// RequestMinute is how many requests of one Series were answered in one minute
// (UTC), and who counted them.
type RequestMinute struct {
	Minute time.Time
	event.Series
	Source event.RequestSource
	N      float64
}

// maxRequestMinutes bounds one answer.
const maxRequestMinutes = 200_000

// Sources count the same requests, so that one must be chosen: totals, else
// metrics, else those that a Collector made of spans, else spans. The choice is
// made here and not when they are written: what arrives first is not what is
// best, and a choice at that time could not be taken back. It is made for a
// service in an environment, and for the whole period, whatever endpoint is
// asked for: sources write one endpoint in different ways (/a/{id}, /a/:id) and
// put it into different minutes, so that a choice for each series or minute
// would count some requests twice. Of metrics, a service's HTTP and RPC
// requests add up, of the newer or else the older name. Spans are counted while
// they succeed; those that fail are Events (role 0 is primary), and so is what
// such a service reports in other ways.
const sqlRequests = `
WITH present AS (
  SELECT service, environment, bit_or(1 << source) AS sources
  FROM request_minutes
  WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz
    AND ($4::text = '' OR service = $4::text) AND ($5::text = '' OR environment = $5::text)
  GROUP BY service, environment
)
SELECT r.minute, r.service, r.environment, r.method, r.endpoint, min(r.source), sum(r.n)
FROM (
  SELECT minute, service, environment, method, endpoint, source, n FROM request_minutes
  WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz
  UNION ALL
  SELECT minute, service, environment, method, endpoint, 7, n FROM error_minutes
  WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz AND role = 0
) r JOIN present p ON p.service = r.service AND p.environment = r.environment
WHERE ($4::text = '' OR r.service = $4::text) AND ($5::text = '' OR r.environment = $5::text)
  AND ($6::text = '' OR r.method = $6::text) AND ($7::text = '' OR r.endpoint = $7::text)
  AND CASE
    WHEN p.sources & 2 <> 0 THEN r.source = 1
    WHEN p.sources & (4 | 8 | 16 | 32) <> 0 THEN
      r.source = CASE WHEN p.sources & 4 <> 0 THEN 2 ELSE 3 END OR
      r.source = CASE WHEN p.sources & 16 <> 0 THEN 4 ELSE 5 END
    WHEN p.sources & 64 <> 0 THEN r.source = 6
    ELSE r.source = 7
  END
GROUP BY r.minute, r.service, r.environment, r.method, r.endpoint
ORDER BY r.minute, r.service, r.environment, r.method, r.endpoint
LIMIT $8::int4`

// Requests gives how many requests there were per minute and series, in order
// of time, counted by the best source that there is for each service and
// environment in the period. Statuses and what is (other) are added up.
// Minutes without requests are left out. Errors: a fault of kind Unprocessable
// where a period is missing or the answer too large, Unavailable.
func (s *Store) Requests(ctx context.Context, ws int32, f RequestFilter) (out []RequestMinute, err error) {
	defer fault.Wrap(&err, "Requests")
	if !f.From.Before(f.To) {
		return nil, invalid("from", "must be before 'to'")
	}
	rows, err := s.pool.Query(ctx, sqlRequests, ws, f.From, f.To, f.Service, f.Environment, f.Method, f.Endpoint, maxRequestMinutes+1)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m RequestMinute, err error) {
		err = row.Scan(&m.Minute, &m.Service, &m.Environment, &m.Method, &m.Endpoint, &m.Source, &m.N)
		m.Minute = m.Minute.UTC()
		return m, err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	if len(out) > maxRequestMinutes {
		return nil, fault.New(fault.Unprocessable, "filter_too_broad", "More than %d minutes and endpoints. Ask for a shorter period, or for one service.", maxRequestMinutes)
	}
	return out, nil
}
