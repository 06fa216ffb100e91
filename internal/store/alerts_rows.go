package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/incident"
)

// Families that are judged together: what fails on our side, whoever caused it,
// and limits. What callers do wrong is nobody's alert.
const alertFamilyOf = `CASE family WHEN 1 THEN 1 ELSE 0 END`

// Alerts count a failure in the minute it happened, or where it came more than
// 15 minutes later in the minute it came: see countedOf.
const sqlAlertFailures = `
SELECT alert_minute, ` + alertFamilyOf + `::int2, coalesce(status, 0)::int2, environment, service, method, endpoint, code, provider, sum(n)::int8, sum(n_late)::int8
FROM error_minutes
WHERE workspace_id = $1::int4 AND alert_minute >= $2::timestamptz AND alert_minute < $3::timestamptz AND role = 0 AND family > 0
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(n) > 0`

// ifChosen chooses one source of a service's requests, as sqlRequests does.
const ifChosen = `
  CASE
    WHEN p.sources & 2 <> 0 THEN r.source = 1
    WHEN p.sources & (4 | 8 | 16 | 32) <> 0 THEN
      r.source = CASE WHEN p.sources & 4 <> 0 THEN 2 ELSE 3 END OR
      r.source = CASE WHEN p.sources & 16 <> 0 THEN 4 ELSE 5 END
    WHEN p.sources & 64 <> 0 THEN r.source = 6
    ELSE r.source = 7
  END`

// The source is chosen over the hour, the minutes asked for are fewer.
const sqlAlertRequests = `
WITH present AS (
  SELECT service, environment, bit_or(1 << source) AS sources FROM request_minutes
  WHERE workspace_id = $1::int4 AND minute >= $3::timestamptz - interval '1 hour' AND minute < $3::timestamptz
  GROUP BY service, environment
)
SELECT r.minute, r.environment, r.service, r.method, r.endpoint, sum(r.n)
FROM (
  SELECT minute, service, environment, method, endpoint, source, n FROM request_minutes
  WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz
  UNION ALL
  SELECT minute, service, environment, method, endpoint, 7, n FROM error_minutes
  WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz AND role = 0
) r JOIN present p ON p.service = r.service AND p.environment = r.environment
WHERE ` + ifChosen + `
GROUP BY r.minute, r.environment, r.service, r.method, r.endpoint`

// alertHour is what was counted in the last hour and a quarter, by minute, as it
// was read last.
type alertHour struct {
	failures map[detect.Minute][]incident.Failure
	answered map[detect.Minute][]incident.Answered
	upto     detect.Minute // the newest minute that was read
	whole    detect.Minute // when all of it was read
}

const (
	// rereadMinutes are read every minute: nearly all of what comes late comes
	// within these.
	rereadMinutes = 10
	// rereadAll is after how many minutes all of the hour is read again.
	rereadAll = 5
)

// read brings the hour up to a minute, in the order of minutes.
func (h *alertHour) read(ctx context.Context, q querier, ws int32, last detect.Minute) error {
	from := last - incident.Room + 1
	if h.failures != nil && last-h.whole < rereadAll && h.upto >= last-rereadMinutes && h.upto <= last {
		from = max(from, h.upto-rereadMinutes+1)
	} else {
		h.whole = last
		h.failures, h.answered = map[detect.Minute][]incident.Failure{}, map[detect.Minute][]incident.Answered{}
	}
	failures, err := readFailures(ctx, q, ws, from.Time(), (last + 1).Time())
	if err != nil {
		return err
	}
	answered, err := readAnswered(ctx, q, ws, from.Time(), (last + 1).Time())
	if err != nil {
		return err
	}
	for m := range h.failures {
		if m >= from || m <= last-incident.Room {
			delete(h.failures, m)
		}
	}
	for m := range h.answered {
		if m >= from || m <= last-incident.Room {
			delete(h.answered, m)
		}
	}
	for _, f := range failures {
		h.failures[f.Minute] = append(h.failures[f.Minute], f)
	}
	for _, a := range answered {
		h.answered[a.Minute] = append(h.answered[a.Minute], a)
	}
	h.upto = last
	return nil
}

// all are the rows of all minutes.
func (h *alertHour) all() (failures []incident.Failure, answered []incident.Answered) {
	for _, list := range h.failures {
		failures = append(failures, list...)
	}
	for _, list := range h.answered {
		answered = append(answered, list...)
	}
	return failures, answered
}

// textPool keeps one copy of each text: rows repeat each other.
type textPool map[string]string

// pooled takes a text into the pool.
type pooled struct {
	pool textPool
	to   *string
}

// ScanBytes implements pgtype.BytesScanner.
func (p pooled) ScanBytes(v []byte) error {
	if *p.to == string(v) {
		return nil
	}
	kept, ok := p.pool[string(v)]
	if !ok {
		kept = string(v)
		p.pool[kept] = kept
	}
	*p.to = kept
	return nil
}

func readFailures(ctx context.Context, q querier, ws int32, from, to time.Time) (out []incident.Failure, err error) {
	rows, err := q.Query(ctx, sqlAlertFailures, ws, from, to)
	if err != nil {
		return nil, err
	}
	pool := textPool{}
	var at time.Time
	var family, status int16
	var f incident.Failure
	into := []any{&at, &family, &status}
	for _, text := range []*string{&f.Environment, &f.Service, &f.Method, &f.Endpoint, &f.Code, &f.Provider} {
		into = append(into, pooled{pool, text})
	}
	_, err = pgx.ForEachRow(rows, append(into, &f.N, &f.Late), func() error {
		f.Minute, f.Family, f.Status = detect.MinuteOf(at), detect.Family(family), int(status) //nolint:gosec // 0 or 1
		out = append(out, f)
		return nil
	})
	return out, err
}

