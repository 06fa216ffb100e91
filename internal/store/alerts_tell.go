package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/incident"
	"errata/internal/ruleset"
	"errata/internal/silence"
)

// alertRule is a rule, and what happens with what it finds.
type alertRule struct {
	incident.Rule
	name     string
	level    detect.Level // the loudest it may be
	channels []string     // none: all
	runbook  string
	enabled  bool
	version  string // changes with everything above
}

// tell queues the messages that are due.
func (t *tick) tell(ctx context.Context) error {
	t.facts = map[string]any{}
	if err := t.readSilences(ctx); err != nil {
		return err
	}
	for _, i := range t.board.Incidents {
		kind, changed, due := i.Due(t.now, incident.DefaultPace)
		if !due {
			continue
		}
		about, err := t.describe(ctx, i)
		if err != nil {
			return err
		}
		facts, err := json.Marshal(about)
		if err != nil {
			return err
		}
		t.facts[i.ID] = string(facts)
		if muted, err := t.muted(ctx, i, about); err != nil {
			return err
		} else if muted {
			continue
		}
		i.Tell(t.now)
		m := alert.Message{Kind: kind, Workspace: t.name, Incidents: []alert.Incident{about}, Seq: i.Told.Seq, At: t.now, Changed: changed}
		n, err := t.queue(ctx, i, m)
		if err != nil {
			return err
		}
		text := string(kind)
		if n == 0 {
			text += ", but there is no channel for it"
		}
		i.Events = append(i.Events, incident.Event{Minute: t.last, Kind: "told", Text: text})
		t.out.Messages += n
	}
	return nil
}

const (
	// sampledIDs are how many request IDs a message shows.
	sampledIDs = 3
	// shares are how many endpoints and codes.
	shares = 5
)

// describe is the incident as a message carries it.
func (t *tick) describe(ctx context.Context, i *incident.Incident) (a alert.Incident, err error) {
	if t.own {
		return t.describeSelf(i), nil
	}
	a = alert.Incident{
		ID: i.ID, Number: int64(i.Number), Workspace: t.name, Environment: i.Environment, Service: cmp.Or(i.Service, i.Provider), Family: familyWord(i.Family),
		Level: incident.LevelOf(i.Level), LowUrgency: i.Why.Urgency == "low", State: incident.StateOf(i.Phase), Rule: alert.Rule{Letter: i.Why.Rule.String(), Name: incident.RuleName(i.Why.Rule)},
		Why: t.why(i), StartedAt: i.Started.Time(), FiredAt: (i.Fired + 1).Time(), Errors: i.Why.Errors, Customers: i.Why.Customers,
		TopCustomer: i.Why.Customer, TopCustomerShare: i.Why.TopShare, TotalErrors: i.Errors,
	}
	if i.Provider != "" {
		a.Family = event.FamilyUpstream
	}
	for _, r := range t.rules {
		if r.ID == i.Rule {
			a.Runbook = r.runbook
			if r.ID != ruleset.DefaultID {
				a.Rule.ID = r.ID
				a.Rule.Name = cmp.Or(r.name, a.Rule.Name)
			}
		}
	}
	if !i.Open() {
		a.ResolvedAt = (i.Resolved + 1).Time()
		switch i.Reason {
		case detect.ReasonClear:
		case incident.ReasonRule:
			a.ResolvedBy = "its rule, which is off now"
		default:
			a.ResolvedBy = i.Reason
		}
	}
	if i.Why.Requests > 0 {
		n := i.Why.Requests
		a.Requests = &n
	}
	if i.Peak > 0 {
		peak := i.Peak
		a.PeakRatio = &peak
	}
	t.shares(i, &a)
	if a.Samples, err = t.samples(ctx, i); err != nil {
		return a, err
	}
	a.Deploy, err = t.deployBefore(ctx, i)
	return a, err
}

func (t *tick) why(i *incident.Incident) alert.Why {
	w := &i.Why
	out := alert.Why{Value: w.Score, Limit: w.MinScore, WindowMinutes: w.Window, RatioLimit: w.Limit, LateData: w.Late > 0, SingleCustomer: w.TopShare >= 1}
	if w.MinScore > 0 {
		out.Statistic = "z"
	}
	if w.Requests > 0 {
		rate, normal := w.Rate, w.Normal
		out.Ratio, out.NormalRatio = &rate, &normal
	} else {
		normal := w.Normal * float64(max(w.Window, 1))
		out.NormalErrors, out.RatioLimit = &normal, 0
	}
	return out
}

