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

// Failures and requests of a period by blocks of five minutes. Endpoints
// that nobody asks for are counted with their service, as are codes unless rules
// tell them apart.
const (
	sqlPastFailures = `
SELECT (extract(epoch FROM e.alert_minute)::int8 / 300)::int8, CASE WHEN $6::bool OR e.family = 1 THEN e.family ELSE 2 END::int2, CASE WHEN $6::bool THEN coalesce(e.status, 0) ELSE 0 END::int2, e.environment, e.service,
       CASE WHEN e.here THEN e.method ELSE '' END, CASE WHEN e.here THEN e.endpoint ELSE '' END,
       CASE WHEN $6::bool THEN e.code ELSE '' END, CASE WHEN $6::bool THEN e.provider ELSE '' END, sum(e.n)::int8, sum(e.n_late)::int8
FROM (
  SELECT m.*, w.key IS NOT NULL AS here
  FROM error_minutes m JOIN unnest($4::text[]) AS v(service) ON v.service = m.service
  LEFT JOIN unnest($5::text[]) AS w(key) ON w.key = m.service || chr(31) || m.method || chr(31) || m.endpoint
  WHERE m.workspace_id = $1::int4 AND m.alert_minute >= $2::timestamptz AND m.alert_minute < $3::timestamptz AND m.role = 0 AND m.family > 0
) e
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9`

	sqlPastRequests = `
SELECT (extract(epoch FROM e.minute)::int8 / 300)::int8, e.source, e.environment, e.service, CASE WHEN e.here THEN e.method ELSE '' END, CASE WHEN e.here THEN e.endpoint ELSE '' END, sum(e.n)
FROM (
  SELECT m.*, w.key IS NOT NULL AS here
  FROM request_minutes m LEFT JOIN unnest($5::text[]) AS w(key) ON w.key = m.service || chr(31) || m.method || chr(31) || m.endpoint
  WHERE m.workspace_id = $1::int4 AND m.minute >= $2::timestamptz AND m.minute < $3::timestamptz AND m.service = ANY ($4::text[])
) e
GROUP BY 1, 2, 3, 4, 5, 6`

	// Of services whose spans are counted, failures are requests, too.
	sqlPastSpans = `
SELECT (extract(epoch FROM e.minute)::int8 / 300)::int8, 7::int2, e.environment, e.service, CASE WHEN e.here THEN e.method ELSE '' END, CASE WHEN e.here THEN e.endpoint ELSE '' END, sum(e.n)::float8
FROM (
  SELECT m.*, w.key IS NOT NULL AS here
  FROM error_minutes m LEFT JOIN unnest($5::text[]) AS w(key) ON w.key = m.service || chr(31) || m.method || chr(31) || m.endpoint
  WHERE m.workspace_id = $1::int4 AND m.minute >= $2::timestamptz AND m.minute < $3::timestamptz AND m.service = ANY ($4::text[]) AND m.role = 0
) e
GROUP BY 1, 2, 3, 4, 5, 6`

	sqlMasks = `
SELECT family, environment, service, mask_from, coalesce(resolved_at, 'infinity'::timestamptz) = 'infinity'::timestamptz, coalesce(resolved_at, mask_from)
FROM incident_members
WHERE workspace_id = $1::int4 AND service = ANY ($2::text[]) AND NOT normal AND (resolved_at IS NULL OR resolved_at >= $3::timestamptz)`
)

// pastReader reads the past of some series.
type pastReader struct {
	ws    int32
	at    detect.Minute
	last  detect.Minute // what has been read is that of then; 0: nothing has
	rules []incident.Rule
	want  []incident.Series
	cache *pastCache
	hour  *alertHour // what has it that is not long ago; nil: nothing has
	// sources say who counts the requests of services.
	sources map[incident.Place]event.Sources

	all       [7]stretch
	services  []string
	endpoints []string
	wanted    map[incident.Series]bool
	masked    map[maskedGroup]map[block]bool
	lastWeek  map[incident.Place]float64
	long      map[incident.Series][2]detect.Counts
	usual     map[incident.Place]float64
}

type maskedGroup struct {
	family               detect.Family
	environment, service string
}

