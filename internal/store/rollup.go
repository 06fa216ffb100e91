package store

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/identity"
)

// lateAfter: an Event that comes in later than this does not count for alerts
// at the minute it happened, but at the minute it came.
const lateAfter = 15 * time.Minute

// counted is the part of an Event that the roll-ups see. The same value
// counted with −1 takes back what +1 added.
type counted struct {
	workspace           int32
	minute, alertMinute int64 // Unix seconds
	occurredAt          time.Time
	late                bool
	role, family        int16
	status              int16
	service             string
	environment         string
	method              string
	endpoint            string
	code                string
	provider            string
	release             string
	customer            string
	issue               string
}

func countedOf(ws int32, e *event.Event, otherEndpoint bool) counted {
	c := counted{
		workspace: ws, minute: e.OccurredAt.Truncate(time.Minute).Unix(), occurredAt: e.OccurredAt,
		role: ordinal(roles, e.Role), family: ordinal(families, e.Family), status: int16(e.Status), //nolint:gosec // 0..599
		service: e.Service, environment: e.Environment, method: e.Method, endpoint: e.Endpoint,
		code: e.Code, provider: e.Provider, release: e.Release, customer: e.Customer, issue: e.IssueID,
	}
	c.alertMinute = c.minute
	if e.ReceivedAt.Sub(e.OccurredAt).Abs() > lateAfter {
		c.late, c.alertMinute = true, e.ReceivedAt.Truncate(time.Minute).Unix()
	}
	if otherEndpoint {
		c.endpoint = OtherEndpoint
	}
	return c
}

// key hashes the dimensions; with the customer, those of customer_minutes.
func (c *counted) key(withCustomer bool) identity.Key {
	h := make([]byte, 0, 256)
	h = binary.BigEndian.AppendUint64(h, uint64(c.minute))      //nolint:gosec // bits
	h = binary.BigEndian.AppendUint64(h, uint64(c.alertMinute)) //nolint:gosec // bits
	h = append(h, byte(c.role), byte(c.family), byte(c.status>>8), byte(c.status))
	dims := []string{c.service, c.environment, c.method, c.endpoint, c.code}
	if withCustomer {
		dims = append(dims, c.customer)
	} else {
		dims = append(dims, c.provider, c.release)
	}
	for _, s := range dims {
		h = binary.BigEndian.AppendUint32(h, uint32(len(s))) //nolint:gosec // bounded text
		h = append(h, s...)
	}
	sum := sha256.Sum256(h)
	return identity.Key(sum[:16])
}

// tally adds up what a batch changes in the roll-ups.
type tally struct {
	errors    map[tallyKey]*delta
	customers map[tallyKey]*delta
	issues    map[issueHour]*issueDelta
}

type tallyKey struct {
	workspace int32
	key       identity.Key
}

type delta struct {
	counted
	n, late int64
}

type issueHour struct {
	workspace int32
	hour      int64
	issue     string
}

type issueDelta struct {
	n           int64
	first, last time.Time
}

func newTally() *tally {
	return &tally{map[tallyKey]*delta{}, map[tallyKey]*delta{}, map[issueHour]*issueDelta{}}
}

func (t *tally) add(c counted, n int64) {
	bump(t.errors, tallyKey{c.workspace, c.key(false)}, c, n)
	if c.customer != "" {
		bump(t.customers, tallyKey{c.workspace, c.key(true)}, c, n)
	}
	k := issueHour{c.workspace, c.occurredAt.Truncate(time.Hour).Unix(), c.issue}
	d := t.issues[k]
	if d == nil {
		d = &issueDelta{first: c.occurredAt, last: c.occurredAt}
		t.issues[k] = d
	}
	d.n += n
	if c.occurredAt.Before(d.first) {
		d.first = c.occurredAt
	}
	if c.occurredAt.After(d.last) {
		d.last = c.occurredAt
	}
}

func bump(m map[tallyKey]*delta, k tallyKey, c counted, n int64) {
	d := m[k]
	if d == nil {
		d = &delta{counted: c}
		m[k] = d
	}
	d.n += n
	if c.late {
		d.late += n
	}
}

const sqlCountErrors = `
INSERT INTO error_minutes (workspace_id, minute, key, slot, alert_minute, role, family, status, n, n_late,
                           service, environment, method, endpoint, code, provider, release)
SELECT w, to_timestamp(m), k, $1::int2, to_timestamp(a), ro, fa, nullif(st, 0), n, l, se, en, me, ep, co, pr, re
FROM unnest($2::int4[], $3::int8[], $4::uuid[], $5::int8[], $6::int2[], $7::int2[], $8::int2[], $9::int8[], $10::int8[],
            $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[])
  AS u(w, m, k, a, ro, fa, st, n, l, se, en, me, ep, co, pr, re)
ON CONFLICT (workspace_id, minute, key, slot)
DO UPDATE SET n = error_minutes.n + excluded.n, n_late = error_minutes.n_late + excluded.n_late`

