package store

import (
	"cmp"
	"slices"
	"strings"
)

// copyColumns are the columns of a new Event, in the order of copyEvent.
var copyColumns = []string{
	"workspace_id", "day", "id", "occurred_at", "received_at", "trace_id", "span_id", "parent_span_id", "body_hash", "stack_hash", "issue_id",
	"duration_ms", "weight", "status", "attempt", "role", "family", "sources", "fp_version", "endpoint_other", "parts", "request_id", "service",
	"environment", "release", "method", "endpoint", "path", "customer", "provider", "raw_code", "code", "message", "details", "extra", "exception",
	"request_key", "span_key", "item_key", "segment",
}

var copyNewEvents = `COPY events (` + strings.Join(copyColumns, ", ") + `) FROM STDIN (FORMAT binary)`

// copyEvents is Events that nobody reported before, for COPY, which costs the
// server far less than an INSERT of three dozen arrays. They are in the order
// in which every writer takes keys, so that hardly ever two wait for each other;
// the day is first because COPY writes partition by partition.
func copyEvents(rows []*record) *copyBuffer {
	sorted := make([]newEvent, len(rows))
	for i, r := range rows {
		sorted[i] = newEvent{r.day(), r}
	}
	slices.SortFunc(sorted, func(x, y newEvent) int {
		if c := cmp.Compare(x.day, y.day); c != 0 {
			return c
		}
		if c := slices.Compare(x.keys[:], y.keys[:]); c != 0 {
			return c
		}
		return cmp.Compare(x.part.Event.ID, y.part.Event.ID)
	})
	c := newCopy()
	for _, e := range sorted {
		c.event(e.record, e.day)
	}
	return c
}

type newEvent struct {
	day int32
	*record
}

func (c *copyBuffer) event(r *record, day int32) {
	e := &r.part.Event
	c.row(len(copyColumns))
	c.int4(r.part.Workspace)
	c.date(day)
	c.uuid(rawUUID(e.ID))
	c.time(e.OccurredAt)
	c.time(e.ReceivedAt)
	c.optUUID(rawUUID(e.TraceID))
	c.optInt8(spanNumber(e.SpanID))
	c.optInt8(spanNumber(e.ParentSpanID))
	c.optUUID(r.part.BodyHash)
	c.optUUID(r.part.StackHash)
	c.uuid(rawUUID(e.IssueID))
	if e.DurationMS == nil {
		c.null()
	} else {
		c.float8(*e.DurationMS)
	}
	c.optFloat8(e.Weight)
	c.optInt2(int16(e.Status))             //nolint:gosec // 0..599
	c.optInt2(int16(min(e.Attempt, 9999))) //nolint:gosec // bounded
	c.int2(ordinal(roles, e.Role))
	c.int2(ordinal(families, e.Family))
	c.int2(originOf(e))
	c.int2(int16(e.FingerprintVersion)) //nolint:gosec // small
	c.bool(r.other)
	c.int2(int16(max(len(r.members), 1))) //nolint:gosec // bounded by the group
	c.optText(e.RequestID)
	for _, text := range [...]string{e.Service, e.Environment, e.Release, e.Method, e.Endpoint, e.Path, e.Customer, e.Provider, e.RawCode, e.Code, e.Message} {
		c.text(text)
	}
	c.optJSONB(jsonText(e.Details))
	c.optJSONB(extraOf(e, r.part.HasOccurredAt))
	if how := exceptionOf(e); how < 0 {
		c.null()
	} else {
		c.int2(how)
	}
	for _, h := range r.keys {
		c.optInt8(h)
	}
	c.int2(r.segment)
}

// rawUUID reads a UUID, or 32 hex digits; zero for anything else.
func rawUUID(s string) (u [16]byte) {
	if len(s) != 32 && (len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-') {
		return u
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] == '-' {
			continue
		}
		digit := hexDigits[s[i]]
		if digit == 0 || n == 32 {
			return [16]byte{}
		}
		u[n/2] = u[n/2]<<4 | (digit - 1)
		n++
	}
	if n != 32 {
		return [16]byte{}
	}
	return u
}

// hexDigits maps a hex digit to its value + 1, all else to 0.
var hexDigits = func() (table [256]byte) {
	for i, c := range "0123456789abcdef" {
		table[c] = byte(i) + 1
	}
	for i, c := range "ABCDEF" {
		table[c] = byte(i) + 11
	}
	return table
}()
