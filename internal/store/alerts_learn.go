package store

import (
	"context"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"errata/internal/detect"
	"errata/internal/incident"
)

// Baselines are made of blocks of five minutes; see detect.Past.
const (
	blockMinutes = 5
	// freshFor is how old a baseline may be when it is used, in minutes.
	freshFor = 5
	// atOnce is how many series' pasts are read by one statement.
	atOnce = 6000
)

type learned struct {
	detect.Baseline
	at detect.Minute
}

type block int64

func blockOf(m detect.Minute) block { return block(m / blockMinutes) }

// minute is its first.
func (b block) minute() detect.Minute { return detect.Minute(b) * blockMinutes }

func (b block) time() time.Time { return b.minute().Time() }

// stretch is a period that detect.Past is made of: half-open, in blocks.
type stretch struct{ from, to block }

// stretches are all of them, with the day first. Each has the same length at any
// time.
func stretches(at detect.Minute) (out [7]stretch) {
	end := blockOf(at - at%blockMinutes - 30)
	out[0] = stretch{end - detect.DayBlocks, end}
	for k, days := range []detect.Minute{2, 3} {
		out[1+k] = stretch{end + 6 - block(days)*detect.DayBlocks - 9, end + 6 - block(days)*detect.DayBlocks + 9}
	}
	for week := range 4 {
		same := end + 6 - block(week+1)*7*detect.DayBlocks
		out[3+week] = stretch{same - 12, same + 12}
	}
	return out
}

// kept is how many blocks all stretches have together.
const kept = detect.DayBlocks + 2*18 + 4*24

// place gives where a block is kept: in the ring of its stretch.
func place(all *[7]stretch, b block) (at int, ok bool) {
	offset := 0
	for _, s := range all {
		width := s.to - s.from
		if b >= s.from && b < s.to {
			return offset + int(b%width), true
		}
		offset += int(width)
	}
	return 0, false
}

type failedBlock struct{ errors, late int32 }

// pastCache is what has been read of the past: what a new baseline needs beyond
// it are some blocks.
type pastCache struct {
	errors   map[incident.Series]*[kept]failedBlock
	requests map[incident.Place]*[kept]float32
	read     map[incident.Series]detect.Minute // for when
	since    map[incident.Series]detect.Minute // from when on it is known
	first    map[incident.Place]block          // of a service: the oldest block with anything
}

// rings are where the blocks of a series are kept, those of its requests and those
// of its service's; there are some from now on.
func (c *pastCache) rings(of incident.Series) (errors *[kept]failedBlock, requests, whole *[kept]float32) {
	if errors = c.errors[of]; errors == nil {
		errors = new([kept]failedBlock)
		c.errors[of] = errors
	}
	ring := func(at incident.Place) *[kept]float32 {
		if c.requests[at] == nil {
			c.requests[at] = new([kept]float32)
		}
		return c.requests[at]
	}
	return errors, ring(of.Place()), ring(of.Place().Whole())
}

func (c *pastCache) forget(s incident.Series) {
	delete(c.errors, s)
	delete(c.read, s)
	delete(c.since, s)
}

// sweep drops the requests of places of which no series is left: endpoints come
// and go.
func (c *pastCache) sweep() {
	left := map[incident.Place]bool{}
	for s := range c.errors {
		left[s.Place()], left[s.Place().Whole()] = true, true
	}
	maps.DeleteFunc(c.requests, func(p incident.Place, _ *[kept]float32) bool { return !left[p] })
	maps.DeleteFunc(c.first, func(p incident.Place, _ block) bool { return !left[p] })
}

