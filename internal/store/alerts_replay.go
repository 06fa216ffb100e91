package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/incident"
	"errata/internal/ruleset"
)

// ReplayDays is how far back a rule is replayed at most.
const ReplayDays = 14

const (
	// replayWarm is judged before, so that what lasts in the first minute is not
	// taken for something that began there.
	replayWarm = 24 * 60
	// replayFor is how long a replay may take, and replayWait how long it waits for
	// another one: a process does one at a time.
	replayFor, replayWait = 30 * time.Second, 10 * time.Second
	// maxReplayed are the endpoints that are judged, those with the most failures.
	maxReplayed = 500
	// replayID is the rule that is asked about, whatever its ID.
	replayID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
	// maxWould are the incidents that are listed.
	maxWould = 200
)

// ReplaySpan says which days a rule is judged over.
type ReplaySpan struct {
	Days int // before Now; 0: ReplayDays
	Now  time.Time
	For  time.Duration // how long that may take; 0: replayFor
}

// replaying lets one replay of a process go on at a time.
type replaying struct{ busy chan struct{} }

func newReplaying() replaying { return replaying{make(chan struct{}, 1)} }

func (r replaying) enter(ctx context.Context) error {
	timer := time.NewTimer(replayWait)
	defer timer.Stop()
	select {
	case r.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return unavailable(ctx.Err())
	case <-timer.C:
		return fault.New(fault.Unavailable, "replay_busy", "Another rule is being replayed. Try again in some seconds.").Retry(replayWait)
	}
}

// A statement has as long as the replay; the process may think for a while between
// two, as nobody waits for what this transaction locks.
const sqlReplayGuards = `SELECT set_config('statement_timeout', '30s', true), set_config('idle_in_transaction_session_timeout', '60s', true),
       set_config('client_connection_check_interval', '2s', true), set_config('work_mem', '64MB', true), set_config('jit', 'off', true),
       set_config('max_parallel_workers_per_gather', '0', true)`

// ReplayRule judges the last days again, with a rule as it would be: one that has
// an ID in the place of what it is now, another one beside those that there are.
// It is what EvaluateAlerts does with each minute, over what is counted by now, and
// changes nothing. A rule that is off is judged as if it were on. Faults:
// Unprocessable that names the field, NotFound (rule_not_found), Unprocessable
// (replay_too_large) where not a minute could be judged in time, Unavailable
// (replay_busy).
func (s *Store) ReplayRule(ctx context.Context, ws int32, rule ruleset.Rule, span ReplaySpan) (out Replayed, err error) {
	defer fault.Wrap(&err, "ReplayRule")
	if span.Days = cmp.Or(span.Days, ReplayDays); span.Days < 1 || span.Days > ReplayDays {
		return out, fault.New(fault.Unprocessable, "validation_failed", "The 'days' field must be between 1 and %d.", ReplayDays).With("field", "days")
	}
	if rule.Name == "" { // it is not saved yet, or who asks left it out
		rule.Name = "unnamed"
		if rule.IsDefault() {
			rule.Name = ruleset.DefaultName
		}
	}
	if rule, err = rule.Check(); err != nil {
		return out, err
	}
	if err := s.replays.enter(ctx); err != nil {
		return out, err
	}
	defer func() { <-s.replays.busy }()
	start := time.Now()
	limit := cmp.Or(span.For, replayFor)
	bounded, cancel := context.WithTimeout(ctx, limit+limit/4) // what is judged by then is told
	defer cancel()
	last := detect.MinuteOf(span.Now.Add(-alertSettle)) - 1
	r := &replay{ws: ws, until: start.Add(limit), from: last - detect.Minute(span.Days)*1440 + 1, last: last}
	r.warm = r.from - replayWarm
	r.judged = r.warm - 1
	err = pgx.BeginTxFunc(bounded, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		r.tx = tx
		if err := r.prepare(bounded, s, rule); err != nil {
			return err
		}
		if err := r.run(bounded); err != nil {
			return err
		}
		return r.readRecorded(bounded)
	})
	var pe *pgconn.PgError
	tooLong := errors.Is(bounded.Err(), context.DeadlineExceeded) || errors.As(err, &pe) && pe.Code == "57014" // query_canceled
	cut := ctx.Err() == nil && (err == nil && r.judged < r.last || tooLong)
	switch {
	case cut && r.judged < r.from:
		return out, fault.New(fault.Unprocessable, "replay_too_large", "This rule looks at too much to be replayed within %v. Narrow its query, such as to one service, or take fewer days.", limit).
			With("days", span.Days)
	case err != nil && !cut:
		return out, unavailable(err)
	}
	out = r.told(rule)
	out.Days, out.TookMS = span.Days, time.Since(start).Milliseconds()
	return out, nil
}

// replay judges the past again, in two worlds: with the rule, and as the rules are.
type replay struct {
	tx                       pgx.Tx
	ws                       int32
	warm, from, last, judged detect.Minute
	partMinutes              detect.Minute
	until                    time.Time

	rules     []incident.Rule // of both worlds, for what is normal
	names     map[string]string
	with, now *replayWorld
	services  []string
	endpoints []string // as the statements take them
	wanted    map[incident.Series]bool
	leftOut   int
	silent    bool // services that stop are looked for

	past     replayPast
	source   replaySource
	present  map[codeOf]detect.Minute // codes of the last hour, and when they were met
	recorded []recordedIncident
}

