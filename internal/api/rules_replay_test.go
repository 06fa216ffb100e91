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

// Whoever sees may ask what a rule would find; nothing comes of it. That it finds
// what was found is the store's to show.
func TestReplayRule(t *testing.T) {
	f := newIssueFixture(t)
	const replay = "/v1/alerts/rules/replay"
	for _, body := range []string{`{}`, `{"query":"service:billing","sensitivity":"high","days":2}`, `{"id":"` + ruleset.DefaultID + `","name":"default","enabled":false}`, `{"id":"` + ruleset.DefaultID + `","level":"ticket"}`} {
		w := f.call(http.MethodPost, replay, readKey, body)
		require.Equal(t, 200, w.Code, w.Body)
		out := decode[store.Replayed](t, w)
		assert.True(t, out.Complete)
		assert.Equal(t, time.Duration(out.Days)*24*time.Hour, out.To.Sub(out.From.Time))
		assert.Contains(t, w.Body.String(), `"incidents":[]`)
	}
	assert.Len(t, decode[ruleList](t, f.get("/v1/alerts/rules")).Rules, 1)
	for body, field := range map[string]string{
		`{"days":0}`: "days", `{"days":15}`: "days", `{"query":"customer:acme"}`: "query", `{"level":"loud"}`: "level", `{"advanced":{"z":1}}`: "advanced.z", `{"prune":true}`: "prune",
	} {
		code, details := errorOf(t, f.call(http.MethodPost, replay, readKey, body))
		assert.Equal(t, "validation_failed", code, body)
		assert.Equal(t, field, details["field"], body)
	}
	code, _ := errorOf(t, f.call(http.MethodPost, replay, readKey, `{"id":"01970000-0000-7000-8000-000000000001","name":"x"}`))
	assert.Equal(t, "rule_not_found", code)
	assert.Equal(t, 401, f.call(http.MethodPost, replay, "", `{}`).Code)
}
