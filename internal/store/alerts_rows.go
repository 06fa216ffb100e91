package store

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/incident"
)

// alertFamily says which families are judged together: what fails on our side,
// whoever caused it, and limits. What callers do wrong is nobody's alert.
func alertFamily(cause int16) detect.Family {
	if familyOf(cause) == event.FamilyLimits {
		return detect.Limits
	}
	return detect.Server
}

// Alerts count a failure in the minute it happened, or where it came more than
// 15 minutes later in the minute it came: see countedOf.
const sqlAlertFailures = `
SELECT alert_minute, family, coalesce(status, 0)::int2, environment, service, method, endpoint, code, provider, sum(n)::int8, sum(n_late)::int8
FROM error_minutes
WHERE workspace_id = $1::int4 AND alert_minute >= $2::timestamptz AND alert_minute < $3::timestamptz AND role = 0 AND family > 0
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(n) > 0`

// Requests by source: which one counts is chosen over the hour, of which this may
// be a part. Failures are requests where spans are what is counted.
const sqlAlertSpans = `
SELECT minute, 7::int2, environment, service, method, endpoint, sum(n)::float8 FROM error_minutes
WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz AND role = 0 AND service = ANY ($4::text[])
GROUP BY 1, 3, 4, 5, 6`

const sqlAlertRequests = `
SELECT minute, source, environment, service, method, endpoint, sum(n) FROM request_minutes
WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz
GROUP BY 1, 2, 3, 4, 5, 6`

// fromSpans are requests that succeeded, and the failures that are added to them.
const fromSpans = event.SpanRequests

// countedBySpans are the services whose requests are known from spans alone.
func countedBySpans(sources map[incident.Place]event.Sources) (out []string) {
	for place, has := range sources {
		if has.Best().Has(fromSpans) {
			out = append(out, place.Service)
		}
	}
	return out
}

type sourced struct {
	incident.Answered
	source event.RequestSource
}

// Services that answered a hundred requests in the same half hour a week ago, and
// which of some answered any in the last: the others are silent.
const (
	sqlOnceHeard = `
SELECT environment, service FROM request_minutes
WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz - interval '7 days 29 minutes' AND minute <= $2::timestamptz - interval '7 days'
GROUP BY environment, service HAVING sum(n) >= 100`
	sqlHeard = `
SELECT DISTINCT environment, service FROM request_minutes
WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz - interval '29 minutes' AND minute <= $2::timestamptz AND service = ANY ($3::text[])`
)

// readSilent finds the services that are. Those of which the hour knows need not be
// asked for; the others may have been counted in minutes that were not looked at
// since.
func (h *alertHour) readSilent(ctx context.Context, q querier, ws int32, last detect.Minute) (err error) {
	if h.silent, err = readPlaces(ctx, q, sqlOnceHeard, ws, last.Time()); err != nil {
		return err
	}
	heard := map[incident.Place]bool{}
	for by, at := range h.counted {
		heard[by.Place] = heard[by.Place] || at > last-30
	}
	isHeard := func(p incident.Place) bool { return heard[p] }
	if h.silent = slices.DeleteFunc(h.silent, isHeard); len(h.silent) == 0 {
		return nil
	}
	list, err := readPlaces(ctx, q, sqlHeard, ws, last.Time(), column(h.silent, func(p incident.Place) string { return p.Service }))
	for _, p := range list {
		heard[p] = true
	}
	h.silent = slices.DeleteFunc(h.silent, isHeard)
	return err
}

func readPlaces(ctx context.Context, q querier, sql string, args ...any) ([]incident.Place, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p incident.Place, err error) {
		return p, row.Scan(&p.Environment, &p.Service)
	})
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

func readFailures(ctx context.Context, q querier, ws int32, from, to time.Time) ([]incident.Failure, error) {
	return collectFailures(ctx, q, sqlAlertFailures, ws, from, to)
}

func collectFailures(ctx context.Context, q querier, sql string, ws int32, args ...any) (out []incident.Failure, err error) {
	rows, err := q.Query(ctx, sql, append([]any{ws}, args...)...)
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
		f.Minute, f.Family, f.Cause, f.Status = detect.MinuteOf(at), alertFamily(family), familyOf(family), int(status)
		out = append(out, f)
		return nil
	})
	return out, err
}

func readAnswered(ctx context.Context, q querier, sql string, ws int32, args ...any) (out []sourced, err error) {
	rows, err := q.Query(ctx, sql, append([]any{ws}, args...)...)
	if err != nil {
		return nil, err
	}
	pool := textPool{}
	var at time.Time
	var a sourced
	into := []any{&at, &a.source}
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
  SELECT environment, service, method, endpoint, CASE family WHEN 1 THEN 1 ELSE 0 END AS fam, c.name, sum(c.n) AS n
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

// newCodes says which of the codes nobody met in the week before. Of a service of
// which nothing at all is known from then, none is news.
func (m *alertMemory) newCodes(ctx context.Context, from alertSource, last detect.Minute, codes iter.Seq[codeOf]) (map[codeOf]bool, error) {
	for c, at := range m.codes {
		if last-at > 24*60 {
			delete(m.codes, c)
		}
	}
	out := map[codeOf]bool{}
	var services []string
	for c := range codes {
		if _, known := m.codes[c]; !known && !out[c] {
			out[c] = true
			services = append(services, c.service)
		}
	}
	if len(out) == 0 {
		return out, nil
	}
	slices.Sort(services)
	met, err := from.metCodes(ctx, slices.Compact(services), (last - detect.Hour).Time().Truncate(time.Hour))
	if err != nil {
		return nil, err
	}
	old := map[string]bool{}
	for _, c := range met {
		m.codes[c] = last
		old[c.service] = true
		delete(out, c)
	}
	for c := range out {
		if !old[c.service] {
			m.codes[c] = last
			delete(out, c)
		}
	}
	return out, nil
}

// alertSource is where judging asks what few series need: in the tables, or where
// the past is judged again in what was read of them before.
type alertSource interface {
	// customers are whom the failures of the ten minutes hit that ended with a minute.
	customers(ctx context.Context, minute detect.Minute, services []string) (map[familyOfPlace]detect.Customers, error)
	// metCodes are the codes that services met in the week before.
	metCodes(ctx context.Context, services []string, before time.Time) ([]codeOf, error)
}

// alertTables is the source of what is judged as it happens.
type alertTables struct {
	q  querier
	ws int32
}

func (a alertTables) customers(ctx context.Context, minute detect.Minute, services []string) (map[familyOfPlace]detect.Customers, error) {
	return readCustomers(ctx, a.q, a.ws, minute, services)
}

func (a alertTables) metCodes(ctx context.Context, services []string, before time.Time) ([]codeOf, error) {
	rows, err := a.q.Query(ctx, sqlKnownCodes, a.ws, services, before)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c codeOf, err error) { return c, row.Scan(&c.service, &c.code) })
}

// familyWord is a family as events name it.
func familyWord(f detect.Family) event.Family {
	if f == detect.Limits {
		return event.FamilyLimits
	}
	return event.FamilyUs
}
