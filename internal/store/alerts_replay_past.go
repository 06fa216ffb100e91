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

// replayPast is what was counted before the minute that is judged, by blocks: as
// far back as any baseline looks.
type replayPast struct {
	origin   block // a day's first
	days     int
	failed   map[incident.Series]failedDays
	answered map[incident.Place]answeredDays
	first    map[incident.Place]block
}

func (p *replayPast) began(at incident.Place, b block) {
	if first, ok := p.first[at]; !ok || b < first {
		p.first[at] = b
	}
}

func (p *replayPast) fail(s incident.Series, b block, c detect.Counts) {
	day, i := int((b-p.origin)/detect.DayBlocks), (b-p.origin)%detect.DayBlocks
	if b < p.origin || day >= p.days {
		return
	}
	if p.failed[s] == nil {
		p.failed[s] = make(failedDays, p.days)
	}
	if p.failed[s][day] == nil {
		p.failed[s][day] = new([detect.DayBlocks]failedBlock)
	}
	at := &p.failed[s][day][i]
	at.errors, at.late = at.errors+int32(c.Errors), at.late+int32(c.Late) //nolint:gosec // of five minutes
}

func (p *replayPast) answer(at incident.Place, b block, n float64) {
	day, i := int((b-p.origin)/detect.DayBlocks), (b-p.origin)%detect.DayBlocks
	if b < p.origin || day >= p.days {
		return
	}
	if p.answered[at] == nil {
		p.answered[at] = make(answeredDays, p.days)
	}
	if p.answered[at][day] == nil {
		p.answered[at][day] = new([detect.DayBlocks]float32)
	}
	p.answered[at][day][i] += float32(n)
}

// failedDays and answeredDays are a series' blocks by day; nil where there are none.
type (
	failedDays   []*[detect.DayBlocks]failedBlock
	answeredDays []*[detect.DayBlocks]float32
)

func (d failedDays) at(p *replayPast, b block) (out failedBlock) {
	if b < p.origin || d == nil {
		return out
	}
	if day := d[(b-p.origin)/detect.DayBlocks]; day != nil {
		out = day[(b-p.origin)%detect.DayBlocks]
	}
	return out
}

func (d answeredDays) at(p *replayPast, b block) float32 {
	if b < p.origin || d == nil {
		return 0
	}
	if day := d[(b-p.origin)/detect.DayBlocks]; day != nil {
		return day[(b-p.origin)%detect.DayBlocks]
	}
	return 0
}

// readPast reads what was before the first minute that is judged.
func (r *replay) readPast(ctx context.Context) error {
	p := &r.past
	p.failed, p.answered, p.first = map[incident.Series]failedDays{}, map[incident.Place]answeredDays{}, map[incident.Place]block{}
	periods := r.periods()
	p.origin = periods[0].from - periods[0].from%detect.DayBlocks
	p.days = int((blockOf(r.last)-p.origin)/detect.DayBlocks) + 1
	fine := slices.ContainsFunc(r.rules, func(a incident.Rule) bool { return a.Matches != nil })
	reader := pastReader{ws: r.ws, rules: r.rules, wanted: r.wanted, services: r.services, endpoints: r.endpoints, cache: &pastCache{first: p.first}}
	at := func(b block) time.Time { return time.Unix(int64(b)*blockMinutes*60, 0).UTC() }
	for _, s := range periods {
		for from := s.from; from < s.to; from += detect.DayBlocks {
			to := min(from+detect.DayBlocks, s.to)
			if err := readPastErrors(ctx, r.tx, &reader, []time.Time{at(from)}, []time.Time{at(to)}, fine, p.fail); err != nil {
				return err
			}
			if err := r.readPastRequests(ctx, at(from), at(to)); err != nil {
				return err
			}
		}
	}
	return nil
}

// periods are what any minute's baseline looks at before the first that is judged,
// oldest first.
func (r *replay) periods() (out []stretch) {
	first, last := stretches(r.warm), stretches(r.last)
	warm := blockOf(r.warm)
	var all []stretch
	for k := range first {
		all = append(all, stretch{first[k].from, min(last[k].to, warm)})
	}
	all = append(all, stretch{warm - 3*detect.DayBlocks, warm}) // for objectives
	if r.silent {
		all = append(all, stretch{warm - 7*detect.DayBlocks - 12, min(blockOf(r.last)-7*detect.DayBlocks, warm)})
	}
	slices.SortFunc(all, func(a, b stretch) int { return int(a.from - b.from) })
	for _, s := range all {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
		} else if s.from < s.to {
			out = append(out, s)
		}
	}
	return out
}

func (r *replay) readPastRequests(ctx context.Context, from, to time.Time) error {
	part := replayPart{sources: map[incident.Place]event.Sources{}}
	take := func(sql string, services []string, row func(at block, source event.RequestSource, place incident.Place, n float64)) error {
		rows, err := r.tx.Query(ctx, sql, r.ws, from, to, services, r.endpoints)
		if err != nil {
			return err
		}
		pool := textPool{}
		var at int64
		var source event.RequestSource
		var n float64
		var place incident.Place
		into := []any{&at, &source}
		for _, text := range []*string{&place.Environment, &place.Service, &place.Method, &place.Endpoint} {
			into = append(into, pooled{pool, text})
		}
		_, err = pgx.ForEachRow(rows, append(into, &n), func() error {
			row(block(at), source, place, n)
			return nil
		})
		return err
	}
	type answeredBlock struct {
		at     block
		source event.RequestSource
		place  incident.Place
		n      float64
	}
	var all []answeredBlock
	if err := take(sqlPastRequests, r.services, func(at block, source event.RequestSource, place incident.Place, n float64) {
		part.sources[place.Whole()] = part.sources[place.Whole()].With(source)
		all = append(all, answeredBlock{at, source, place, n})
	}); err != nil {
		return err
	}
	if services := countedBySpans(part.sources); len(services) > 0 {
		if err := take(sqlPastSpans, services, func(at block, source event.RequestSource, place incident.Place, n float64) {
			all = append(all, answeredBlock{at, source, place, n})
		}); err != nil {
			return err
		}
	}
	for _, a := range all {
		if part.sources[a.place.Whole()].Best().Has(a.source) {
			r.past.answeredAt(a.place, a.at, a.n)
		}
	}
	return nil
}

