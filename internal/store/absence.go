package store

import (
	"context"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/thin"
)

// AbsenceReason is why there is nothing under an ID, as far as can be told.
type AbsenceReason string

// The reasons. What a rule let go is thinned; what went with its day has expired.
const (
	NeverSeen       AbsenceReason = "never_seen"
	ProbablyExpired AbsenceReason = "probably_expired"
	Rejected        AbsenceReason = "rejected"
	Thinned         AbsenceReason = "thinned"
)

// Absence is the truthful answer about an ID that nothing is kept under. It says
// nothing that another workspace knows.
type Absence struct {
	ID            string
	Reason        AbsenceReason
	RetentionDays int
	Day           string    // on which one that has probably expired, or was thinned out, happened
	ExpiredAt     time.Time // when that day went, or had to
	RejectedAt    time.Time
	Because       string // the code of the rejection
	Message       string // what was said against the report
	Rule          string // by which it was thinned out,
	Kept          int    // which keeps so many failures of each issue and hour
	AfterDays     int    // when their day has been over for so long
}

const sqlRejectedIDs = `
SELECT DISTINCT ON (r.request_id) r.request_id, r.reason, r.message, r.received_at FROM rejections r
WHERE r.workspace_id = $1::int4 AND r.request_id = ANY ($2::text[]) ORDER BY r.request_id, r.id DESC`

// Absences looks into why nothing is kept under each of some IDs. It asks only
// about what is the workspace's own, in the same statements whatever others have:
// an ID of theirs is answered like one that nobody ever saw.
func (s *Store) Absences(ctx context.Context, ws int32, ids []string) (out map[string]Absence, err error) {
	defer fault.Wrap(&err, "Absences(%d ids)", len(ids))
	days, err := s.keepsFor(ctx, ws)
	if err != nil {
		return nil, unavailable(err)
	}
	out = make(map[string]Absence, len(ids))
	var known []string // as IDs
	for _, id := range ids {
		a := Absence{Reason: NeverSeen, RetentionDays: days}
		if id != "" && len(id) <= event.MaxIDLen && utf8.ValidString(id) && !hasNUL(id) {
			a.ID, known = id, append(known, id)
		}
		out[id] = a
	}
	if len(known) == 0 {
		return out, nil
	}
	if err := s.rejectedIDs(ctx, ws, known, out); err != nil {
		return nil, unavailable(err)
	}
	known = slices.DeleteFunc(known, func(id string) bool { return out[id].Reason != NeverSeen })
	expired, err := s.expiredDays(ctx, ws, known)
	if err != nil {
		return nil, unavailable(err)
	}
	for id, gone := range expired {
		a := out[id]
		a.Day = dayText(gone.day)
		if gone.by == (goneBy{}) {
			a.Reason, a.ExpiredAt = ProbablyExpired, dueAt(gone.day, days)
		} else {
			a.Reason, a.Rule, a.Kept, a.AfterDays = Thinned, gone.by.rule, gone.by.kept, gone.by.afterDays
		}
		out[id] = a
	}
	return out, nil
}

func (s *Store) rejectedIDs(ctx context.Context, ws int32, ids []string, out map[string]Absence) error {
	rows, err := s.pool.Query(ctx, sqlRejectedIDs, ws, ids)
	if err != nil {
		return err
	}
	var id, because, message string
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &because, &message, &at}, func() error {
		a := out[id]
		a.Reason, a.Because, a.Message, a.RejectedAt = Rejected, because, message, at.UTC()
		out[id] = a
		return nil
	})
	return err
}

// Absence is Absences for one ID.
func (s *Store) Absence(ctx context.Context, ws int32, id string) (Absence, error) {
	all, err := s.Absences(ctx, ws, []string{id})
	return all[id], err
}

// Fault is the absence as an error.
func (a Absence) Fault() *fault.Fault {
	f := fault.New(fault.NotFound, "request_not_found", "No failure with this ID has been reported.").
		With("reason", string(a.Reason)).With("retention_days", a.RetentionDays)
	if a.ID != "" {
		f.With("request_id", a.ID)
	}
	switch a.Reason {
	case Rejected:
		f.Message = "A report with this ID came in and was rejected: " + a.Message
		f.With("rejected_because", a.Because).With("rejected_at", event.Time{Time: a.RejectedAt})
	case ProbablyExpired:
		f.Message = "A failure with this ID was reported on " + a.Day + ", as far as can be told, and has expired since."
		f.With("day", a.Day).With("expired_at", event.Time{Time: a.ExpiredAt})
	case Thinned:
		f.Message = a.WhyThinned()
		f.With("day", a.Day).With("rule", a.Rule).With("kept", a.Kept).With("after_days", a.AfterDays)
	}
	return f
}

