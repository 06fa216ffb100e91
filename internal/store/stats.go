package store

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/rollup"
	"errata/internal/stats"
)

// Stats answers questions from roll-ups, all of them about one moment, in the
// order asked. Errors: faults of kind Unprocessable (what cannot be asked),
// Unavailable.
func (s *Store) Stats(ctx context.Context, ws int32, now time.Time, questions ...stats.Question) (out []stats.Answer, err error) {
	defer fault.Wrap(&err, "Stats(%d)", len(questions))
	plans := make([]*stats.Plan, len(questions))
	var reads []stats.Read
	for i, q := range questions {
		q.MinutesFrom = now.AddDate(0, 0, -s.retention.Events)
		if plans[i], err = stats.NewPlan(q, now); err != nil {
			return nil, err
		}
		reads = append(reads, plans[i].Reads()...)
	}
	blocks, err := s.blocks(ctx, ws, reads, now)
	if err != nil {
		return nil, unavailable(err)
	}
	out = make([]stats.Answer, len(plans))
	err = parallel(len(plans), func(i int) error {
		out[i] = plans[i].Answer(blocks)
		return nil
	})
	return out, err
}

// blocks reads what some plans need, as of one moment.
func (s *Store) blocks(ctx context.Context, ws int32, reads []stats.Read, now time.Time) (out stats.Blocks, err error) {
	r := &blockReader{s: s, ws: ws, now: now, hours: map[time.Time]*hourState{}}
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := r.look(ctx, tx, reads); err != nil {
			return err
		}
		r.out.Open = r.firstOpen()
		if err := r.stored(ctx, tx, reads); err != nil {
			return err
		}
		if err := r.open(ctx, tx, reads); err != nil {
			return err
		}
		return r.fine(ctx, tx, reads)
	})
	r.out.Index = s.words.now()
	r.out.Memory, r.out.Owner = &s.sums, strconv.Itoa(int(ws))
	r.out.Upto = now.UTC().Truncate(time.Minute)
	return r.out, err
}

// blockReader collects blocks within a transaction.
type blockReader struct {
	s     *Store
	ws    int32
	now   time.Time
	days  map[time.Time]bool // that have blocks
	built map[spanID]time.Time
	hours map[time.Time]*hourState
	out   stats.Blocks
}

// hourState is what is known of an hour: up to when it has blocks (zero for none)
// and whether something was counted since.
type hourState struct {
	upto   time.Time
	marked bool
}

const sqlSpans = `
SELECT level, start, upto, built_at, false FROM rollup_spans WHERE workspace_id = $1::int4 AND start >= $2::timestamptz AND start < $3::timestamptz
UNION ALL
SELECT DISTINCT level, start, NULL::timestamptz, NULL::timestamptz, true FROM rollup_marks WHERE workspace_id = $1::int4 AND level = 1 AND start >= $2::timestamptz AND start < $3::timestamptz`

// look finds out which hours and days have blocks.
func (r *blockReader) look(ctx context.Context, tx pgx.Tx, reads []stats.Read) error {
	r.days, r.built = map[time.Time]bool{}, map[spanID]time.Time{}
	from, to := period(reads)
	rows, err := tx.Query(ctx, sqlSpans, r.ws, from.Truncate(24*time.Hour), to)
	if err != nil {
		return err
	}
	var level rollup.Level
	var start time.Time
	var upto, built *time.Time
	var mark bool
	_, err = pgx.ForEachRow(rows, []any{&level, &start, &upto, &built, &mark}, func() error {
		start = start.UTC()
		if built != nil {
			r.built[spanID{level, start}] = *built
		}
		if level == rollup.Day {
			r.days[start] = true
			return nil
		}
		h := r.hours[start]
		if h == nil {
			h = &hourState{}
			r.hours[start] = h
		}
		h.marked = h.marked || mark
		if upto != nil {
			h.upto = upto.UTC()
		}
		return nil
	})
	return err
}

func period(reads []stats.Read) (from, to time.Time) {
	for i, r := range reads {
		if i == 0 || r.From.Before(from) {
			from = r.From
		}
		if r.To.After(to) {
			to = r.To
		}
	}
	return from, to
}

func orNone(services []string) []string {
	if len(services) == 0 {
		return []string{""}
	}
	return services
}

// each goes through the blocks of a period: days where they exist and are asked
// for, else hours.
func (r *blockReader) each(read stats.Read, do func(rollup.Level, time.Time)) {
	for t := read.From.Truncate(time.Hour); t.Before(read.To); {
		if day := t.Truncate(24 * time.Hour); read.Days && day.Equal(t) && !t.Add(24*time.Hour).After(read.To) && r.days[t] {
			do(rollup.Day, t)
			t = t.Add(24 * time.Hour)
			continue
		}
		if h := r.hours[t]; h != nil && !h.upto.IsZero() {
			do(rollup.Hour, t)
		}
		t = t.Add(time.Hour)
	}
}
