package store

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/detect"
	"errata/internal/incident"
)

const (
	sqlAlertStates = `
SELECT rule_id::text, family, environment, service, method, endpoint, code, state FROM alert_states
WHERE workspace_id = $1::int4 AND (rule_id = '` + selfRule + `') = $2::bool AND code <> '` + selfMemory + `'`
	sqlKeepStates = `
INSERT INTO alert_states (workspace_id, rule_id, family, environment, service, method, endpoint, code, state)
SELECT $1::int4, r::uuid, f, e, s, m, p, c, x::jsonb
FROM unnest($2::text[], $3::int2[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[]) AS u(r, f, e, s, m, p, c, x)
ON CONFLICT (workspace_id, rule_id, family, environment, service, method, endpoint, code) DO UPDATE SET state = excluded.state`
	sqlDropStates = `
DELETE FROM alert_states a USING unnest($2::text[], $3::int2[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) AS u(r, f, e, s, m, p, c)
WHERE a.workspace_id = $1::int4 AND a.rule_id = u.r::uuid AND a.family = u.f AND a.environment = u.e AND a.service = u.s AND a.method = u.m AND a.endpoint = u.p AND a.code = u.c`
)

func (t *tick) readStates(ctx context.Context) (map[incident.Series]detect.State, error) {
	rows, err := t.tx.Query(ctx, sqlAlertStates, t.ws, t.own)
	if err != nil {
		return nil, err
	}
	out := map[incident.Series]detect.State{}
	var s incident.Series
	var family int16
	var raw []byte
	_, err = pgx.ForEachRow(rows, []any{&s.Rule, &family, &s.Environment, &s.Service, &s.Method, &s.Endpoint, &s.Code, &raw}, func() error {
		s.Family = detect.Family(family) //nolint:gosec // 0 or 1
		state, err := detect.ReadState(raw)
		if state.Minute > t.last+clockSlack { // the clock went back
			state.Minute = t.from - 1
		}
		out[s] = state
		return err
	})
	return out, err
}

// keepStates writes what changed. A series that is well has no row.
func (t *tick) keepStates(ctx context.Context) error {
	var keep, drop []incident.Series
	var states []string
	for s := range t.changed {
		if state := t.states[s]; state.Blank() {
			drop = append(drop, s)
		} else {
			keep = append(keep, s)
		}
	}
	slices.SortFunc(keep, incident.Series.Compare)
	for _, s := range keep {
		raw, err := detect.MarshalState(t.states[s])
		if err != nil {
			return err
		}
		states = append(states, string(raw))
	}
	if len(keep) > 0 {
		if _, err := t.tx.Exec(ctx, sqlKeepStates, append(seriesColumns(t.ws, keep), states)...); err != nil {
			return err
		}
	}
	if len(drop) > 0 {
		if _, err := t.tx.Exec(ctx, sqlDropStates, seriesColumns(t.ws, drop)...); err != nil {
			return err
		}
	}
	return nil
}

func seriesColumns(ws int32, list []incident.Series) []any {
	return []any{ws,
		column(list, func(s incident.Series) string { return s.Rule }),
		column(list, func(s incident.Series) int16 { return int16(s.Family) }),
		column(list, func(s incident.Series) string { return s.Environment }),
		column(list, func(s incident.Series) string { return s.Service }),
		column(list, func(s incident.Series) string { return s.Method }),
		column(list, func(s incident.Series) string { return s.Endpoint }),
		column(list, func(s incident.Series) string { return s.Code })}
}

const incidentColumns = `i.id::text, i.number, i.family, i.environment, i.service, i.provider, i.phase, i.level, i.rule_id::text, i.why,
  i.started_at, i.opened_at, i.fired_at, i.resolved_at, i.reason, i.peak, i.errors, i.seq, i.told_at, i.told_phase, i.told_level, i.told_members`

const (
	// Those that last, that may come back, and of which the end was not told.
	sqlBoard = `
SELECT ` + incidentColumns + ` FROM incidents i
WHERE i.workspace_id = $1::int4 AND (i.rule_id = '` + selfRule + `') = $3::bool AND (i.phase <> 'resolved' OR i.resolved_at >= $2::timestamptz OR i.seq > 0 AND i.told_phase <> 'resolved')
ORDER BY i.number`
	sqlMembers = `
SELECT m.incident_id::text, m.rule_id::text, m.family, m.environment, m.service, m.method, m.endpoint, m.code, m.phase, m.level, m.why, m.peak, m.errors,
       m.mask_from, m.started_at, m.fired_at, m.resolved_at, m.normal
FROM incident_members m WHERE m.workspace_id = $1::int4 AND m.incident_id = ANY ($2::uuid[]) ORDER BY m.incident_id, m.n`
	sqlLastNumber = `SELECT coalesce(max(number), 0)::int4 FROM incidents WHERE workspace_id = $1::int4`
)

