package store

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// thinner lets a rule go through a day.
type thinner struct {
	s    *Store
	rule thinning
	day  int32
	late time.Time // what came in since may be reported again
	cuts map[issueAndHour]cut
	// newest is when the newest came in of those that stay for that; nil for none.
	newest *time.Time
}

// repeatable is for how long a report may be repeated.
const repeatable = 48 * time.Hour

func newThinner(s *Store, r thinning, day int32, now time.Time) *thinner {
	return &thinner{s: s, rule: r, day: day, late: now.Add(-repeatable), cuts: map[issueAndHour]cut{}}
}

type issueAndHour struct {
	issue string
	hour  int64 // since 1970
}

// cut is where, in the order of their hashes and IDs, the failures of an issue and
// hour begin to go.
type cut struct {
	hash     int64
	id       string
	ids      int64 // roughly how many IDs they have
	examples []string
}

// takes reports whether the failure goes.
func (c cut) takes(hash int64, id string) bool { return hash > c.hash || hash == c.hash && id >= c.id }

// Who stays is decided by the request, so that what stays of one is all of it, in
// every service that it went through.
const (
	requestHash = `hashtextextended(coalesce(e.trace_id::text, e.request_id, e.id::text) COLLATE "C", 0)`
	eventHour   = `floor(extract(epoch FROM e.occurred_at) / 3600)::int8`
)

// matched adds the rule's conditions, of Events of a day that are not pointers.
func (t *thinner) matched() (query, error) {
	q := query{}
	q.where("e.workspace_id = %s::int4", t.rule.ws)
	q.where("e.day = DATE '1970-01-01' + %s::int4", t.day)
	q.where(noPointers)
	return q, q.search(t.rule.Match)
}

// The failures that a rule matches, numbered within each issue and hour that has more
// than it keeps. What is spared stays, and counts for what is kept; so does what came
// in so late that it may be reported again. at is the place of the first that goes;
// what belongs to its request goes with it, unless nothing would be left then.
const (
	cutsBegin = `
WITH m AS MATERIALIZED (
  SELECT e.issue_id, e.id, ` + eventHour + ` AS hour, ` + requestHash + ` AS hash,
    (e.request_id IS NOT NULL)::int4 + (e.trace_id IS NOT NULL)::int4 + coalesce(jsonb_array_length(e.extra -> 'aliases'), 0) AS ids,
    CASE WHEN e.received_at > {since} THEN e.received_at END AS late, `
	cutsMiddle = ` AS spared
  FROM events e WHERE `
	cutsEnd = `),
g AS (SELECT m.issue_id, m.hour, count(*) FILTER (WHERE m.spared OR m.late IS NOT NULL) AS spared, max(m.late) AS late FROM m GROUP BY m.issue_id, m.hour HAVING count(*) > {keep}),
r AS (
  SELECT m.issue_id, m.hour, m.hash, m.id, g.spared, row_number() OVER w AS at, rank() OVER (PARTITION BY m.issue_id, m.hour ORDER BY m.hash) AS request_at,
    count(*) OVER (PARTITION BY m.issue_id, m.hour) AS n, sum(m.ids) OVER (PARTITION BY m.issue_id, m.hour) - sum(m.ids) OVER w + m.ids AS ids
  FROM m JOIN g ON g.issue_id = m.issue_id AND g.hour = m.hour WHERE NOT m.spared AND m.late IS NULL
  WINDOW w AS (PARTITION BY m.issue_id, m.hour ORDER BY m.hash, m.id)),
c AS (
  SELECT r.*, r.request_at > 1 OR r.at = 1 AS whole, r.n - CASE WHEN r.request_at > 1 OR r.at = 1 THEN r.request_at ELSE r.at END + 1 AS goes
  FROM r WHERE r.at = greatest({keep} - r.spared, 0) + 1)`

	// Issues name five of the failures of an hour: of those that stay.
	selectCuts = `,
k AS (
  SELECT m.issue_id, m.hour, (array_agg(m.id::text))[1:5] AS ids FROM m JOIN c ON c.issue_id = m.issue_id AND c.hour = m.hour
  WHERE m.spared OR m.late IS NOT NULL OR m.hash < c.hash OR m.hash = c.hash AND NOT c.whole AND m.id < c.id GROUP BY m.issue_id, m.hour)
SELECT (SELECT max(g.late) FROM g), coalesce(c.issue_id::text, ''), coalesce(c.hour, 0), coalesce(c.hash, 0), CASE WHEN c.whole THEN '` + noID + `' ELSE coalesce(c.id::text, '') END,
  coalesce(c.ids, 0)::int8, coalesce(k.ids, '{}')
FROM (SELECT) one LEFT JOIN c ON true LEFT JOIN k ON k.issue_id = c.issue_id AND k.hour = c.hour`

	selectGoing = `
SELECT (SELECT count(*) FROM m), (SELECT count(m.late) FROM m), coalesce(sum(c.goes), 0)::int8 FROM c`
)

