package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/fault"
	"errata/internal/incident"
)

// What people do to incidents. Whoever judges writes whole rows of incidents, of
// what it read before: acked_at, acked_by and useful are not among its columns,
// so that holding the row is enough for them. An end is: it waits for the lock of
// whoever judges.

const sqlHoldIncident = `SELECT i.number FROM incidents i WHERE i.workspace_id = $1::int4 AND i.id = $2::uuid FOR UPDATE`

// holdIncident gives the incident as it is once nobody else can change it.
func holdIncident(ctx context.Context, tx pgx.Tx, ws int32, ref string) (r incident.Record, err error) {
	if r, _, err = incidentRecord(ctx, tx, ws, ref); err != nil {
		return r, err
	}
	if _, err := tx.Exec(ctx, sqlHoldIncident, ws, r.ID); err != nil {
		return r, err
	}
	r, _, err = incidentRecord(ctx, tx, ws, r.ID)
	return r, err
}

func incidentOver(r *incident.Record) error {
	return fault.New(fault.Conflict, "incident_resolved", "%s is over already.", r.Name()).With("resolved_at", r.ResolvedAt)
}

const (
	sqlAckIncident  = `UPDATE incidents SET acked_at = $3::timestamptz, acked_by = $4::text WHERE workspace_id = $1::int4 AND id = $2::uuid`
	sqlVoteIncident = `UPDATE incidents SET useful = $3::text WHERE workspace_id = $1::int4 AND id = $2::uuid`
	sqlAddEvent     = `
INSERT INTO incident_events (workspace_id, incident_id, id, at, kind, actor_label, data)
VALUES ($1::int4, $2::uuid, $3::uuid, $4::timestamptz, $5::text, $6::text, $7::jsonb)`
)

// noteIncident leaves a line in the timeline and a row in the audit log.
func noteIncident(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, r *incident.Record, kind, action, text string, now time.Time, details map[string]any) error {
	data, err := json.Marshal(eventData{Text: text})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sqlAddEvent, ws, r.ID, uuid.Must(uuid.NewV7()).String(), now.UTC(), kind, actor.Label, string(data)); err != nil {
		return err
	}
	details["number"] = r.Number
	return audit(ctx, tx, ws, actor, action, r.ID, details)
}

// AckIncident says that somebody sees to an incident. Who says it first is kept;
// the same again changes nothing. Faults: NotFound (incident_not_found), Conflict
// (incident_resolved) where it is over.
func (s *Store) AckIncident(ctx context.Context, actor Actor, ws int32, ref string, now time.Time) (err error) {
	defer fault.Wrap(&err, "AckIncident")
	return s.inTx(ctx, func(tx pgx.Tx) error {
		r, err := holdIncident(ctx, tx, ws, ref)
		switch {
		case err != nil:
			return err
		case r.AckedAt != nil:
			return nil
		case !r.Open():
			return incidentOver(&r)
		}
		if _, err := tx.Exec(ctx, sqlAckIncident, ws, r.ID, now.UTC(), actor.Label); err != nil {
			return err
		}
		return noteIncident(ctx, tx, actor, ws, &r, "acknowledged", "incident.ack", "", now, map[string]any{})
	})
}

// VoteIncident says whether an incident was worth its message. It can be changed
// at any time; the same again changes nothing. Faults: NotFound
// (incident_not_found), Unprocessable for what is no vote.
func (s *Store) VoteIncident(ctx context.Context, actor Actor, ws int32, ref string, vote incident.Vote, now time.Time) (err error) {
	defer fault.Wrap(&err, "VoteIncident")
	if !slices.Contains(incident.Votes, vote) {
		return fault.New(fault.Unprocessable, "validation_failed", "The 'vote' field must be one of: yes, noisy, late").With("field", "vote")
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		r, err := holdIncident(ctx, tx, ws, ref)
		if err != nil || r.Useful == vote {
			return err
		}
		if _, err := tx.Exec(ctx, sqlVoteIncident, ws, r.ID, string(vote)); err != nil {
			return err
		}
		return noteIncident(ctx, tx, actor, ws, &r, "voted", "incident.vote", string(vote), now, map[string]any{"from": r.Useful, "to": vote})
	})
}
