package store

import (
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/identity"
)

// eventColumns is what every read of an Event selects, in the order of
// eventRow.scan. The table is always called e.
const eventColumns = `e.workspace_id, e.id::text, e.occurred_at, e.received_at, e.trace_id, e.span_id, e.parent_span_id,
  e.body_hash, e.stack_hash, e.issue_id::text, e.merged_into::text, e.duration_ms, e.weight, e.status, e.attempt,
  e.role, e.family, e.sources, e.fp_version, e.endpoint_other, e.parts, e.request_id,
  e.service, e.environment, e.release, e.method, e.endpoint, e.path, e.customer, e.provider, e.raw_code, e.code, e.message,
  e.details, e.extra, e.exception`

// lockedColumns is what a row is read with that is about to change, in the
// order of scanLocked.
const lockedColumns = eventColumns + `, coalesce(e.request_key, 0), coalesce(e.span_key, 0), coalesce(e.item_key, 0)`

// eventRow is one row of events.
type eventRow struct {
	workspace           int32
	event               event.Event
	bodyHash, stackHash [16]byte
	mergedInto          string
	other, noTime       bool
	parts               int16
	keys                [keyKinds]int64 // of a row that was locked
}

func scanLocked(rows pgx.CollectableRow) (eventRow, error) {
	var keys [keyKinds]int64
	r, err := scanEventAnd(rows, &keys[requestKind], &keys[spanKind], &keys[itemKind])
	r.keys = keys
	return r, err
}

func scanEvent(rows pgx.CollectableRow) (eventRow, error) { return scanEventAnd(rows) }

// scanEventAnd scans an Event and what else is selected behind it.
func scanEventAnd(rows pgx.CollectableRow, more ...any) (eventRow, error) {
	var r eventRow
	var trace, body, stack *[16]byte
	var span, parent *int64
	var merged, request *string
	var weight *float64
	var status, attempt, exception *int16
	var role, family, sources, version int16
	var details, rest []byte
	e := &r.event
	err := rows.Scan(append([]any{&r.workspace, &e.ID, &e.OccurredAt, &e.ReceivedAt, &trace, &span, &parent, &body, &stack, &e.IssueID, &merged,
		&e.DurationMS, &weight, &status, &attempt, &role, &family, &sources, &version, &r.other, &r.parts, &request,
		&e.Service, &e.Environment, &e.Release, &e.Method, &e.Endpoint, &e.Path, &e.Customer, &e.Provider, &e.RawCode, &e.Code,
		&e.Message, &details, &rest, &exception}, more...)...)
	if err != nil {
		return r, err
	}
	e.OccurredAt, e.ReceivedAt = e.OccurredAt.UTC(), e.ReceivedAt.UTC()
	e.TraceID, e.SpanID, e.ParentSpanID = traceText(trace), spanText(span), spanText(parent)
	e.RequestID, r.mergedInto, e.Weight = deref(request), deref(merged), deref(weight)
	e.Status, e.Attempt = int(deref(status)), int(deref(attempt))
	e.Role, e.Family, e.Sources = nth(roles, role), nth(families, family), sourcesOf(sources)
	e.EndpointDerived = sources&derivedBit != 0
	e.FingerprintVersion = int(version)
	r.bodyHash, r.stackHash = deref(body), deref(stack)
	if len(details) > 0 {
		e.Details = json.RawMessage(details)
	}
	if len(rest) > 0 {
		var x extra
		if err := json.Unmarshal(rest, &x); err != nil {
			return r, err
		}
		x.fill(e)
		r.noTime = x.NoTime
	}
	if exception != nil {
		fillException(e, *exception)
	}
	if r.stackHash != ([16]byte{}) && e.Exception == nil {
		e.Exception = &event.Exception{}
	}
	return r, nil
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// part is the one Part of an Event that was not merged.
func (r *eventRow) part() identity.Part {
	return identity.Part{
		Workspace: r.workspace, Source: r.event.Sources[0], Event: r.event, Idempotent: true, HasOccurredAt: !r.noTime,
		BodyHash: r.bodyHash, StackHash: r.stackHash,
	}
}

// partRecord is a Part as event_parts keeps it. It is not the API's JSON,
// which rounds times and leaves things out.
type partRecord struct {
	Event         bareEvent    `json:"event"`
	OccurredAt    time.Time    `json:"at"`
	ReceivedAt    time.Time    `json:"received"`
	Source        event.Source `json:"src"`
	Provider      string       `json:"provider,omitempty"`
	Version       int          `json:"fpv"`
	HasOccurredAt bool         `json:"timed"`
	BodyHash      [16]byte     `json:"body"`
	StackHash     [16]byte     `json:"stack"`
}

// bareEvent sheds Event's own JSON methods.
type bareEvent event.Event

func encodePart(p *identity.Part) (string, error) {
	rec := partRecord{
		Event: bareEvent(p.Event), OccurredAt: p.Event.OccurredAt, ReceivedAt: p.Event.ReceivedAt, Source: p.Source,
		Provider: p.Event.Provider, Version: p.Event.FingerprintVersion, HasOccurredAt: p.HasOccurredAt,
		BodyHash: p.BodyHash, StackHash: p.StackHash,
	}
	if x := p.Event.Exception; x != nil { // the stack trace is in bodies
		rec.Event.Exception = &event.Exception{Type: x.Type, Message: x.Message}
	}
	b, err := json.Marshal(rec)
	return string(b), err
}

func decodePart(ws int32, doc []byte) (identity.Part, error) {
	var rec partRecord
	if err := json.Unmarshal(doc, &rec); err != nil {
		return identity.Part{}, err
	}
	p := identity.Part{
		Workspace: ws, Source: rec.Source, Event: event.Event(rec.Event), Idempotent: true, HasOccurredAt: rec.HasOccurredAt,
		BodyHash: rec.BodyHash, StackHash: rec.StackHash,
	}
	p.Event.OccurredAt, p.Event.ReceivedAt = rec.OccurredAt.UTC(), rec.ReceivedAt.UTC()
	p.Event.Provider, p.Event.FingerprintVersion = rec.Provider, rec.Version
	return p, nil
}
