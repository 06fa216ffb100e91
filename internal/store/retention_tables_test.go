package store_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/store"
)

// A plan lists every table of the schema, and for those whose rows go by age how
// that is planned: who adds a table says how long its rows are kept.
func TestPlanListsEveryTable(t *testing.T) {
	f := open(t, store.Options{})
	plan, err := f.Plan(t.Context(), store.DefaultWorkspace, time.Now(), 0)
	require.NoError(t, err)
	var planned, byAge []string
	for _, table := range plan.Tables {
		assert.NotContains(t, table.Why, "no table of", "%s: add it to keepings, and to agedTables if its rows go by age", table.Table)
		planned = append(planned, table.Table)
		if table.Days != nil {
			byAge = append(byAge, table.Table)
		}
	}
	rows, err := f.db.Query(t.Context(), `SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`)
	require.NoError(t, err)
	var there []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		there = append(there, name)
	}
	require.NoError(t, rows.Err())
	assert.ElementsMatch(t, there, planned)
	assert.ElementsMatch(t, append(store.AgedTables(), store.DatedTables()...), byAge)

	_, err = f.db.Exec(t.Context(), `CREATE TABLE somebodys (x int)`)
	require.NoError(t, err)
	plan, err = f.Plan(t.Context(), store.DefaultWorkspace, time.Now(), 0)
	require.NoError(t, err)
	last := plan.Tables[len(plan.Tables)-1]
	assert.Equal(t, []string{"somebodys", "no table of this version of Errata"}, []string{last.Table, last.Why})
}

// fill puts a row into a table whose times are all at.
func (f *fixture) fill(t *testing.T, table string, ws int32, at time.Time, own map[string]string) {
	t.Helper()
	rows, err := f.db.Query(t.Context(), `SELECT column_name::text, data_type::text FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name = $1 AND is_nullable = 'NO' AND column_default IS NULL`, table)
	require.NoError(t, err)
	when := "'" + at.Format(time.RFC3339Nano) + "'::timestamptz"
	values := map[string]string{}
	for rows.Next() {
		var name, kind string
		require.NoError(t, rows.Scan(&name, &kind))
		values[name] = map[string]string{
			"text": "'x'", "integer": "1", "smallint": "1", "bigint": "1", "double precision": "1", "jsonb": "'{}'", "boolean": "true", "uuid": "gen_random_uuid()",
			"bytea": "decode(md5(random()::text), 'hex')", "date": "(" + when + " AT TIME ZONE 'UTC')::date", "timestamp with time zone": when,
		}[kind]
		require.NotEmpty(t, values[name], kind)
	}
	require.NoError(t, rows.Err())
	if _, ok := values["workspace_id"]; ok {
		values["workspace_id"] = fmt.Sprint(ws)
	}
	for name, expr := range own {
		values[name] = strings.NewReplacer("{at}", when, "{ws}", fmt.Sprint(ws)).Replace(expr)
	}
	columns := slices.Sorted(maps.Keys(values))
	var list []string
	for _, c := range columns {
		list = append(list, values[c])
	}
	_, err = f.db.Exec(t.Context(), `INSERT INTO `+table+` (`+strings.Join(columns, ", ")+`) VALUES (`+strings.Join(list, ", ")+`)`)
	require.NoError(t, err, table)
}

