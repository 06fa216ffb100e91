package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/ruleset"
	"errata/internal/store"
)

type ruleList struct {
	Rules   []ruleset.Rule
	Numbers []numberView
}

func TestRules(t *testing.T) {
	f := newIssueFixture(t)
	const rules = "/v1/alerts/rules"
	assert.Equal(t, []ruleset.Rule{ruleset.Default()}[0].Name, decode[ruleList](t, f.get(rules)).Rules[0].Name)
	numbers := decode[ruleList](t, f.get(rules+"?include=numbers")).Numbers
	require.Len(t, numbers, len(ruleset.Numbers))
	for _, n := range numbers {
		if n.Name == "min_errors" {
			assert.Equal(t, []float64{30, 10, 6}, []float64{n.Low, n.Normal, n.High})
		}
	}

	body := `{"name":"payments","query":"service:billing","sensitivity":"high","advanced":{"min_rate":0.01,"count_pages":true},"runbook":"https://wiki/x"}`
	assert.Equal(t, 403, f.call(http.MethodPost, rules, readKey, body).Code)
	w := f.call(http.MethodPost, rules, adminKey, body)
	require.Equal(t, 201, w.Code, w.Body)
	made := decode[ruleset.Rule](t, w)
	assert.Equal(t, []any{"the admin key", "page", true}, []any{made.UpdatedBy, made.Level, made.Enabled})
	assert.Contains(t, w.Body.String(), `"count_pages":true`)
	assert.Equal(t, made, decode[ruleset.Rule](t, f.get(rules+"/"+made.ID)))
	w = f.call(http.MethodPut, rules+"/"+made.ID, adminKey, `{"name":"payments","enabled":false}`)
	require.Equal(t, 200, w.Code)
	changed := decode[ruleset.Rule](t, w)
	assert.Equal(t, []any{made.ID, "", false, ruleset.Overrides{}}, []any{changed.ID, changed.Query, changed.Enabled, changed.Advanced})
	require.Equal(t, 200, f.call(http.MethodPut, rules+"/"+ruleset.DefaultID, adminKey, `{"name":"default","level":"ticket"}`).Code)
	list := decode[ruleList](t, f.get(rules)).Rules
	assert.Equal(t, []string{"default", "payments", "ticket"}, []string{list[0].Name, list[1].Name, list[0].Level})
	for _, id := range []string{made.ID, ruleset.DefaultID} {
		assert.Equal(t, 403, f.call(http.MethodDelete, rules+"/"+id, readKey, "").Code)
		assert.Equal(t, 204, f.call(http.MethodDelete, rules+"/"+id, adminKey, "").Code)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		code, _ := errorOf(t, f.call(method, rules+"/"+made.ID, adminKey, ""))
		assert.Equal(t, "rule_not_found", code)
	}
	for body, field := range map[string]string{
		`{}`: "name", `{"name":"x","query":"customer:acme"}`: "query", `{"name":"x","level":"loud"}`: "level", `{"name":"x","advanced":{"z":1}}`: "advanced.z",
		`{"name":"x","advanced":{"min_rate":"1%"}}`: "advanced.min_rate", `{"name":"x","channels":["01970000-0000-7000-8000-000000000001"]}`: "channels", `{"name":"x","id":"1"}`: "id",
		`{"name":"x","enabled":"no"}`: "enabled", `{"name":"default"}`: "",
	} {
		code, details := errorOf(t, f.call(http.MethodPost, rules, adminKey, body))
		if field == "" {
			assert.Equal(t, "rule_exists", code)
			continue
		}
		assert.Equal(t, "validation_failed", code, body)
		assert.Equal(t, field, details["field"], body)
	}
	assert.Equal(t, 422, f.get(rules+"?include=all").Code)
}

type silenceList struct{ Silences []silenceView }

func TestSilences(t *testing.T) {
	f := newIssueFixture(t)
	const silences = "/v1/alerts/silences"
	assert.Empty(t, decode[silenceList](t, f.get(silences)).Silences)
	body := `{"service":"billing","reason":"we know","ends_at":"now+2h"}`
	assert.Equal(t, 403, f.call(http.MethodPost, silences, readKey, body).Code)
	w := f.call(http.MethodPost, silences, adminKey, body)
	require.Equal(t, 201, w.Code, w.Body)
	made := decode[silenceView](t, w)
	assert.True(t, made.InForce)
	assert.WithinDuration(t, time.Now().Add(2*time.Hour), made.Until.Time, time.Minute)
	assert.Contains(t, w.Body.String(), `"rule_id":null`)
	w = f.call(http.MethodPost, silences, adminKey, `{"reason":"nightly","cron":"30 2 * * *","minutes":60,"time_zone":"Europe/Berlin","ends_at":"now+52w","rule_id":"`+ruleset.DefaultID+`"}`)
	require.Equal(t, 201, w.Code, w.Body)
	assert.Len(t, decode[silenceView](t, w).Next, 3)
	w = f.call(http.MethodPut, silences+"/"+made.ID, adminKey, `{"service":"billing","code":"Boom","reason":"still","ends_at":"now+3h"}`)
	require.Equal(t, 200, w.Code, w.Body)
	assert.Equal(t, "boom", decode[silenceView](t, w).Code)
	assert.Len(t, decode[silenceList](t, f.get(silences)).Silences, 2)

	end := silences + "/" + made.ID + "/end"
	assert.Equal(t, 403, f.call(http.MethodPost, end, readKey, "").Code)
	require.Equal(t, 200, f.call(http.MethodPost, end, adminKey, "").Code)
	for path, want := range map[string]string{end: "silence_ended", silences + "/nonsense/end": "silence_not_found"} {
		code, _ := errorOf(t, f.call(http.MethodPost, path, adminKey, ""))
		assert.Equal(t, want, code)
	}
	assert.Len(t, decode[silenceList](t, f.get(silences+"?state=current")).Silences, 1)
	assert.Equal(t, made.ID, decode[silenceList](t, f.get(silences+"?state=ended")).Silences[0].ID)

	w = f.call(http.MethodPost, silences+"/preview", readKey, `{"service":"billing"}`)
	require.Equal(t, 200, w.Code, "whoever sees may ask: %s", w.Body)
	p := decode[store.SilencePreview](t, w)
	assert.Equal(t, store.PreviewDays*24*time.Hour, p.To.Sub(p.From.Time))
	assert.Empty(t, p.Incidents)
	for body, field := range map[string]string{
		`{"ends_at":"now+1h"}`: "reason", `{"reason":"x"}`: "ends_at", `{"reason":"x","ends_at":"tomorrow"}`: "ends_at", `{"reason":"x","ends_at":"now+91d"}`: "ends_at",
		`{"reason":"x","ends_at":"now+1h","starts_at":"x"}`: "starts_at", `{"reason":"x","ends_at":"now+1h","cron":"x","minutes":5}`: "cron", `{"reason":"x","ends_at":"now+1h","minutes":"5"}`: "minutes",
		`{"reason":"x","ends_at":"now+1h","family":"4xx"}`: "family", `{"reason":"x","ends_at":"now+1h","rule_id":"01970000-0000-7000-8000-000000000001"}`: "rule_id",
	} {
		code, details := errorOf(t, f.call(http.MethodPost, silences, adminKey, body))
		assert.Equal(t, "validation_failed", code, body)
		assert.Equal(t, field, details["field"], body)
	}
	assert.Equal(t, 422, f.get(silences+"?state=old").Code)
}
