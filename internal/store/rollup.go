package store

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/rollup"
)

// lateAfter: an Event that comes in later than this does not count for alerts
// at the minute it happened, but at the minute it came.
const lateAfter = 15 * time.Minute

// counted is the part of an Event that the roll-ups see. The same value
// counted with −1 takes back what +1 added.
type counted struct {
	dimensions
	occurredAt                  time.Time
	late                        bool
	duration                    int16 // a bucket of package rollup
	provider, release, customer string
	id, issue                   string
}

// dimensions are what every roll-up counts by.
type dimensions struct {
	workspace                                    int32
	minute, alertMinute                          int64 // Unix seconds
	role, family, status                         int16
	service, environment, method, endpoint, code string
}

// errorRow is a row of error_minutes; customerRow and durationRow are parts of
// one of customer_minutes.
type (
	errorRow struct {
		dimensions
		provider, release string
	}
	customerRow struct {
		group    int32
		customer string
	}
	durationRow struct {
		group  int32
		bucket int16
	}
)

func countedOf(ws int32, e *event.Event, otherEndpoint bool) counted {
	c := counted{
		dimensions: dimensions{
			workspace: ws, minute: e.OccurredAt.Truncate(time.Minute).Unix(),
			role: ordinal(roles, e.Role), family: ordinal(families, e.Family), status: int16(e.Status), //nolint:gosec // 0..599
			service: e.Service, environment: e.Environment, method: e.Method, endpoint: e.Endpoint, code: e.Code,
		},
		occurredAt: e.OccurredAt, provider: e.Provider, release: e.Release, customer: e.Customer, id: e.ID, issue: e.IssueID,
	}
	c.duration = rollup.NoDuration
	if e.DurationMS != nil {
		c.duration = rollup.Bucket(*e.DurationMS)
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

// failureKey stands for a code at an endpoint.
type failureKey [8]byte

// failure hashes what makes failures the same one for "is it just them?".
func (d *dimensions) failure() failureKey {
	h := append(make([]byte, 0, 256), byte(d.role))
	for _, s := range [...]string{d.service, d.environment, d.method, d.endpoint, d.code} {
		h = binary.BigEndian.AppendUint32(h, uint32(len(s))) //nolint:gosec // bounded text
		h = append(h, s...)
	}
	sum := sha256.Sum256(h)
	return failureKey(sum[:8])
}

// number is the key as customer_minutes have it.
func (k failureKey) number() int64 { return int64(binary.BigEndian.Uint64(k[:])) } //nolint:gosec // bits

// lowest and highest are the keys between which those of error_minutes are.
func (k failureKey) lowest() (key identity.Key) {
	copy(key[:], k[:])
	return key
}

func (k failureKey) highest() identity.Key {
	key := k.lowest()
	copy(key[len(k):], bytes.Repeat([]byte{0xff}, len(key)-len(k)))
	return key
}

// key hashes the row's dimensions. It begins with the failure, so that one minute's
// rows of a failure lie together.
func (r *errorRow) key() identity.Key {
	key := r.failure().lowest()
	h := make([]byte, 0, 256)
	h = binary.BigEndian.AppendUint64(h, uint64(r.minute))      //nolint:gosec // bits
	h = binary.BigEndian.AppendUint64(h, uint64(r.alertMinute)) //nolint:gosec // bits
	h = append(h, byte(r.role), byte(r.family), byte(r.status>>8), byte(r.status))
	for _, s := range [...]string{r.service, r.environment, r.method, r.endpoint, r.code, r.provider, r.release} {
		h = binary.BigEndian.AppendUint32(h, uint32(len(s))) //nolint:gosec // bounded text
		h = append(h, s...)
	}
	sum := sha256.Sum256(h)
	copy(key[len(failureKey{}):], sum[:])
	return key
}

// tally adds up what a batch changes in the roll-ups.
type tally struct {
	errors    map[errorRow]*delta
	customers map[customerRow]int64
	durations map[durationRow]int64
	issues    map[issueHour]*issueDelta

	// groups numbers the dimensions for customers.
	groups []dimensions
	group  map[dimensions]int32

	// What was counted last: neighbours in a batch are mostly alike.
	lastRow   errorRow
	lastDelta *delta
	lastGroup int32
	lastIssue issueHour
	lastHour  *issueDelta
}

type delta struct{ n, late int64 }

func newTally() *tally {
	return &tally{errors: map[errorRow]*delta{}, customers: map[customerRow]int64{}, durations: map[durationRow]int64{}, issues: map[issueHour]*issueDelta{}, group: map[dimensions]int32{}}
}

func (t *tally) add(c counted, n int64) {
	row := errorRow{c.dimensions, c.provider, c.release}
	if t.lastDelta == nil || row != t.lastRow {
		d := t.errors[row]
		if d == nil {
			d = &delta{}
			t.errors[row] = d
		}
		t.lastRow, t.lastDelta, t.lastGroup = row, d, t.number(row.dimensions)
	}
	t.lastDelta.n += n
	if c.late {
		t.lastDelta.late += n
	}
	if c.customer != "" {
		t.customers[customerRow{t.lastGroup, c.customer}] += n
	}
	if c.duration != rollup.NoDuration {
		t.durations[durationRow{t.lastGroup, c.duration}] += n
	}
	t.addIssue(&c, n)
}

func (t *tally) number(d dimensions) int32 {
	n, ok := t.group[d]
	if !ok {
		n = int32(len(t.groups)) //nolint:gosec // at most the Events of a batch
		t.group[d], t.groups = n, append(t.groups, d)
	}
	return n
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

// queue adds the statements that write the tally but for the customers.
func (t *tally) queue(b *pgx.Batch, slot int16) {
	t.queueErrors(b, slot)
	t.queueIssues(b, slot)
	t.queueMarks(b)
}

const sqlMark = `INSERT INTO rollup_marks (workspace_id, level, start, pieces) SELECT w, 1, to_timestamp(h), p FROM unnest($1::int4[], $2::int8[], $3::int2[]) AS u(w, h, p)`

// marks says which hours' blocks have to be made anew, and in which pieces of the
// hours something was counted, in the transaction that changes what they count:
// whoever takes the mark away sees the change.
type marks map[hourOf]pieces

// hourOf is an hour of a workspace, in Unix seconds.
type hourOf struct {
	workspace int32
	hour      int64
}

// add marks a minute, in Unix seconds.
func (m marks) add(workspace int32, minute int64) {
	in := minute % 3600
	m[hourOf{workspace, minute - in}] |= 1 << (in / int64(pieceLength/time.Second))
}

func (m marks) args() []any {
	hours := slices.Collect(maps.Keys(m))
	return []any{column(hours, func(h hourOf) int32 { return h.workspace }), column(hours, func(h hourOf) int64 { return h.hour }),
		column(hours, func(h hourOf) int16 { return int16(m[h]) })} //nolint:gosec // twelve bits
}

func (t *tally) queueMarks(b *pgx.Batch) {
	m := marks{}
	for r := range t.errors {
		m.add(r.workspace, r.minute)
	}
	if len(m) > 0 {
		b.Queue(sqlMark, m.args()...)
	}
}

// column takes one field of every row.
func column[R, V any](rows []R, f func(R) V) []V {
	out := make([]V, len(rows))
	for i, r := range rows {
		out[i] = f(r)
	}
	return out
}

// keyedRow is a row of error_minutes with its key and what to add to it.
type keyedRow struct {
	errorRow
	delta
	hash identity.Key
}

// queueErrors drops what cancelled out. Rows are in key order, so that two
// writers which share a slot do not deadlock.
func (t *tally) queueErrors(b *pgx.Batch, slot int16) {
	rows := make([]keyedRow, 0, len(t.errors))
	for r, d := range t.errors {
		if *d != (delta{}) {
			rows = append(rows, keyedRow{r, *d, r.key()})
		}
	}
	if len(rows) == 0 {
		return
	}
	slices.SortFunc(rows, func(a, b keyedRow) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.minute, b.minute), bytes.Compare(a.hash[:], b.hash[:]))
	})
	b.Queue(sqlCountErrors, slot,
		column(rows, func(r keyedRow) int32 { return r.workspace }),
		column(rows, func(r keyedRow) int64 { return r.minute }),
		column(rows, func(r keyedRow) pgtype.UUID { return uuidOf(r.hash) }),
		column(rows, func(r keyedRow) int64 { return r.alertMinute }),
		column(rows, func(r keyedRow) int16 { return r.role }),
		column(rows, func(r keyedRow) int16 { return r.family }),
		column(rows, func(r keyedRow) int16 { return r.status }),
		column(rows, func(r keyedRow) int64 { return r.n }),
		column(rows, func(r keyedRow) int64 { return r.late }),
		column(rows, func(r keyedRow) string { return r.service }),
		column(rows, func(r keyedRow) string { return r.environment }),
		column(rows, func(r keyedRow) string { return r.method }),
		column(rows, func(r keyedRow) string { return r.endpoint }),
		column(rows, func(r keyedRow) string { return r.code }),
		column(rows, func(r keyedRow) string { return r.provider }),
		column(rows, func(r keyedRow) string { return r.release }))
}

