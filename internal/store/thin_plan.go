package store

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/thin"
)

// ThinningPlan is what a rule by itself would let go now, of what is there.
type ThinningPlan struct {
	Rule    thin.Rule `json:"rule"`
	Days    int       `json:"days"`         // that are old enough
	Counted int       `json:"counted_days"` // fewer where counting them took too long: the newest
	Matched int64     `json:"matched"`
	Late    int64     `json:"late"` // of these, so many came in so late that they may be reported again, and stay for that
	Goes    int64     `json:"goes"`
	Share   float64   `json:"share"` // of what it matches
	Bytes   int64     `json:"bytes"` // of rows and their indexes, roughly
}

// planWithin is for how long the days of plans are counted: somebody is waiting.
const planWithin = 6 * time.Second

// PlanThinning tells what a rule would let go now, whether it is there yet or not.
// Errors: a fault Unprocessable that names the field.
func (s *Store) PlanThinning(ctx context.Context, ws int32, r thin.Rule, now time.Time) (plan ThinningPlan, err error) {
	defer fault.Wrap(&err, "PlanThinning")
	if plan.Rule, err = s.CheckThinning(ctx, ws, r); err != nil {
		return plan, err
	}
	days, err := s.thinningDays(ctx, ws, plan.Rule, now, now)
	if err != nil {
		return plan, err
	}
	plan.Days = len(days)
	until := time.Now().Add(planWithin)
	for _, d := range slices.Backward(days) {
		n, err := s.countThinning(ctx, thinning{ws, plan.Rule}, d.day, now)
		if fault.Of(err) != nil && fault.Of(err).Code == "filter_too_broad" && plan.Counted > 0 {
			break
		}
		if err != nil {
			return plan, err
		}
		plan.Counted++
		plan.Matched, plan.Late, plan.Goes, plan.Bytes = plan.Matched+n.matched, plan.Late+n.late, plan.Goes+n.goes, plan.Bytes+d.share(n)
		if time.Now().After(until) {
			break
		}
	}
	if plan.Matched > 0 {
		plan.Share = float64(plan.Goes) / float64(plan.Matched)
	}
	return plan, nil
}

// thinningDay is a day of Events, and of what goes with them.
type thinningDay struct {
	day         int32
	bytes, rows int64
}

// share is about how many bytes what goes of the day takes.
func (d thinningDay) share(n toThin) int64 {
	if n.goes == 0 {
		return 0
	}
	return int64(float64(d.bytes) * float64(n.goes) / float64(max(d.rows, n.matched)))
}

// toThin is how many failures of a day a rule matches, how many of those stay since
// they came in late, and how many would go.
type toThin struct{ matched, late, goes int64 }

// thinningDays are the days that a rule goes through by some time, the oldest first,
// but for those that are too old for the workspace now.
func (s *Store) thinningDays(ctx context.Context, ws int32, r thin.Rule, by, now time.Time) ([]thinningDay, error) {
	kept, err := s.keepsFor(ctx, ws)
	if err != nil {
		return nil, unavailable(err)
	}
	all, err := s.partitions(ctx)
	if err != nil {
		return nil, err
	}
	bytes := map[int32]int64{}
	for _, p := range all {
		if p.table == "event_parts" || p.table == "aliases" {
			bytes[p.day] += p.bytes
		}
	}
	var out []thinningDay
	for _, p := range all {
		if p.table == datedEvents.name && !by.Before(dueAt(p.day, r.AfterDays)) && now.Before(dueAt(p.day, kept)) {
			out = append(out, thinningDay{p.day, p.bytes + bytes[p.day], p.rows})
		}
	}
	return out, nil
}

// countThinning counts what a rule would do to a day.
func (s *Store) countThinning(ctx context.Context, r thinning, day int32, now time.Time) (n toThin, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: "BEGIN READ ONLY; " + listTimeout}, func(tx pgx.Tx) error {
		spares, err := s.sparedOf(ctx, tx, r.ws, day)
		if err != nil {
			return err
		}
		sql, args, err := newThinner(s, r, day, now).cutsStatement(spares, selectGoing)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, sql, args...).Scan(&n.matched, &n.late, &n.goes)
	})
	if err != nil {
		return toThin{}, tooSlow(err)
	}
	return n, nil
}

// thinCountFor is for how long it is good enough what a rule would take of a day:
// whoever watches a run asks each second.
const (
	thinCountFor = time.Minute
	// maxThinCounts is how many are remembered.
	maxThinCounts = 2000
)

// thinCounts remembers what rules would take of days.
type thinCounts struct {
	mu   sync.Mutex
	kept map[thinCount]keptThinCount
}

type thinCount struct {
	ws    int32
	match string
	keep  int
	day   int32
}

type keptThinCount struct {
	toThin
	at time.Time
}

func (t *thinCounts) get(of thinCount, count func() (toThin, error)) (n toThin, err error) {
	t.mu.Lock()
	kept, ok := t.kept[of]
	t.mu.Unlock()
	if ok && time.Since(kept.at) < thinCountFor {
		return kept.toThin, nil
	}
	if n, err = count(); err != nil {
		return n, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == nil || len(t.kept) >= maxThinCounts {
		t.kept = map[thinCount]keptThinCount{}
	}
	t.kept[of] = keptThinCount{n, time.Now()}
	return n, nil
}

// planThinned lists what the rules of a workspace are going to let go, each as if it
// were the only one. What a rule has been through already is not counted again.
func (s *Store) planThinned(ctx context.Context, ws int32, until, now time.Time, plan *RetentionPlan) error {
	rules, err := s.ThinningRules(ctx, ws)
	if err != nil {
		return err
	}
	stop := time.Now().Add(planWithin)
	for _, r := range rules {
		if !r.Enabled {
			continue
		}
		days, err := s.thinningDays(ctx, ws, r, until, now)
		if err != nil {
			return err
		}
		for _, d := range days {
			_, done, err := s.thinned(ctx, thinning{ws, r}, d.day, now)
			switch {
			case err != nil:
				return err
			case done || now.Before(dueAt(d.day, 0)): // not over yet
				continue
			case time.Now().After(stop):
				plan.Uncounted++
				continue
			}
			n, err := s.thins.get(thinCount{ws, r.Match, r.Keep, d.day}, func() (toThin, error) {
				return s.countThinning(ctx, thinning{ws, r}, d.day, later(now, dueAt(d.day, r.AfterDays)))
			})
			if fault.Of(err) != nil && fault.Of(err).Code == "filter_too_broad" {
				plan.Uncounted++
				continue
			}
			if err != nil {
				return err
			}
			if n.goes == 0 {
				continue
			}
			at := dueAt(d.day, r.AfterDays)
			p := PlannedDay{Table: datedEvents.name, Day: dayText(d.day), DueAt: event.Time{Time: at}, Due: !now.Before(at), Rows: n.goes, Bytes: d.share(n), Partly: true, Rule: r.Name}
			plan.Bytes += p.Bytes
			plan.Days = append(plan.Days, p)
		}
	}
	return nil
}
