package store

import (
	"context"

	"errata/internal/detect"
	"errata/internal/incident"
)

// replayWorld is how things would have gone under some rules. It judges with the
// very tick that judges what happens; only what that reads comes from elsewhere,
// and what it writes is kept here.
type replayWorld struct {
	tick   *tick
	masked map[maskedGroup]map[block]bool
	over   []*incident.Incident // may not come back
}

func (r *replay) world(rules []alertRule) *replayWorld {
	w := &replayWorld{masked: map[maskedGroup]map[block]bool{}}
	w.tick = &tick{evaluation: &evaluation{out: &Evaluated{}}, ws: r.ws, memory: newAlertMemory(), source: &r.source, rules: rules,
		states: map[incident.Series]detect.State{}, changed: map[incident.Series]bool{}}
	w.tick.memory.hour = alertHour{sheet: incident.NewSheet(w.tick.judging(), r.warm-1), failures: map[detect.Minute][]incident.Failure{}}
	w.tick.board = incident.Board{Reopen: detect.Minute(detect.Default().Reopen), New: func() (string, int) { return "", 0 }}
	return w
}

func (w *replayWorld) rules() []incident.Rule { return w.tick.judging() }

// minute judges one minute, as tick.judge does.
func (w *replayWorld) minute(ctx context.Context, r *replay, m detect.Minute, failures []incident.Failure, answered []incident.Answered) error {
	t := w.tick
	t.from, t.last = m, m
	h := &t.memory.hour
	h.sheet.Advance(m)
	h.sheet.Failed(failures)
	h.sheet.Answered(answered)
	h.failures[m], h.upto = failures, m
	delete(h.failures, m-incident.Room)
	if m%sweepEvery == 0 {
		h.sheet.Sweep()
		h.silent = r.past.silent(r, m)
	}
	if err := t.meet(ctx, r.codes); err != nil {
		return err
	}
	rules := h.sheet.Rules
	series := t.series(rules)
	kept := series[:0]
	for _, s := range series {
		if s.Code != "" && !r.wanted[s] { // it is new, and so all that it has is at hand
			r.past.want(r, s, h)
		}
		if r.wanted[s] {
			kept = append(kept, s)
		}
	}
	if err := w.learn(ctx, r, m, kept); err != nil {
		return err
	}
	found, err := t.minute(ctx, m, kept, rules)
	if err != nil {
		return err
	}
	t.board.Minute(m, found)
	w.mask(m, found)
	w.forget(m)
	return nil
}

// learn finds what is normal, as often as it is found when things happen.
func (w *replayWorld) learn(ctx context.Context, r *replay, m detect.Minute, series []incident.Series) error {
	memory := w.tick.memory
	all := stretches(m)
	for _, s := range series {
		if memory.fresh(s, m) {
			continue
		}
		past, err := r.pastOf(ctx, s, m, &all)
		if err != nil {
			return err
		}
		past.masked = w.masked[maskedGroup{s.Family, s.Environment, s.Service}]
		set := detect.Default()
		for i := range memory.hour.sheet.Rules {
			if rule := &memory.hour.sheet.Rules[i]; rule.ID == s.Rule {
				set = rule.Settings
			}
		}
		memory.baselines[s] = learned{past.baseline(&set), m}
	}
	for s, l := range memory.baselines {
		if m-l.at > 2*60 {
			delete(memory.baselines, s)
		}
	}
	return nil
}

// mask keeps what fires from being taken as normal.
func (w *replayWorld) mask(m detect.Minute, found []incident.Found) {
	for k := range found {
		for _, t := range found[k].Transitions {
			if t.MaskFrom != 0 {
				w.cover(found[k].Series, t.MaskFrom, m)
			}
		}
	}
	for _, i := range w.tick.board.Incidents {
		for k := range i.Members {
			if e := &i.Members[k]; e.Resolved == 0 || e.Resolved == m {
				w.cover(e.Series, m, m)
			}
		}
	}
}

func (w *replayWorld) cover(s incident.Series, from, to detect.Minute) {
	g := maskedGroup{s.Family, s.Environment, s.Service}
	if w.masked[g] == nil {
		w.masked[g] = map[block]bool{}
	}
	for b := blockOf(from); b <= blockOf(to); b++ {
		w.masked[g][b] = true
	}
}

// forget puts aside what is not read for judging either: incidents that cannot
// come back, and states of what is well.
func (w *replayWorld) forget(m detect.Minute) {
	t := w.tick
	kept := t.board.Incidents[:0]
	for _, i := range t.board.Incidents {
		if !i.Open() && m-i.Resolved > reopenRoom {
			w.over = append(w.over, i)
		} else {
			kept = append(kept, i)
		}
	}
	clear(t.board.Incidents[len(kept):])
	t.board.Incidents = kept
	for s, state := range t.states {
		if state.Phase == detect.OK && len(state.Told) == 0 {
			delete(t.states, s)
		}
	}
	clear(t.changed)
}

// incidents are all that there would have been, in order.
func (w *replayWorld) incidents() []*incident.Incident {
	return append(w.over, w.tick.board.Incidents...)
}