// reopenRoom is for how long after their end incidents are kept at hand; when one
// comes back is up to its rule.
const reopenRoom = 60

func (t *tick) readBoard(ctx context.Context) error {
	rows, err := t.tx.Query(ctx, sqlBoard, t.ws, (t.last - reopenRoom).Time(), t.own)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, scanIncident)
	if err != nil {
		return err
	}
	t.board = incident.Board{Incidents: list, Reopen: detect.Minute(detect.Default().Reopen)}
	var number int
	t.board.New = func() (string, int) {
		number++
		t.out.Opened++
		return uuid.Must(uuid.NewV7()).String(), number
	}
	if err := t.tx.QueryRow(ctx, sqlLastNumber, t.ws).Scan(&number); err != nil {
		return err
	}
	if err := readMembers(ctx, t.tx, t.ws, list); err != nil {
		return err
	}
	t.were = map[string][]byte{}
	for _, i := range list {
		if t.were[i.ID], err = json.Marshal(i); err != nil {
			return err
		}
	}
	return nil
}

func scanIncident(row pgx.CollectableRow) (*incident.Incident, error) {
	i := &incident.Incident{}
	var family int16
	var phase, level, toldPhase, toldLevel string
	var why []byte
	var started, opened, fired time.Time
	var resolved, told *time.Time
	err := row.Scan(&i.ID, &i.Number, &family, &i.Environment, &i.Service, &i.Provider, &phase, &level, &i.Rule, &why, &started, &opened, &fired, &resolved,
		&i.Reason, &i.Peak, &i.Errors, &i.Told.Seq, &told, &toldPhase, &toldLevel, &i.Told.Members)
	if err != nil {
		return nil, err
	}
	i.Family = detect.Family(family) //nolint:gosec // 0 or 1
	i.Phase, i.Level, i.Told.Phase, i.Told.Level = phaseOf(phase), levelOf(level), phaseOf(toldPhase), levelOf(toldLevel)
	i.Started, i.Opened, i.Fired = detect.MinuteOf(started), detect.MinuteOf(opened), detect.MinuteOf(fired)
	if resolved != nil {
		i.Resolved = detect.MinuteOf(*resolved)
	}
	if told != nil {
		i.Told.At = *told
	}
	err = json.Unmarshal(why, &i.Why)
	i.Condition = i.Why.Condition
	return i, err
}

func readMembers(ctx context.Context, q querier, ws int32, list []*incident.Incident) error {
	byID := map[string]*incident.Incident{}
	ids := make([]string, len(list))
	for k, i := range list {
		byID[i.ID], ids[k] = i, i.ID
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := q.Query(ctx, sqlMembers, ws, ids)
	if err != nil {
		return err
	}
	var id, phase, level string
	var family int16
	var m incident.Member
	var why []byte
	var mask, started, fired time.Time
	var resolved *time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &m.Rule, &family, &m.Environment, &m.Service, &m.Method, &m.Endpoint, &m.Code, &phase, &level, &why, &m.Peak, &m.Errors,
		&mask, &started, &fired, &resolved, &m.Normal}, func() error {
		x := m
		x.Family = detect.Family(family) //nolint:gosec // 0 or 1
		x.Phase, x.Level = phaseOf(phase), levelOf(level)
		x.MaskFrom, x.Started, x.Fired = detect.MinuteOf(mask), detect.MinuteOf(started), detect.MinuteOf(fired)
		if resolved != nil {
			x.Resolved = detect.MinuteOf(*resolved)
		}
		byID[id].Members = append(byID[id].Members, x)
		return json.Unmarshal(why, &byID[id].Members[len(byID[id].Members)-1].Why)
	})
	return err
}

// phaseOf and levelOf read words that a constraint has checked.
func phaseOf(word string) (p detect.Phase) {
	_ = p.UnmarshalText([]byte(word))
	return p
}

func levelOf(word string) (l detect.Level) {
	_ = l.UnmarshalText([]byte(word))
	return l
}