// shares says which endpoints and codes fail, of the last minutes.
func (t *tick) shares(i *incident.Incident, a *alert.Incident) {
	type place struct{ method, endpoint string }
	places, codes, all := map[place]int64{}, map[string]int64{}, int64(0)
	for _, f := range t.memory.hour.of(i.Started, func(f *incident.Failure) bool {
		return f.Family == i.Family && f.Environment == i.Environment && (i.Service == "" || f.Service == i.Service) && (i.Provider == "" || f.Provider == i.Provider)
	}) {
		all += f.N
		places[place{f.Method, f.Endpoint}] += f.N
		codes[f.Code] += f.N
	}
	if all == 0 {
		return
	}
	for p, n := range places {
		if p.endpoint != "" {
			a.Members = append(a.Members, alert.Member{Method: p.method, Endpoint: p.endpoint, Share: float64(n) / float64(all)})
		}
	}
	for c, n := range codes {
		if c != "" {
			a.Codes = append(a.Codes, alert.Share{Name: c, Share: float64(n) / float64(all)})
		}
	}
	slices.SortFunc(a.Members, func(x, y alert.Member) int {
		return cmp.Or(cmp.Compare(y.Share, x.Share), cmp.Compare(x.Endpoint, y.Endpoint), cmp.Compare(x.Method, y.Method))
	})
	slices.SortFunc(a.Codes, func(x, y alert.Share) int { return cmp.Or(cmp.Compare(y.Share, x.Share), cmp.Compare(x.Name, y.Name)) })
	a.Members, a.Codes = a.Members[:min(len(a.Members), shares)], a.Codes[:min(len(a.Codes), shares)]
}

// The newest Events of the issues that came up in the incident's hours: their
// hours name them.
const sqlIncidentSamples = `
SELECT request_id FROM (
  SELECT DISTINCT ON (e.request_id) e.request_id, e.occurred_at
  FROM issues i JOIN issue_hours h ON h.workspace_id = i.workspace_id AND h.issue_id = i.id AND h.hour >= date_trunc('hour', $4::timestamptz)
       CROSS JOIN LATERAL unnest(h.samples) AS x(id)
       JOIN events e ON e.workspace_id = i.workspace_id AND e.day >= ($4::timestamptz AT TIME ZONE 'UTC')::date AND e.id = x.id
  WHERE i.workspace_id = $1::int4 AND ($2::text = '' OR i.service = $2::text) AND e.environment = $3::text AND e.occurred_at >= $4::timestamptz
    AND e.request_id IS NOT NULL AND e.role = 0 AND CASE WHEN $5::bool THEN e.family = 1 ELSE e.family > 1 END AND ($6::text = '' OR e.provider = $6::text)
  ORDER BY e.request_id, e.occurred_at DESC
) s ORDER BY occurred_at DESC LIMIT $7::int4`

func (t *tick) samples(ctx context.Context, i *incident.Incident) ([]string, error) {
	rows, err := t.tx.Query(ctx, sqlIncidentSamples, t.ws, i.Service, i.Environment, i.Started.Time(), i.Family == detect.Limits, i.Provider, sampledIDs)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// The last deploy in the hour before it began.
const sqlDeployBefore = `
SELECT d.release, d.deployed_at FROM deploys d
WHERE d.workspace_id = $1::int4 AND d.service = $2::text AND d.environment = $3::text AND d.deployed_at > $4::timestamptz - interval '1 hour' AND d.deployed_at <= $4::timestamptz + interval '1 minute'
ORDER BY d.deployed_at DESC LIMIT 1`

func (t *tick) deployBefore(ctx context.Context, i *incident.Incident) (*alert.Deploy, error) {
	if i.Service == "" {
		return nil, nil //nolint:nilnil // none
	}
	var d alert.Deploy
	err := t.tx.QueryRow(ctx, sqlDeployBefore, t.ws, i.Service, i.Environment, i.Started.Time()).Scan(&d.Release, &d.At)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // none
	}
	d.At = d.At.UTC()
	return &d, err
}

// readRules gives the workspace's rules, with objectives. One that cannot be read,
// as after a number was withdrawn, is logged and judges nothing.
func (t *tick) readRules(ctx context.Context) ([]alertRule, error) {
	objectives, err := readObjectives(ctx, t.tx, t.ws)
	if err != nil {
		return nil, err
	}
	rows, err := t.tx.Query(ctx, sqlRules, t.ws, ruleset.MaxRules)
	if err != nil {
		return nil, err
	}
	rules, err := pgx.CollectRows(rows, scanRule)
	if err != nil {
		return nil, err
	}
	var out []alertRule
	for _, r := range withDefault(rules) {
		a, err := alertRuleOf(r, objectives)
		if err != nil {
			t.s.log.ErrorContext(ctx, "a rule of alerts cannot be read", "rule", r.Name, "error", err)
			continue
		}
		out = append(out, a)
	}
	return out, nil
}

