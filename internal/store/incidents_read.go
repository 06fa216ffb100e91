package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/incident"
)

const (
	// shownEvents are how many lines of a timeline there are, the newest.
	shownEvents = 500
	// similarDays is how far back incidents are compared, of candidates how many.
	similarDays, similarOf, shownSimilar = 90, 200, 5
)

const (
	sqlIncidentRecord = `
SELECT ` + recordColumns + ` FROM incidents i WHERE i.workspace_id = $1::int4 AND ($2::text <> '' AND i.id = nullif($2::text, '')::uuid OR $2::text = '' AND i.number = $3::int4)`
	sqlIncidentEvents = `
SELECT e.at, e.kind, e.actor_label, e.data FROM incident_events e WHERE e.workspace_id = $1::int4 AND e.incident_id = $2::uuid ORDER BY e.id DESC LIMIT $3::int4`
	sqlSimilarIncidents = `
SELECT ` + recordColumns + ` FROM incidents i
WHERE i.workspace_id = $1::int4 AND i.id <> $2::uuid AND i.service = $3::text AND i.provider = $4::text AND i.family = $5::int2 AND coalesce(i.why ->> 'condition', '') = $9::text
  AND i.opened_at < $6::timestamptz AND i.opened_at >= $6::timestamptz - make_interval(days => $7::int4)
ORDER BY i.opened_at DESC LIMIT $8::int4`
)

// Incident gives one incident with all that is known of it. ref is its number, as
// 12 or INC-12, or its ID. A fault NotFound (incident_not_found) otherwise.
func (s *Store) Incident(ctx context.Context, ws int32, ref string) (d incident.Detail, err error) {
	defer fault.Wrap(&err, "Incident")
	err = s.reading(ctx, func(tx pgx.Tx) error {
		var opened time.Time
		if d.Record, opened, err = incidentRecord(ctx, tx, ws, ref); err != nil {
			return err
		}
		if d.Members, err = incidentParts(ctx, tx, ws, d.ID); err != nil {
			return err
		}
		if d.Events, err = incidentEvents(ctx, tx, ws, d.ID); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sqlSimilarIncidents, ws, d.ID, d.Service, d.Provider, familyNumber(d.Family), opened, similarDays, similarOf, d.Why.Condition)
		if err != nil {
			return err
		}
		past, err := pgx.CollectRows(rows, justRecord)
		if err != nil {
			return err
		}
		d.Similar = incident.MostAlike(&d.Record, past, shownSimilar)
		votes, err := precision(ctx, tx, ws)
		d.Precision = incident.Precision{RuleID: d.RuleID, Rule: d.RuleID, Days: precisionDays}
		for _, p := range votes {
			if p.RuleID == d.RuleID {
				d.Precision = p
			}
		}
		return err
	})
	return d, err
}

// incidentRef reads a number or an ID; neither is what there cannot be.
func incidentRef(ref string) (id string, number int32, ok bool) {
	ref = strings.TrimSpace(ref)
	if uuid.Validate(ref) == nil && len(ref) == 36 {
		return ref, 0, true
	}
	if len(ref) > 4 && strings.EqualFold(ref[:4], "INC-") {
		ref = ref[4:]
	}
	n, err := strconv.ParseInt(ref, 10, 32)
	return "", int32(n), err == nil && n > 0 //nolint:gosec // parsed as 32 bits
}

func incidentNotFound() error {
	return fault.New(fault.NotFound, "incident_not_found", "There is no incident with this number or ID.")
}

func incidentRecord(ctx context.Context, q querier, ws int32, ref string) (r incident.Record, opened time.Time, err error) {
	id, number, ok := incidentRef(ref)
	if !ok {
		return r, opened, incidentNotFound()
	}
	rows, err := q.Query(ctx, sqlIncidentRecord, ws, id, number)
	if err != nil {
		return r, opened, err
	}
	r, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (r incident.Record, err error) {
		r, opened, err = scanRecord(row)
		return r, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = incidentNotFound()
	}
	return r, opened, err
}

func justRecord(row pgx.CollectableRow) (incident.Record, error) {
	r, _, err := scanRecord(row)
	return r, err
}

func incidentParts(ctx context.Context, q querier, ws int32, id string) ([]incident.Part, error) {
	one := &incident.Incident{ID: id}
	if err := readMembers(ctx, q, ws, []*incident.Incident{one}); err != nil {
		return nil, err
	}
	out := []incident.Part{}
	for k := range one.Members {
		m := &one.Members[k]
		p := incident.Part{Name: m.Name(), RuleID: m.Rule, Environment: m.Environment, Service: m.Service, Method: m.Method, Endpoint: m.Endpoint, Code: m.Code, State: m.Phase, Level: m.Level,
			Why: m.Why, Peak: m.Peak, Errors: m.Errors, StartedAt: event.Time{Time: m.Started.Time()}, FiredAt: seenAt(m.Fired.Time()), ResolvedAt: seenOrNil(minuteOrNil(m.Resolved)), Normal: m.Normal}
		out = append(out, p)
	}
	return out, nil
}

func incidentEvents(ctx context.Context, q querier, ws int32, id string) ([]incident.Happened, error) {
	rows, err := q.Query(ctx, sqlIncidentEvents, ws, id, shownEvents)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h incident.Happened, err error) {
		var raw []byte
		var data eventData
		if err := row.Scan(&h.At.Time, &h.Kind, &h.Actor, &raw); err != nil {
			return h, err
		}
		if err := json.Unmarshal(raw, &data); err != nil {
			return h, err
		}
		if h.At.Time, h.Why, h.Text = h.At.UTC(), data.Why, data.Text; data.Series != nil {
			h.Part = (&incident.Member{Series: *data.Series}).Name()
		}
		return h, nil
	})
	slices.Reverse(list)
	for i := range list { // the beginning comes before what else the same minute showed
		for ; i > 0 && list[i].Kind == "fired" && list[i-1].Kind == "joined"; i-- {
			list[i], list[i-1] = list[i-1], list[i]
		}
	}
	return notNil(list), err
}