// What goes one by one is what was planned, of every table: this workspace's rows,
// and of those what is old.
func TestWhatIsPlannedGoes(t *testing.T) {
	f := open(t, store.Options{})
	now := time.Now().UTC().Truncate(time.Hour)
	old := now.AddDate(0, 0, -500)
	_, err := f.db.Exec(t.Context(), `INSERT INTO workspaces (id, name) VALUES (2, 'two') ON CONFLICT DO NOTHING`)
	require.NoError(t, err)
	ofIncident := `(SELECT i.id FROM incidents i WHERE i.workspace_id = {ws} AND i.resolved_at = {at})`
	own := map[string]map[string]string{
		"incidents":        {"phase": "'resolved'", "level": "'page'", "resolved_at": "{at}", "number": "extract(epoch FROM {at})::int4"},
		"incident_events":  {"incident_id": ofIncident},
		"incident_members": {"incident_id": ofIncident, "level": "'page'", "phase": "'firing'"},
		"deliveries": {"state": "'sent'", "dedup_key": "gen_random_uuid()::text",
			"id": "(lpad(to_hex((extract(epoch FROM {at}) * 1000)::int8), 12, '0') || '7000800000000000000' || {ws}::text)::uuid"},
		"delivery_attempts": {"delivery_id": `(SELECT d.id FROM deliveries d WHERE d.workspace_id = {ws} AND d.created_at = {at})`},
		"audit":             {"at": "{at}"},
		"request_states":    {"status": "'answered'"},
		"silences":          {"starts_at": "{at} - interval '1 hour'", "family": "'5xx'"},
	}
	global := map[string]bool{"alert_gaps": true}
	for _, table := range store.AgedTables() {
		for ws := range int32(2) {
			for _, at := range []time.Time{old, old.AddDate(0, 0, 1), now} {
				if !global[table] || ws == 0 {
					f.fill(t, table, ws+1, at, own[table])
				}
			}
		}
	}
	planned := func(within time.Duration) map[string][]string {
		t.Helper()
		plan, err := f.Plan(t.Context(), 1, now, within)
		require.NoError(t, err)
		out := map[string][]string{}
		for _, d := range plan.Days {
			if slices.Contains(store.AgedTables(), d.Table) {
				assert.Positive(t, d.Bytes, d.Table)
				assert.Equal(t, !global[d.Table], d.Partly, d.Table)
				out[d.Table] = append(out[d.Table], fmt.Sprint(d.Day, " ", d.Rows, " ", d.Due))
			}
		}
		return out
	}
	for table, days := range planned(0) {
		assert.Equal(t, []string{old.Format(time.DateOnly) + " 1 true", old.AddDate(0, 0, 1).Format(time.DateOnly) + " 1 true"}, days, table)
	}
	assert.ElementsMatch(t, store.AgedTables(), slices.Collect(maps.Keys(planned(0))))
	later := planned(401 * 24 * time.Hour)
	for _, table := range store.AgedTables() {
		if table == "incidents" || table == "incident_events" || table == "incident_members" { // the newest stays
			assert.Len(t, later[table], 2, table)
			continue
		}
		assert.Len(t, later[table], 3, table)
		assert.True(t, strings.HasSuffix(later[table][2], " 1 false"), table)
	}
	require.NoError(t, f.Expire(t.Context(), now))
	assert.Empty(t, planned(0), "nothing is left of it")
	for _, table := range store.AgedTables() {
		want := 2
		if global[table] {
			want = 1
		}
		assert.Equal(t, want, f.count(t, `SELECT count(*) FROM `+table+` WHERE NOT to_jsonb(`+table+`) ->> 'action' IS NOT DISTINCT FROM 'expire'`), "%s of each workspace", table)
	}
}

// A day on which some rows are old enough already is listed in two parts.
func TestPlanOfTheDayThatIsGoing(t *testing.T) {
	f := open(t, store.Options{})
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, hour := range []int{1, 2, 13} {
		f.fill(t, "rejections", 1, time.Date(2026, 10, 21, hour, 0, 0, 0, time.UTC), nil)
	}
	plan, err := f.Plan(t.Context(), 1, now, 24*time.Hour)
	require.NoError(t, err)
	var got []string
	for _, d := range plan.Days {
		if d.Table == "rejections" {
			got = append(got, fmt.Sprint(d.Day, " ", d.Rows, " ", d.Due, " ", d.DueAt.Format(time.DateOnly)))
		}
	}
	assert.Equal(t, []string{"2026-10-21 2 true 2026-11-21", "2026-10-21 1 false 2026-11-21"}, got)
}
