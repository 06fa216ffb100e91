package store

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"errata/internal/event"
	"errata/internal/identity"
)

// record is one Event on its way into the table.
type record struct {
	part       *identity.Part // merged, where there are several; not to be changed once it is shared
	members    []identity.Part
	other      bool // its endpoint is counted under (other)
	mergedInto string
	keys       [keyKinds]int64 // that stand in its row; 0 = none
	segment    int16
}

// each gives what the Event was made from.
func (r *record) each() iter.Seq[*identity.Part] {
	return func(yield func(*identity.Part) bool) {
		if len(r.members) == 0 {
			yield(r.part)
			return
		}
		for i := range r.members {
			if !yield(&r.members[i]) {
				return
			}
		}
	}
}

func (r *record) day() int32 { return dayOfID(r.part.Event.ID, r.part.Event.OccurredAt) }

// dayOfID is the partition that an Event's ID names.
func dayOfID(id string, fallback time.Time) int32 {
	if t, ok := identity.Time(id); ok {
		return int32(identity.DayOf(t))
	}
	return int32(identity.DayOf(fallback))
}

const sqlInsertEvents = `
INSERT INTO events (workspace_id, day, id, occurred_at, received_at, trace_id, span_id, parent_span_id, body_hash, stack_hash,
                    issue_id, merged_into, duration_ms, weight, status, attempt, role, family, sources, fp_version,
                    endpoint_other, parts, request_id, service, environment, release, method, endpoint, path, customer,
                    provider, raw_code, code, message, details, extra, exception, request_key, span_key, item_key, segment)
SELECT w, DATE '1970-01-01' + d, id, oc, rc, nullif(tr, '')::uuid, nullif(sp, 0), nullif(pa, 0), nullif(bh, '')::uuid, nullif(sh, '')::uuid,
       ii, nullif(mi, '')::uuid, du, nullif(we, 0), nullif(st, 0), nullif(att, 0), ro, fa, so, fp,
       eo, np, nullif(ri, ''), se, en, re, me, ep, pt, cu,
       pv, rw, co, ms, nullif(dt, '')::jsonb, nullif(ex, '')::jsonb, nullif(xc, -1), nullif(rk, 0), nullif(sk, 0), nullif(ik, 0), sg
FROM unnest($1::int4[], $2::int4[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::int8[], $8::int8[],
            $9::text[], $10::text[], $11::uuid[], $12::text[], $13::float8[], $14::float8[], $15::int2[], $16::int2[],
            $17::int2[], $18::int2[], $19::int2[], $20::int2[], $21::bool[], $22::int2[], $23::text[], $24::text[],
            $25::text[], $26::text[], $27::text[], $28::text[], $29::text[], $30::text[], $31::text[], $32::text[],
            $33::text[], $34::text[], $35::text[], $36::text[], $37::int2[], $38::int8[], $39::int8[], $40::int8[], $41::int2[])
  AS u(w, d, id, oc, rc, tr, sp, pa, bh, sh, ii, mi, du, we, st, att, ro, fa, so, fp, eo, np, ri, se, en, re, me, ep, pt, cu,
       pv, rw, co, ms, dt, ex, xc, rk, sk, ik, sg)
ON CONFLICT (workspace_id, day, id) `

// A merge writes the Event anew. What must never change is not in the list. It
// comes with all its keys into the open segment, since a sealed one gets no more.
const sqlUpsertEvents = sqlInsertEvents + `DO UPDATE SET
  occurred_at = excluded.occurred_at, received_at = excluded.received_at, trace_id = excluded.trace_id, span_id = excluded.span_id,
  parent_span_id = excluded.parent_span_id, body_hash = excluded.body_hash, stack_hash = excluded.stack_hash,
  issue_id = excluded.issue_id, merged_into = excluded.merged_into, duration_ms = excluded.duration_ms, weight = excluded.weight,
  status = excluded.status, attempt = excluded.attempt, role = excluded.role, family = excluded.family, sources = excluded.sources,
  fp_version = excluded.fp_version, endpoint_other = excluded.endpoint_other, parts = excluded.parts,
  request_id = coalesce(events.request_id, excluded.request_id), service = excluded.service, environment = excluded.environment,
  release = excluded.release, method = excluded.method, endpoint = excluded.endpoint, path = excluded.path,
  customer = excluded.customer, provider = excluded.provider, raw_code = excluded.raw_code, code = excluded.code,
  message = excluded.message, details = excluded.details, extra = excluded.extra,
  exception = excluded.exception, request_key = excluded.request_key, span_key = excluded.span_key, item_key = excluded.item_key,
  segment = excluded.segment`

