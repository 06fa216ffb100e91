package store

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/detect"
	"errata/internal/fault"
	"errata/internal/incident"
	"errata/internal/selfwatch"
	"errata/internal/silence"
)

const (
	// alertSettle is how long after its end a minute is judged: senders batch.
	alertSettle = 30 * time.Second
	// alertLock is the advisory lock of whoever judges.
	alertLock = 7220
	// clockSlack is by how much the clock may go back without being noticed.
	clockSlack = 5
)

// Evaluated is what one call of EvaluateAlerts did.
type Evaluated struct {
	Minutes  int       // that were judged; 0: none has closed since
	Busy     bool      // another process is at it
	Upto     time.Time // the end of the last minute that was judged, by whomever
	Gap      int       // minutes that nobody judged nor ever will
	Series   int       // that were looked at
	Opened   int
	Messages int
	Took     time.Duration // from the lock to the COMMIT
}

// alertMemory is what a process keeps between ticks, so that it need not read it
// again. Nothing is lost with it.
type alertMemory struct {
	hour      alertHour
	baselines map[incident.Series]learned
	past      pastCache
	pastRules string                   // whose past it is
	codes     map[codeOf]detect.Minute // that are not new, and when this was found
}

func newAlertMemory() *alertMemory {
	return &alertMemory{baselines: map[incident.Series]learned{}, codes: map[codeOf]detect.Minute{}}
}

// alertMemories are those of all workspaces.
type alertMemories struct {
	mu sync.Mutex
	of map[int32]*alertMemory
}

func (m *alertMemories) get(ws int32) *alertMemory {
	if m.of == nil {
		m.of = map[int32]*alertMemory{}
	}
	if m.of[ws] == nil {
		m.of[ws] = newAlertMemory()
	}
	return m.of[ws]
}

const (
	// A connection whose process is gone lets go of the lock at the next check.
	sqlAlertGuards = `SELECT set_config('statement_timeout', '20s', true), set_config('idle_in_transaction_session_timeout', '30s', true),
       set_config('client_connection_check_interval', '2s', true), set_config('work_mem', '64MB', true), set_config('jit', 'off', true),
       set_config('max_parallel_workers_per_gather', '0', true), set_config('enable_sort', 'off', true)`
	sqlAlertLock  = `SELECT pg_try_advisory_xact_lock($1::int8)`
	sqlAlertClock = `SELECT minute FROM alert_clock FOR UPDATE`
	sqlSetClock   = `
INSERT INTO alert_clock (minute, at) VALUES ($1::timestamptz, $2::timestamptz)
ON CONFLICT (one) DO UPDATE SET minute = excluded.minute, at = excluded.at`
	sqlAlertGap = `
INSERT INTO alert_gaps (from_minute, to_minute, at) VALUES ($1::timestamptz, $2::timestamptz, $3::timestamptz)
ON CONFLICT (from_minute) DO UPDATE SET to_minute = excluded.to_minute, at = excluded.at`
	sqlAllWorkspaces = `SELECT id, name FROM workspaces ORDER BY id`
)

// EvaluateAlerts judges the minutes that have closed, in all workspaces: it
// opens and ends incidents, and queues what is to be told about them. Any number
// of processes may call it at any time; all that one call finds is one
// transaction, so that a minute is judged once, and nothing is told twice.
// Errors: a fault of kind Unavailable.
func (s *Store) EvaluateAlerts(ctx context.Context, now time.Time) (out Evaluated, err error) {
	defer fault.Wrap(&err, "EvaluateAlerts")
	s.alerts.mu.Lock()
	defer s.alerts.mu.Unlock()
	closed := detect.MinuteOf(now.Add(-alertSettle)) - 1
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		out = Evaluated{}
		start := time.Now()
		e := evaluation{s: s, tx: tx, now: now, out: &out}
		err := e.run(ctx, closed)
		out.Took = time.Since(start)
		return err
	})
	return out, err
}

// evaluation is one tick.
type evaluation struct {
	s   *Store
	tx  pgx.Tx
	now time.Time
	out *Evaluated
}

// begin takes the lock; Busy where another process has it.
func (e *evaluation) begin(ctx context.Context, lock int64) error {
	if _, err := e.tx.Exec(ctx, sqlAlertGuards); err != nil {
		return err
	}
	var ours bool
	err := e.tx.QueryRow(ctx, sqlAlertLock, lock).Scan(&ours)
	e.out.Busy = err == nil && !ours
	return err
}

