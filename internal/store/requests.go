package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/identity"
)

// requestRow is a row of request_minutes.
type requestRow struct {
	event.Series
	workspace int32
	minute    int64 // Unix seconds
	source    event.RequestSource
	status    int16
	slot      int16
	hash      identity.Key
	n         float64
}

// rowKey is the primary key of request_minutes.
type rowKey struct {
	workspace int32
	minute    int64
	hash      identity.Key
	source    event.RequestSource
}

// CountRequests stores request totals in one transaction. What totals say
// replaces what they said before, the last one of several counts; the rest is
// added, unless its Key has been counted on that day: a repetition of a whole
// report, or of some of it, changes nothing. Errors: a fault of kind
// Unavailable, after which nothing was stored, or what PostgreSQL has against
// the data.
func (s *Store) CountRequests(ctx context.Context, rs []event.Requests) (err error) {
	if len(rs) == 0 {
		return nil
	}
	defer fault.Wrap(&err, "CountRequests(%d)", len(rs))
	if err = s.countRequests(ctx, rs); noSuchDay(err) {
		s.forgetDays()
		err = s.countRequests(ctx, rs)
	}
	return err
}

func (s *Store) countRequests(ctx context.Context, rs []event.Requests) error {
	for day := range daysOf(rs) {
		if err := s.ensureDay(ctx, day); err != nil {
			return err
		}
	}
	rs, others, err := s.settleRequests(ctx, rs)
	if err != nil {
		return err
	}
	var set, add []event.Requests
	for _, r := range rs {
		if r.Source == event.TotalsRequests {
			set = append(set, r)
		} else {
			add = append(add, r)
		}
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if err := s.addRequests(ctx, tx, add, others); err != nil {
			return err
		}
		return setRequests(ctx, tx, set, others)
	})
}

func daysOf(rs []event.Requests) map[int32]bool {
	days := map[int32]bool{}
	for i := range rs {
		days[int32(identity.DayOf(rs[i].Minute))] = true
	}
	return days
}

// addRequests first takes the keys and then the rows, both in order, so that
// two collectors do not deadlock.
func (s *Store) addRequests(ctx context.Context, tx session, rs []event.Requests, others map[claim]bool) error {
	fresh, err := takeRequestKeys(ctx, tx, rs)
	if err != nil {
		return err
	}
	rows := map[rowKey]requestRow{}
	// A report and its repetition can come in at once.
	seen := make(map[event.Requests]bool, len(rs))
	for i := range rs {
		r := &rs[i]
		if !fresh[requestKeyOf(r)] || r.N == 0 || seen[*r] {
			continue
		}
		seen[*r] = true
		row := rowOf(r, others, s.requestSlot)
		row.hash = row.key(row.Endpoint)
		row.n += rows[row.rowKey()].n
		rows[row.rowKey()] = row
	}
	return writeRequests(ctx, tx, sqlAddRequests, rows)
}

// setRequests writes what totals say. Slot 0 belongs to them, whoever writes.
func setRequests(ctx context.Context, tx session, rs []event.Requests, others map[claim]bool) error {
	rows := map[rowKey]requestRow{}
	for i := range rs {
		row := rowOf(&rs[i], others, 0)
		row.hash = row.key(cmp.Or(rs[i].Sent, rs[i].Endpoint))
		rows[row.rowKey()] = row
	}
	return writeRequests(ctx, tx, sqlSetRequests, rows)
}

// requestKey is a row of request_keys.
type requestKey struct {
	workspace, day int32
	key            identity.Key
}

func compareRequestKeys(a, b requestKey) int {
	return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.workspace, b.workspace), bytes.Compare(a.key[:], b.key[:]))
}

func requestKeyOf(r *event.Requests) requestKey {
	return requestKey{r.Workspace, int32(identity.DayOf(r.Minute)), r.Key}
}

func rowOf(r *event.Requests, others map[claim]bool, slot int16) requestRow {
	row := requestRow{Series: r.Series, workspace: r.Workspace, minute: r.Minute.Truncate(time.Minute).Unix(),
		source: r.Source, status: int16(r.Status), slot: slot, n: r.N} //nolint:gosec // 0..599
	if others[claimOfRequests(r)] {
		row.Endpoint = OtherEndpoint
	}
	return row
}

func (r *requestRow) rowKey() rowKey { return rowKey{r.workspace, r.minute, r.hash, r.source} }

