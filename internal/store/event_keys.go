package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/jackc/pgx/v5"

	"errata/internal/identity"
)

// keyKind is what a key was made of: the column of event_keys that it is in.
type keyKind uint8

const (
	requestKind keyKind = iota
	spanKind
	itemKind
	keyKinds
)

// keyRow is one key. In the table, the keys of one Part stand in one row.
type keyRow struct {
	workspace, day int32
	kind           keyKind
	hash           int64 // never 0
}

// newKeyRow shortens a key to what the table holds. The indexes are of this
// number alone, so that the workspace is in it. Two keys that fall together by
// chance cost a look at both Events and join nothing, because identity.Cluster
// compares the IDs themselves.
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

// keySet is one row of event_keys: keys of one Part and one day, all of which
// lead to one Event.
type keySet struct {
	workspace, day int32
	hashes         [keyKinds]int64 // 0 = none
	event          string
}

// first is what the row is sorted by.
func (k *keySet) first() int64 {
	for _, h := range k.hashes {
		if h != 0 {
			return h
		}
	}
	return 0
}

// keySetsOf gives the rows of bundles in the order in which every writer takes
// keys, so that hardly ever two wait for each other. The day is first because
// COPY writes partition by partition.
func (w *writing) keySetsOf(bundles []*bundle) []keySet {
	sets := make([]keySet, 0, len(w.parts))
	for _, b := range bundles {
		from := len(sets)
		for _, i := range b.parts {
			id := eventOf(b.events, w.parts[i].Event.ID)
			for _, k := range w.keys[i] {
				if taken(sets[from:], &k) {
					continue
				}
				if n := len(sets); n == from || sets[n-1].day != k.day || sets[n-1].event != id || sets[n-1].hashes[k.kind] != 0 {
					sets = append(sets, keySet{workspace: k.workspace, day: k.day, event: id})
				}
				sets[len(sets)-1].hashes[k.kind] = k.hash
			}
		}
	}
	slices.SortFunc(sets, func(a, b keySet) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.first(), b.first()))
	})
	return sets
}

// taken reports whether the bundle has that key already.
func taken(sets []keySet, k *keyRow) bool {
	for i := range sets {
		if sets[i].day == k.day && sets[i].hashes[k.kind] == k.hash {
			return true
		}
	}
	return false
}

const copyKeys = `COPY event_keys (workspace_id, day, event_id, request_key, span_key, item_key) FROM STDIN (FORMAT binary)`

func copyKeySets(sets []keySet) *copyBuffer {
	c := newCopy()
	for i := range sets {
		k := &sets[i]
		c.row(6)
		c.int4(k.workspace)
		c.date(k.day)
		c.uuid(rawUUID(k.event))
		for _, h := range k.hashes {
			c.optInt8(h)
		}
	}
	return c
}

const sqlRegisterKeys = `
INSERT INTO event_keys (workspace_id, day, event_id, request_key, span_key, item_key)
SELECT w, DATE '1970-01-01' + d, e, nullif(r, 0), nullif(s, 0), nullif(i, 0)
FROM unnest($1::int4[], $2::int4[], $3::uuid[], $4::int8[], $5::int8[], $6::int8[]) AS u(w, d, e, r, s, i)
ON CONFLICT DO NOTHING`

// register inserts the keys of bundles in order, each in a row of its own, and
// gives those that were there before, locked, with the Events they name.
// Another batch that is just about to commit one of them is waited for.
func (w *writing) register(ctx context.Context, tx session, bundles []*bundle) (map[keyRow]string, error) {
	var single []keySet
	var keys []keyRow
	for _, set := range w.keySetsOf(bundles) {
		for kind, h := range set.hashes {
			if h != 0 {
				one := keySet{workspace: set.workspace, day: set.day, event: set.event}
				one.hashes[kind] = h
				single = append(single, one)
				keys = append(keys, keyRow{set.workspace, set.day, keyKind(kind), h}) //nolint:gosec // three
			}
		}
	}
	if len(single) == 0 {
		return nil, nil
	}
	hashes := func(kind keyKind) []int64 { return column(single, func(k keySet) int64 { return k.hashes[kind] }) }
	tag, err := tx.Exec(ctx, sqlRegisterKeys, column(single, func(k keySet) int32 { return k.workspace }), column(single, func(k keySet) int32 { return k.day }),
		column(single, func(k keySet) string { return k.event }), hashes(requestKind), hashes(spanKind), hashes(itemKind))
	if err != nil || int(tag.RowsAffected()) == len(single) {
		return nil, err
	}
	return lockKeys(ctx, tx, keys)
}

