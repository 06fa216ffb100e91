package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/detect"
	"errata/internal/fault"
	"errata/internal/incident"
)

// Resolution is how somebody ends an incident.
type Resolution struct {
	At time.Time
	// AcceptAsNormal says that this is how it is now: its minutes are part of what
	// is normal from now on. Not before it has lasted for incident.AcceptAfter.
	AcceptAsNormal bool
}

// judgeWait is how long somebody waits for the minute that is being judged.
const judgeWait = `15s`

const (
	sqlWaitPatiently  = `SELECT set_config('lock_timeout', $1::text, true)`
	sqlWaitForJudge   = `SELECT pg_advisory_xact_lock($1::int8)`
	sqlResolveMembers = `
UPDATE incident_members SET phase = 'resolved', resolved_at = coalesce(resolved_at, $3::timestamptz), normal = normal OR $4::bool
WHERE workspace_id = $1::int4 AND incident_id = $2::uuid`
	sqlResolveIncident = `
UPDATE incidents SET phase = 'resolved', resolved_at = $3::timestamptz, reason = $4::text, updated_at = now() WHERE workspace_id = $1::int4 AND id = $2::uuid`
	// What is remembered of the members, and of what else is about to join them.
	sqlStatesOfIncident = `
SELECT a.rule_id::text, a.family, a.environment, a.service, a.method, a.endpoint, a.code, a.state FROM alert_states a
WHERE a.workspace_id = $1::int4 AND EXISTS (
  SELECT FROM incident_members m WHERE m.workspace_id = a.workspace_id AND m.incident_id = $2::uuid AND m.family = a.family AND m.environment = a.environment AND m.service = a.service
    AND (NOT $3::bool OR m.rule_id = a.rule_id AND m.method = a.method AND m.endpoint = a.endpoint AND m.code = a.code))
ORDER BY 1, 2, 3, 4, 5, 6, 7`
)

// ResolveIncident ends an incident because somebody says so; it is told as any
// end is. Its series are dismissed: they open it again if they get louder, or if
// they were well and fail anew within the time in which incidents come back. What
// goes on after that is a new incident. Faults: NotFound (incident_not_found),
// Conflict (incident_resolved, incident_too_young).
func (s *Store) ResolveIncident(ctx context.Context, actor Actor, ws int32, ref string, how Resolution) (err error) {
	defer fault.Wrap(&err, "ResolveIncident")
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlWaitPatiently, judgeWait); err != nil {
			return err
		}
		r, _, err := incidentRecord(ctx, tx, ws, ref)
		if err != nil {
			return err
		}
		judge := int64(alertLock)
		if r.Own() {
			judge = selfLock
		}
		if _, err := tx.Exec(ctx, sqlWaitForJudge, judge); err != nil {
			return err
		}
		r, err = holdIncident(ctx, tx, ws, ref)
		switch {
		case err != nil:
			return err
		case !r.Open():
			return incidentOver(&r)
		case how.AcceptAsNormal && !r.Acceptable(how.At):
			return fault.New(fault.Conflict, "incident_too_young", "What %s found can be accepted as normal once it has lasted 24 h.", r.Name()).With("opened_at", r.OpenedAt)
		}
		return resolveIncident(ctx, tx, actor, ws, &r, how)
	})
}

func resolveIncident(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, r *incident.Record, how Resolution) error {
	last := detect.MinuteOf(how.At) - 1 // the minute that is over
	last = max(last, detect.MinuteOf(r.FiredAt.Time)-1)
	if err := dismissSeries(ctx, tx, ws, r, last); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlResolveMembers, ws, r.ID, last.Time(), how.AcceptAsNormal); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlResolveIncident, ws, r.ID, last.Time(), endedBy(actor)); err != nil {
		return err
	}
	text := ""
	if how.AcceptAsNormal {
		text = "accepted"
	}
	return noteIncident(ctx, tx, actor, ws, r, "resolved", "incident.resolve", text, how.At, map[string]any{"accepted_as_normal": how.AcceptAsNormal})
}

// endedBy is who ended an incident, as its reason; see incident.Record.Ended.
// Nobody is called as a reason of Errata's own is.
func endedBy(actor Actor) string {
	var r incident.Record
	if r.Ended(actor.Label, false); r.ResolvedBy == "" {
		return actor.Kind + " " + actor.Label
	}
	return actor.Label
}

// dismissSeries lets go of what would open the incident again the next minute. A
// provider's incident has single endpoints of services: nothing else of these is
// touched.
func dismissSeries(ctx context.Context, tx pgx.Tx, ws int32, r *incident.Record, at detect.Minute) error {
	rows, err := tx.Query(ctx, sqlStatesOfIncident, ws, r.ID, r.Provider != "" || r.Own())
	if err != nil {
		return err
	}
	var series incident.Series
	var family int16
	var raw []byte
	var keep []incident.Series
	var states []string
	_, err = pgx.ForEachRow(rows, []any{&series.Rule, &family, &series.Environment, &series.Service, &series.Method, &series.Endpoint, &series.Code, &raw}, func() error {
		series.Family = detect.Family(family) //nolint:gosec // 0 or 1
		state, err := detect.ReadState(raw)
		if err != nil {
			return err
		}
		after, err := detect.MarshalState(detect.Dismiss(state, r.Level, at))
		keep, states = append(keep, series), append(states, string(after))
		return err
	})
	if err != nil || len(keep) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, sqlKeepStates, append(seriesColumns(ws, slices.Clone(keep)), states)...)
	return err
}