// key hashes the row's dimensions with that endpoint.
func (r *requestRow) key(endpoint string) identity.Key {
	h := make([]byte, 0, 256)
	h = append(h, byte(r.status>>8), byte(r.status))
	for _, s := range [...]string{r.Service, r.Environment, r.Method, endpoint} {
		h = binary.BigEndian.AppendUint32(h, uint32(len(s))) //nolint:gosec // bounded text
		h = append(h, s...)
	}
	sum := sha256.Sum256(h)
	return identity.Key(sum[:16])
}

const sqlTakeRequestKeys = `
INSERT INTO request_keys (workspace_id, day, key)
SELECT w, DATE '1970-01-01' + d, k FROM unnest($1::int4[], $2::int4[], $3::uuid[]) AS u(w, d, k)
ON CONFLICT DO NOTHING
RETURNING workspace_id, day - DATE '1970-01-01', key`

// takeRequestKeys registers the keys and gives those that are new. Another
// collector that is just about to commit one of them is waited for.
func takeRequestKeys(ctx context.Context, tx session, rs []event.Requests) (map[requestKey]bool, error) {
	fresh := make(map[requestKey]bool, len(rs))
	keys := make([]requestKey, 0, len(rs))
	for i := range rs {
		if k := requestKeyOf(&rs[i]); !fresh[k] {
			fresh[k] = true
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return fresh, nil
	}
	slices.SortFunc(keys, compareRequestKeys)
	rows, err := tx.Query(ctx, sqlTakeRequestKeys, column(keys, func(k requestKey) int32 { return k.workspace }),
		column(keys, func(k requestKey) int32 { return k.day }), column(keys, func(k requestKey) string { return k.key.String() }))
	if err != nil {
		return nil, err
	}
	clear(fresh)
	var k requestKey
	var raw [16]byte
	_, err = pgx.ForEachRow(rows, []any{&k.workspace, &k.day, &raw}, func() error {
		k.key = raw
		fresh[k] = true
		return nil
	})
	return fresh, err
}

const requestColumns = `
INSERT INTO request_minutes (workspace_id, minute, key, n, source, slot, status, service, environment, method, endpoint)
SELECT w, to_timestamp(m), k, n, so, sl, nullif(st, 0), se, en, me, ep
FROM unnest($1::int4[], $2::int8[], $3::uuid[], $4::float8[], $5::int2[], $6::int2[], $7::int2[],
            $8::text[], $9::text[], $10::text[], $11::text[]) AS u(w, m, k, n, so, sl, st, se, en, me, ep)
ON CONFLICT (workspace_id, minute, key, source, slot) DO UPDATE `

const sqlAddRequests = requestColumns + `SET n = request_minutes.n + excluded.n`

// A total that is sent again is mostly the same.
const sqlSetRequests = requestColumns + `SET n = excluded.n, endpoint = excluded.endpoint
WHERE (request_minutes.n, request_minutes.endpoint) IS DISTINCT FROM (excluded.n, excluded.endpoint)`

func writeRequests(ctx context.Context, tx session, sql string, set map[rowKey]requestRow) error {
	if len(set) == 0 {
		return nil
	}
	rows := make([]requestRow, 0, len(set))
	hours := marks{}
	for _, r := range set {
		rows = append(rows, r)
		hours.add(r.workspace, r.minute)
	}
	if _, err := tx.Exec(ctx, sqlMark, hours.args()...); err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b requestRow) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), cmp.Compare(a.minute, b.minute), bytes.Compare(a.hash[:], b.hash[:]), cmp.Compare(a.source, b.source))
	})
	_, err := tx.Exec(ctx, sql,
		column(rows, func(r requestRow) int32 { return r.workspace }),
		column(rows, func(r requestRow) int64 { return r.minute }),
		column(rows, func(r requestRow) string { return r.hash.String() }),
		column(rows, func(r requestRow) float64 { return r.n }),
		column(rows, func(r requestRow) int16 { return int16(r.source) }),
		column(rows, func(r requestRow) int16 { return r.slot }),
		column(rows, func(r requestRow) int16 { return r.status }),
		column(rows, func(r requestRow) string { return r.Service }),
		column(rows, func(r requestRow) string { return r.Environment }),
		column(rows, func(r requestRow) string { return r.Method }),
		column(rows, func(r requestRow) string { return r.Endpoint }))
	return err
}