// Rows that this transaction made are left out by their xmin. Rows are locked
// in an order that does not depend on the key by which they were found.
const (
	lockKeysBegin = `
SELECT k.workspace_id, k.day - DATE '1970-01-01', k.event_id::text, coalesce(k.request_key, 0), coalesce(k.span_key, 0), coalesce(k.item_key, 0)
FROM event_keys k JOIN unnest($1::int4[], $2::int4[], $3::int8[]) AS u(w, d, h)
  ON k.workspace_id = u.w AND k.day = DATE '1970-01-01' + u.d AND `
	lockKeysEnd = ` = u.h
WHERE k.xmin::text <> (txid_current() & 4294967295)::text
ORDER BY k.day, k.event_id FOR UPDATE OF k`

	sqlLockRequestKeys = lockKeysBegin + `k.request_key` + lockKeysEnd
	sqlLockSpanKeys    = lockKeysBegin + `k.span_key` + lockKeysEnd
	sqlLockItemKeys    = lockKeysBegin + `k.item_key` + lockKeysEnd
)

var sqlLockKeys = [keyKinds]string{sqlLockRequestKeys, sqlLockSpanKeys, sqlLockItemKeys}

// lockKeys gives those of the keys that other transactions have registered, and
// what stands in the same rows, with the Events that they lead to.
func lockKeys(ctx context.Context, tx session, keys []keyRow) (map[keyRow]string, error) {
	existing := map[keyRow]string{}
	b := &pgx.Batch{}
	for kind, sql := range sqlLockKeys {
		mine := ofKind(keys, keyKind(kind)) //nolint:gosec // three
		if len(mine) == 0 {
			continue
		}
		b.Queue(sql, keyWorkspaces(mine), keyDays(mine), keyHashes(mine)).Query(func(rows pgx.Rows) error {
			var set keySet
			_, err := pgx.ForEachRow(rows, []any{&set.workspace, &set.day, &set.event, &set.hashes[requestKind], &set.hashes[spanKind], &set.hashes[itemKind]}, func() error {
				for kind, h := range set.hashes {
					if h != 0 {
						existing[keyRow{set.workspace, set.day, keyKind(kind), h}] = set.event //nolint:gosec // three
					}
				}
				return nil
			})
			return err
		})
	}
	return existing, tx.SendBatch(ctx, b).Close()
}

func ofKind(keys []keyRow, kind keyKind) []keyRow {
	var mine []keyRow
	for _, k := range keys {
		if k.kind == kind {
			mine = append(mine, k)
		}
	}
	return mine
}

func keyWorkspaces(keys []keyRow) []int32 {
	return column(keys, func(k keyRow) int32 { return k.workspace })
}
func keyDays(keys []keyRow) []int32   { return column(keys, func(k keyRow) int32 { return k.day }) }
func keyHashes(keys []keyRow) []int64 { return column(keys, func(k keyRow) int64 { return k.hash }) }

// movedKey is a key and the Event that it leads to now.
type movedKey struct {
	keyRow
	event string
}

// Only keys that stand alone in their row are moved: those that this very
// transaction has registered with care.
const (
	moveKeysBegin = `
UPDATE event_keys k SET event_id = u.e
FROM unnest($1::int4[], $2::int4[], $3::int8[], $4::uuid[]) AS u(w, d, h, e)
WHERE k.workspace_id = u.w AND k.day = DATE '1970-01-01' + u.d AND k.event_id <> u.e AND u.h = `

	sqlMoveRequestKeys = moveKeysBegin + `k.request_key`
	sqlMoveSpanKeys    = moveKeysBegin + `k.span_key`
	sqlMoveItemKeys    = moveKeysBegin + `k.item_key`
)

var sqlMoveKeys = [keyKinds]string{sqlMoveRequestKeys, sqlMoveSpanKeys, sqlMoveItemKeys}

func queueMoves(b *pgx.Batch, moved []movedKey) {
	for kind, sql := range sqlMoveKeys {
		mine := slices.DeleteFunc(slices.Clone(moved), func(m movedKey) bool { return m.kind != keyKind(kind) }) //nolint:gosec // three
		if len(mine) == 0 {
			continue
		}
		b.Queue(sql, column(mine, func(k movedKey) int32 { return k.workspace }), column(mine, func(k movedKey) int32 { return k.day }),
			column(mine, func(k movedKey) int64 { return k.hash }), column(mine, func(k movedKey) string { return k.event }))
	}
}