// prepare says what has to be asked for; fine: by codes as well.
func (p *pastReader) prepare() (fine bool) {
	p.all = stretches(p.at)
	p.wanted = map[incident.Series]bool{}
	fine = slices.ContainsFunc(p.rules, func(r incident.Rule) bool { return r.Matches != nil })
	for _, s := range p.want {
		p.wanted[s] = true
		p.services = append(p.services, s.Service)
		if s.Endpoint != "" {
			p.endpoints = append(p.endpoints, s.Service+"\x1f"+s.Method+"\x1f"+s.Endpoint)
		}
		fine = fine || s.Code != ""
	}
	slices.Sort(p.endpoints)
	slices.Sort(p.services)
	p.endpoints, p.services = slices.Compact(p.endpoints), slices.Compact(p.services)
	return fine
}

func (p *pastReader) read(ctx context.Context, q querier) error {
	fine := p.prepare()
	p.masked, p.lastWeek = map[maskedGroup]map[block]bool{}, map[incident.Place]float64{}
	from, to := p.missing()
	if len(from) > 0 {
		err := readPastErrors(ctx, q, p, from, to, fine, func(s incident.Series, at block, c detect.Counts) {
			if i, ok := place(&p.all, at); ok {
				b := &p.cache.errors[s][i]
				b.errors, b.late = b.errors+int32(c.Errors), b.late+int32(c.Late) //nolint:gosec // of five minutes
			}
		})
		if err != nil {
			return err
		}
		if err := p.readRequests(ctx, q, from, to, func(at incident.Place, b block, n float64) {
			if i, ok := place(&p.all, b); ok && p.cache.requests[at] != nil {
				p.cache.requests[at][i] += float32(n)
			}
		}); err != nil {
			return err
		}
	}
	for _, s := range p.want {
		p.cache.read[s] = p.at
	}
	if err := p.readLastWeek(ctx, q); err != nil {
		return err
	}
	if err := p.readMasks(ctx, q); err != nil {
		return err
	}
	if err := p.readUsual(ctx, q); err != nil {
		return err
	}
	return p.readLong(ctx, q)
}

// missing gives the periods that have to be read, and makes room for them. What
// the hour has is taken from there.
func (p *pastReader) missing() (from, to []time.Time) {
	before := stretches(p.last)
	for k, s := range p.all {
		if p.last != 0 && before[k].to > s.from {
			s.from = before[k].to
		}
		if s.from >= s.to {
			continue
		}
		if p.hour != nil && p.take(s) {
			continue
		}
		from, to = append(from, s.from.time()), append(to, s.to.time())
		for _, of := range p.want {
			errors, requests, whole := p.cache.rings(of)
			for b := s.from; b < s.to; b++ {
				i, _ := place(&p.all, b)
				errors[i], requests[i], whole[i] = failedBlock{}, 0, 0
			}
		}
	}
	return from, to
}

// take fills in the blocks of a stretch if they are at hand.
func (p *pastReader) take(s stretch) bool {
	if !p.hour.has(s) {
		return false
	}
	for _, of := range p.want {
		errors, requests, whole := p.cache.rings(of)
		for b := s.from; b < s.to; b++ {
			i, _ := place(&p.all, b)
			c := p.hour.block(of, b)
			errors[i], requests[i], whole[i] = c.failed, c.requests, c.whole
			if c.heard {
				p.began(of.Environment, of.Service, b)
			}
		}
	}
	return true
}

