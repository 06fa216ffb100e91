package api

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDeploys(t *testing.T) {
	f := newFixture(t)
	body := `{"service":" billing ","environment":"production","release":"2026.11.20-3","deployed_at":"2026-11-20T11:30:00Z","url":"https://ci.example/runs/812"}`
	assert.Equal(t, 403, f.call("POST", "/v1/deploys", readKey, body).Code)
	w := f.call("POST", "/v1/deploys", ingestKey, body)
	require.Equal(t, 201, w.Code, w.Body)
	assert.JSONEq(t, `{"service":"billing","environment":"production","release":"2026.11.20-3","deployed_at":"2026-11-20T11:30:00.000Z","url":"https://ci.example/runs/812","reported":true}`, w.Body.String())
	assert.Contains(t, f.get("/v1/deploys?service=billing").Body.String(), `"release":"2026.11.20-3"`)
	assert.Contains(t, f.get("/v1/deploys?from=now-10m").Body.String(), `{"deploys":[]}`)
	assert.Contains(t, f.get("/v1/releases?service=billing").Body.String(), `"verdict":"too_few"`)
	assert.Equal(t, 422, f.get("/v1/releases").Code)
	assert.Equal(t, 201, f.call("POST", "/v1/deploys", adminKey, `{"service":"billing","release":"4"}`).Code, "now, in no environment")

	for body, field := range map[string]string{
		`{"release":"1"}`:                           "service",
		`{"service":"billing"}`:                     "release",
		`{"service":"billing","release":"1\u0007"}`: "release",
		`{"service":"billing","release":"1","url":"javascript:alert(1)"}`:          "url",
		`{"service":"billing","release":"1","deployed_at":"2026-11-20T14:00:00Z"}`: "deployed_at",
		`{"service":"billing","release":"1","deployed_at":"2025-11-20T14:00:00Z"}`: "deployed_at",
		`{"service":"billing","release":"1","by":"me"}`:                            "by",
	} {
		code, details := errorOf(t, f.call("POST", "/v1/deploys", ingestKey, body))
		assert.Equal(t, "validation_failed", code, body)
		assert.Equal(t, field, details["field"], body)
	}
}