// WhyThinned says what became of what was thinned out.
func (a Absence) WhyThinned() string { return thin.Why(a.Day, a.Rule, a.Kept, a.AfterDays) }

// RejectedFor says that a report was rejected, by the code alone: what was said against it
// may quote the report or the database, and is for engineers.
func RejectedFor(because string) string {
	return "A report with this ID came in and was rejected (" + because + ")."
}

// notFound says as truthfully as it can why there is nothing under an ID.
func (s *Store) notFound(ctx context.Context, ws int32, id string) error {
	a, err := s.Absence(ctx, ws, id)
	if err != nil {
		return err
	}
	return a.Fault()
}

// Reach is how far the data of an environment goes, which decides what an
// absence in it means.
type Reach struct {
	Environment string     `json:"environment"`
	NewestAt    event.Time `json:"newest_at"`             // its newest failure
	LagSeconds  *float64   `json:"lag_seconds,omitempty"` // from failing to being known, of the newest (the median); nil: too long ago
}

// reachSample is how many of the newest Events are looked at.
const reachSample = 300

const sqlReach = `
SELECT e.environment, e.occurred_at, e.received_at FROM events e
WHERE e.workspace_id = $1::int4 AND ` + noPointers + ` AND e.day >= current_date - $2::int4
ORDER BY e.day DESC, e.id DESC LIMIT $3::int4`

// Environments that are not among the newest Events, to the minute.
const sqlReachBefore = `
SELECT m.environment, max(m.minute) FROM error_minutes m
WHERE m.workspace_id = $1::int4 AND m.minute >= $2::timestamptz AND m.environment <> ALL ($3::text[]) AND m.n > 0
GROUP BY m.environment ORDER BY m.environment LIMIT 50`

// reachFor is for how long what was read is good enough: a list of IDs that are
// not there must not cost as many looks at the newest data.
const reachFor = 5 * time.Second

type reaches struct {
	mu   sync.Mutex
	kept map[int32]keptReach
}

type keptReach struct {
	at   time.Time
	list []Reach
}

// Reach tells, of each environment that reported something in the last 24 hours
// or is among the newest, up to when its data goes.
func (s *Store) Reach(ctx context.Context, ws int32) (out []Reach, err error) {
	defer fault.Wrap(&err, "Reach")
	s.reaches.mu.Lock()
	kept := s.reaches.kept[ws]
	s.reaches.mu.Unlock()
	if time.Since(kept.at) < reachFor {
		return kept.list, nil
	}
	if out, err = s.readReach(ctx, ws); err != nil {
		return nil, unavailable(err)
	}
	s.reaches.mu.Lock()
	defer s.reaches.mu.Unlock()
	if s.reaches.kept == nil || len(s.reaches.kept) >= maxBooks {
		s.reaches.kept = map[int32]keptReach{}
	}
	s.reaches.kept[ws] = keptReach{time.Now(), out}
	return out, nil
}

func (s *Store) readReach(ctx context.Context, ws int32) ([]Reach, error) {
	rows, err := s.pool.Query(ctx, sqlReach, ws, s.retention.Events, reachSample)
	if err != nil {
		return nil, err
	}
	var environment string
	var occurred, received time.Time
	out, lags, names := []Reach{}, map[string][]float64{}, []string{}
	if _, err := pgx.ForEachRow(rows, []any{&environment, &occurred, &received}, func() error {
		if lags[environment] == nil {
			names = append(names, environment)
			out = append(out, Reach{Environment: environment, NewestAt: event.Time{Time: occurred.UTC()}})
		}
		lags[environment] = append(lags[environment], max(0, received.Sub(occurred).Seconds())) // clocks differ
		return nil
	}); err != nil {
		return nil, err
	}
	for i := range out {
		lag := median(lags[out[i].Environment])
		out[i].LagSeconds = &lag
	}
	if rows, err = s.pool.Query(ctx, sqlReachBefore, ws, time.Now().Add(-24*time.Hour), names); err != nil {
		return nil, err
	}
	_, err = pgx.ForEachRow(rows, []any{&environment, &occurred}, func() error {
		out = append(out, Reach{Environment: environment, NewestAt: event.Time{Time: occurred.UTC()}})
		return nil
	})
	return out, err
}
