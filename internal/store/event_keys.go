package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/identity"
)

// keyKind is what a key was made of: the column of events that it is in.
type keyKind uint8

const (
	requestKind keyKind = iota
	spanKind
	itemKind
	keyKinds
)

// keyRow is one key of one day.
type keyRow struct {
	workspace, day int32
	kind           keyKind
	hash           int64 // never 0
}

// newKeyRow shortens a key to what the table holds. The workspace is in the
// number, so that no index needs it. Two keys that fall together by chance cost
// a look at both Events and join nothing, because identity.Cluster compares the
// IDs themselves.
func newKeyRow(ws, day int32, kind keyKind, key identity.Key) keyRow {
	hash := int64(binary.BigEndian.Uint64(key[:8])) ^ int64(ws) //nolint:gosec // bits
	if hash == 0 {
		hash = 1
	}
	return keyRow{ws, day, kind, hash}
}

// keysOfPart gives what a Part registers, day by day and in the order of kinds.
func keysOfPart(p *identity.Part) []keyRow {
	keys := p.Keys()
	days := p.KeyDays()
	rows := make([]keyRow, 0, 2*len(days))
	for _, day := range days {
		for kind, key := range [keyKinds]identity.Key{keys.Request, keys.Span, keys.Item} {
			if key != (identity.Key{}) {
				rows = append(rows, newKeyRow(p.Workspace, int32(day), keyKind(kind), key)) //nolint:gosec // three
			}
		}
	}
	return rows
}

// askedKey is a key with the ID that it was made from. Keys of requests and
// spans stand behind those IDs in the indexes by which people look them up, so
// that one index does for both.
type askedKey struct {
	keyRow
	of string
}

func asked(p *identity.Part, keys []keyRow) []askedKey {
	return column(keys, func(k keyRow) askedKey { return askedKey{k, madeFrom(p, k.kind)} })
}

// madeFrom is the column beside which a key is indexed.
func madeFrom(p *identity.Part, kind keyKind) string {
	switch kind {
	case requestKind:
		return p.Event.RequestID
	case spanKind:
		return p.Event.TraceID
	default:
		return ""
	}
}

// keySet is new keys of one day that lead to one Event.
type keySet struct {
	workspace, day int32
	hashes         [keyKinds]int64 // 0 = none
	of             [keyKinds]string
	record         *record
	segment        int16
}

// keySets collects the keys of Parts that are about to be registered, each once.
type keySets []keySet

// add takes a Part's key in, which leads to record. from is where the sets
// begin that may have it already.
func (s *keySets) add(from int, k askedKey, r *record) {
	sets := *s
	for i := from; i < len(sets); i++ {
		if sets[i].day == k.day && sets[i].hashes[k.kind] == k.hash {
			return
		}
	}
	if n := len(sets); n == from || sets[n-1].day != k.day || sets[n-1].record != r || sets[n-1].hashes[k.kind] != 0 {
		sets = append(sets, keySet{workspace: k.workspace, day: k.day, record: r})
	}
	last := &sets[len(sets)-1]
	last.hashes[k.kind], last.of[k.kind] = k.hash, k.of
	*s = sets
}

// register plans the keys of a bundle that nobody has reported before.
func (w *writing) register(plan *plan, b *bundle) {
	from := len(plan.keys)
	for _, i := range b.parts {
		r := recordOf(b.events, w.parts[i].Event.ID)
		for _, k := range w.keys[i] {
			plan.keys.add(from, askedKey{k, madeFrom(&w.parts[i], k.kind)}, r)
		}
	}
}

