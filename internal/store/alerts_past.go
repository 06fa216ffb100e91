package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/detect"
	"errata/internal/incident"
)

// Baselines are made of blocks of five minutes; see detect.Past.
const (
	blockMinutes = 5
	// freshFor is how old a baseline may be when it is used, in minutes.
	freshFor = 5
	// atOnce bounds how many services' pasts are in memory at a time.
	atOnce = 40
)

type learned struct {
	detect.Baseline
	at detect.Minute
}

// Failures and requests of some periods by blocks of five minutes. Endpoints
// that nobody asks for are counted with their service, as are codes unless rules
// tell them apart.
const (
	sqlPastFailures = `
SELECT (extract(epoch FROM e.alert_minute)::int8 / 300)::int8, ` + alertFamilyOf + `::int2, CASE WHEN $6::bool THEN coalesce(e.status, 0) ELSE 0 END::int2, e.environment, e.service,
       CASE WHEN e.here THEN e.method ELSE '' END, CASE WHEN e.here THEN e.endpoint ELSE '' END,
       CASE WHEN $6::bool THEN e.code ELSE '' END, CASE WHEN $6::bool THEN e.provider ELSE '' END, sum(e.n)::int8, sum(e.n_late)::int8
FROM unnest($2::timestamptz[], $3::timestamptz[]) AS r(f, t) CROSS JOIN LATERAL (
  SELECT m.*, m.service || chr(31) || m.method || chr(31) || m.endpoint = ANY ($5::text[]) AS here FROM error_minutes m
  WHERE m.workspace_id = $1::int4 AND m.alert_minute >= r.f AND m.alert_minute < r.t AND m.role = 0 AND m.family > 0 AND m.service = ANY ($4::text[])
) e
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9`

	sqlPastRequests = `
WITH present AS (
  SELECT service, environment, bit_or(1 << source) AS sources FROM request_minutes
  WHERE workspace_id = $1::int4 AND minute >= $6::timestamptz AND minute < $7::timestamptz AND service = ANY ($4::text[])
  GROUP BY service, environment
)
SELECT (extract(epoch FROM r.minute)::int8 / 300)::int8, r.environment, r.service, CASE WHEN r.here THEN r.method ELSE '' END, CASE WHEN r.here THEN r.endpoint ELSE '' END, sum(r.n)
FROM (
  SELECT x.*, x.service || chr(31) || x.method || chr(31) || x.endpoint = ANY ($5::text[]) AS here
  FROM unnest($2::timestamptz[], $3::timestamptz[]) AS s(f, t) CROSS JOIN LATERAL (
    SELECT minute, service, environment, method, endpoint, source, n FROM request_minutes
    WHERE workspace_id = $1::int4 AND minute >= s.f AND minute < s.t AND service = ANY ($4::text[])
    UNION ALL
    SELECT minute, service, environment, method, endpoint, 7, n FROM error_minutes
    WHERE workspace_id = $1::int4 AND minute >= s.f AND minute < s.t AND role = 0 AND service = ANY ($4::text[])
  ) x
) r JOIN present p ON p.service = r.service AND p.environment = r.environment
WHERE ` + ifChosen + `
GROUP BY 1, 2, 3, 4, 5`

	sqlMasks = `
SELECT family, environment, service, mask_from, coalesce(resolved_at, 'infinity'::timestamptz) = 'infinity'::timestamptz, coalesce(resolved_at, mask_from)
FROM incident_members
WHERE workspace_id = $1::int4 AND service = ANY ($2::text[]) AND NOT normal AND (resolved_at IS NULL OR resolved_at >= $3::timestamptz)`
)

type block int64

func blockOf(m detect.Minute) block { return block(m / blockMinutes) }

// stretches are the periods that detect.Past is made of: half-open, in blocks.
func stretches(at detect.Minute) (out [][2]block) {
	end := blockOf(at - at%blockMinutes - 30)
	out = append(out, [2]block{end - detect.DayBlocks, end})
	for _, days := range []detect.Minute{2, 3} {
		out = append(out, [2]block{blockOf(at - days*1440 - 45), blockOf(at-days*1440+45) + 1})
	}
	for week := range detect.Minute(4) {
		same := at - (week+1)*7*1440
		out = append(out, [2]block{blockOf(same - 60), blockOf(same+60) + 1})
	}
	return out
}

// pasts reads what is normal for series: those of a few services at a time.
func (m *alertMemory) learn(ctx context.Context, q querier, ws int32, at detect.Minute, rules []incident.Rule, want []incident.Series) error {
	byService := map[string][]incident.Series{}
	for _, s := range want {
		if l, ok := m.baselines[s]; !ok || at-l.at >= freshFor || at < l.at {
			byService[s.Service] = append(byService[s.Service], s)
		}
	}
	services := make([]string, 0, len(byService))
	for name := range byService {
		services = append(services, name)
	}
	slices.Sort(services)
	for part := range slices.Chunk(services, atOnce) {
		p := pastReader{ws: ws, at: at, rules: rules, services: part}
		for _, name := range part {
			p.want = append(p.want, byService[name]...)
		}
		if err := p.read(ctx, q); err != nil {
			return err
		}
		for _, s := range p.want {
			m.baselines[s] = learned{p.baseline(s), at}
		}
	}
	for s, l := range m.baselines {
		if at-l.at > 60 {
			delete(m.baselines, s)
		}
	}
	return nil
}

