package store

import (
	"time"

	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/incident"
	"errata/internal/ruleset"
)

// told says what came of it.
func (r *replay) told(rule ruleset.Rule) Replayed {
	out := Replayed{From: event.Time{Time: r.from.Time()}, To: event.Time{Time: (r.judged + 1).Time()}, Complete: r.judged == r.last, LeftOut: r.leftOut,
		Incidents: []Would{}, Missed: []Would{}}
	with, now := r.lasted(r.with), r.lasted(r.now)
	for k := len(with) - 1; k >= 0; k-- {
		would, ok := r.would(with[k], replayID)
		if !ok {
			continue
		}
		out.Count++
		if would.Level == detect.Page {
			out.Pages++
		}
		if len(out.Incidents) == maxWould {
			out.Truncated = true
			continue
		}
		would.Now = overlapped(with[k], now)
		r.recognise(&would, with[k])
		out.Incidents = append(out.Incidents, would)
	}
	for k := len(now) - 1; k >= 0; k-- {
		if _, ok := r.would(now[k], rule.ID); ok && rule.ID != "" {
			out.NowCount++
		}
		if overlapped(now[k], with) {
			continue
		}
		if len(out.Missed) == maxWould {
			out.Truncated = true
			continue
		}
		would, _ := r.would(now[k], "")
		would.Now = true
		r.recognise(&would, now[k])
		out.Missed = append(out.Missed, would)
	}
	return out
}

// lasted are the incidents of a world that are not over before the time in question.
func (r *replay) lasted(w *replayWorld) (out []*incident.Incident) {
	for _, i := range w.incidents() {
		if i.Open() || i.Resolved >= r.from {
			out = append(out, i)
		}
	}
	return out
}

// would is an incident as one rule finds it, or all of them (""), and whether it
// does.
func (r *replay) would(i *incident.Incident, id string) (out Would, ok bool) {
	out = Would{Title: incident.Headline(i.Family, i.Environment, i.Service, i.Provider), Family: i.Family.String(), Environment: i.Environment, Service: i.Service,
		Provider: i.Provider, Parts: []string{}}
	others := map[string]bool{}
	var started, fired, over detect.Minute
	var whole, parts int64
	open := false
	for k := range i.Members {
		m := &i.Members[k]
		if id != "" && m.Rule != id {
			others[m.Rule] = true
			continue
		}
		if id == "" {
			others[m.Rule] = true
		}
		if !ok || m.Level > out.Level {
			out.Level, out.Why = m.Level, m.Why
		}
		if !ok || m.Started < started {
			started = m.Started
		}
		if !ok || m.Fired < fired {
			fired = m.Fired
		}
		ok, open, over = true, open || m.Resolved == 0, max(over, m.Resolved)
		out.Peak = max(out.Peak, m.Peak)
		if m.Whole() {
			whole = max(whole, m.Errors)
		} else {
			parts += m.Errors
		}
		out.Parts = append(out.Parts, m.Name())
	}
	if out.Errors = whole; whole == 0 {
		out.Errors = parts
	}
	out.Rules = r.namesOf(others)
	seen := func(m detect.Minute) event.Time { return event.Time{Time: m.Time().Add(time.Minute)} }
	out.StartedAt, out.FiredAt = event.Time{Time: started.Time()}, seen(fired)
	if ok && !open {
		at := seen(over)
		out.ResolvedAt, out.Reason = &at, i.Reason
	}
	return out, ok
}

// overlapped reports whether there is one of the same at about the same time.
func overlapped(i *incident.Incident, others []*incident.Incident) bool {
	for _, o := range others {
		if o.Group == i.Group && (o.Open() || o.Resolved >= i.Started) && (i.Open() || i.Resolved >= o.Started) {
			return true
		}
	}
	return false
}

// recognise finds the incident that there was.
func (r *replay) recognise(would *Would, i *incident.Incident) {
	for _, was := range r.recorded { // newest first
		if was.Group == i.Group && (was.closed == 0 || was.closed >= i.Started) && (i.Open() || i.Resolved >= was.started) {
			would.Number, would.Useful = was.number, incident.Vote(was.useful)
		}
	}
}
