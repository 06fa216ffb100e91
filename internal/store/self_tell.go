package store

import (
	"cmp"
	"slices"

	"errata/internal/alert"
	"errata/internal/detect"
	"errata/internal/incident"
	"errata/internal/selfwatch"
)

// describeSelf is an incident of Errata itself as a message carries it: what is in
// trouble now, with its numbers of now, or what was.
func (t *tick) describeSelf(i *incident.Incident) alert.Incident {
	about := selfwatch.Of(selfwatch.Condition(i.Condition))
	a := alert.Incident{
		ID: i.ID, Number: int64(i.Number), Workspace: t.name, Environment: i.Environment, Service: i.Service,
		Level: incident.LevelOf(i.Level), State: incident.StateOf(i.Phase), Rule: alert.Rule{Letter: detect.Own.String(), Name: about.Title},
		StartedAt: i.Started.Time(), FiredAt: (i.Fired + 1).Time(), Own: &alert.Own{Condition: i.Condition, Says: []string{}, Do: about.Do},
	}
	if !i.Open() {
		a.ResolvedAt = (i.Resolved + 1).Time()
		if i.Reason != detect.ReasonClear {
			a.ResolvedBy = i.Reason
		}
	}
	for k := range t.findings {
		if f := &t.findings[k]; i.Open() && string(f.Condition) == i.Condition && f.Level > detect.Quiet {
			a.Own.Says = append(a.Own.Says, f.Says)
		}
	}
	if len(a.Own.Says) > 0 {
		return a
	}
	members := slices.Clone(i.Members)
	slices.SortStableFunc(members, func(x, y incident.Member) int { return cmp.Compare(y.Level, x.Level) })
	for k := range members {
		if m := &members[k]; !i.Open() || m.Resolved == 0 {
			a.Own.Says = append(a.Own.Says, m.Why.Note)
		}
	}
	return a
}
