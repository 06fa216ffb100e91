package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/detect"
	"errata/internal/fault"
	"errata/internal/incident"
	"errata/internal/selfwatch"
)

const (
	// selfLock is the advisory lock of whoever looks at Errata itself. It is not
	// that of whoever judges services: that one may be what is stuck.
	selfLock = 7221
	// selfRule is selfwatch.RuleID, for statements.
	selfRule = `00000000-0000-0000-0000-000000000001`
	// selfMemory is the code under which a Memory is kept, beside the states of
	// conditions. No condition has this name.
	selfMemory = `(memory)`
)

// EvaluateSelf looks at Errata itself: it opens and ends incidents of service
// errata, and queues what is to be told about them, all in one transaction, as
// EvaluateAlerts does with services. It shares neither lock nor statements with
// that, so that it notices when nobody judges. What serves all workspaces is told
// in the first. Errors: a fault of kind Unavailable.
func (s *Store) EvaluateSelf(ctx context.Context, now time.Time) (out Evaluated, err error) {
	defer fault.Wrap(&err, "EvaluateSelf")
	s.own.mu.Lock()
	defer s.own.mu.Unlock()
	minute := detect.MinuteOf(now) - 1
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		out = Evaluated{Upto: (minute + 1).Time()}
		start := time.Now()
		e := evaluation{s: s, tx: tx, now: now, out: &out}
		err := e.runSelf(ctx, minute)
		out.Took = time.Since(start)
		return err
	})
	return out, err
}

func (e *evaluation) runSelf(ctx context.Context, minute detect.Minute) error {
	if err := e.begin(ctx, selfLock); err != nil || e.out.Busy {
		return err
	}
	list, err := e.workspaces(ctx)
	if err != nil {
		return err
	}
	for _, w := range list {
		t := selfTick{tick: tick{evaluation: e, ws: w.ID, name: w.Name, from: minute, last: minute, own: true, memory: e.s.own.get(w.ID),
			rules: []alertRule{{Rule: incident.Rule{ID: selfwatch.RuleID}, level: detect.Page, enabled: true}}}}
		if err := t.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// selfTick is one workspace's part of it.
type selfTick struct {
	tick
	memory selfwatch.Memory
}

func (t *selfTick) run(ctx context.Context) (err error) {
	if err := t.readMemory(ctx); err != nil {
		return err
	}
	snapshot, err := t.snapshot(ctx)
	if err != nil {
		return err
	}
	if err := t.readBoard(ctx); err != nil {
		return err
	}
	t.channels = snapshot.Channels
	if seen := t.memory.Minute; seen >= t.last && seen <= t.last+clockSlack {
		t.findings = selfwatch.Judge(snapshot, t.memory)
	} else if err := t.judge(ctx, snapshot); err != nil {
		return err
	}
	if err := t.tell(ctx); err != nil {
		return err
	}
	return t.keep(ctx)
}

const sqlSelfMemory = `
SELECT state FROM alert_states WHERE workspace_id = $1::int4 AND rule_id = '` + selfRule + `' AND family = 0 AND environment = '' AND service = 'errata' AND method = '' AND endpoint = ''
  AND code = '` + selfMemory + `'`

func (t *selfTick) readMemory(ctx context.Context) error {
	var raw []byte
	err := t.tx.QueryRow(ctx, sqlSelfMemory, t.ws).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, &t.memory)
}

// judge takes every condition a minute further.
func (t *selfTick) judge(ctx context.Context, s *selfwatch.Snapshot) (err error) {
	t.out.Minutes = 1
	if t.states, err = t.readStates(ctx); err != nil {
		return err
	}
	t.memory = t.memory.Take(s, t.last)
	t.findings = selfwatch.Judge(s, t.memory)
	by := map[incident.Series]*selfwatch.Finding{}
	for k := range t.findings {
		f := &t.findings[k]
		by[incident.OwnSeries(f.Series())] = f
	}
	for series := range t.states {
		if _, ok := by[series]; !ok {
			by[series] = nil
		}
	}
	t.out.Series += len(by)
	t.changed = map[incident.Series]bool{}
	var found []incident.Found
	for series, f := range by {
		own, _ := series.Own()
		before := t.states[series]
		after, all := selfwatch.Step(before, t.last, own.Condition, f)
		t.states[series] = after
		if before.Phase != detect.OK || after.Phase != detect.OK {
			t.changed[series] = true
		}
		if len(all) > 0 || after.Active() {
			found = append(found, incident.Found{Series: series, State: after, Transitions: all})
		}
	}
	t.board.Minute(t.last, found)
	memory, err := json.Marshal(t.memory)
	if err != nil {
		return err
	}
	row := incident.OwnSeries(selfwatch.Series{Condition: selfMemory})
	_, err = t.tx.Exec(ctx, sqlKeepStates, append(seriesColumns(t.ws, []incident.Series{row}), []string{string(memory)})...)
	return err
}

// told are the channels that hear of an incident of Errata itself; nil is all of
// them. That a channel fails is for the others to tell.
func (t *tick) toldOfSelf(i *incident.Incident) []string {
	if i.Condition != string(selfwatch.Channel) || !slices.ContainsFunc(t.channels, func(c selfwatch.ChannelState) bool { return c.Fails(t.now) }) {
		return nil
	}
	out := []string{}
	for k := range t.channels {
		if c := &t.channels[k]; c.Enabled && !c.Fails(t.now) {
			out = append(out, c.ID)
		}
	}
	return out
}
