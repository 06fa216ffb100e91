package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// The newest day whose filter has the ID: of those that a rule let go, else of those
// that went with their day. The first bits rule most days out
// before the rest is looked at. Each block is fetched by its key: OFFSET keeps
// PostgreSQL from reading all blocks of all days instead.
const sqlExpiredDay = `
SELECT d.day - DATE '1970-01-01', coalesce(d.rule, ''), coalesce(d.kept, 0), coalesce(d.after_days, 0) FROM expired_days d CROSS JOIN LATERAL (
  SELECT b.bits FROM expired_ids b
  WHERE b.workspace_id = d.workspace_id AND b.day = d.day AND b.part = d.part AND b.block = ($2::int8 % d.blocks)::int4 OFFSET 0) AS b
WHERE d.workspace_id = $1::int4
  AND get_bit(b.bits, ($3::int8[])[1] % d.bits) = 1 AND get_bit(b.bits, ($3::int8[])[2] % d.bits) = 1
  AND get_bit(b.bits, ($3::int8[])[3] % d.bits) = 1 AND get_bit(b.bits, ($3::int8[])[4] % d.bits) = 1
  AND NOT EXISTS (SELECT FROM unnest(($3::int8[])[5:]) AS p WHERE get_bit(b.bits, p % d.bits) = 0)
ORDER BY d.rule IS NULL, d.day DESC, d.part DESC LIMIT 1`

// goneDay is when something happened that is not there any more, and how it went.
type goneDay struct {
	day int32
	by  goneBy
}

// expiredDays are the days on which IDs that are not there any more were probably
// seen, of those that were, in one round trip. A look-up in a hundred names one for
// an ID that never was.
func (s *Store) expiredDays(ctx context.Context, ws int32, ids []string) (map[string]goneDay, error) {
	b, out := &pgx.Batch{}, map[string]goneDay{}
	for _, id := range ids {
		for _, spelling := range spellings(id) {
			sp := spotOf(spelling)
			b.Queue(sqlExpiredDay, ws, sp.block, sp.places).Query(func(rows pgx.Rows) error {
				gone, err := pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (g goneDay, err error) {
					err = row.Scan(&g.day, &g.by.rule, &g.by.kept, &g.by.afterDays)
					return g, err
				})
				if was, known := out[id]; err == nil && (!known || was.by == (goneBy{}) && gone.by != (goneBy{})) {
					out[id] = gone
				}
				if errors.Is(err, pgx.ErrNoRows) {
					return nil
				}
				return err
			})
		}
	}
	if b.Len() == 0 {
		return out, nil
	}
	return out, s.pool.SendBatch(ctx, b).Close()
}