const (
	sqlKeepIncident = `
INSERT INTO incidents (workspace_id, id, number, family, environment, service, provider, phase, level, rule_id, why, started_at, opened_at, fired_at, resolved_at, reason,
                       peak, errors, facts, seq, told_at, told_phase, told_level, told_members)
VALUES ($1::int4, $2::uuid, $3::int4, $4::int2, $5::text, $6::text, $7::text, $8::text, $9::text, $10::uuid, $11::jsonb, $12::timestamptz, $13::timestamptz, $14::timestamptz,
        $15::timestamptz, $16::text, $17::float8, $18::int8, coalesce($19::jsonb, '{}'), $20::int4, $21::timestamptz, $22::text, $23::text, $24::int4)
ON CONFLICT (workspace_id, id) DO UPDATE SET
  phase = excluded.phase, level = excluded.level, rule_id = excluded.rule_id, why = excluded.why, fired_at = excluded.fired_at, resolved_at = excluded.resolved_at,
  reason = excluded.reason, peak = excluded.peak, errors = excluded.errors, facts = coalesce($19::jsonb, incidents.facts), seq = excluded.seq, told_at = excluded.told_at,
  told_phase = excluded.told_phase, told_level = excluded.told_level, told_members = excluded.told_members, updated_at = now()`
	sqlKeepMember = `
INSERT INTO incident_members (workspace_id, incident_id, rule_id, family, environment, service, method, endpoint, code, n, phase, level, why, peak, errors, mask_from, started_at,
                              fired_at, resolved_at, normal)
VALUES ($1::int4, $2::uuid, $3::uuid, $4::int2, $5::text, $6::text, $7::text, $8::text, $9::text, $10::int4, $11::text, $12::text, $13::jsonb, $14::float8, $15::int8,
        $16::timestamptz, $17::timestamptz, $18::timestamptz, $19::timestamptz, $20::bool)
ON CONFLICT (workspace_id, incident_id, rule_id, family, environment, service, method, endpoint, code) DO UPDATE SET
  phase = excluded.phase, level = excluded.level, why = excluded.why, peak = excluded.peak, errors = excluded.errors, mask_from = excluded.mask_from,
  resolved_at = excluded.resolved_at, normal = excluded.normal`
	sqlKeepEvent = `
INSERT INTO incident_events (workspace_id, incident_id, id, at, kind, data) VALUES ($1::int4, $2::uuid, $3::uuid, $4::timestamptz, $5::text, $6::jsonb)`
)

// keep writes what the tick changed.
func (t *tick) keep(ctx context.Context) error {
	if err := t.keepStates(ctx); err != nil {
		return err
	}
	b := &pgx.Batch{}
	for _, i := range t.board.Incidents {
		now, err := json.Marshal(i)
		if err == nil && !bytes.Equal(now, t.were[i.ID]) {
			err = t.queueIncident(b, i)
		}
		if err != nil {
			return err
		}
	}
	return t.tx.SendBatch(ctx, b).Close()
}

func (t *tick) queueIncident(b *pgx.Batch, i *incident.Incident) error {
	why, err := json.Marshal(i.Why)
	if err != nil {
		return err
	}
	var told *time.Time
	toldPhase, toldLevel := "", ""
	if i.Told.Seq > 0 {
		told, toldPhase, toldLevel = &i.Told.At, i.Told.Phase.String(), i.Told.Level.String()
	}
	b.Queue(sqlKeepIncident, t.ws, i.ID, i.Number, int16(i.Family), i.Environment, i.Service, i.Provider, i.Phase.String(), i.Level.String(), i.Rule, string(why),
		i.Started.Time(), i.Opened.Time(), i.Fired.Time(), minuteOrNil(i.Resolved), i.Reason, i.Peak, i.Errors, t.facts[i.ID], i.Told.Seq, told, toldPhase, toldLevel, i.Told.Members)
	for n := range i.Members {
		m := &i.Members[n]
		why, err := json.Marshal(m.Why)
		if err != nil {
			return err
		}
		mask := m.MaskFrom
		if mask == 0 {
			mask = m.Started
		}
		b.Queue(sqlKeepMember, t.ws, i.ID, m.Rule, int16(m.Family), m.Environment, m.Service, m.Method, m.Endpoint, m.Code, n, m.Phase.String(), m.Level.String(), string(why),
			m.Peak, m.Errors, mask.Time(), m.Started.Time(), m.Fired.Time(), minuteOrNil(m.Resolved), m.Normal)
	}
	for _, ev := range i.Events {
		data, err := json.Marshal(eventData{ev.Series, ev.Why, ev.Text, ev.Silence})
		if err != nil {
			return err
		}
		b.Queue(sqlKeepEvent, t.ws, i.ID, uuid.Must(uuid.NewV7()).String(), (ev.Minute + 1).Time(), ev.Kind, string(data))
	}
	return nil
}

// eventData is what incident_events.data holds.
type eventData struct {
	Series *incident.Series `json:"series,omitempty"`
	Why    *detect.Why      `json:"why,omitempty"`
	Text   string           `json:"text,omitempty"`
	// Silence is the ID of the one that muted it.
	Silence string `json:"silence,omitempty"`
}

func minuteOrNil(m detect.Minute) *time.Time {
	if m == 0 {
		return nil
	}
	at := m.Time()
	return &at
}