// learn finds what is normal for those of the series for which this is not known,
// or was long ago.
func (m *alertMemory) learn(ctx context.Context, q querier, ws int32, at detect.Minute, rules []incident.Rule, want []incident.Series) error {
	if m.past.read == nil || m.pastRules != m.hour.rules {
		m.past = pastCache{errors: map[incident.Series]*[kept]failedBlock{}, requests: map[incident.Place]*[kept]float32{},
			read: map[incident.Series]detect.Minute{}, since: map[incident.Series]detect.Minute{}, first: map[incident.Place]block{}}
		m.pastRules = m.hour.rules
	}
	type alike struct { // is read together
		last  detect.Minute // when it was
		apart bool          // nothing of it is at hand
	}
	groups := map[alike][]incident.Series{}
	for _, s := range want {
		if m.fresh(s, at) {
			continue
		}
		last := m.past.read[s]
		if last > at || at-last > 6*60 { // it may as well be read again
			last = 0
		}
		g := alike{last, s.Code != "" || m.hour.misses(m.past.since[s])} // the hour has not all codes
		groups[g] = append(groups[g], s)
	}
	for g, list := range groups {
		for part := range slices.Chunk(list, atOnce) {
			p := pastReader{ws: ws, at: at, last: g.last, rules: rules, want: part, cache: &m.past, sources: m.hour.sources}
			if !g.apart {
				p.hour = &m.hour
			}
			if err := p.read(ctx, q); err != nil {
				for _, s := range part {
					m.past.forget(s) // half of it may be there
				}
				return err
			}
			for _, s := range part {
				m.baselines[s] = learned{p.baseline(s), at}
				if m.past.since[s] == 0 {
					m.past.since[s] = at
				}
			}
		}
	}
	known := len(m.baselines)
	for s, l := range m.baselines {
		if at-l.at > 2*60 {
			delete(m.baselines, s)
			m.past.forget(s)
		}
	}
	if len(m.baselines) < known {
		m.past.sweep()
	}
	return nil
}

// fresh says whether what is normal for a series was found not long ago.
func (m *alertMemory) fresh(s incident.Series, at detect.Minute) bool {
	l, ok := m.baselines[s]
	return ok && at >= l.at && at-l.at < freshFor && (at-l.at == 0 || (at+turn(s))%freshFor != 0)
}

// turn spreads series over the minutes, so that not all are due at once.
func turn(s incident.Series) detect.Minute {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.Service + s.Method + s.Endpoint))
	return detect.Minute(h.Sum32() % freshFor)
}

// baseline is what is normal for one of the series.
func (p *pastReader) baseline(s incident.Series) detect.Baseline {
	set := detect.Default()
	for r := range p.rules {
		if p.rules[r].ID == s.Rule {
			set = p.rules[r].Settings
		}
	}
	whole := s.Place().Whole()
	errors, requests := p.cache.errors[s], p.cache.requests[s.Place()]
	past := seriesPast{at: p.at, all: &p.all, masked: p.masked[maskedGroup{s.Family, s.Environment, s.Service}], lastWeek: p.lastWeek[s.Place()], usual: p.usual[whole], long: p.long[s],
		block: func(i int, _ block) (failedBlock, float32) { return errors[i], requests[i] }}
	past.first, past.began = p.cache.first[whole]
	for _, n := range requests {
		past.counted = past.counted || n > 0
	}
	return past.baseline(&set)
}

// seriesPast is what is known of one series' past.
type seriesPast struct {
	at      detect.Minute
	all     *[7]stretch
	block   func(i int, b block) (failedBlock, float32) // failures and requests; i is its place
	masked  map[block]bool
	first   block // of the service with anything
	began   bool  // there is one
	counted bool  // requests are

	lastWeek, usual float64
	long            [2]detect.Counts
}

// baseline is what is normal after that past.
func (p *seriesPast) baseline(set *detect.Settings) detect.Baseline {
	add := func(to *detect.Stretch, from, until block) {
		for b := from; b < until; b++ {
			i, ok := place(p.all, b)
			if !ok || p.masked[b] || !p.began || b < p.first {
				continue
			}
			failed, requests := p.block(i, b)
			to.Errors += int64(failed.errors)
			to.Late += int64(failed.late)
			to.Requests += int64(requests + .5)
			to.Minutes += blockMinutes
		}
	}
	var past detect.Past
	day := p.all[0]
	for i := range past.Day {
		add(&past.Day[i], day.from+block(i), day.from+block(i)+1)
	}
	for week := range past.Weeks {
		add(&past.Weeks[week], p.all[3+week].from, p.all[3+week].to)
	}
	if !p.counted {
		add(&past.Recent, day.to-180/blockMinutes, day.to)
		for _, days := range []detect.Minute{1, 2, 3, 7, 14, 21, 28} {
			same := p.at - days*1440
			add(&past.SameTime, blockOf(same-45), blockOf(same+45)+1)
		}
	}
	past.LastWeek30 = int64(p.lastWeek)
	past.Customers = p.usual
	past.SixHours, past.ThreeDays = p.long[0], p.long[1]
	return detect.Learn(&past, set)
}
