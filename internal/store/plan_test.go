package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
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
					if c.name != "sqlLockItemKeys" {
						arrays += ", ARRAY[0, 1]::int2[]"
					}
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

// Shortly before midnight the day to come holds nothing but pointers: a list
// must not go to the table for them.
func TestListsDoNotReadPointers(t *testing.T) {
	f := open(t, store.Options{})
	midnight := now.UTC().Truncate(24 * time.Hour)
	for n := range 300 {
		f.write(t, report{src: event.FromSpan, service: "billing", trace: hex(1+n, 32), span: hex(1+n, 16), status: 500, at: midnight.Add(-time.Minute), salt: fmt.Sprint(n)})
	}
	require.Equal(t, 300, f.count(t, `SELECT count(*) FROM events WHERE parts = 0`))
	read := func() int {
		_, err := f.db.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`)
		require.NoError(t, err)
		return f.count(t, `SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::int FROM pg_stat_user_tables WHERE relname = 'events_`+midnight.Format("20060102")+`'`)
	}
	before := read()
	page, err := f.Events(t.Context(), store.DefaultWorkspace, event.Filter{}, 10, "")
	require.NoError(t, err)
	assert.Len(t, page.Events, 10)
	o, err := f.Overview(t.Context(), store.DefaultWorkspace)
	require.NoError(t, err)
	assert.True(t, o.Newest.Equal(midnight.Add(-time.Minute)))
	f.Close() // a backend reports what it read at its end
	require.Eventually(t, func() bool {
		return f.count(t, `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'errata' AND datname = current_database()`) == 0
	}, 5*time.Second, 10*time.Millisecond)
	assert.Less(t, read()-before, 50)
}
