package web

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/alert"
	"errata/internal/incident"
	"errata/internal/ruleset"
	"errata/internal/silence"
	"errata/internal/store"
)

// Silences is what the pages need of the store for silences.
type Silences interface {
	WorkspaceSilences(ctx context.Context, ws int32, now time.Time) ([]silence.Silence, error)
	PastSilences(ctx context.Context, ws int32, now time.Time, limit int) ([]silence.Silence, error)
	SaveSilence(ctx context.Context, actor store.Actor, ws int32, now time.Time, s silence.Silence) (silence.Silence, error)
	EndSilence(ctx context.Context, actor store.Actor, ws int32, now time.Time, id string) (silence.Silence, error)
	SilencePreview(ctx context.Context, ws int32, now time.Time, s silence.Silence) (store.SilencePreview, error)
	IncidentRules(ctx context.Context, ws int32, ids []string) (map[string][]string, error)
	Rules(ctx context.Context, ws int32) ([]ruleset.Rule, error)
}

// silencesPath is the list of silences.
const silencesPath = "/alerts/silences"

// silenceLine says that a silence keeps messages back.
type silenceLine struct {
	ID, Path, What, When, Reason, By string
	Until                            moment
	Own                              bool // it is for this incident, and is ended there
}

func (w *web) silenceLine(s *silence.Silence, rules namesOfRules) silenceLine {
	return silenceLine{ID: s.ID, Path: silencesPath + "#s-" + s.ID, What: s.What(rules[s.RuleID]), When: s.When(), Reason: s.Reason, By: s.CreatedBy, Until: w.moment(s.Until(w.Now()))}
}

// namesOfRules are names of rules, by their IDs.
type namesOfRules map[string]string

// namesOfRules asks for the names only where a silence is about a rule.
func (w *web) namesOfRules(c *gin.Context, silences []silence.Silence) (namesOfRules, error) {
	out := namesOfRules{}
	if !slices.ContainsFunc(silences, func(s silence.Silence) bool { return s.RuleID != "" }) {
		return out, nil
	}
	rules, err := w.Store.Rules(c.Request.Context(), member(c).Workspace)
	for i := range rules {
		out[rules[i].ID] = rules[i].Name
	}
	return out, err
}

// about is what messages about an incident are about, as the tick tells it to
// silences.
func about(r *incident.Record, rules []string) silence.Subject {
	return silence.Of(alert.Incident{Environment: r.Environment, Service: subjectOf(r), Codes: r.Facts.Codes, Members: r.Facts.Endpoints,
		TopCustomer: r.Why.Customer, TopCustomerShare: r.Why.TopShare}, r.Family, rules)
}

// subjectOf is who fails: the service, or the provider.
func subjectOf(r *incident.Record) string { return cmp.Or(r.Service, r.Provider) }

// silenced are the lines about those of the silences that mute each incident now,
// by its ID; a few of each.
func (w *web) silenced(c *gin.Context, silences []silence.Silence, list []incident.Record) (map[string][]silenceLine, error) {
	now, out := w.Now(), map[string][]silenceLine{}
	silences = slices.DeleteFunc(slices.Clone(silences), func(s silence.Silence) bool { return !s.InForce(now) })
	if len(silences) == 0 || len(list) == 0 {
		return out, nil
	}
	names, err := w.namesOfRules(c, silences)
	if err != nil {
		return nil, err
	}
	var rules map[string][]string
	if len(names) > 0 { // one of them is about a rule
		var ids []string
		for i := range list {
			ids = append(ids, list[i].ID)
		}
		if rules, err = w.Store.IncidentRules(c.Request.Context(), member(c).Workspace, ids); err != nil {
			return nil, err
		}
	}
	for i := range list {
		r := &list[i]
		out[r.ID] = w.silencedBy(silences, r, rules[r.ID], names)
	}
	return out, nil
}

// shownSilences is how many silences are named of what they are about.
const shownSilences = 3

// silencedBy are those of the silences, which are in force, that mute an incident:
// its own first, since that can be undone there.
func (w *web) silencedBy(silences []silence.Silence, r *incident.Record, rules []string, names namesOfRules) (out []silenceLine) {
	own, subject := justThis(r), about(r, rules)
	var others []silenceLine
	for i := range silences {
		s := &silences[i]
		same := sameMatch(s, &own)
		switch {
		case len(out)+len(others) >= shownSilences && !same, !s.Matches(subject):
		case same:
			out = append(out, w.silenceLine(s, names))
			out[len(out)-1].Own = true
		default:
			others = append(others, w.silenceLine(s, names))
		}
	}
	out = append(out, others...)
	return out[:min(len(out), shownSilences)]
}

// fillSilent says on the list of what fires what of it is silenced, and how much
// else.
func (w *web) fillSilent(c *gin.Context, list []incident.Record, page *alertsPage) error {
	all, err := w.Store.WorkspaceSilences(c.Request.Context(), member(c).Workspace, w.Now())
	if err != nil {
		return err
	}
	names, err := w.namesOfRules(c, all)
	if err != nil {
		return err
	}
	page.Silent = w.silencing(all, names)
	lines, err := w.silenced(c, all, list)
	for i := range page.Rows {
		page.Rows[i].Silenced = lines[list[i].ID]
	}
	return err
}

// silencing says on the list of what fires how much is silent.
type silencing struct{ Now, Next, What string }

func (w *web) silencing(silences []silence.Silence, rules namesOfRules) *silencing {
	var once, windows int
	var next time.Time
	var soonest *silence.Silence
	now := w.Now()
	for i := range silences {
		s := &silences[i]
		switch {
		case s.InForce(now) && s.Window():
			windows++
		case s.InForce(now):
			once++
		}
		if begins := s.Next(now, 1); len(begins) > 0 && (soonest == nil || begins[0].Before(next)) {
			next, soonest = begins[0], s
		}
	}
	out := &silencing{}
	var parts []string
	if once > 0 {
		parts = append(parts, plural(once, "silence", "silences"))
	}
	if windows > 0 {
		parts = append(parts, plural(windows, "maintenance window", "maintenance windows"))
	}
	if len(parts) > 0 {
		out.Now = strings.Join(parts, " and ")
	}
	if soonest != nil {
		out.Next, out.What = w.moment(next).Ago, soonest.What(rules[soonest.RuleID])
	}
	if out.Now+out.Next == "" {
		return nil
	}
	return out
}

// silencesOver are those in force that mute something of a service.
func (w *web) silencesOver(c *gin.Context, service, environment string) ([]silenceLine, error) {
	now := w.Now()
	all, err := w.Store.WorkspaceSilences(c.Request.Context(), member(c).Workspace, now)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s silence.Silence) bool {
		return s.Service != "" && s.Service != service || environment != "" && s.Environment != "" && s.Environment != environment || !s.InForce(now)
	})
	names, err := w.namesOfRules(c, all)
	var out []silenceLine
	for i := range all[:min(len(all), shownSilences)] {
		out = append(out, w.silenceLine(&all[i], names))
	}
	return out, err
}
