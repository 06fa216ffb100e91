package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/incident"
)

const (
	sqlReplayPlaces = `
SELECT family, coalesce(status, 0)::int2, environment, service, method, endpoint, code, provider, sum(n)::int8
FROM error_minutes
WHERE workspace_id = $1::int4 AND alert_minute >= $2::timestamptz AND alert_minute < $3::timestamptz AND minute >= $2::timestamptz - interval '2 days' AND role = 0 AND family > 0
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(n) > 0`
	sqlReplaySenders = `
SELECT DISTINCT service FROM request_minutes WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz`

	// The same as sqlAlertFailures, sqlAlertRequests and sqlAlertSpans, of some services. What is
	// dated by a clock that is wrong by more than a day is left out.
	sqlReplayFailures = `
SELECT alert_minute, family, coalesce(status, 0)::int2, environment, service, method, endpoint, code, provider, sum(n)::int8, sum(n_late)::int8
FROM error_minutes
WHERE workspace_id = $1::int4 AND alert_minute >= $2::timestamptz AND alert_minute < $3::timestamptz AND role = 0 AND family > 0 AND service = ANY ($4::text[])
  AND minute >= $2::timestamptz - interval '2 days' AND minute < $3::timestamptz + interval '1 day'
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(n) > 0`
	sqlReplayRequests = `
SELECT e.minute, e.source, e.environment, e.service, CASE WHEN e.here THEN e.method ELSE '' END, CASE WHEN e.here THEN e.endpoint ELSE '' END, sum(e.n)
FROM (
  SELECT m.*, w.key IS NOT NULL AS here
  FROM request_minutes m LEFT JOIN unnest($5::text[]) AS w(key) ON w.key = m.service || chr(31) || m.method || chr(31) || m.endpoint
  WHERE m.workspace_id = $1::int4 AND m.minute >= $2::timestamptz AND m.minute < $3::timestamptz AND m.service = ANY ($4::text[])
) e
GROUP BY 1, 2, 3, 4, 5, 6`
	sqlReplaySpans = `
SELECT e.minute, 7::int2, e.environment, e.service, CASE WHEN e.here THEN e.method ELSE '' END, CASE WHEN e.here THEN e.endpoint ELSE '' END, sum(e.n)::float8
FROM (
  SELECT m.*, w.key IS NOT NULL AS here
  FROM error_minutes m LEFT JOIN unnest($5::text[]) AS w(key) ON w.key = m.service || chr(31) || m.method || chr(31) || m.endpoint
  WHERE m.workspace_id = $1::int4 AND m.minute >= $2::timestamptz AND m.minute < $3::timestamptz AND m.service = ANY ($4::text[]) AND m.role = 0
) e
GROUP BY 1, 2, 3, 4, 5, 6`
)

func endpointKey(p incident.Place) string { return p.Service + "\x1f" + p.Method + "\x1f" + p.Endpoint }

// choose finds what is to be judged: services that fail where one of some rules
// looks, and of their endpoints those that fail most.
func (r *replay) choose(ctx context.Context, about []incident.Rule) error {
	rows, err := r.tx.Query(ctx, sqlReplayPlaces, r.ws, r.warm.Time(), (r.last + 1).Time())
	if err != nil {
		return err
	}
	pool := textPool{}
	var family, status int16
	var f incident.Failure
	into := []any{&family, &status}
	for _, text := range []*string{&f.Environment, &f.Service, &f.Method, &f.Endpoint, &f.Code, &f.Provider} {
		into = append(into, pooled{pool, text})
	}
	failed, kinds, all := map[incident.Place]int64{}, int64(0), int64(0)
	if _, err = pgx.ForEachRow(rows, append(into, &f.N), func() error {
		f.Family, f.Cause, f.Status = alertFamily(family), familyOf(family), int(status)
		if slices.ContainsFunc(about, func(a incident.Rule) bool { return a.Matches == nil || a.Matches(&f) }) {
			place := incident.Place{Environment: f.Environment, Service: f.Service, Method: f.Method, Endpoint: f.Endpoint}
			failed[place.Whole()] += f.N
			kinds, all = kinds+1, all+f.N
			if f.Endpoint != "" {
				failed[place] += f.N
			}
		}
		return nil
	}); err != nil {
		return err
	}
	var places, endpoints []incident.Place
	for p, n := range failed {
		switch {
		case p == p.Whole():
			places = append(places, p)
		case n >= incident.Fewest:
			endpoints = append(endpoints, p)
		}
	}
	slices.SortFunc(endpoints, func(a, b incident.Place) int {
		return cmp.Or(cmp.Compare(failed[b], failed[a]), cmp.Compare(endpointKey(a), endpointKey(b)), cmp.Compare(a.Environment, b.Environment))
	})
	if r.leftOut = len(endpoints) - maxReplayed; r.leftOut > 0 {
		endpoints = endpoints[:maxReplayed]
	}
	r.leftOut = max(r.leftOut, 0)
	for _, p := range places {
		r.services = append(r.services, p.Service)
	}
	for _, p := range endpoints {
		r.endpoints = append(r.endpoints, endpointKey(p))
	}
	r.want(append(places, endpoints...))
	if slices.ContainsFunc(about, func(a incident.Rule) bool { return a.Matches == nil }) {
		if err := r.chooseSenders(ctx); err != nil {
			return err
		}
	}
	each := min(kinds, all/int64(r.last-r.warm)+1) + int64(len(places)+len(endpoints)) // rows of a minute, about
	r.partMinutes = detect.Minute(min(max(partRows/max(each, 1), minPart), maxPart))
	slices.Sort(r.services)
	slices.Sort(r.endpoints)
	r.services, r.endpoints = slices.Compact(r.services), slices.Compact(r.endpoints)
	return nil
}