const copyCustomers = `COPY customer_minutes (workspace_id, minute, alert_minute, role, family, status,
  service, environment, method, endpoint, code, customers, counts, durations, duration_counts, failure) FROM STDIN (FORMAT binary)`

// maxCustomerBytes keeps a row of customer_minutes below the 2 kB from which
// PostgreSQL compresses it and stores it apart.
const maxCustomerBytes = 1000

// customerRows is what the batch counted per customer and by duration, for COPY;
// nil for nothing. What differs in nothing else shares a row. Nobody updates
// these rows: they are added up by who reads them.
func (t *tally) customerRows() *copyBuffer {
	if len(t.customers) == 0 && len(t.durations) == 0 {
		return nil
	}
	groups, durations := make([][]customerCount, len(t.groups)), make([][]durationCount, len(t.groups))
	counts := false
	for r, n := range t.customers {
		if n != 0 {
			groups[r.group] = append(groups[r.group], customerCount{r.customer, n})
			counts = true
		}
	}
	for r, n := range t.durations {
		if n != 0 {
			durations[r.group] = append(durations[r.group], durationCount{r.bucket, n})
			counts = true
		}
	}
	if !counts {
		return nil
	}
	c := newCopy()
	for i, list := range groups {
		for len(list) > 0 || len(durations[i]) > 0 {
			room, n := maxCustomerBytes, 0
			for n < len(list) && (n == 0 || room > 0) {
				room -= len(list[n].customer) + 8
				n++
			}
			c.customers(&t.groups[i], list[:n], durations[i])
			list, durations[i] = list[n:], nil
		}
	}
	return c
}

type durationCount struct {
	bucket int16
	n      int64
}

type customerCount struct {
	customer string
	n        int64
}

func (c *copyBuffer) customers(d *dimensions, list []customerCount, durations []durationCount) {
	c.row(16)
	c.int4(d.workspace)
	c.time(time.Unix(d.minute, 0))
	c.time(time.Unix(d.alertMinute, 0))
	c.int2(d.role)
	c.int2(d.family)
	c.optInt2(d.status)
	for _, text := range [...]string{d.service, d.environment, d.method, d.endpoint, d.code} {
		c.text(text)
	}
	c.array(textOID, len(list), func(i int) { c.text(list[i].customer) })
	c.array(int4OID, len(list), func(i int) { c.int4(int32(list[i].n)) }) //nolint:gosec // at most the items of a batch
	c.array(int2OID, len(durations), func(i int) { c.int2(durations[i].bucket) })
	c.array(int4OID, len(durations), func(i int) { c.int4(int32(durations[i].n)) }) //nolint:gosec // as above
	c.int8(d.failure().number())
}