func (p *replayPast) answeredAt(at incident.Place, b block, n float64) {
	whole := at.Whole()
	p.began(whole, b)
	p.answer(whole, b, n)
	if at != whole {
		p.answer(at, b, n)
	}
}

// add counts a minute that is judged: what follows has it behind itself.
func (p *replayPast) add(r *replay, m detect.Minute, failures []incident.Failure, answered []incident.Answered) {
	b := blockOf(m)
	for i := range failures {
		f := &failures[i]
		p.began(incident.Place{Environment: f.Environment, Service: f.Service}, b)
		counts := detect.Counts{Errors: f.N - f.Late, Late: f.Late}
		for k := range r.rules {
			if match := r.rules[k].Matches; match != nil && !match(f) {
				continue
			}
			s := incident.Series{Rule: r.rules[k].ID, Family: f.Family, Environment: f.Environment, Service: f.Service}
			e, c := s, s
			e.Method, e.Endpoint, c.Code = f.Method, f.Endpoint, f.Code
			for n, of := range [...]incident.Series{s, e, c} {
				if r.wanted[of] && (n == 0 || of != s) {
					p.fail(of, b, counts)
				}
			}
		}
	}
	for i := range answered {
		p.answeredAt(answered[i].Place, b, answered[i].N)
	}
}

// want begins to count a code that is new: what it had is in the hour.
func (p *replayPast) want(r *replay, s incident.Series, h *alertHour) {
	r.wanted[s] = true
	for _, list := range h.failures {
		for i := range list {
			f := &list[i]
			if f.Code != s.Code || f.Service != s.Service || f.Environment != s.Environment || f.Family != s.Family {
				continue
			}
			for k := range r.rules {
				if a := &r.rules[k]; a.ID == s.Rule && (a.Matches == nil || a.Matches(f)) {
					p.fail(s, blockOf(f.Minute), detect.Counts{Errors: f.N - f.Late, Late: f.Late})
				}
			}
		}
	}
}

// halfHour sums the requests of 30 minutes that end with a minute, to five minutes.
func (p *replayPast) halfHour(at incident.Place, last detect.Minute) (n float64) {
	of := p.answered[at]
	for b := blockOf(last+1) - 6; b < blockOf(last+1); b++ {
		n += float64(of.at(p, b))
	}
	return n
}

// silent are services that answered a hundred requests in the same half hour a week
// ago and none in the last: see sqlOnceHeard.
func (p *replayPast) silent(r *replay, m detect.Minute) (out []incident.Place) {
	if !r.silent {
		return nil
	}
	for at, of := range p.answered {
		if at == at.Whole() && of.at(p, blockOf(m)) == 0 && p.halfHour(at, m) == 0 && p.halfHour(at, m-7*1440) >= 100 {
			out = append(out, at)
			r.want([]incident.Place{at})
		}
	}
	return out
}

// pastOf is what was known of a series at a minute.
func (r *replay) pastOf(ctx context.Context, s incident.Series, at detect.Minute, all *[7]stretch) (p seriesPast, err error) {
	place, whole := s.Place(), s.Place().Whole()
	failed, answered := r.past.failed[s], r.past.answered[place]
	p = seriesPast{at: at, all: all, lastWeek: r.past.halfHour(place, at-7*1440),
		block: func(_ int, b block) (failedBlock, float32) { return failed.at(&r.past, b), answered.at(&r.past, b) }}
	p.first, p.began = r.past.first[whole]
	for _, of := range all {
		for b := of.from; b < of.to && !p.counted; b++ {
			p.counted = answered.at(&r.past, b) > 0
		}
	}
	if s.Family == detect.Limits {
		if p.usual, err = r.source.usualCustomers(ctx, r, whole, at); err != nil {
			return p, err
		}
	}
	if slices.ContainsFunc(r.rules, func(a incident.Rule) bool { return a.ID == s.Rule && a.Objective(s) > 0 }) {
		now := blockOf(at)
		for b := now - 3*detect.DayBlocks; b <= now; b++ {
			f, n := failed.at(&r.past, b), int64(answered.at(&r.past, b)+.5)
			c := detect.Counts{Errors: int64(f.errors) + int64(f.late), Requests: n}
			for k, long := range [...]bool{b > now-72, true} {
				if long {
					p.long[k].Errors, p.long[k].Requests = p.long[k].Errors+c.Errors, p.long[k].Requests+c.Requests
				}
			}
		}
	}
	return p, nil
}

// readMasks leaves out of what is normal the incidents that there were before.
func (r *replay) readMasks(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, sqlMasks, r.ws, r.services, (r.warm - 29*1440).Time())
	if err != nil {
		return err
	}
	var family int16
	var s incident.Series
	var from, to time.Time
	var open bool
	_, err = pgx.ForEachRow(rows, []any{&family, &s.Environment, &s.Service, &from, &open, &to}, func() error {
		s.Family = detect.Family(family) //nolint:gosec // 0 or 1
		last := r.warm - 1
		if !open {
			last = min(last, detect.MinuteOf(to))
		}
		for _, w := range [...]*replayWorld{r.with, r.now} {
			w.cover(s, max(detect.MinuteOf(from), r.warm-29*1440), last)
		}
		return nil
	})
	return err
}