// pastReader reads the past of some series.
type pastReader struct {
	ws       int32
	at       detect.Minute
	rules    []incident.Rule
	services []string
	want     []incident.Series

	errors   map[incident.Series]map[block]detect.Counts
	requests map[incident.Place]map[block]float64
	masked   map[maskedGroup]map[block]bool
	first    map[incident.Place]block // of a service: the oldest block with anything
	lastWeek map[incident.Place]float64
	long     map[incident.Series][2]detect.Counts
	usual    map[incident.Place]float64
}

type maskedGroup struct {
	family               detect.Family
	environment, service string
}

func (p *pastReader) read(ctx context.Context, q querier) error {
	p.errors, p.requests = map[incident.Series]map[block]detect.Counts{}, map[incident.Place]map[block]float64{}
	p.masked, p.first, p.lastWeek = map[maskedGroup]map[block]bool{}, map[incident.Place]block{}, map[incident.Place]float64{}
	wanted := map[incident.Series]bool{}
	var endpoints []string
	for _, s := range p.want {
		wanted[s] = true
		if s.Endpoint != "" {
			endpoints = append(endpoints, s.Service+"\x1f"+s.Method+"\x1f"+s.Endpoint)
		}
	}
	slices.Sort(endpoints)
	endpoints = slices.Compact(endpoints)
	fine := slices.ContainsFunc(p.rules, func(r incident.Rule) bool { return r.Matches != nil }) ||
		slices.ContainsFunc(p.want, func(s incident.Series) bool { return s.Code != "" })
	var from, to []time.Time
	for _, s := range stretches(p.at) {
		from, to = append(from, time.Unix(int64(s[0])*blockMinutes*60, 0).UTC()), append(to, time.Unix(int64(s[1])*blockMinutes*60, 0).UTC())
	}
	if err := p.readErrors(ctx, q, wanted, from, to, endpoints, fine); err != nil {
		return err
	}
	if err := p.readRequests(ctx, q, from, to, endpoints); err != nil {
		return err
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

func (p *pastReader) readErrors(ctx context.Context, q querier, wanted map[incident.Series]bool, from, to []time.Time, endpoints []string, fine bool) error {
	rows, err := q.Query(ctx, sqlPastFailures, p.ws, from, to, p.services, endpoints, fine)
	if err != nil {
		return err
	}
	pool := textPool{}
	var at int64
	var family, status int16
	var f incident.Failure
	into := []any{&at, &family, &status}
	for _, text := range []*string{&f.Environment, &f.Service, &f.Method, &f.Endpoint, &f.Code, &f.Provider} {
		into = append(into, pooled{pool, text})
	}
	_, err = pgx.ForEachRow(rows, append(into, &f.N, &f.Late), func() error {
		f.Family, f.Status = detect.Family(family), int(status) //nolint:gosec // 0 or 1
		p.began(f.Environment, f.Service, block(at))
		for r := range p.rules {
			if m := p.rules[r].Matches; m != nil && !m(&f) {
				continue
			}
			s := incident.Series{Rule: p.rules[r].ID, Family: f.Family, Environment: f.Environment, Service: f.Service}
			p.count(wanted, s, block(at), &f)
			if f.Endpoint != "" {
				e := s
				e.Method, e.Endpoint = f.Method, f.Endpoint
				p.count(wanted, e, block(at), &f)
			}
			if f.Code != "" {
				s.Code = f.Code
				p.count(wanted, s, block(at), &f)
			}
		}
		return nil
	})
	return err
}

func (p *pastReader) count(wanted map[incident.Series]bool, s incident.Series, at block, f *incident.Failure) {
	if !wanted[s] {
		return
	}
	if p.errors[s] == nil {
		p.errors[s] = map[block]detect.Counts{}
	}
	c := p.errors[s][at]
	c.Errors += f.N - f.Late
	c.Late += f.Late
	p.errors[s][at] = c
}

func (p *pastReader) began(environment, service string, at block) {
	place := incident.Place{Environment: environment, Service: service}
	if first, ok := p.first[place]; !ok || at < first {
		p.first[place] = at
	}
}

func (p *pastReader) readRequests(ctx context.Context, q querier, from, to []time.Time, endpoints []string) error {
	rows, err := q.Query(ctx, sqlPastRequests, p.ws, from, to, p.services, endpoints, from[0], p.at.Time())
	if err != nil {
		return err
	}
	pool := textPool{}
	var at int64
	var n float64
	var place incident.Place
	into := []any{&at}
	for _, text := range []*string{&place.Environment, &place.Service, &place.Method, &place.Endpoint} {
		into = append(into, pooled{pool, text})
	}
	_, err = pgx.ForEachRow(rows, append(into, &n), func() error {
		p.began(place.Environment, place.Service, block(at))
		whole := incident.Place{Environment: place.Environment, Service: place.Service}
		p.answered(whole, block(at), n)
		if place != whole {
			p.answered(place, block(at), n)
		}
		return nil
	})
	return err
}

func (p *pastReader) answered(place incident.Place, at block, n float64) {
	if p.requests[place] == nil {
		p.requests[place] = map[block]float64{}
	}
	p.requests[place][at] += n
}

// readLastWeek asks for the same half hour a week ago, for heartbeats.
func (p *pastReader) readLastWeek(ctx context.Context, q querier) error {
	same := p.at - 7*1440
	from, to := (same - 29).Time(), (same + 1).Time()
	rows, err := q.Query(ctx, sqlPastRequests, p.ws, []time.Time{from}, []time.Time{to}, p.services, []string{}, from, to)
	if err != nil {
		return err
	}
	var at int64
	var n float64
	var place incident.Place
	_, err = pgx.ForEachRow(rows, []any{&at, &place.Environment, &place.Service, &place.Method, &place.Endpoint, &n}, func() error {
		p.lastWeek[place] += n
		return nil
	})
	return err
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
		if objective(p.rules, s) > 0 {
			with, services = append(with, s), append(services, s.Service)
			endpoints = append(endpoints, s.Service+"\x1f"+s.Method+"\x1f"+s.Endpoint)
		}
	}
	if len(with) == 0 {
		return nil
	}
	part := pastReader{ws: p.ws, at: p.at, rules: p.rules, services: services, want: with,
		errors: map[incident.Series]map[block]detect.Counts{}, requests: map[incident.Place]map[block]float64{}, first: map[incident.Place]block{}}
	wanted := map[incident.Series]bool{}
	for _, s := range with {
		wanted[s] = true
	}
	from, to := []time.Time{(p.at - 3*1440).Time()}, []time.Time{(p.at + 1).Time()}
	if err := part.readErrors(ctx, q, wanted, from, to, endpoints, slices.ContainsFunc(p.rules, func(r incident.Rule) bool { return r.Matches != nil })); err != nil {
		return err
	}
	if err := part.readRequests(ctx, q, from, to, endpoints); err != nil {
		return err
	}
	for _, s := range with {
		var six, three detect.Counts
		add := func(at block, e int64, n float64) {
			three.Errors, three.Requests = three.Errors+e, three.Requests+int64(n)
			if at > blockOf(p.at)-72 {
				six.Errors, six.Requests = six.Errors+e, six.Requests+int64(n)
			}
		}
		for at, c := range part.errors[s] {
			add(at, c.Errors+c.Late, 0)
		}
		for at, n := range part.requests[s.Place()] {
			add(at, 0, n)
		}
		p.long[s] = [2]detect.Counts{six, three}
	}
	return nil
}

// objective is the share of a series' requests that must succeed; 0 for none.
func objective(rules []incident.Rule, s incident.Series) float64 {
	if s.Family != detect.Server || s.Code != "" {
		return 0
	}
	for r := range rules {
		if rules[r].ID == s.Rule {
			at := s.Place()
			if o, ok := rules[r].Objectives[at]; ok {
				return o
			}
			at.Environment = ""
			return rules[r].Objectives[at]
		}
	}
	return 0
}

// baseline is what is normal for one of the series.
func (p *pastReader) baseline(s incident.Series) detect.Baseline {
	set := detect.Default()
	for r := range p.rules {
		if p.rules[r].ID == s.Rule {
			set = p.rules[r].Settings
		}
	}
	place := s.Place()
	if s.Code != "" {
		place = incident.Place{Environment: s.Environment, Service: s.Service}
	}
	whole := incident.Place{Environment: s.Environment, Service: s.Service}
	errors, requests, masked := p.errors[s], p.requests[place], p.masked[maskedGroup{s.Family, s.Environment, s.Service}]
	first, began := p.first[whole]
	add := func(to *detect.Stretch, from, until block) {
		for b := from; b < until; b++ {
			if masked[b] || !began || b < first {
				continue
			}
			c := errors[b]
			to.Errors += c.Errors
			to.Late += c.Late
			to.Requests += int64(requests[b] + .5)
			to.Minutes += blockMinutes
		}
	}
	var past detect.Past
	all := stretches(p.at)
	day := all[0]
	for i := range past.Day {
		add(&past.Day[i], day[0]+block(i), day[0]+block(i)+1)
	}
	for week := range past.Weeks {
		add(&past.Weeks[week], all[3+week][0], all[3+week][1])
	}
	if requests == nil {
		add(&past.Recent, day[1]-180/blockMinutes, day[1])
		for _, days := range []detect.Minute{1, 2, 3, 7, 14, 21, 28} {
			same := p.at - days*1440
			add(&past.SameTime, blockOf(same-45), blockOf(same+45)+1)
		}
	}
	past.LastWeek30 = int64(p.lastWeek[place])
	past.Customers = p.usual[whole]
	past.SixHours, past.ThreeDays = p.long[s][0], p.long[s][1]
	return detect.Learn(&past, &set)
}