func (e *evaluation) run(ctx context.Context, closed detect.Minute) error {
	if err := e.begin(ctx, alertLock); err != nil || e.out.Busy {
		return err
	}
	from, err := e.clock(ctx, closed)
	if err != nil {
		return err
	}
	e.out.Upto = (closed + 1).Time()
	list, err := e.workspaces(ctx)
	if err != nil {
		return err
	}
	for _, w := range list {
		t := tick{evaluation: e, ws: w.ID, name: w.Name, from: from, last: closed, memory: e.s.alerts.get(w.ID), source: alertTables{e.tx, w.ID}}
		if err := t.run(ctx); err != nil {
			return err
		}
	}
	if from > closed {
		return nil
	}
	e.out.Minutes = int(closed - from + 1)
	_, err = e.tx.Exec(ctx, sqlSetClock, closed.Time(), e.now)
	return err
}

type workspace struct {
	ID   int32
	Name string
}

func (e *evaluation) workspaces(ctx context.Context) ([]workspace, error) {
	rows, err := e.tx.Query(ctx, sqlAllWorkspaces)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[workspace])
}

// clock gives the first minute to be judged. Where nobody judged for longer than
// is caught up with, or the clock went back, what lies between is a gap.
func (e *evaluation) clock(ctx context.Context, closed detect.Minute) (detect.Minute, error) {
	var at time.Time
	err := e.tx.QueryRow(ctx, sqlAlertClock).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return closed, nil
	}
	if err != nil {
		return 0, err
	}
	last := detect.MinuteOf(at)
	switch {
	case last > closed+clockSlack: // it was ahead, or is behind now
		e.out.Gap = int(last - closed)
		if err := e.gap(ctx, closed+1, last); err != nil {
			return 0, err
		}
		return closed, nil
	case closed-last > incident.MaxBehind:
		from := closed - incident.MaxBehind + 1
		e.out.Gap = int(from - last - 1)
		return from, e.gap(ctx, last+1, from-1)
	}
	return last + 1, nil
}

func (e *evaluation) gap(ctx context.Context, from, to detect.Minute) error {
	_, err := e.tx.Exec(ctx, sqlAlertGap, from.Time(), to.Time(), e.now)
	return err
}

// tick is one workspace's part of it.
type tick struct {
	*evaluation
	ws         int32
	name       string
	from, last detect.Minute
	memory     *alertMemory
	source     alertSource

	rules    []alertRule
	silences []silence.Silence
	board    incident.Board
	were     map[string][]byte // the board's incidents, as they were read
	facts    map[string]any    // of incidents that are told about, by ID
	states   map[incident.Series]detect.State
	changed  map[incident.Series]bool
	behind   bool         // collectors hold back what belongs to these minutes
	input    detect.Input // scratch

	own      bool // about Errata itself: see EvaluateSelf
	findings []selfwatch.Finding
	channels []selfwatch.ChannelState
}

func (t *tick) run(ctx context.Context) (err error) {
	if t.rules, err = t.readRules(ctx); err != nil {
		return err
	}
	if err := t.readBoard(ctx); err != nil {
		return err
	}
	if t.from <= t.last {
		if err := t.judge(ctx); err != nil {
			return err
		}
	}
	if err := t.tell(ctx); err != nil {
		return err
	}
	return t.keep(ctx)
}

func (t *tick) judging() []incident.Rule {
	out := make([]incident.Rule, 0, len(t.rules))
	for i := range t.rules {
		if t.rules[i].enabled {
			out = append(out, t.rules[i].Rule)
		}
	}
	return out
}

// judge takes every series that may be worth it through the minutes.
func (t *tick) judge(ctx context.Context) (err error) {
	rules := t.judging()
	hour := &t.memory.hour
	if err := hour.read(ctx, t.tx, t.ws, t.last, rules, t.rulesKey()); err != nil {
		return err
	}
	if err := t.meet(ctx, hour.codes); err != nil {
		return err
	}
	if t.states, err = t.readStates(ctx); err != nil {
		return err
	}
	series := t.series(rules)
	t.out.Series += len(series)
	if err := t.memory.learn(ctx, t.tx, t.ws, t.last, rules, series); err != nil {
		return err
	}
	if err := t.memory.lookAhead(ctx, t.tx, t.ws, t.last, rules); err != nil {
		return err
	}
	if err := t.tx.QueryRow(ctx, sqlBehind, t.now).Scan(&t.behind); err != nil {
		return err
	}
	t.changed = map[incident.Series]bool{}
	for minute := t.from; minute <= t.last; minute++ {
		found, err := t.minute(ctx, minute, series, rules)
		if err != nil {
			return err
		}
		t.board.Minute(minute, found)
	}
	return nil
}

// meet gives series of their own to the codes that are new.
func (t *tick) meet(ctx context.Context, codes iter.Seq[codeOf]) error {
	unmet, err := t.memory.newCodes(ctx, t.source, t.last, codes)
	if err != nil {
		return err
	}
	hour := &t.memory.hour
	hour.sheet.Meet()
	if len(unmet) > 0 {
		hour.sheet.Unmet(hour.of(t.last-incident.Room, func(f *incident.Failure) bool { return unmet[codeOf{f.Service, f.Code}] }))
	}
	return nil
}