// readPastErrors gives the failures of the wanted series by block.
func readPastErrors(ctx context.Context, q querier, p *pastReader, from, to []time.Time, fine bool, add func(incident.Series, block, detect.Counts)) error {
	pool := textPool{}
	var at int64
	var family, status int16
	var f incident.Failure
	into := []any{&at, &family, &status}
	for _, text := range []*string{&f.Environment, &f.Service, &f.Method, &f.Endpoint, &f.Code, &f.Provider} {
		into = append(into, pooled{pool, text})
	}
	into = append(into, &f.N, &f.Late)
	row := func() error {
		f.Family, f.Cause, f.Status = alertFamily(family), familyOf(family), int(status)
		p.began(f.Environment, f.Service, block(at))
		for r := range p.rules {
			if m := p.rules[r].Matches; m != nil && !m(&f) {
				continue
			}
			s := incident.Series{Rule: p.rules[r].ID, Family: f.Family, Environment: f.Environment, Service: f.Service}
			e, c := s, s
			e.Method, e.Endpoint, c.Code = f.Method, f.Endpoint, f.Code
			counts := detect.Counts{Errors: f.N - f.Late, Late: f.Late}
			if p.wanted[s] {
				add(s, block(at), counts)
			}
			if e != s && p.wanted[e] {
				add(e, block(at), counts)
			}
			if c != s && p.wanted[c] {
				add(c, block(at), counts)
			}
		}
		return nil
	}
	for i := range from { // one by one: joined, PostgreSQL reads it all
		rows, err := q.Query(ctx, sqlPastFailures, p.ws, from[i], to[i], p.services, p.endpoints, fine)
		if err != nil {
			return err
		}
		if _, err = pgx.ForEachRow(rows, into, row); err != nil {
			return err
		}
	}
	return nil
}

func (p *pastReader) began(environment, service string, at block) {
	place := incident.Place{Environment: environment, Service: service}
	if first, ok := p.cache.first[place]; !ok || at < first {
		p.cache.first[place] = at
	}
}

