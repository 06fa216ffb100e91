package store

import (
	"context"
	"hash/fnv"
	"slices"

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
	first    map[incident.Place]block          // of a service: the oldest block with anything
}

func (c *pastCache) forget(s incident.Series) {
	delete(c.errors, s)
	delete(c.read, s)
}

// learn finds what is normal for those of the series for which this is not known,
// or was long ago.
func (m *alertMemory) learn(ctx context.Context, q querier, ws int32, at detect.Minute, rules []incident.Rule, want []incident.Series) error {
	if m.past.read == nil || m.pastRules != m.hour.rules {
		m.past = pastCache{errors: map[incident.Series]*[kept]failedBlock{}, requests: map[incident.Place]*[kept]float32{},
			read: map[incident.Series]detect.Minute{}, first: map[incident.Place]block{}}
		m.pastRules = m.hour.rules
	}
	byTime := map[detect.Minute][]incident.Series{} // by when they were read
	for _, s := range want {
		if l, ok := m.baselines[s]; ok && at >= l.at && at-l.at < freshFor && (at-l.at == 0 || (at+turn(s))%freshFor != 0) {
			continue
		}
		last := m.past.read[s]
		if last > at || at-last > 6*60 { // it may as well be read again
			last = 0
		}
		byTime[last] = append(byTime[last], s)
	}
	for last, list := range byTime {
		for part := range slices.Chunk(list, atOnce) {
			p := pastReader{ws: ws, at: at, last: last, rules: rules, want: part, cache: &m.past, sources: m.hour.sources}
			if err := p.read(ctx, q); err != nil {
				for _, s := range part {
					m.past.forget(s) // half of it may be there
				}
				return err
			}
			for _, s := range part {
				m.baselines[s] = learned{p.baseline(s), at}
			}
		}
	}
	for s, l := range m.baselines {
		if at-l.at > 2*60 {
			delete(m.baselines, s)
			m.past.forget(s)
		}
	}
	return nil
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
	masked := p.masked[maskedGroup{s.Family, s.Environment, s.Service}]
	first, began := p.cache.first[whole]
	add := func(to *detect.Stretch, from, until block) {
		for b := from; b < until; b++ {
			i, ok := place(&p.all, b)
			if !ok || masked[b] || !began || b < first {
				continue
			}
			to.Errors += int64(errors[i].errors)
			to.Late += int64(errors[i].late)
			to.Requests += int64(requests[i] + .5)
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
	counted := false
	for _, n := range requests {
		counted = counted || n > 0
	}
	if !counted {
		add(&past.Recent, day.to-180/blockMinutes, day.to)
		for _, days := range []detect.Minute{1, 2, 3, 7, 14, 21, 28} {
			same := p.at - days*1440
			add(&past.SameTime, blockOf(same-45), blockOf(same+45)+1)
		}
	}
	past.LastWeek30 = int64(p.lastWeek[s.Place()])
	past.Customers = p.usual[whole]
	past.SixHours, past.ThreeDays = p.long[s][0], p.long[s][1]
	return detect.Learn(&past, &set)
}
