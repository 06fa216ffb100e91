package store

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/lookup"
)

// Hit is one Event that an ID leads to, in short.
type Hit struct {
	EventID    string       `json:"event_id"`
	Kind       string       `json:"kind"` // what the ID is to it: request, trace, span, an alias's kind, or event
	Value      string       `json:"value"`
	RequestID  string       `json:"request_id,omitempty"`
	TraceID    string       `json:"trace_id,omitempty"`
	OccurredAt time.Time    `json:"occurred_at"`
	Service    string       `json:"service"`
	Status     int          `json:"status,omitempty"`
	Code       string       `json:"code"`
	Family     event.Family `json:"family"`
	Role       event.Role   `json:"role"`
	Customer   string       `json:"customer,omitempty"`
	Provider   string       `json:"provider,omitempty"` // that the call went to, or whose answer it was
}

const hitColumns = `e.id::text, e.request_id, e.trace_id, e.occurred_at, e.service, e.status, e.code, e.family, e.role, e.customer, e.provider`

// MaxLookup is how many IDs one look-up may ask for.
const MaxLookup = 500

// Days in one piece have segment 0 only, and others are few: they alone are asked
// for the rest, since each segment is as many descents of an index as there are IDs.
// OFFSET keeps PostgreSQL from reading all days and joining then. No condition says
// that a segment is above 0: of a day that was analysed when it had one, that would
// look like no rows at all, and be read through.
const (
	lookupRequests = `'request', e.request_id, ` + hitColumns + ` FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND translate(lower(e.request_id), 'oil', '011') = ANY ($2::text[]) AND e.request_id = ANY ($3::text[]) AND e.merged_into IS NULL AND `

	lookupTraces = `'trace', replace(e.trace_id::text, '-', ''), ` + hitColumns + ` FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND e.trace_id = ANY ($4::uuid[]) AND e.merged_into IS NULL AND `

	lookupSpans = `'span', lpad(to_hex(e.span_id), 16, '0'), ` + hitColumns + ` FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND e.span_id = ANY ($5::int8[]) AND e.merged_into IS NULL AND `

	inFirstSegment  = `e.segment = 0`
	inOtherSegments = `e.day = d.day AND e.segment = ANY ((SELECT k.list[2:] FROM known_segments k)::int2[])`

	ofDividedDays = `SELECT x.* FROM (SELECT DISTINCT g.day FROM event_segments g WHERE g.segment > 0) d CROSS JOIN LATERAL (SELECT `
	eachDay       = ` OFFSET 0) x`

	sqlLookup = `
SELECT ` + lookupRequests + inFirstSegment + `
UNION ALL ` + ofDividedDays + lookupRequests + inOtherSegments + eachDay + `
UNION ALL SELECT ` + lookupTraces + inFirstSegment + `
UNION ALL ` + ofDividedDays + lookupTraces + inOtherSegments + eachDay + `
UNION ALL SELECT ` + lookupSpans + inFirstSegment + `
UNION ALL ` + ofDividedDays + lookupSpans + inOtherSegments + eachDay + `
UNION ALL
SELECT a.kind, a.value, ` + hitColumns + ` FROM aliases a
JOIN events e ON e.workspace_id = a.workspace_id AND e.day = a.day AND e.id = a.event_id
WHERE a.workspace_id = $1::int4 AND translate(lower(a.value), 'oil', '011') = ANY ($2::text[]) AND a.value = ANY ($3::text[]) AND e.merged_into IS NULL
LIMIT $6::int4`
)

const (
	// maxHits bounds what one statement brings.
	maxHits = 5000
	// maxAsks is how often the rest is asked for, where a few IDs had so many
	// Events that there was no room for those of the others.
	maxAsks = 8
)

// Lookup finds, for each of up to MaxLookup IDs of any kind, the Events that
// it leads to, in one query. IDs without a hit are not in the result.
func (s *Store) Lookup(ctx context.Context, ws int32, ids []string) (hits map[string][]Hit, err error) {
	defer fault.Wrap(&err, "Lookup(%d ids)", len(ids))
	if len(ids) > MaxLookup {
		return nil, fault.New(fault.TooLarge, "payload_too_large", "At most %d IDs in one look-up; this has %d.", MaxLookup, len(ids))
	}
	hits = map[string][]Hit{}
	rest := slices.Compact(slices.Sorted(slices.Values(ids)))
	found := func(id string) bool { return len(hits[id]) > 0 }
	err = s.reading(ctx, func(tx pgx.Tx) error {
		for range maxAsks {
			n, err := lookupRound(ctx, tx, ws, rest, hits)
			rest = slices.DeleteFunc(rest, found)
			if err != nil {
				return err
			}
			if n < maxHits {
				break
			}
		}
		return lookupEvents(ctx, tx, ws, rest, hits)
	})
	return hits, err
}