// queueUpserts adds one statement that writes all the rows.
func queueUpserts(b *pgx.Batch, rows []*record) {
	if len(rows) == 0 {
		return
	}
	slices.SortFunc(rows, func(x, y *record) int { // the order of the primary key
		return cmp.Or(cmp.Compare(x.part.Workspace, y.part.Workspace), cmp.Compare(x.part.Event.ID, y.part.Event.ID))
	})
	b.Queue(sqlUpsertEvents, eventArguments(rows)...)
}

func eventArguments(rows []*record) []any {
	text := func(f func(*event.Event) string) []string {
		return column(rows, func(r *record) string { return f(&r.part.Event) })
	}
	small := func(f func(*record) int16) []int16 { return column(rows, f) }
	return []any{
		column(rows, func(r *record) int32 { return r.part.Workspace }),
		column(rows, (*record).day),
		text(func(e *event.Event) string { return e.ID }),
		column(rows, func(r *record) time.Time { return r.part.Event.OccurredAt }),
		column(rows, func(r *record) time.Time { return r.part.Event.ReceivedAt }),
		text(func(e *event.Event) string { return e.TraceID }),
		column(rows, func(r *record) int64 { return spanNumber(r.part.Event.SpanID) }),
		column(rows, func(r *record) int64 { return spanNumber(r.part.Event.ParentSpanID) }),
		column(rows, func(r *record) string { return hashText(r.part.BodyHash) }),
		column(rows, func(r *record) string { return hashText(r.part.StackHash) }),
		text(func(e *event.Event) string { return e.IssueID }),
		column(rows, func(r *record) string { return r.mergedInto }),
		column(rows, func(r *record) *float64 { return r.part.Event.DurationMS }),
		column(rows, func(r *record) float64 { return r.part.Event.Weight }),
		small(func(r *record) int16 { return int16(r.part.Event.Status) }),             //nolint:gosec // 0..599
		small(func(r *record) int16 { return int16(min(r.part.Event.Attempt, 9999)) }), //nolint:gosec // bounded
		small(func(r *record) int16 { return ordinal(roles, r.part.Event.Role) }),
		small(func(r *record) int16 { return ordinal(families, r.part.Event.Family) }),
		small(func(r *record) int16 { return originOf(&r.part.Event) }),
		small(func(r *record) int16 { return int16(r.part.Event.FingerprintVersion) }), //nolint:gosec // small
		column(rows, func(r *record) bool { return r.other }),
		small(func(r *record) int16 { return int16(max(len(r.members), 1)) }), //nolint:gosec // bounded by the group
		text(func(e *event.Event) string { return e.RequestID }),
		text(func(e *event.Event) string { return e.Service }),
		text(func(e *event.Event) string { return e.Environment }),
		text(func(e *event.Event) string { return e.Release }),
		text(func(e *event.Event) string { return e.Method }),
		text(func(e *event.Event) string { return e.Endpoint }),
		text(func(e *event.Event) string { return e.Path }),
		text(func(e *event.Event) string { return e.Customer }),
		text(func(e *event.Event) string { return e.Provider }),
		text(func(e *event.Event) string { return e.RawCode }),
		text(func(e *event.Event) string { return e.Code }),
		text(func(e *event.Event) string { return e.Message }),
		text(func(e *event.Event) string { return jsonText(e.Details) }),
		column(rows, func(r *record) string { return extraOf(&r.part.Event, r.part.HasOccurredAt) }),
		small(func(r *record) int16 { return exceptionOf(&r.part.Event) }),
		column(rows, func(r *record) int64 { return r.keys[requestKind] }),
		column(rows, func(r *record) int64 { return r.keys[spanKind] }),
		column(rows, func(r *record) int64 { return r.keys[itemKind] }),
		small(func(r *record) int16 { return r.segment }),
	}
}

const sqlInsertAliases = `
INSERT INTO aliases (workspace_id, day, value, event_id, kind)
SELECT w, DATE '1970-01-01' + d, v, e, k FROM unnest($1::int4[], $2::int4[], $3::text[], $4::uuid[], $5::text[]) AS u(w, d, v, e, k)
ON CONFLICT DO NOTHING`

type aliasRow struct {
	workspace, day     int32
	value, event, kind string
}

func queueAliases(b *pgx.Batch, rows []*record) {
	var all []aliasRow
	for _, r := range rows {
		if r.mergedInto != "" {
			continue
		}
		for _, a := range r.part.Event.Aliases {
			all = append(all, aliasRow{r.part.Workspace, r.day(), a.Value, r.part.Event.ID, a.Kind})
		}
	}
	if len(all) == 0 {
		return
	}
	slices.SortFunc(all, func(a, b aliasRow) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.day, b.day), cmp.Compare(a.value, b.value), cmp.Compare(a.event, b.event))
	})
	b.Queue(sqlInsertAliases,
		column(all, func(a aliasRow) int32 { return a.workspace }),
		column(all, func(a aliasRow) int32 { return a.day }),
		column(all, func(a aliasRow) string { return a.value }),
		column(all, func(a aliasRow) string { return a.event }),
		column(all, func(a aliasRow) string { return a.kind }))
}

