package store

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/alert"
	"errata/internal/detect"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/incident"
)

// IncidentFilter narrows a list of incidents; what is empty matches all.
type IncidentFilter struct {
	Service     string // also a provider's incident that its endpoints are part of
	Environment string
	Family      string // 5xx or 429
	Level       string
	States      []string  // of incident.Record
	From, To    time.Time // those that lasted at some time of it
}

// IncidentPage is one page of a list of incidents.
type IncidentPage struct {
	Incidents []incident.Record
	Next      string // opaque cursor; "" on the last page
}

const recordColumns = `i.id::text, i.number, i.family, i.environment, i.service, i.provider, i.phase, i.level, i.rule_id::text, i.why, i.started_at, i.opened_at, i.fired_at,
  i.resolved_at, i.reason, i.peak, i.errors, i.facts, i.acked_at, i.acked_by, i.useful,
  i.phase = 'resolved' AND EXISTS (SELECT FROM incident_members n WHERE n.workspace_id = i.workspace_id AND n.incident_id = i.id AND n.normal)`

// ofIncidents is the filter, of which each part may be empty.
const ofIncidents = `i.workspace_id = $1::int4 AND ($3::text = '' OR i.environment = $3::text) AND ($4::int2 < 0 OR i.family = $4::int2)
  AND ($5::text = '' OR i.level = $5::text) AND (cardinality($6::text[]) = 0 OR i.phase = ANY ($6::text[]))
  AND ($7::timestamptz IS NULL OR i.resolved_at IS NULL OR i.resolved_at >= $7::timestamptz) AND ($8::timestamptz IS NULL OR i.started_at < $8::timestamptz)
  AND ($2::text = '' OR i.service = $2::text OR i.service = '' AND EXISTS (
    SELECT FROM incident_members m WHERE m.workspace_id = i.workspace_id AND m.incident_id = i.id AND m.service = $2::text))`

// Those that last come first, then the history; each side reads its own index.
const sqlIncidents = `
(SELECT ` + recordColumns + ` FROM incidents i
 WHERE ` + ofIncidents + ` AND i.phase <> 'resolved' AND $9::bool AND ($10::timestamptz IS NULL OR (i.opened_at, i.number) < ($10::timestamptz, $11::int4))
 ORDER BY i.opened_at DESC, i.number DESC LIMIT $12::int4)
UNION ALL
(SELECT ` + recordColumns + ` FROM incidents i
 WHERE ` + ofIncidents + ` AND i.phase = 'resolved' AND ($9::bool OR $10::timestamptz IS NULL OR (i.opened_at, i.number) < ($10::timestamptz, $11::int4))
 ORDER BY i.opened_at DESC, i.number DESC LIMIT $12::int4)`

// Incidents lists incidents: those that last first, then the newest. Errors: a
// fault Unprocessable for a bad cursor.
func (s *Store) Incidents(ctx context.Context, ws int32, f IncidentFilter, limit int, cursor string) (page IncidentPage, err error) {
	defer fault.Wrap(&err, "Incidents")
	limit = min(max(limit, 1), MaxPage)
	open, at, number := true, (*time.Time)(nil), int32(0)
	if cursor != "" {
		var ok bool
		if open, at, number, ok = readIncidentCursor(cursor); !ok {
			return page, invalid("cursor", "is not one that this list gave out")
		}
	}
	rows, err := s.pool.Query(ctx, sqlIncidents, append(f.args(ws), open, at, number, limit+1)...)
	if err != nil {
		return page, unavailable(err)
	}
	var opened []time.Time
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (incident.Record, error) {
		r, at, err := scanRecord(row)
		opened = append(opened, at)
		return r, err
	})
	if err != nil {
		return page, unavailable(err)
	}
	page.Incidents = list[:min(limit, len(list))]
	if len(list) > limit {
		last := &list[limit-1]
		page.Next = incidentCursor(last.Open(), opened[limit-1], last.Number)
	}
	return page, nil
}