// apportion puts keys into the rows of the Events that they lead to, and gives
// what has no place there: keys of other days, and second ones of a kind, as
// merged Events have them. Those get rows of their own, pointers.
func (s keySets) apportion() (pointers []keySet) {
	for i := range s {
		set := &s[i]
		left := false
		for kind, h := range set.hashes {
			if h == 0 {
				continue
			}
			if r := set.record; set.day == r.day() && r.keys[kind] == 0 && madeFrom(r.part, keyKind(kind)) == set.of[kind] { //nolint:gosec // three
				r.keys[kind] = h
				set.hashes[kind] = 0
			} else {
				left = true
			}
		}
		if left {
			pointers = append(pointers, *set)
		}
	}
	slices.SortFunc(pointers, func(a, b keySet) int {
		return cmp.Or(cmp.Compare(a.day, b.day), slices.Compare(a.hashes[:], b.hashes[:]))
	})
	return pointers
}

// noPointers keeps lists out of the pointers at the lower end of the primary key.
const noPointers = `e.merged_into IS NULL AND e.id >= '00000001-0000-0000-0000-000000000000'::uuid`

// anySegment is of every look-up by an ID: the segment stands before it in the
// indexes of a day. Since nobody knows how many there are, the primary key looks
// cheaper than it is; that a workspace plus nothing is no part of it keeps it out.
const anySegment = `e.segment = ANY ((SELECT k.list FROM known_segments k)::int2[])`

// A pointer is found by its keys only: it has merged_into, which keeps it out
// of every list, and no parts, which tells it from an Event that was folded. A
// key that exists fails the transaction, which then looks at it with care. Its
// ID sorts below those of all Events: before midnight, the day to come has
// nothing but pointers, which no list should walk through.
const sqlInsertPointers = `
INSERT INTO events (workspace_id, day, id, occurred_at, received_at, merged_into, request_id, trace_id, request_key, span_key, item_key, segment, issue_id,
                    role, family, sources, fp_version, endpoint_other, parts, service, environment, release, method, endpoint, path, customer,
                    provider, raw_code, code, message)
SELECT w, DATE '1970-01-01' + d, i, at, at, e, nullif(r, ''), nullif(t, '')::uuid, nullif(rk, 0), nullif(sk, 0), nullif(ik, 0), sg,
       '00000000-0000-0000-0000-000000000000', 0, 0, 0, 0, false, 0, '', '', '', '', '', '', '', '', '', '', ''
FROM unnest($1::int4[], $2::int4[], $3::uuid[], $4::timestamptz[], $5::uuid[], $6::text[], $7::text[], $8::int8[], $9::int8[], $10::int8[], $11::int2[])
  AS u(w, d, i, at, e, r, t, rk, sk, ik, sg)`

func queuePointers(b *pgx.Batch, sets []keySet) {
	if len(sets) == 0 {
		return
	}
	kind := func(kind keyKind) []int64 { return column(sets, func(k keySet) int64 { return k.hashes[kind] }) }
	of := func(kind keyKind) []string {
		return column(sets, func(k keySet) string {
			if k.hashes[kind] == 0 {
				return ""
			}
			return k.of[kind]
		})
	}
	b.Queue(sqlInsertPointers, column(sets, func(k keySet) int32 { return k.workspace }), column(sets, func(k keySet) int32 { return k.day }),
		column(sets, func(keySet) string { return identity.NewID(time.UnixMilli(0), [16]byte{}, false) }),
		column(sets, func(k keySet) time.Time { return k.record.part.Event.OccurredAt }),
		column(sets, func(k keySet) string { return k.record.part.Event.ID }), of(requestKind), of(spanKind), kind(requestKind), kind(spanKind), kind(itemKind),
		column(sets, func(k keySet) int16 { return k.segment }))
}

