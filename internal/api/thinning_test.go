package api

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
	"errata/internal/identity"
	"errata/internal/normalize"
	"errata/internal/store"
	"errata/internal/thin"
)

func TestThinning(t *testing.T) {
	f := newIssueFixture(t)
	day := time.Now().UTC().AddDate(0, 0, -5).Truncate(24 * time.Hour)
	for _, id := range []string{"req_bot1", "req_bot2", "req_bot3"} {
		env := event.Envelope{Service: "edge", Status: 429, Method: "GET", Endpoint: "/v1/x", FallbackCode: "slow_down", RequestID: id, OccurredAt: day.Add(time.Hour), Source: event.FromHTTP}
		p, err := normalize.Item(env, store.DefaultWorkspace, day.Add(time.Hour))
		require.NoError(t, err)
		_, err = f.store.Write(t.Context(), []identity.Part{p})
		require.NoError(t, err)
	}
	type list struct{ Rules []thin.Rule }
	assert.Empty(t, decode[list](t, f.get("/v1/thinning")).Rules)
	assert.Equal(t, 422, f.get("/v1/thinning?x=1").Code)

	rule := `{"name":"bots","match":"service:edge status:429","keep":1}`
	planned := decode[store.ThinningPlan](t, f.call(http.MethodPost, "/v1/thinning/plan", readKey, `{"match":"service:edge","keep":1}`))
	assert.Equal(t, []int64{3, 2}, []int64{planned.Matched, planned.Goes})
	assert.Equal(t, 403, f.call(http.MethodPost, "/v1/thinning", readKey, rule).Code)
	set := decode[thin.Rule](t, f.call(http.MethodPost, "/v1/thinning", adminKey, rule))
	assert.Equal(t, []any{"bots", 3, 1, true, "the admin key"}, []any{set.Name, set.AfterDays, set.Keep, set.Enabled, set.CreatedBy})
	assert.Len(t, decode[list](t, f.get("/v1/thinning")).Rules, 1)
	assert.Contains(t, f.get("/v1/retention").Body.String(), `"rule":"bots"`)
	for body, field := range map[string]string{
		`{"name":"a b","match":"service:x"}`:               "name",
		`{"name":"a"}`:                                     "match",
		`{"name":"a","match":"servcie:x"}`:                 "match",
		`{"name":"a","match":"service:x","after_days":2}`:  "after_days",
		`{"name":"a","match":"service:x","after_days":31}`: "after_days",
		`{"name":"a","match":"service:x","keep":0}`:        "keep",
		`{"name":"a","match":"service:x","keeps":1}`:       "keeps",
	} {
		code, details := errorOf(t, f.call(http.MethodPost, "/v1/thinning", adminKey, body))
		assert.Equal(t, "validation_failed", code, body)
		assert.Equal(t, field, details["field"], body)
	}

	require.NoError(t, f.store.Expire(t.Context(), time.Now()))
	gone := ""
	for _, id := range []string{"req_bot1", "req_bot2", "req_bot3"} {
		if f.get("/v1/requests/"+id).Code == http.StatusNotFound {
			gone = id
		}
	}
	require.NotEmpty(t, gone)
	for _, key := range []string{readKey, supportKey} {
		code, details := errorOf(t, f.call(http.MethodGet, "/v1/requests/"+gone, key, ""))
		assert.Equal(t, "request_not_found", code)
		assert.Equal(t, []any{"thinned", day.Format(time.DateOnly), "bots", 1., 3.}, []any{details["reason"], details["day"], details["rule"], details["kept"], details["after_days"]})
		found := f.call(http.MethodGet, "/v1/lookup?q="+url.QueryEscape(gone), key, "")
		assert.Contains(t, found.Body.String(), `"reason":"thinned","retention_days":30,"day":"`+day.Format(time.DateOnly)+`","rule":"bots","kept":1,"after_days":3`)
	}

	assert.Equal(t, 403, f.call(http.MethodDelete, "/v1/thinning/bots", readKey, "").Code)
	assert.Equal(t, 204, f.call(http.MethodDelete, "/v1/thinning/bots", adminKey, "").Code)
	for _, name := range []string{"bots", "a%20b", "%00"} {
		code, _ := errorOf(t, f.call(http.MethodDelete, "/v1/thinning/"+name, adminKey, ""))
		assert.Equal(t, "thinning_rule_not_found", code)
	}
	assert.Contains(t, f.call(http.MethodGet, "/v1/requests/"+gone, readKey, "").Body.String(), "the rule 'bots' keeps 1 failure")
}
