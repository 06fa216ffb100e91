package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/linkout"
)

func TestLinks(t *testing.T) {
	f := newIssueFixture(t)
	f.outage("billing")
	assert.JSONEq(t, `{"links":[]}`, f.get("/v1/links").Body.String())
	const two = `{"links":[{"name":"Jaeger","url":"https://jaeger.example.com/trace/{trace_id}"},{"name":"Logs","url":"https://logs.example.com/?q={request_id}&c={customer_id}"}]}`
	assert.Equal(t, http.StatusForbidden, f.call(http.MethodPut, "/v1/links", readKey, two).Code)
	require.Equal(t, http.StatusOK, f.call(http.MethodPut, "/v1/links", adminKey, two).Code)
	assert.JSONEq(t, two, f.get("/v1/links").Body.String())

	got := decode[struct{ Links []linkout.Link }](t, f.get("/v1/requests/req_billing_1?include=links,blast_radius")).Links
	assert.Equal(t, []linkout.Link{{Name: "Jaeger", Missing: "trace_id"}, {Name: "Logs", URL: "https://logs.example.com/?q=req_billing_1&c=customer-1"}}, got)

	for body, field := range map[string]string{
		`{}`: "links", `{"links":null}`: "links", `{"links":[{"name":"x","url":"http://evil.test/"}]}`: "links[0].url", `{"links":[{"name":"","url":"https://a.example/"}]}`: "links[0].name",
		`{"links":[{"name":"x","url":"https://a.example/","more":1}]}`: "more",
	} {
		w := f.call(http.MethodPut, "/v1/links", adminKey, body)
		assert.Equal(t, http.StatusUnprocessableEntity, w.Code, body)
		_, details := errorOf(t, w)
		assert.Equal(t, field, details["field"], body)
	}
	assert.Equal(t, http.StatusUnprocessableEntity, f.get("/v1/links?x=1").Code)
	assert.JSONEq(t, `{"links":[]}`, f.call(http.MethodPut, "/v1/links", adminKey, `{"links":[]}`).Body.String())
}