func (t *thinner) cutsStatement(spares spared, what string) (string, []any, error) {
	q, err := t.matched()
	if err != nil {
		return "", nil, err
	}
	places := strings.NewReplacer("{keep}", q.arg(t.rule.Keep)+"::int8", "{since}", q.arg(t.late)+"::timestamptz")
	isSpared := "(e.id = ANY (" + q.arg(spares.events.list()) + "::uuid[]) OR coalesce(e.request_id = ANY (" + q.arg(spares.requests.list()) +
		"::text[]), false) OR coalesce(e.trace_id = ANY (" + q.arg(spares.traces.list()) + "::uuid[]), false))"
	return places.Replace(cutsBegin) + isSpared + cutsMiddle + strings.Join(q.conds, " AND ") + places.Replace(cutsEnd) + what, q.args, nil
}

// findCuts finds the issues and hours that have more than the rule keeps.
func (t *thinner) findCuts(ctx context.Context, spares spared) error {
	sql, args, err := t.cutsStatement(spares, selectCuts)
	if err != nil {
		return err
	}
	rows, err := t.s.pool.Query(ctx, sql, args...)
	if err != nil {
		return unavailable(err)
	}
	var of issueAndHour
	var c cut
	_, err = pgx.ForEachRow(rows, []any{&t.newest, &of.issue, &of.hour, &c.hash, &c.id, &c.ids, &c.examples}, func() error {
		if of.issue != "" {
			t.cuts[of] = c
		}
		c.examples = nil
		return nil
	})
	return unavailable(err)
}

const sqlShowKept = `
UPDATE issue_hours h SET samples = string_to_array(u.s, ' ')::uuid[]
FROM unnest($2::uuid[], $3::int8[], $4::text[]) AS u(i, h, s)
WHERE h.workspace_id = $1::int4 AND h.issue_id = u.i AND h.hour = to_timestamp(u.h * 3600) AND h.samples IS NOT NULL
  AND h.hour >= (DATE '1970-01-01' + $5::int4 - 1)::timestamp AT TIME ZONE 'UTC' AND h.hour < (DATE '1970-01-01' + $5::int4 + 2)::timestamp AT TIME ZONE 'UTC'`

// showKept has the hours of issues name failures that stay instead of what goes.
func (t *thinner) showKept(ctx context.Context) error {
	var issues, examples []string
	var hours []int64
	flush := func() error {
		err := t.s.retrying(ctx, func() error {
			_, err := t.s.pool.Exec(ctx, sqlShowKept, t.rule.ws, issues, hours, examples, t.day)
			return err
		})
		issues, hours, examples = nil, nil, nil
		return err
	}
	for of, c := range t.cuts {
		issues, hours, examples = append(issues, of.issue), append(hours, of.hour), append(examples, strings.Join(c.examples, " "))
		if len(issues) == deleteBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(issues) == 0 {
		return nil
	}
	return flush()
}