func (r *replay) want(places []incident.Place) {
	if r.wanted == nil {
		r.wanted = map[incident.Series]bool{}
	}
	for _, p := range places {
		for i := range r.rules {
			for _, family := range []detect.Family{detect.Server, detect.Limits} {
				r.wanted[incident.Series{Rule: r.rules[i].ID, Family: family, Environment: p.Environment, Service: p.Service, Method: p.Method, Endpoint: p.Endpoint}] = true
			}
		}
	}
}

// chooseSenders adds services that never fail: they may fall silent.
func (r *replay) chooseSenders(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, sqlReplaySenders, r.ws, (r.warm - 7*1440).Time(), (r.last + 1).Time())
	if err != nil {
		return err
	}
	services, err := pgx.CollectRows(rows, pgx.RowTo[string])
	r.services, r.silent = append(r.services, services...), true
	return err
}

// replayPart is what was counted in a part of the past, by minute.
type replayPart struct {
	to       detect.Minute // before which
	failures map[detect.Minute][]incident.Failure
	answered map[detect.Minute][]incident.Answered
	sources  map[incident.Place]event.Sources // of this part and the one before
	had      map[incident.Place]event.Sources // of this part
}

// What is read at a time: about as many rows, and from half an hour to half a day.
const (
	partRows         = 200_000
	minPart, maxPart = 30, 12 * 60
)

func (r *replay) readPart(ctx context.Context, part *replayPart, from detect.Minute) error {
	to := min(from+r.partMinutes, r.last+1)
	next := replayPart{to: to, failures: map[detect.Minute][]incident.Failure{}, answered: map[detect.Minute][]incident.Answered{},
		sources: map[incident.Place]event.Sources{}, had: map[incident.Place]event.Sources{}}
	failures, err := collectFailures(ctx, r.tx, sqlReplayFailures, r.ws, from.Time(), to.Time(), r.services)
	if err != nil {
		return err
	}
	for _, f := range failures {
		next.failures[f.Minute] = append(next.failures[f.Minute], f)
	}
	answered, err := r.readRequests(ctx, &next, part.had, from.Time(), to.Time(), sqlReplayRequests, sqlReplaySpans)
	if err != nil {
		return err
	}
	for i := range answered {
		if a := &answered[i]; next.sources[a.Whole()].Best().Has(a.source) {
			next.answered[a.Minute] = append(next.answered[a.Minute], a.Answered)
		}
	}
	*part = next
	return nil
}

// readRequests reads requests of all sources, and notes which those are.
func (r *replay) readRequests(ctx context.Context, part *replayPart, before map[incident.Place]event.Sources, from, to time.Time, sql, spans string) ([]sourced, error) {
	answered, err := readAnswered(ctx, r.tx, sql, r.ws, from, to, r.services, r.endpoints)
	if err != nil {
		return nil, err
	}
	for p, has := range before {
		part.sources[p] = has
	}
	for i := range answered {
		whole := answered[i].Whole()
		part.had[whole] = part.had[whole].With(answered[i].source)
		part.sources[whole] = part.sources[whole].With(answered[i].source)
	}
	services := countedBySpans(part.sources)
	if len(services) == 0 {
		return answered, nil
	}
	failed, err := readAnswered(ctx, r.tx, spans, r.ws, from, to, services, r.endpoints)
	return append(answered, failed...), err
}
