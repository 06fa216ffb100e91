package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/identity"
	"errata/internal/pgtest"
	"errata/internal/store"
)

// The statements of a Trail find their rows by the index that was made for
// them, with statistics and without: a plan that reads through a day is right,
// and slower by thousands.
func TestTrailPlans(t *testing.T) {
	f := open(t, store.Options{})
	pgtest.FillTrails(t, f.db, now, 1, 6000)
	byRequest, events, trace := store.TrailStatements()
	zero := "'00000000-0000-7000-8000-000000000000'::uuid"
	today := identity.DayOf(now)
	cases := []struct{ name, sql, arguments, condition string }{
		{"by request", byRequest, "1, 'req_7', 'req_7', 501", "translate(lower("},
		{"events", events, fmt.Sprintf("1, %d, ARRAY[%s], %s, %s", today, zero, zero, zero), "id >= $4"},
		{"trace", trace, fmt.Sprintf("1, %s, ARRAY[%s], %d, 501", zero, zero, today), "trace_id = $2"},
	}
	_, err := f.db.Exec(t.Context(), `SET plan_cache_mode = force_generic_plan`)
	require.NoError(t, err)
	for _, statistics := range []bool{false, true} {
		if statistics {
			_, err := f.db.Exec(t.Context(), `ANALYZE events`)
			require.NoError(t, err)
		}
		for _, c := range cases {
			name := "s" + strings.ReplaceAll(c.name, " ", "")
			_, err := f.db.Exec(t.Context(), "PREPARE "+name+" AS "+c.sql)
			require.NoError(t, err)
			rows, err := f.db.Query(t.Context(), "EXPLAIN EXECUTE "+name+"("+c.arguments+")", pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err)
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			assert.Contains(t, indexCondition(plan, "events_"+now.Format("20060102")), c.condition, "%s, statistics: %v\n%s", c.name, statistics, strings.Join(plan, "\n"))
			_, err = f.db.Exec(t.Context(), "DEALLOCATE "+name)
			require.NoError(t, err)
		}
	}
}

// indexCondition is the condition under which a plan reads that partition's
// index.
func indexCondition(plan []string, partition string) string {
	for i, line := range plan {
		if strings.Contains(line, "on "+partition) && i+1 < len(plan) {
			return plan[i+1]
		}
	}
	return ""
}

// Keys are looked up one by one, by the index that was made for them, however
// many there are and whatever is known about the day: on a young day, of which
// nothing is known, the primary key must not look as good.
func TestLockKeysPlans(t *testing.T) {
	f := open(t, store.Options{})
	pgtest.FillTrails(t, f.db, now, 3, 6000)
	statements := constants(t)
	today := identity.DayOf(now)
	cases := []struct{ name, condition string }{
		{"sqlLockRequestKeys", "request_key = "}, {"sqlLockSpanKeys", "span_key = "}, {"sqlLockItemKeys", "item_key = "},
	}
	for _, statistics := range []bool{false, true} {
		if statistics {
			_, err := f.db.Exec(t.Context(), `ANALYZE events`)
			require.NoError(t, err)
		}
		for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
			_, err := f.db.Exec(t.Context(), `SET plan_cache_mode = `+mode)
			require.NoError(t, err)
			for _, c := range cases {
				for _, n := range []int{1, 4000} {
					_, err := f.db.Exec(t.Context(), "PREPARE keys AS "+statements[c.name])
					require.NoError(t, err)
					arrays := fmt.Sprintf("array_fill(1, ARRAY[%d]), array_fill(%d, ARRAY[%d]), array_fill(7::int8, ARRAY[%d]), array_fill('%s'::text, ARRAY[%d])",
						n, today, n, n, hex(7, 32), n)
					rows, err := f.db.Query(t.Context(), "EXPLAIN EXECUTE keys("+arrays+")", pgx.QueryExecModeSimpleProtocol)
					require.NoError(t, err)
					plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
					require.NoError(t, err)
					told := fmt.Sprintf("%s, %d, statistics: %v, %s\n%s", c.name, n, statistics, mode, strings.Join(plan, "\n"))
					assert.Contains(t, indexCondition(plan, "events_"+now.Format("20060102")), c.condition, told)
					assert.NotContains(t, strings.Join(plan, "\n"), "Merge", told)
					assert.NotContains(t, strings.Join(plan, "\n"), "_pkey", told)
					_, err = f.db.Exec(t.Context(), "DEALLOCATE keys")
					require.NoError(t, err)
				}
			}
		}
	}
}