func readObjectives(ctx context.Context, q querier, ws int32) (map[incident.Place]float64, error) {
	rows, err := q.Query(ctx, sqlSLOs, ws, MaxSLOs)
	if err != nil {
		return nil, err
	}
	slos, err := pgx.CollectRows(rows, scanSLO)
	out := map[incident.Place]float64{}
	for _, o := range slos {
		out[incident.Place{Environment: o.Environment, Service: o.Service, Method: o.Method, Endpoint: o.Endpoint}] = o.Objective / 100
	}
	return out, err
}

// alertRuleOf makes of what people said what judging needs.
func alertRuleOf(r ruleset.Rule, objectives map[incident.Place]float64) (a alertRule, err error) {
	set, err := r.Settings()
	if err != nil {
		return a, err
	}
	scope, err := r.Scope()
	if err != nil {
		return a, err
	}
	a = alertRule{Rule: incident.Rule{ID: r.ID, Settings: set, Objectives: objectives}, name: r.Name, level: levelOf(r.Level), channels: r.Channels, runbook: r.Runbook,
		enabled: r.Enabled, version: r.Query + "\x1f" + strconv.FormatBool(r.Enabled)}
	if !scope.All() {
		a.Matches = func(f *incident.Failure) bool {
			return scope.Holds(ruleset.Failure{Environment: f.Environment, Service: f.Service, Method: f.Method, Endpoint: f.Endpoint, Status: f.Status,
				Code: f.Code, Provider: f.Provider, Family: f.Cause})
		}
	}
	return a, nil
}

const (
	sqlCountMuted = `UPDATE silences SET muted = muted + 1 WHERE workspace_id = $1::int4 AND id = $2::uuid`

	// Which silence muted the incident, unless it was told about since. A process
	// that remembered this would count again what another counted, and not count
	// what it could not commit.
	sqlMutedBy = `
SELECT coalesce((SELECT CASE e.kind WHEN 'muted' THEN e.data ->> 'silence' END FROM incident_events e
  WHERE e.workspace_id = $1::int4 AND e.incident_id = $2::uuid AND e.kind IN ('muted', 'told') ORDER BY e.id DESC LIMIT 1), '')`
)

// muted says whether a silence keeps a message from being sent. What it is about
// stays to be told, should it outlast the silence.
func (t *tick) muted(ctx context.Context, i *incident.Incident, about alert.Incident) (bool, error) {
	rules := map[string]bool{}
	for k := range i.Members {
		if i.Members[k].Resolved == 0 || !i.Open() {
			rules[i.Members[k].Rule] = true
		}
	}
	by := silence.Muting(t.silences, silence.Of(about, i.Family.String(), slices.Sorted(maps.Keys(rules))), t.now)
	if len(by) == 0 {
		return false, nil
	}
	var known string
	if err := t.tx.QueryRow(ctx, sqlMutedBy, t.ws, i.ID).Scan(&known); err != nil || known == by[0].ID {
		return true, err
	}
	i.Events = append(i.Events, incident.Event{Minute: t.last, Kind: "muted", Text: by[0].Reason, Silence: by[0].ID})
	_, err := t.tx.Exec(ctx, sqlCountMuted, t.ws, by[0].ID)
	return true, err
}

// readSilences gives those of the workspace that have not ended.
func (t *tick) readSilences(ctx context.Context) error {
	rows, err := t.tx.Query(ctx, sqlSilences, t.ws, t.now, MaxSilences)
	if err != nil {
		return err
	}
	t.silences, err = pgx.CollectRows(rows, scanSilence)
	return err
}

// queue puts a message on its way to the channels of the rules that found it.
func (t *tick) queue(ctx context.Context, i *incident.Incident, m alert.Message) (int, error) {
	channels := []string{}
	if t.own {
		if channels = t.toldOfSelf(i); channels != nil && len(channels) == 0 { // none would be all
			return 0, nil
		}
	}
	for _, r := range t.rules {
		if t.own || !slices.ContainsFunc(i.Members, func(m incident.Member) bool { return m.Rule == r.ID }) {
			continue
		}
		if len(r.channels) == 0 {
			channels = nil // all
			break
		}
		channels = append(channels, r.channels...)
	}
	return queueMessages(ctx, t.tx, t.ws, i.ID, m.Seq, m, channels, t.now)
}
