package store

import (
	"context"
	"time"

	"errata/internal/detect"
	"errata/internal/incident"
)

// aheadBlock is what was counted in a block of days or weeks ago. Every five minutes
// what is normal takes one block more of each stretch. Which one is known before,
// so that it is read for all series at once, and not for those that are due in each
// of the minutes: its rows would be read five times.
type aheadBlock struct {
	failed   map[incident.Series]failedBlock
	answered map[incident.Place]float32
	first    map[incident.Place]block // has the services of which anything is known
	at       detect.Minute            // when it was read, of the series that were known then
}

// aheadIn are the stretches that are read in each of five minutes.
var aheadIn = [blockMinutes][]int{{1}, {2}, {3}, {4}, {5, 6}}

// lookAhead reads what will be needed next of long ago, of the series of which what
// is normal is known.
func (m *alertMemory) lookAhead(ctx context.Context, q querier, ws int32, at detect.Minute, rules []incident.Rule) error {
	h := &m.hour
	now, next := stretches(at), stretches(at+blockMinutes)
	used := map[block]bool{}
	for k := 1; k < len(now); k++ {
		used[now[k].to-1], used[next[k].to-1] = true, true
	}
	for b := range h.ahead {
		if !used[b] {
			delete(h.ahead, b)
		}
	}
	p := pastReader{ws: ws, at: at, rules: rules, sources: h.sources}
	for s := range m.past.errors {
		if s.Code == "" {
			p.want = append(p.want, s)
		}
	}
	if len(p.want) == 0 {
		return nil
	}
	fine := p.prepare()
	for _, k := range aheadIn[at%blockMinutes] {
		b := next[k].to - 1
		a := &aheadBlock{map[incident.Series]failedBlock{}, map[incident.Place]float32{}, map[incident.Place]block{}, at}
		p.cache = &pastCache{first: a.first}
		from, to := []time.Time{b.time()}, []time.Time{(b + 1).time()}
		if err := readPastErrors(ctx, q, &p, from, to, fine, func(s incident.Series, _ block, c detect.Counts) {
			f := a.failed[s]
			a.failed[s] = failedBlock{f.errors + int32(c.Errors), f.late + int32(c.Late)} //nolint:gosec // of five minutes
		}); err != nil {
			return err
		}
		if err := p.readRequests(ctx, q, from, to, func(at incident.Place, _ block, n float64) { a.answered[at] += float32(n) }); err != nil {
			return err
		}
		h.ahead[b] = a
	}
	return nil
}

// misses says whether what was read ahead leaves out a series.
func (h *alertHour) misses(since detect.Minute) bool {
	for _, a := range h.ahead {
		if a.at < since {
			return true
		}
	}
	return false
}

// blockCounts are a series' of a block.
type blockCounts struct {
	failed          failedBlock
	requests, whole float32 // of its place, and of its service
	heard           bool    // whether anything is known of its service
}

// has says whether all blocks of a stretch are at hand, as they are now.
func (h *alertHour) has(s stretch) bool {
	for b := s.from; b < s.to; b++ {
		if h.ahead[b] == nil && !h.recent(b) {
			return false
		}
	}
	return true
}

func (h *alertHour) recent(b block) bool {
	return b <= h.settled && h.sheet.Covers(b.minute(), (b+1).minute())
}

// block gives one that is at hand.
func (h *alertHour) block(of incident.Series, b block) blockCounts {
	at := of.Place()
	if a := h.ahead[b]; a != nil {
		_, heard := a.first[at.Whole()]
		return blockCounts{a.failed[of], a.answered[at], a.answered[at.Whole()], heard}
	}
	from, to := b.minute(), (b + 1).minute()
	c := h.sheet.Failures(of, from, to)
	return blockCounts{failedBlock{int32(c.Errors), int32(c.Late)}, //nolint:gosec // of five minutes
		float32(h.sheet.Requests(at, from, to)), float32(h.sheet.Requests(at.Whole(), from, to)), h.sheet.Heard(at.Whole(), from, to)}
}
