package store

import (
	"context"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/detect"
)

// Minutes are looked at far more often than they change. What tells whether one
// has is made of its rows where they are: how many there are, and a sum of hashes
// of all that changes in a row that stays. A row's key is made of the rest.
const (
	sqlFailurePrints = `
SELECT alert_minute, count(*), bit_xor(hashint8extended(n, hashint8extended(n_late, uuid_hash_extended(key, slot)))) FROM error_minutes
WHERE workspace_id = $1::int4 AND alert_minute >= $2::timestamptz AND alert_minute < $3::timestamptz AND role = 0 AND family > 0
GROUP BY alert_minute`

	sqlRequestPrints = `
SELECT minute, count(*), bit_xor(hashfloat8extended(n, hashtextextended(endpoint, uuid_hash_extended(key, (source * 32768 + slot)::int8)))) FROM request_minutes
WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz
GROUP BY minute`

	sqlSpanPrints = `
SELECT minute, count(*), bit_xor(hashint8extended(n, uuid_hash_extended(key, slot))) FROM error_minutes
WHERE workspace_id = $1::int4 AND minute >= $2::timestamptz AND minute < $3::timestamptz AND role = 0 AND service = ANY ($4::text[])
GROUP BY minute`
)

// imprint tells apart what a minute held at two times; the zero value is nothing.
type imprint struct{ rows, hash int64 }

// with is the print of both together.
func (p imprint) with(o imprint) imprint { return imprint{p.rows<<32 + o.rows, p.hash*31 + o.hash} }

func readPrints(ctx context.Context, q querier, sql string, ws int32, args ...any) (map[detect.Minute]imprint, error) {
	rows, err := q.Query(ctx, sql, append([]any{ws}, args...)...)
	if err != nil {
		return nil, err
	}
	out := map[detect.Minute]imprint{}
	var at time.Time
	var p imprint
	_, err = pgx.ForEachRow(rows, []any{&at, &p.rows, &p.hash}, func() error {
		out[detect.MinuteOf(at)] = p
		return nil
	})
	return out, err
}

// changed gives the stretches of minutes that are not as they were, and takes note
// of how they are: from the moment before they are read, so that what is written
// meanwhile is read once more. all says to give them all as one.
func changed(were, now map[detect.Minute]imprint, from, to detect.Minute, all bool) iter.Seq2[detect.Minute, detect.Minute] {
	return func(yield func(from, to detect.Minute) bool) {
		begin := detect.Minute(0)
		for m := from; m < to; m++ {
			was, known := were[m]
			differs := all || !known || was != now[m]
			were[m] = now[m]
			if differs && begin == 0 {
				begin = m
			}
			if !differs && begin != 0 {
				if !yield(begin, m) {
					return
				}
				begin = 0
			}
		}
		if begin != 0 {
			yield(begin, to)
		}
	}
}
