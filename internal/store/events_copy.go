package store

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"errata/internal/identity"
)

// copyColumns are the columns of a new Event, in the order of copyRow.
var copyColumns = []string{
	"workspace_id", "day", "id", "occurred_at", "received_at", "trace_id", "span_id", "parent_span_id", "body_hash", "stack_hash", "issue_id",
	"duration_ms", "weight", "status", "attempt", "role", "family", "sources", "fp_version", "endpoint_other", "parts", "request_id", "service",
	"environment", "release", "method", "endpoint", "path", "customer", "provider", "raw_code", "code", "message", "details", "extra",
}

// copyEvents writes Events that nobody reported before with COPY, which costs
// the server far less than an INSERT of three dozen arrays. Their keys were
// all new; errRepeated says that an Event is there all the same.
func copyEvents(ctx context.Context, tx pgx.Tx, rows []*record) error {
	if len(rows) == 0 {
		return nil
	}
	sortRecords(rows)
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"events"}, copyColumns, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) { return copyRow(rows[i]), nil }))
	var pe *pgconn.PgError
	if errors.As(err, &pe) && pe.Code == "23505" { // unique_violation
		return errRepeated
	}
	return err
}

func copyRow(r *record) []any {
	e := &r.part.Event
	return []any{
		r.part.Workspace, identity.Day(r.day()).Start(), rawUUID(e.ID), e.OccurredAt, e.ReceivedAt, orNull(rawUUID(e.TraceID)),
		orNull(spanNumber(e.SpanID)), orNull(spanNumber(e.ParentSpanID)), orNull(r.part.BodyHash), orNull(r.part.StackHash), rawUUID(e.IssueID),
		e.DurationMS, orNull(e.Weight), orNull(int16(e.Status)), orNull(int16(min(e.Attempt, 9999))), //nolint:gosec // bounded
		ordinal(roles, e.Role), ordinal(families, e.Family), maskOf(e.Sources), int16(e.FingerprintVersion), r.other, int16(max(len(r.members), 1)), //nolint:gosec // small
		orNull(e.RequestID), e.Service, e.Environment, e.Release, e.Method, e.Endpoint, e.Path, e.Customer, e.Provider, e.RawCode, e.Code, e.Message,
		orNull(jsonText(e.Details)), orNull(extraOf(e, r.part.HasOccurredAt)),
	}
}

// orNull gives SQL's NULL for the zero value.
func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// rawUUID reads a UUID, or 32 hex digits; zero for anything else.
func rawUUID(s string) (u [16]byte) {
	if len(s) == 36 {
		s = strings.ReplaceAll(s, "-", "")
	}
	if len(s) == 32 {
		if _, err := hex.Decode(u[:], []byte(s)); err != nil {
			return [16]byte{}
		}
	}
	return u
}