// What waits in a collector's spool for longer than this is missing here, so that
// quiet means nothing: no rule is looked at until it is back.
const sqlBehind = `
SELECT EXISTS (SELECT FROM collectors c WHERE c.seen_at > $1::timestamptz - interval '2 minutes' AND c.seen_at <= $1::timestamptz AND c.spool_oldest < $1::timestamptz - interval '3 minutes')`

// rulesKey tells sets of rules apart.
func (t *tick) rulesKey() string {
	var b strings.Builder
	for i := range t.rules {
		b.WriteString(t.rules[i].ID + t.rules[i].version + "\n")
	}
	return b.String()
}

// series are those that are looked at: what has failures, what has a state, and
// what is silent.
func (t *tick) series(rules []incident.Rule) []incident.Series {
	set := map[incident.Series]bool{}
	for _, s := range t.memory.hour.sheet.Worth() {
		set[s] = true
	}
	for s := range t.states {
		set[s] = true
	}
	for _, place := range t.memory.hour.silent {
		for i := range rules {
			if rules[i].Matches == nil {
				set[incident.Series{Rule: rules[i].ID, Family: detect.Server, Environment: place.Environment, Service: place.Service}] = true
			}
		}
	}
	out := make([]incident.Series, 0, len(set))
	for s := range set {
		out = append(out, s)
	}
	slices.SortFunc(out, incident.Series.Compare)
	return out
}

// minute judges one minute of all series: first without their customers, which
// few need.
func (t *tick) minute(ctx context.Context, minute detect.Minute, series []incident.Series, rules []incident.Rule) (found []incident.Found, err error) {
	byID := map[string]*incident.Rule{}
	for i := range rules {
		byID[rules[i].ID] = &rules[i]
	}
	type looked struct {
		incident.Series
		after detect.State
		all   []detect.Transition
	}
	var again []incident.Series
	var services []string
	take := func(l looked) {
		before := t.states[l.Series]
		t.states[l.Series] = l.after
		if !before.Blank() || !l.after.Blank() {
			t.changed[l.Series] = true
		}
		if len(l.all) == 0 && !l.after.Active() {
			return
		}
		f := incident.Found{Series: l.Series, State: l.after, Transitions: l.all, Provider: t.memory.hour.provider(l.Series)}
		t.cap(&f)
		found = append(found, f)
	}
	for _, s := range series {
		rule := byID[s.Rule]
		if rule == nil { // it is gone, or was switched off
			if f, ok := t.abandon(s, minute); ok {
				found = append(found, f)
			}
			continue
		}
		after, all := t.look(s, minute, rule, detect.Customers{})
		if after.Phase != detect.OK || len(all) > 0 || (s.Family == detect.Limits || s.Code != "") && t.memory.hour.sheet.Recent(s, minute) > 0 {
			again, services = append(again, s), append(services, s.Service)
			continue
		}
		take(looked{s, after, all})
	}
	if len(again) == 0 {
		return found, nil
	}
	slices.Sort(services)
	customers, err := t.source.customers(ctx, minute, slices.Compact(services))
	if err != nil {
		return nil, err
	}
	for _, s := range again {
		after, all := t.look(s, minute, byID[s.Rule], customers[familyOfPlace{s.Place(), s.Family}])
		take(looked{s, after, all})
	}
	return found, nil
}

// look judges one minute of a series.
func (t *tick) look(s incident.Series, minute detect.Minute, rule *incident.Rule, customers detect.Customers) (detect.State, []detect.Transition) {
	in := &t.input
	*in = detect.Input{Baseline: t.memory.baselines[s].Baseline, Customers: customers}
	t.memory.hour.sheet.Fill(in, s, minute, in.Baseline.Requests > 0)
	in.Missing = in.Missing && !t.memory.hour.stops(s) || t.behind
	set := &rule.Settings
	if o := rule.Objective(s); o > 0 {
		with := *set
		with.Objective = o
		set = &with
	}
	return detect.Evaluate(t.states[s], in, set)
}

// cap keeps a series from being louder than its rule lets it.
func (t *tick) cap(f *incident.Found) {
	for i := range t.rules {
		if t.rules[i].ID == f.Rule {
			top := t.rules[i].level
			f.State.Level = min(f.State.Level, top)
			for k := range f.Transitions {
				f.Transitions[k].Level = min(f.Transitions[k].Level, top)
			}
		}
	}
}

// abandon ends what a rule found that judges no more.
func (t *tick) abandon(s incident.Series, minute detect.Minute) (f incident.Found, ok bool) {
	before := t.states[s]
	t.states[s], t.changed[s] = detect.State{}, true
	if !before.Active() {
		return f, false
	}
	after, all := detect.Accept(before, minute)
	for i := range all {
		if all[i].Kind == detect.Ended {
			all[i].Reason = incident.ReasonRule
		}
	}
	return incident.Found{Series: s, State: after, Transitions: all}, true
}
