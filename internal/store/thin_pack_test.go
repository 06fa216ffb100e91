package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/store"
	"errata/internal/thin"
)

// A day that was thinned out gives its room back. What is left is all there, found and
// refused as before, and the day goes like others.
func TestThinnedDayIsPacked(t *testing.T) {
	f := open(t, store.Options{})
	f.PackFrom(0)
	r := rand.New(rand.NewPCG(5, 6))
	all := f.crowd(t, r, 1, ago(5), 400)
	theirs := f.crowd(t, r, 2, ago(5), 20)
	f.setThinning(t, 1, "every", "service:*", 3, 1)
	day := dayName("events", ago(5))
	names := func() string {
		var out string
		require.NoError(t, f.db.QueryRow(t.Context(), `SELECT string_agg(p.relname || ' ' || c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid) || ' ' || (SELECT count(*) FROM pg_index x WHERE x.indrelid = c.oid), ', ' ORDER BY c.relname)
			FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent WHERE p.relkind = 'p' AND p.relname IN ('events', 'event_parts', 'aliases')`).Scan(&out))
		return out
	}
	of := func() (oid, size, keys int) {
		return f.count(t, `SELECT $1::text::regclass::oid::int8`, day), f.count(t, `SELECT pg_relation_size($1)`, day), f.count(t, `SELECT count(*) FROM pg_class WHERE relname IN ($1, $2, $3)`, day+"_request", day+"_trace", day+"_item")
	}
	before, parts := f.there(t), names()
	oid, size, _ := of()
	f.expire(t, ago(0))
	was, smaller, keys := of()
	assert.NotEqual(t, oid, was)
	assert.Less(t, smaller, size/2)
	assert.Equal(t, 3, keys, "indexes have their names")
	assert.Equal(t, parts, names(), "the same tables, bounds and numbers of indexes")
	assert.Zero(t, f.count(t, `SELECT count(*) FROM pg_class WHERE relname LIKE '%packed' AND relkind = 'r'`))
	assert.Zero(t, f.count(t, `SELECT count(*) FROM pg_constraint WHERE conname = 'of_the_day'`))
	assert.Less(t, len(f.there(t)), len(before))
	f.requireTold(t, all)
	there := f.there(t)
	for _, m := range theirs {
		assert.True(t, there[m.event])
		assert.Equal(t, identity.Duplicate, f.writeThen(t, m.report)[0].Verdict)
	}

	// Nothing was left to do, and what comes late is thinned and packed again.
	f.expire(t, ago(0))
	again, _, _ := of()
	assert.Equal(t, was, again)
	f.crowd(t, r, 1, ago(5).Add(time.Hour), 500)
	require.Eventually(t, func() bool {
		f.expire(t, ago(0))
		oid, _, keys := of()
		return oid != was && keys == 3
	}, 20*time.Second, 500*time.Millisecond)
	f.expire(t, ago(-26))
	assert.False(t, f.exists(t, day))
	assert.NotEqual(t, "never_seen", reason(t, f.Store, 1, all[0].request))
}

