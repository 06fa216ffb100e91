package store_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/store"
)

type grafanaTarget struct {
	RawSQL string `json:"rawSql"`
	Format string `json:"format"`
}

type grafanaDashboard struct {
	Panels []struct {
		ID      int
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []grafanaTarget
	}
	Templating struct {
		List []struct{ Name, Type, Query string }
	}
	Annotations struct {
		List []struct{ Target grafanaTarget }
	}
}

var timeMacro = regexp.MustCompile(`\$__(timeFilter|timeGroupAlias|timeGroup)\(([a-z_]+)(?:, \$__interval)?\)`)

// expand does what Grafana's PostgreSQL data source does with macros and
// variables (https://grafana.com/docs/grafana/latest/datasources/postgres/#macros).
func expand(t *testing.T, sql string, from, to time.Time) string {
	t.Helper()
	sql = timeMacro.ReplaceAllStringFunc(sql, func(macro string) string {
		m := timeMacro.FindStringSubmatch(macro)
		group := "floor(extract(epoch from " + m[2] + ")/60)*60"
		switch m[1] {
		case "timeFilter":
			return fmt.Sprintf("%s BETWEEN '%s' AND '%s'", m[2], from.Format(time.RFC3339), to.Format(time.RFC3339))
		case "timeGroupAlias":
			return group + ` AS "time"`
		}
		return group
	})
	sql = strings.NewReplacer("$__timeFrom()", "'"+from.Format(time.RFC3339)+"'", "$__timeTo()", "'"+to.Format(time.RFC3339)+"'",
		"${workspace}", "1", "${environment:sqlstring}", "'production'", "${service:sqlstring}", "'billing','edge'").Replace(sql)
	require.NotContains(t, sql, "$", "every macro is known here")
	return sql
}

// The dashboard that is shipped asks for columns that the views have, may ask
// with the role that its documentation names, and gets what happened.
func TestGrafanaDashboard(t *testing.T) {
	f := open(t, store.Options{})
	raw, err := os.ReadFile("../../deploy/grafana/errata.json")
	require.NoError(t, err)
	var d grafanaDashboard
	require.NoError(t, json.Unmarshal(raw, &d))

	f.write(t, report{src: event.FromHTTP, service: "billing", request: "r1", status: 500, code: "boom", customer: "acme"},
		report{src: event.FromHTTP, service: "billing", request: "r2", status: 429, code: "slow_down", customer: "globex"})
	f.countRequests(t, requests("billing", "/v1/charges", 50))
	require.NoError(t, f.AddDeploy(t.Context(), store.Actor{Kind: "key", ID: "k", Label: "ci"}, store.DefaultWorkspace, deploy("billing", "2", now)))
	_, err = f.db.Exec(t.Context(), `SET ROLE errata_reader`)
	require.NoError(t, err)

	ask := func(name, sql string) []map[string]any {
		rows, err := f.db.Query(t.Context(), expand(t, sql, now.Add(-time.Hour), now.Add(time.Hour)))
		require.NoError(t, err, name)
		out, err := pgx.CollectRows(rows, pgx.RowToMap)
		require.NoError(t, err, name)
		return out
	}
	got := map[string][]map[string]any{}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		assert.False(t, ids[p.ID], "panel %d twice", p.ID)
		ids[p.ID] = true
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for _, target := range p.Targets {
			rows := ask(p.Title, target.RawSQL)
			require.NotEmpty(t, rows, p.Title)
			if target.Format == "time_series" {
				assert.Contains(t, rows[0], "time", p.Title)
			}
			got[p.Title] = rows
		}
	}
	assert.EqualValues(t, 2, got["Failures"][0]["errors"])
	assert.InDelta(t, 50, got["Requests"][0]["requests"], 0)
	assert.InDelta(t, 0.02, got["5xx rate"][0]["value"], 1e-9)
	assert.EqualValues(t, 2, got["Customers with failures"][0]["customers"])
	assert.Equal(t, "globex", got["Limits by customer"][0]["customer"])
	assert.Len(t, got["Latest failures"], 2)
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			ask(v.Name, strings.ReplaceAll(v.Query, "now()", "'"+now.Format(time.RFC3339)+"'::timestamptz"))
		}
	}
	assert.Len(t, ask("deploys", d.Annotations.List[0].Target.RawSQL), 1)

	// It may read nothing else.
	for _, table := range []string{"events", "api_keys", "bodies", "sessions"} {
		_, err := f.db.Exec(t.Context(), "SELECT FROM "+table)
		assert.ErrorContains(t, err, "permission denied", table)
	}
	_, err = f.db.Exec(t.Context(), "DELETE FROM report_errors")
	assert.Error(t, err)
}