// contentKind tells raw bodies from stack traces, which are kept longer: the
// table that a content is in.
type contentKind byte

const (
	rawBody contentKind = iota
	stackTrace
)

// content is a row of bodies or stacks.
type content struct {
	blobKey
	likeness
	text   string
	codec  int16
	stored []byte
	base   [16]byte // of a difference
}

// newContents gives the bodies and then the stack traces that are not known to
// be there, in the order of the primary key. Every member's content is kept, also
// what the merged Event does not show.
func (s *Store) newContents(rows []*record) []content {
	have := map[blobKey]bool{}
	var out []content
	for _, r := range rows {
		for m := range r.each() {
			e := &m.Event
			if k := (blobKey{rawBody, m.Workspace, r.day(), m.BodyHash}); len(e.RawBody) > 0 && s.wants(have, k) {
				out = append(out, content{blobKey: k, text: string(e.RawBody), likeness: likeness{k.workspace, k.day, k.kind, e.Service, e.Code, e.Endpoint}})
			}
			if k := (blobKey{stackTrace, m.Workspace, r.day(), m.StackHash}); e.Exception != nil && e.Exception.Stacktrace != "" && s.wants(have, k) {
				out = append(out, content{blobKey: k, text: e.Exception.Stacktrace, likeness: likeness{k.workspace, k.day, k.kind, e.Service, e.Exception.Type, ""}})
			}
		}
	}
	for i := range out {
		c := &out[i]
		from := s.bases.find(c.likeness)
		if c.codec, c.stored = pack([]byte(c.text), from); c.codec == relative {
			c.base = from.hash
		}
		if from != nil {
			s.bases.tell(c.likeness, c.codec == relative)
		}
	}
	slices.SortFunc(out, func(a, b content) int {
		return cmp.Or(cmp.Compare(a.blobKey.kind, b.blobKey.kind), cmp.Compare(a.blobKey.day, b.blobKey.day), cmp.Compare(a.blobKey.workspace, b.blobKey.workspace), bytes.Compare(a.hash[:], b.hash[:]))
	})
	return out
}

// wants reports whether a content has to be written.
func (s *Store) wants(have map[blobKey]bool, k blobKey) bool {
	if have[k] || k.hash == ([16]byte{}) || s.blobs.has(k) {
		return false
	}
	have[k] = true
	return true
}

// ofKind is the part of newContents that goes into one table.
func ofKind(list []content, kind contentKind) []content {
	from, _ := slices.BinarySearchFunc(list, kind, func(c content, k contentKind) int { return cmp.Compare(c.blobKey.kind, k) })
	to, _ := slices.BinarySearchFunc(list, kind+1, func(c content, k contentKind) int { return cmp.Compare(c.blobKey.kind, k) })
	return list[from:to]
}

const contentColumns = ` (workspace_id, day, hash, codec, base, content) `

var copyOfKind = [...]string{
	rawBody:    `COPY bodies` + contentColumns + `FROM STDIN (FORMAT binary)`,
	stackTrace: `COPY stacks` + contentColumns + `FROM STDIN (FORMAT binary)`,
}

func copyContents(list []content) *copyBuffer {
	c := newCopy()
	for i := range list {
		k := &list[i]
		c.row(6)
		c.int4(k.blobKey.workspace)
		c.date(k.blobKey.day)
		c.uuid(k.hash)
		c.int2(k.codec)
		c.optUUID(k.base)
		c.size(len(k.stored))
		c.raw = append(c.raw, k.stored...)
	}
	return c
}

const contentRows = `
SELECT w, DATE '1970-01-01' + d, h, k, nullif(b, '00000000-0000-0000-0000-000000000000'), c
FROM unnest($1::int4[], $2::int4[], $3::uuid[], $4::int2[], $5::bytea[], $6::uuid[]) AS u(w, d, h, k, c, b)
ON CONFLICT DO NOTHING`

const (
	sqlInsertBodies = `INSERT INTO bodies` + contentColumns + contentRows
	sqlInsertStacks = `INSERT INTO stacks` + contentColumns + contentRows
)

// queueContentRows writes contents of one kind, of which some may be there.
func queueContentRows(b *pgx.Batch, kind contentKind, list []content) {
	if len(list) == 0 {
		return
	}
	b.Queue([...]string{rawBody: sqlInsertBodies, stackTrace: sqlInsertStacks}[kind],
		column(list, func(k content) int32 { return k.blobKey.workspace }),
		column(list, func(k content) int32 { return k.blobKey.day }),
		column(list, func(k content) pgtype.UUID { return uuidOf(k.hash) }),
		column(list, func(k content) int16 { return k.codec }),
		column(list, func(k content) []byte { return k.stored }),
		column(list, func(k content) pgtype.UUID { return uuidOf(k.base) }))
}