// A rule that was removed, or goes by another name now, has left room all the same: the
// days that it thinned out are packed, also where there is no rule any more.
func TestDaysOfRemovedRulesArePacked(t *testing.T) {
	for name, then := range map[string]func(f *fixture){
		"removed": func(*fixture) {},
		"renamed": func(f *fixture) { f.setThinning(t, 1, "all", "service:*", 3, 1) },
		"again":   func(f *fixture) { f.setThinning(t, 1, "every", "service:*", 3, 1) },
		"off": func(f *fixture) {
			_, err := f.SetThinningRule(t.Context(), boss, 1, thin.Rule{Name: "off", Match: "service:*", AfterDays: 3, Keep: 1})
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, store.Options{}) // where such a day is too small to be packed
			all := f.crowd(t, rand.New(rand.NewPCG(5, 6)), 1, ago(5), 200)
			f.write(t, aFailure("req_today", "boom", ago(0)))
			f.setThinning(t, 1, "every", "service:*", 3, 1)
			day := dayName("events", ago(5))
			oid := func() int { return f.count(t, `SELECT $1::text::regclass::oid::int8`, day) }
			was := oid()
			f.expire(t, ago(0))
			there := len(f.there(t))
			require.Less(t, there, len(all)/2)
			require.Equal(t, was, oid())

			require.NoError(t, f.RemoveThinningRule(t.Context(), boss, 1, "every"))
			assert.Zero(t, f.count(t, `SELECT count(*) FROM thinned_days WHERE gone = 0 OR written >= 0`), "no rule is through with a day")
			then(f)
			f.PackFrom(0)
			f.expire(t, ago(0))
			packed := oid()
			assert.NotEqual(t, was, packed)
			assert.Zero(t, f.count(t, `SELECT count(*) FROM thinned_days WHERE gone > 0`))
			assert.Len(t, f.there(t), there)
			f.requireTold(t, all)
			f.expire(t, ago(0))
			assert.Equal(t, packed, oid(), "once")
			f.expire(t, ago(-26))
			f.exec(t, `DELETE FROM thinning_rules`)
			f.expire(t, ago(-26))
			assert.Zero(t, f.count(t, `SELECT count(*) FROM thinned_days WHERE day <= $1`, ago(5)), "days that have gone are forgotten")
		})
	}
}

// Who reads for long keeps a day from being packed, and nobody waits for it meanwhile.
func TestReaderKeepsADayFromBeingPacked(t *testing.T) {
	f := open(t, store.Options{})
	f.PackFrom(0)
	f.crowd(t, rand.New(rand.NewPCG(7, 8)), 1, ago(5), 200)
	f.setThinning(t, 1, "every", "service:*", 3, 1)
	day := dayName("events", ago(5))
	oid := func() int { return f.count(t, `SELECT $1::text::regclass::oid::int8`, day) }
	was := oid()
	holder, err := pgx.Connect(t.Context(), f.url)
	require.NoError(t, err)
	t.Cleanup(func() { holder.Close(context.Background()) }) //nolint:errcheck // the test is over
	_, err = holder.Exec(t.Context(), `BEGIN; SELECT FROM events`)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- f.Expire(t.Context(), ago(0)) }()
	writer := reopen(t, store.Options{URL: f.url})
	var slowest time.Duration
	for n := 0; ; n++ {
		start := time.Now()
		_, failed := writer.Write(t.Context(), parts(report{src: event.FromHTTP, service: "billing", request: fmt.Sprint("new_", n), status: 500}))
		require.NoError(t, failed)
		slowest = max(slowest, time.Since(start))
		select {
		case err = <-done:
		default:
			continue
		}
		break
	}
	require.NoError(t, err, "it is tried again")
	t.Logf("the slowest write took %s", slowest)
	assert.Less(t, slowest, time.Second)
	assert.Equal(t, was, oid())
	_, err = holder.Exec(t.Context(), `ROLLBACK`)
	require.NoError(t, err)
	f.expire(t, ago(0))
	assert.NotEqual(t, was, oid())
}

func TestPackDayPacksDaysOnly(t *testing.T) {
	f := open(t, store.Options{})
	app, err := pgx.Connect(t.Context(), f.url)
	require.NoError(t, err)
	defer app.Close(t.Context()) //nolint:errcheck // the test is over
	_, err = app.Exec(t.Context(), `SELECT errata_pack_day('audit', '2026-01-01', 1)`)
	require.ErrorContains(t, err, "is not packed")
	var how string
	require.NoError(t, app.QueryRow(t.Context(), `SELECT errata_pack_day('events', '2001-01-01', 1)`).Scan(&how))
	assert.Equal(t, "gone", how)
	f.write(t, aFailure("req_1", "boom", ago(1)), aFailure("req_2", "boom", ago(1)))
	require.NoError(t, app.QueryRow(t.Context(), `SELECT errata_pack_day('events', $1, 1)`, ago(1)).Scan(&how))
	assert.Equal(t, "large", how)
}