func (f *IncidentFilter) args(ws int32) []any {
	family := int16(-1)
	switch f.Family {
	case detect.Server.String():
		family = int16(detect.Server)
	case detect.Limits.String():
		family = int16(detect.Limits)
	}
	states := f.States
	if states == nil {
		states = []string{}
	}
	return []any{ws, f.Service, f.Environment, family, f.Level, states, timeOrNil(f.From), timeOrNil(f.To)}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// A cursor is whether the last incident lasts, when it opened, and its number.
func incidentCursor(open bool, at time.Time, number int) string {
	raw := []byte{0}
	if open {
		raw[0] = 1
	}
	raw = binary.BigEndian.AppendUint64(raw, uint64(at.UnixMicro()))                                //nolint:gosec // there and back
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(raw, uint32(number))) //nolint:gosec // a number of ours
}

func readIncidentCursor(cursor string) (open bool, at *time.Time, number int32, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) != 13 || raw[0] > 1 {
		return false, nil, 0, false
	}
	t := time.UnixMicro(int64(binary.BigEndian.Uint64(raw[1:]))).UTC() //nolint:gosec // there and back
	if t.Year() < 1970 || t.Year() > 9999 {
		return false, nil, 0, false
	}
	return raw[0] == 1, &t, int32(binary.BigEndian.Uint32(raw[9:])), true //nolint:gosec // there and back
}

// scanRecord also gives when the incident opened as it is stored, for cursors.
func scanRecord(row pgx.CollectableRow) (r incident.Record, opened time.Time, err error) {
	var family int16
	var phase, level, reason, useful string
	var why, facts []byte
	var started, fired time.Time
	var resolved, acked *time.Time
	var normal bool
	if err := row.Scan(&r.ID, &r.Number, &family, &r.Environment, &r.Service, &r.Provider, &phase, &level, &r.RuleID, &why, &started, &opened, &fired, &resolved,
		&reason, &r.Peak, &r.Errors, &facts, &acked, &r.AckedBy, &useful, &normal); err != nil {
		return r, opened, err
	}
	fam := detect.Family(family) //nolint:gosec // 0 or 1
	r.Family, r.Title, r.Useful = fam.String(), incident.Headline(fam, r.Environment, r.Service, r.Provider), incident.Vote(useful)
	r.State, r.Level = phaseOf(phase), levelOf(level)
	r.StartedAt, r.OpenedAt, r.FiredAt, r.ResolvedAt = event.Time{Time: started.UTC()}, seenAt(opened), seenAt(fired), seenOrNil(resolved)
	if acked != nil {
		r.AckedAt = &event.Time{Time: acked.UTC()}
	}
	r.Ended(reason, normal)
	if err := json.Unmarshal(why, &r.Why); err != nil {
		return r, opened, err
	}
	if r.Own() {
		r.Title = incident.OwnHeadline(r.Why.Condition)
	}
	r.Facts, err = factsOf(facts, &r.Why)
	return r, opened, err
}

// seenAt is when a minute was over, and so what it showed was seen.
func seenAt(minute time.Time) event.Time {
	return event.Time{Time: minute.UTC().Add(time.Minute)}
}

func seenOrNil(minute *time.Time) *event.Time {
	if minute == nil {
		return nil
	}
	at := seenAt(*minute)
	return &at
}

// factsOf reads what the last message said; before that there is only what the
// rule saw.
func factsOf(raw []byte, why *detect.Why) (f incident.Facts, err error) {
	var told alert.Incident
	if err := json.Unmarshal(raw, &told); err != nil {
		return f, err
	}
	f = incident.Facts{Customers: max(told.Customers, why.Customers), Endpoints: notNil(told.Members), Codes: notNil(told.Codes), Samples: notNil(told.Samples), Runbook: told.Runbook}
	if told.Deploy != nil {
		f.Deploy = &incident.Deploy{Release: told.Deploy.Release, At: event.Time{Time: told.Deploy.At.UTC()}}
	}
	return f, nil
}

// notNil is never nil: JSON has [] then.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return slices.Clone(list)
}