// readRequests gives requests by block: of services, and of the endpoints that
// are asked for; from each service's best source.
func (p *pastReader) readRequests(ctx context.Context, q querier, from, to []time.Time, add func(incident.Place, block, float64)) error {
	pool := textPool{}
	var at int64
	var source event.RequestSource
	var n float64
	var place incident.Place
	into := []any{&at, &source}
	for _, text := range []*string{&place.Environment, &place.Service, &place.Method, &place.Endpoint} {
		into = append(into, pooled{pool, text})
	}
	into = append(into, &n)
	row := func() error {
		if !p.sources[place.Whole()].Best().Has(source) {
			return nil
		}
		p.began(place.Environment, place.Service, block(at))
		add(place.Whole(), block(at), n)
		if place != place.Whole() {
			add(place, block(at), n)
		}
		return nil
	}
	statements := map[string][]string{sqlPastRequests: p.services}
	if spans := countedBySpans(p.sources); len(spans) > 0 {
		statements[sqlPastSpans] = slices.DeleteFunc(slices.Clone(p.services), func(s string) bool { return !slices.Contains(spans, s) })
	}
	for i := range from {
		for sql, services := range statements {
			rows, err := q.Query(ctx, sql, p.ws, from[i], to[i], services, p.endpoints)
			if err != nil {
				return err
			}
			if _, err = pgx.ForEachRow(rows, into, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// readLastWeek asks for the same half hour a week ago, for heartbeats.
func (p *pastReader) readLastWeek(ctx context.Context, q querier) error {
	same := p.at - 7*1440
	from, to := (same - 29).Time(), (same + 1).Time()
	part := *p
	part.sources = map[incident.Place]event.Sources{}
	rows, err := q.Query(ctx, sqlPastRequests, p.ws, from, to, p.services, []string{})
	if err != nil {
		return err
	}
	var at int64
	var source event.RequestSource
	var n float64
	var place incident.Place
	if _, err := pgx.ForEachRow(rows, []any{&at, &source, &place.Environment, &place.Service, &place.Method, &place.Endpoint, &n}, func() error {
		part.sources[place.Whole()] = part.sources[place.Whole()].With(source)
		return nil
	}); err != nil || len(part.sources) == 0 {
		return err
	}
	return part.readRequests(ctx, q, []time.Time{from}, []time.Time{to}, func(at incident.Place, _ block, n float64) { p.lastWeek[at] += n })
}

func (p *pastReader) readMasks(ctx context.Context, q querier) error {
	rows, err := q.Query(ctx, sqlMasks, p.ws, p.services, (p.at - 29*1440).Time())
	if err != nil {
		return err
	}
	var family int16
	var g maskedGroup
	var from, to time.Time
	var open bool
	_, err = pgx.ForEachRow(rows, []any{&family, &g.environment, &g.service, &from, &open, &to}, func() error {
		g.family = detect.Family(family) //nolint:gosec // 0 or 1
		last := detect.MinuteOf(to)
		if open {
			last = p.at
		}
		if p.masked[g] == nil {
			p.masked[g] = map[block]bool{}
		}
		for b := blockOf(max(detect.MinuteOf(from), p.at-29*1440)); b <= blockOf(last); b++ {
			p.masked[g][b] = true
		}
		return nil
	})
	return err
}

// Usual customers: the median of ten minutes in this hour of the last seven days,
// for services whose limits are looked at.
const sqlUsualCustomers = `
SELECT environment, service, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) FROM (
  SELECT r.f, m.environment, m.service, floor(extract(epoch FROM m.alert_minute) / 600) AS ten, count(DISTINCT c) AS n
  FROM unnest($2::timestamptz[], $3::timestamptz[]) AS r(f, t) CROSS JOIN LATERAL (
    SELECT * FROM customer_minutes k WHERE k.workspace_id = $1::int4 AND k.minute >= r.f - interval '15 minutes' AND k.minute < r.t AND k.alert_minute >= r.f AND k.alert_minute < r.t
      AND k.role = 0 AND k.family = 1 AND k.service = ANY ($4::text[])
  ) m, unnest(m.customers) AS c
  GROUP BY 1, 2, 3, 4
) x GROUP BY environment, service`

func (p *pastReader) readUsual(ctx context.Context, q querier) error {
	p.usual = map[incident.Place]float64{}
	var services []string
	for _, s := range p.want {
		if s.Family == detect.Limits {
			services = append(services, s.Service)
		}
	}
	if len(services) == 0 {
		return nil
	}
	slices.Sort(services)
	var from, to []time.Time
	for day := 1; day <= 7; day++ {
		hour := p.at.Time().AddDate(0, 0, -day).Truncate(time.Hour)
		from, to = append(from, hour), append(to, hour.Add(time.Hour))
	}
	rows, err := q.Query(ctx, sqlUsualCustomers, p.ws, from, to, slices.Compact(services))
	if err != nil {
		return err
	}
	var place incident.Place
	var n float64
	_, err = pgx.ForEachRow(rows, []any{&place.Environment, &place.Service, &n}, func() error {
		p.usual[place] = n
		return nil
	})
	return err
}

// readLong sums six hours and three days, for series with an objective.
func (p *pastReader) readLong(ctx context.Context, q querier) error {
	p.long = map[incident.Series][2]detect.Counts{}
	var with []incident.Series
	var endpoints, services []string
	for _, s := range p.want {
		if slices.ContainsFunc(p.rules, func(r incident.Rule) bool { return r.ID == s.Rule && r.Objective(s) > 0 }) {
			with, services = append(with, s), append(services, s.Service)
			endpoints = append(endpoints, s.Service+"\x1f"+s.Method+"\x1f"+s.Endpoint)
		}
	}
	if len(with) == 0 {
		return nil
	}
	part := *p
	part.wanted, part.services, part.endpoints = map[incident.Series]bool{}, services, endpoints
	at := map[incident.Place][]incident.Series{}
	for _, s := range with {
		part.wanted[s] = true
		at[s.Place()] = append(at[s.Place()], s)
	}
	add := func(s incident.Series, b block, e int64, n float64) {
		sums := p.long[s]
		sums[1].Errors, sums[1].Requests = sums[1].Errors+e, sums[1].Requests+int64(n+.5)
		if b > blockOf(p.at)-72 {
			sums[0].Errors, sums[0].Requests = sums[0].Errors+e, sums[0].Requests+int64(n+.5)
		}
		p.long[s] = sums
	}
	from, to := []time.Time{(p.at - 3*1440).Time()}, []time.Time{(p.at + 1).Time()}
	fine := slices.ContainsFunc(p.rules, func(r incident.Rule) bool { return r.Matches != nil })
	if err := readPastErrors(ctx, q, &part, from, to, fine, func(s incident.Series, b block, c detect.Counts) { add(s, b, c.Errors+c.Late, 0) }); err != nil {
		return err
	}
	if err := part.readRequests(ctx, q, from, to, func(place incident.Place, b block, n float64) {
		for _, s := range at[place] {
			add(s, b, 0, n)
		}
	}); err != nil {
		return err
	}
	return nil
}