// lookupRound asks for IDs in one statement, and gives how many rows it had.
func lookupRound(ctx context.Context, tx pgx.Tx, ws int32, ids []string, hits map[string][]Hit) (int, error) {
	var exact, folded, traces []string
	var spans []int64
	asked := map[string][]string{} // as it is stored → as it was asked
	for _, id := range ids {
		if id == "" || hasNUL(id) || len(id) > event.MaxIDLen {
			continue
		}
		exact, folded = append(exact, id), append(folded, event.Fold(id))
		asked[id] = append(asked[id], id)
		if trace := event.CleanHex(id, 32); trace != "" {
			traces = append(traces, trace)
			if trace != id {
				asked[trace] = append(asked[trace], id)
			}
		}
		if span := event.CleanHex(id, 16); span != "" {
			spans = append(spans, spanNumber(span))
			if span != id {
				asked[span] = append(asked[span], id)
			}
		}
	}
	found, err := hitRows(ctx, tx, sqlLookup, ws, folded, exact, traces, spans, maxHits)
	for _, h := range found {
		for _, id := range asked[h.Value] {
			hits[id] = append(hits[id], h)
		}
	}
	return len(found), err
}

// One that was folded into another gives that one's ID as its value.
const sqlLookupEvents = `
SELECT 'event', coalesce(e.merged_into, e.id)::text, ` + hitColumns + ` FROM unnest($2::int4[], $3::uuid[]) AS asked (day, id)
JOIN events e ON e.workspace_id = $1::int4 AND e.day = DATE '1970-01-01' + asked.day AND e.id = asked.id`

// lookupEvents finds, for IDs that no service gave, the Events that have them
// here: as a link of ours has it, or a message of an alert.
func lookupEvents(ctx context.Context, q querier, ws int32, ids []string, hits map[string][]Hit) error {
	asked := map[string][]string{} // Event → IDs as they were asked for
	for _, id := range ids {
		if u, err := uuid.Parse(id); err == nil && u.Version() == 7 {
			asked[u.String()] = append(asked[u.String()], id)
		}
	}
	for range maxFolds {
		if len(asked) == 0 {
			return nil
		}
		events := slices.Collect(maps.Keys(asked))
		days := column(events, func(id string) int32 { return dayOfID(id, time.Time{}) })
		found, err := hitRows(ctx, q, sqlLookupEvents, ws, days, events)
		if err != nil {
			return err
		}
		folded := map[string][]string{}
		for _, h := range found {
			if h.Value != h.EventID {
				folded[h.Value] = append(folded[h.Value], asked[h.EventID]...)
				continue
			}
			for _, id := range asked[h.EventID] {
				hits[id] = append(hits[id], h)
			}
		}
		asked = folded
	}
	return nil
}

func hitRows(ctx context.Context, q querier, sql string, args ...any) ([]Hit, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanHit)
}

func scanHit(row pgx.CollectableRow) (Hit, error) {
	var h Hit
	var request *string
	var trace *[16]byte
	var status *int16
	var family, role int16
	err := row.Scan(&h.Kind, &h.Value, &h.EventID, &request, &trace, &h.OccurredAt, &h.Service, &status, &h.Code, &family, &role, &h.Customer, &h.Provider)
	h.RequestID, h.TraceID, h.Status = deref(request), traceText(trace), int(deref(status))
	h.Family, h.Role, h.OccurredAt = nth(families, family), nth(roles, role), h.OccurredAt.UTC()
	return h, err
}

// MinPrefix is the shortest prefix that is looked up.
const MinPrefix = 6

// The range form uses the index also where a LIKE may not be pushed below
// row-level security.
const sqlPrefix = `
SELECT * FROM (
  SELECT 'request', e.request_id, ` + hitColumns + ` FROM events e
  WHERE e.workspace_id + 0 = $1::int4 AND translate(lower(e.request_id), 'oil', '011') >= $2::text
    AND translate(lower(e.request_id), 'oil', '011') < $3::text AND starts_with(e.request_id, $4::text) AND ` + anySegment + ` AND e.merged_into IS NULL
  LIMIT $5::int4) r
UNION ALL
SELECT * FROM (
  SELECT a.kind, a.value, ` + hitColumns + ` FROM aliases a
  JOIN events e ON e.workspace_id = a.workspace_id AND e.day = a.day AND e.id = a.event_id
  WHERE a.workspace_id = $1::int4 AND translate(lower(a.value), 'oil', '011') >= $2::text
    AND translate(lower(a.value), 'oil', '011') < $3::text AND starts_with(a.value, $4::text) AND e.merged_into IS NULL
  LIMIT $5::int4) a
LIMIT $5::int4`