// Each key is looked up by itself, in the order of the array, which is that in
// which every writer locks rows: OFFSET keeps PostgreSQL from joining in another
// way, which reads through whole days. Without statistics the primary key looks
// as good as the index on a key; that a workspace plus nothing is no part of it
// keeps it from being read through, too.
const (
	lockKeysBegin = `
SELECT k.* FROM unnest($1::int4[], $2::int4[], $3::int8[], $4::text[]) AS u(w, d, h, o) CROSS JOIN LATERAL (
  SELECT e.workspace_id, e.day - DATE '1970-01-01', CASE e.parts WHEN 0 THEN e.merged_into ELSE e.id END::text,
         coalesce(e.request_key, 0), coalesce(e.span_key, 0), coalesce(e.item_key, 0)
  FROM events e WHERE e.workspace_id + 0 = u.w AND e.day = DATE '1970-01-01' + u.d AND `
	lockKeysEnd = `
  OFFSET 0 FOR UPDATE OF e) AS k`

	sqlLockRequestKeys = lockKeysBegin + `translate(lower(e.request_id), 'oil', '011') = translate(lower(u.o COLLATE "C"), 'oil', '011') AND e.request_key = u.h AND e.segment = ANY ($5::int2[])` + lockKeysEnd
	sqlLockSpanKeys    = lockKeysBegin + `e.trace_id = u.o::uuid AND e.span_key = u.h AND e.segment = ANY ($5::int2[])` + lockKeysEnd
	sqlLockItemKeys    = lockKeysBegin + `e.item_key = u.h` + lockKeysEnd
)

var sqlLockKeys = [keyKinds]string{sqlLockRequestKeys, sqlLockSpanKeys, sqlLockItemKeys}

// lockKeys gives those of the keys that are registered, and what stands in the
// same rows, with the Events that they lead to. What comes in several times does so
// within moments mostly: for keys that this process has seen lately, the youngest
// segments are asked first.
func (w *writing) lockKeys(ctx context.Context, tx session, keys []askedKey) (map[keyRow]string, error) {
	existing := map[keyRow]string{}
	strange := false
	for _, k := range keys {
		if w.segments[k.day] == nil {
			w.segments[k.day], strange = nil, true // to be entered in the next try
		}
	}
	if strange {
		return nil, errSealed
	}
	young, old := w.segments.byAge()
	var lately, others []askedKey
	for _, k := range keys {
		if len(old) > 0 && k.kind != itemKind && !w.s.seen.any([]keyRow{k.keyRow}) && w.mayBeSealed(k.keyRow) {
			others = append(others, k)
		} else {
			lately = append(lately, k)
		}
	}
	b := &pgx.Batch{}
	queueLockKeys(b, existing, lately, young)
	queueLockKeys(b, existing, others, slices.Concat(young, old))
	if err := tx.SendBatch(ctx, b).Close(); err != nil || len(old) == 0 {
		return existing, err
	}
	lately = slices.DeleteFunc(lately, func(k askedKey) bool {
		_, found := existing[k.keyRow]
		return found || k.kind == itemKind || !w.mayBeSealed(k.keyRow)
	})
	if len(lately) == 0 {
		return existing, nil
	}
	b = &pgx.Batch{}
	queueLockKeys(b, existing, lately, old)
	return existing, tx.SendBatch(ctx, b).Close()
}

func queueLockKeys(b *pgx.Batch, existing map[keyRow]string, keys []askedKey, segments []int16) {
	for kind, sql := range sqlLockKeys {
		mine := slices.DeleteFunc(slices.Clone(keys), func(k askedKey) bool { return k.kind != keyKind(kind) }) //nolint:gosec // three
		if len(mine) == 0 {
			continue
		}
		slices.SortFunc(mine, func(a, b askedKey) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.hash, b.hash)) })
		args := []any{column(mine, func(k askedKey) int32 { return k.workspace }), column(mine, func(k askedKey) int32 { return k.day }),
			column(mine, func(k askedKey) int64 { return k.hash }), column(mine, func(k askedKey) string { return k.of })}
		if keyKind(kind) != itemKind { //nolint:gosec // three
			args = append(args, segments)
		}
		b.Queue(sql, args...).Query(func(rows pgx.Rows) error {
			var set keySet
			var id string
			_, err := pgx.ForEachRow(rows, []any{&set.workspace, &set.day, &id, &set.hashes[requestKind], &set.hashes[spanKind], &set.hashes[itemKind]}, func() error {
				for kind, h := range set.hashes {
					if h != 0 {
						existing[keyRow{set.workspace, set.day, keyKind(kind), h}] = id //nolint:gosec // three
					}
				}
				return nil
			})
			return err
		})
	}
}