const sqlCountIssues = `
INSERT INTO issue_hours (workspace_id, hour, issue_id, slot, n, first_at, last_at)
SELECT w, to_timestamp(h), i, $1::int2, n, f, l
FROM unnest($2::int4[], $3::int8[], $4::uuid[], $5::int8[], $6::timestamptz[], $7::timestamptz[]) AS u(w, h, i, n, f, l)
ON CONFLICT (workspace_id, hour, issue_id, slot)
DO UPDATE SET n = issue_hours.n + excluded.n,
              first_at = least(issue_hours.first_at, excluded.first_at),
              last_at = greatest(issue_hours.last_at, excluded.last_at)`

// queue adds the statements that write the tally but for the customers. Rows are in key order, so
// that two writers which share a slot do not deadlock.
func (t *tally) queue(b *pgx.Batch, slot int16) {
	queueErrors(b, slot, sorted(t.errors))
	t.queueIssues(b, slot)
}

// sorted drops what cancelled out and puts the rest in lock order.
func sorted(m map[tallyKey]*delta) []row[*delta] {
	rows := make([]row[*delta], 0, len(m))
	for k, d := range m {
		if d.n != 0 || d.late != 0 {
			rows = append(rows, row[*delta]{k, d})
		}
	}
	slices.SortFunc(rows, func(a, b row[*delta]) int {
		return cmp.Or(cmp.Compare(a.k.workspace, b.k.workspace), cmp.Compare(a.v.minute, b.v.minute), bytes.Compare(a.k.key[:], b.k.key[:]))
	})
	return rows
}

type row[V any] struct {
	k tallyKey
	v V
}

// column takes one field of every row.
func column[R, V any](rows []R, f func(R) V) []V {
	out := make([]V, len(rows))
	for i, r := range rows {
		out[i] = f(r)
	}
	return out
}

type deltaRow = row[*delta]

func queueErrors(b *pgx.Batch, slot int16, rows []deltaRow) {
	if len(rows) == 0 {
		return
	}
	b.Queue(sqlCountErrors, slot,
		column(rows, func(r deltaRow) int32 { return r.k.workspace }),
		column(rows, func(r deltaRow) int64 { return r.v.minute }),
		column(rows, func(r deltaRow) string { return r.k.key.String() }),
		column(rows, func(r deltaRow) int64 { return r.v.alertMinute }),
		column(rows, func(r deltaRow) int16 { return r.v.role }),
		column(rows, func(r deltaRow) int16 { return r.v.family }),
		column(rows, func(r deltaRow) int16 { return r.v.status }),
		column(rows, func(r deltaRow) int64 { return r.v.n }),
		column(rows, func(r deltaRow) int64 { return r.v.late }),
		column(rows, func(r deltaRow) string { return r.v.service }),
		column(rows, func(r deltaRow) string { return r.v.environment }),
		column(rows, func(r deltaRow) string { return r.v.method }),
		column(rows, func(r deltaRow) string { return r.v.endpoint }),
		column(rows, func(r deltaRow) string { return r.v.code }),
		column(rows, func(r deltaRow) string { return r.v.provider }),
		column(rows, func(r deltaRow) string { return r.v.release }))
}

const copyCustomers = `COPY customer_minutes (workspace_id, minute, alert_minute, role, family, status, n,
  service, environment, method, endpoint, code, customer) FROM STDIN (FORMAT binary)`

// customerRows is what the batch counted per customer, for COPY; nil for
// nothing. Nobody updates these rows: they are added up by who reads them.
func (t *tally) customerRows() *copyBuffer {
	var c *copyBuffer
	for _, r := range sorted(t.customers) {
		if c == nil {
			c = newCopy()
		}
		d := r.v
		c.row(13)
		c.int4(d.workspace)
		c.time(time.Unix(d.minute, 0))
		c.time(time.Unix(d.alertMinute, 0))
		c.int2(d.role)
		c.int2(d.family)
		c.optInt2(d.status)
		c.int8(d.n)
		for _, text := range [...]string{d.service, d.environment, d.method, d.endpoint, d.code, d.customer} {
			c.text(text)
		}
	}
	return c
}

func (t *tally) queueIssues(b *pgx.Batch, slot int16) {
	keys := make([]issueHour, 0, len(t.issues))
	for k, d := range t.issues {
		if d.n != 0 {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return
	}
	slices.SortFunc(keys, func(a, b issueHour) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.hour, b.hour), cmp.Compare(a.issue, b.issue))
	})
	b.Queue(sqlCountIssues, slot,
		column(keys, func(k issueHour) int32 { return k.workspace }),
		column(keys, func(k issueHour) int64 { return k.hour }),
		column(keys, func(k issueHour) string { return k.issue }),
		column(keys, func(k issueHour) int64 { return t.issues[k].n }),
		column(keys, func(k issueHour) time.Time { return t.issues[k].first }),
		column(keys, func(k issueHour) time.Time { return t.issues[k].last }))
}