func readAnswered(ctx context.Context, q querier, ws int32, from, to time.Time) (out []incident.Answered, err error) {
	rows, err := q.Query(ctx, sqlAlertRequests, ws, from, to)
	if err != nil {
		return nil, err
	}
	pool := textPool{}
	var at time.Time
	var a incident.Answered
	into := []any{&at}
	for _, text := range []*string{&a.Environment, &a.Service, &a.Method, &a.Endpoint} {
		into = append(into, pooled{pool, text})
	}
	_, err = pgx.ForEachRow(rows, append(into, &a.N), func() error {
		a.Minute = detect.MinuteOf(at)
		out = append(out, a)
		return nil
	})
	return out, err
}

// Whom failures hit in the ten minutes that ended with a minute: of services,
// and of endpoints. Rows are added up by who reads them: some take back.
const sqlAlertCustomers = `
WITH met AS (
  SELECT environment, service, method, endpoint, ` + alertFamilyOf + ` AS fam, c.name, sum(c.n) AS n
  FROM customer_minutes m, unnest(m.customers, m.counts) AS c(name, n)
  WHERE m.workspace_id = $1::int4 AND m.alert_minute >= $2::timestamptz AND m.alert_minute < $3::timestamptz
    AND m.minute >= $2::timestamptz - interval '1 day' AND m.role = 0 AND m.family > 0 AND m.service = ANY ($4::text[])
  GROUP BY 1, 2, 3, 4, 5, 6
), places AS (
  SELECT environment, service, '' AS method, '' AS endpoint, fam, name, sum(n) AS n FROM met GROUP BY 1, 2, 5, 6 HAVING sum(n) > 0
  UNION ALL
  SELECT environment, service, method, endpoint, fam, name, n FROM met WHERE n > 0 AND endpoint <> ''
)
SELECT environment, service, method, endpoint, fam::int2, count(*)::int8, max(n)::int8, (array_agg(name ORDER BY n DESC, name))[1]
FROM places GROUP BY 1, 2, 3, 4, 5`

type familyOfPlace struct {
	incident.Place
	family detect.Family
}

// readCustomers gives whom the failures of ten minutes hit.
func readCustomers(ctx context.Context, q querier, ws int32, minute detect.Minute, services []string) (map[familyOfPlace]detect.Customers, error) {
	rows, err := q.Query(ctx, sqlAlertCustomers, ws, (minute - 9).Time(), (minute + 1).Time(), services)
	if err != nil {
		return nil, err
	}
	out := map[familyOfPlace]detect.Customers{}
	var p incident.Place
	var family int16
	var c detect.Customers
	_, err = pgx.ForEachRow(rows, []any{&p.Environment, &p.Service, &p.Method, &p.Endpoint, &family, &c.Distinct, &c.Top, &c.TopName}, func() error {
		c.TopRequests = detect.Unknown
		out[familyOfPlace{p, detect.Family(family)}] = c //nolint:gosec // 0 or 1
		return nil
	})
	return out, err
}

// Codes that services met in the week before an hour: what has none of these is
// new. By issues, because their hours are few.
const sqlKnownCodes = `
SELECT DISTINCT i.service, i.code FROM issues i
WHERE i.workspace_id = $1::int4 AND i.service = ANY ($2::text[])
  AND EXISTS (SELECT FROM issue_hours h WHERE h.workspace_id = i.workspace_id AND h.issue_id = i.id AND h.n > 0
              AND h.hour >= $3::timestamptz - interval '7 days' AND h.hour < $3::timestamptz)`

type codeOf struct{ service, code string }

// newCodes says which codes of the failures nobody met in the week before. Of a
// service of which nothing at all is known from then, none is news.
func (m *alertMemory) newCodes(ctx context.Context, q querier, ws int32, last detect.Minute, failures []incident.Failure) (map[codeOf]bool, error) {
	for c, at := range m.codes {
		if last-at > 24*60 {
			delete(m.codes, c)
		}
	}
	out := map[codeOf]bool{}
	var services []string
	for i := range failures {
		c := codeOf{failures[i].Service, failures[i].Code}
		if _, known := m.codes[c]; !known && c.code != "" && !out[c] {
			out[c] = true
			services = append(services, c.service)
		}
	}
	if len(out) == 0 {
		return out, nil
	}
	slices.Sort(services)
	rows, err := q.Query(ctx, sqlKnownCodes, ws, slices.Compact(services), (last - detect.Hour).Time().Truncate(time.Hour))
	if err != nil {
		return nil, err
	}
	var c codeOf
	old := map[string]bool{}
	_, err = pgx.ForEachRow(rows, []any{&c.service, &c.code}, func() error {
		m.codes[c] = last
		old[c.service] = true
		delete(out, c)
		return nil
	})
	for c := range out {
		if !old[c.service] {
			delete(out, c)
		}
	}
	return out, err
}

// familyWord is a family as events name it.
func familyWord(f detect.Family) event.Family {
	if f == detect.Limits {
		return event.FamilyLimits
	}
	return event.FamilyUs
}