// prepare finds out what there is to judge, and what was normal before.
func (r *replay) prepare(ctx context.Context, s *Store, rule ruleset.Rule) error {
	if _, err := r.tx.Exec(ctx, sqlReplayGuards); err != nil {
		return err
	}
	t := tick{evaluation: &evaluation{s: s, tx: r.tx}, ws: r.ws}
	have, err := t.readRules(ctx)
	if err != nil {
		return err
	}
	objectives, err := readObjectives(ctx, r.tx, r.ws)
	if err != nil {
		return err
	}
	replaces := rule.ID
	if replaces != "" && !slices.ContainsFunc(have, func(a alertRule) bool { return a.ID == replaces }) {
		if _, err := ruleByID(ctx, r.tx, r.ws, replaces); err != nil {
			return err
		}
	}
	rule.ID, rule.Enabled = replayID, true
	proposed, err := alertRuleOf(rule, objectives)
	if err != nil {
		return err
	}
	r.names = map[string]string{replayID: rule.Name}
	with := []alertRule{proposed}
	about := []incident.Rule{proposed.Rule} // what is judged is what one of these looks at
	for _, a := range have {
		r.names[a.ID] = a.name
		if a.ID != replaces {
			with = append(with, a)
		} else if a.enabled {
			about = append(about, a.Rule)
		}
	}
	r.source = replaySource{tx: r.tx, ws: r.ws}
	r.present = map[codeOf]detect.Minute{}
	r.with, r.now = r.world(with), r.world(have)
	r.rules = r.with.rules()
	for _, a := range r.now.rules() {
		if !slices.ContainsFunc(r.rules, func(b incident.Rule) bool { return a.ID == b.ID }) {
			r.rules = append(r.rules, a)
		}
	}
	if err := r.choose(ctx, about); err != nil {
		return err
	}
	if err := r.readPast(ctx); err != nil {
		return err
	}
	if err := r.source.readCodes(ctx, r.services, r.warm, r.last); err != nil {
		return err
	}
	return r.readMasks(ctx)
}

// run judges minute by minute.
func (r *replay) run(ctx context.Context) error {
	var part replayPart
	for m := r.warm; m <= r.last && time.Now().Before(r.until); m++ {
		if m >= part.to {
			if err := r.readPart(ctx, &part, m); err != nil {
				return err
			}
		}
		failures, answered := part.failures[m], part.answered[m]
		r.past.add(r, m, failures, answered)
		r.meet(m, failures)
		for _, w := range [...]*replayWorld{r.with, r.now} {
			if err := w.minute(ctx, r, m, failures, answered); err != nil {
				return err
			}
		}
		r.judged = m
	}
	return nil
}

// meet keeps which codes the last hour had.
func (r *replay) meet(m detect.Minute, failures []incident.Failure) {
	for i := range failures {
		if c := (codeOf{failures[i].Service, failures[i].Code}); c.code != "" {
			r.present[c] = m
		}
	}
	for c, at := range r.present {
		if at <= m-incident.Room {
			delete(r.present, c)
		}
	}
}

func (r *replay) codes(yield func(codeOf) bool) {
	for c := range r.present {
		if !yield(c) {
			return
		}
	}
}

// Replayed is what a rule would have found, had it been there.
type Replayed struct {
	From      event.Time `json:"from"`
	To        event.Time `json:"to"` // the end of the last minute that was judged
	Days      int        `json:"days"`
	Complete  bool       `json:"complete"`  // false: time was up at To
	Count     int        `json:"count"`     // incidents that the rule would have found
	Pages     int        `json:"pages"`     // of them, those that it would have paged about
	Incidents []Would    `json:"incidents"` // newest first
	NowCount  int        `json:"now_count"` // the same of the rule as it is saved; of a new one 0
	Missed    []Would    `json:"missed"`    // incidents that the rules find as they are, and would not with this one
	LeftOut   int        `json:"left_out"`  // endpoints that were not judged by themselves: others fail more
	Truncated bool       `json:"truncated"` // there were more incidents than are listed
	TookMS    int64      `json:"took_ms"`
}

// Would is an incident that would have been.
type Would struct {
	Title       string       `json:"title"`
	Family      string       `json:"family"` // 5xx or 429
	Environment string       `json:"environment"`
	Service     string       `json:"service"`  // "" where it is a provider's
	Provider    string       `json:"provider"` // "" where it is a service's
	Level       detect.Level `json:"level"`
	Why         detect.Why   `json:"why"`
	Rules       []string     `json:"rules"` // names of others that find it, too; of Missed: all
	Parts       []string     `json:"parts"` // what fires in it
	StartedAt   event.Time   `json:"started_at"`
	FiredAt     event.Time   `json:"fired_at"`    // when the rule held first
	ResolvedAt  *event.Time  `json:"resolved_at"` // null: it lasted to the end
	Reason      string       `json:"reason,omitempty"`
	Peak        float64      `json:"peak"` // 0 where nobody counts requests
	Errors      int64        `json:"errors"`
	Now         bool         `json:"now"` // the rules find it as they are
	// The incident that there was, if any: its number, and what people said of it.
	Number int           `json:"number"`
	Useful incident.Vote `json:"useful"`
}