const sqlTracePrefix = `
SELECT 'trace', replace(e.trace_id::text, '-', ''), ` + hitColumns + ` FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND e.trace_id >= $2::uuid AND e.trace_id <= $3::uuid AND ` + anySegment + ` AND e.merged_into IS NULL
LIMIT $4::int4`

// Prefix finds Events whose request ID, trace ID or other ID begins with what
// is on a screenshot. Fewer than MinPrefix characters find nothing.
func (s *Store) Prefix(ctx context.Context, ws int32, prefix string, limit int) (hits []Hit, err error) {
	defer fault.Wrap(&err, "Prefix")
	if len(prefix) < MinPrefix || len(prefix) > event.MaxIDLen || hasNUL(prefix) {
		return nil, nil
	}
	err = s.reading(ctx, func(tx pgx.Tx) error {
		from := event.Fold(prefix)
		if hits, err = hitRows(ctx, tx, sqlPrefix, ws, from, after(from), prefix, limit); err != nil {
			return err
		}
		if lo, hi, ok := traceRange(prefix); ok && len(hits) < limit {
			more, err := hitRows(ctx, tx, sqlTracePrefix, ws, lo, hi, limit-len(hits))
			hits = append(hits, more...)
			return err
		}
		return nil
	})
	return hits, err
}

// Near gives up to limit IDs that somebody may have meant who asked for id: those
// that LookAlikes finds, then those that begin with it, as when it was cut off on
// a screenshot. Each ID once, and never id.
func (s *Store) Near(ctx context.Context, ws int32, id string, limit int) ([]Hit, error) {
	hits, err := s.LookAlikes(ctx, ws, id, limit)
	if err != nil {
		return nil, err
	}
	if len(hits) < limit && len(id) >= lookup.MinPrefix(id) {
		more, err := s.Prefix(ctx, ws, id, limit)
		if err != nil {
			return nil, err
		}
		hits = append(hits, more...)
	}
	seen := map[string]bool{id: true}
	var out []Hit
	for _, h := range hits {
		if !seen[h.Value] && len(out) < limit {
			seen[h.Value] = true
			out = append(out, h)
		}
	}
	return out, nil
}

// after is the first string that sorts behind everything with that prefix,
// under COLLATE "C".
func after(prefix string) string {
	r := []rune(prefix)
	r[len(r)-1]++
	return string(r)
}

// traceRange is the lowest and highest trace ID with those first hex digits.
func traceRange(prefix string) (lo, hi string, ok bool) {
	p := strings.ToLower(prefix)
	if len(p) > 32 || strings.Trim(p, "0123456789abcdef") != "" {
		return "", "", false
	}
	return p + strings.Repeat("0", 32-len(p)), p + strings.Repeat("f", 32-len(p)), true
}

const sqlLookAlikes = `
SELECT 'request', e.request_id, ` + hitColumns + ` FROM events e
WHERE e.workspace_id + 0 = $1::int4 AND translate(lower(e.request_id), 'oil', '011') = $2::text AND e.request_id <> $3::text AND ` + anySegment + ` AND e.merged_into IS NULL
UNION ALL
SELECT a.kind, a.value, ` + hitColumns + ` FROM aliases a
JOIN events e ON e.workspace_id = a.workspace_id AND e.day = a.day AND e.id = a.event_id
WHERE a.workspace_id = $1::int4 AND translate(lower(a.value), 'oil', '011') = $2::text AND a.value <> $3::text AND e.merged_into IS NULL
LIMIT $4::int4`

// LookAlikes finds request IDs and other IDs that differ from id only in what people
// misread: case, l/1/i, o/0, and punctuation that stuck to the end.
func (s *Store) LookAlikes(ctx context.Context, ws int32, id string, limit int) (hits []Hit, err error) {
	defer fault.Wrap(&err, "LookAlikes")
	id = strings.TrimRight(strings.TrimSpace(id), ".,;:!?)]}>\"'")
	if id == "" || len(id) > event.MaxIDLen || hasNUL(id) {
		return nil, nil
	}
	err = s.reading(ctx, func(tx pgx.Tx) error {
		hits, err = hitRows(ctx, tx, sqlLookAlikes, ws, event.Fold(id), id, limit)
		return err
	})
	return hits, err
}
