package event

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHTTPFromGRPC(t *testing.T) {
	want := []int{200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401}
	for code, status := range want {
		assert.Equal(t, status, HTTPFromGRPC(GRPCName(code)), GRPCName(code))
	}
	assert.Zero(t, HTTPFromGRPC(""))
	assert.Equal(t, 500, HTTPFromGRPC("SOMETHING_NEW"))
}

func TestGRPCName(t *testing.T) {
	assert.Equal(t, "RESOURCE_EXHAUSTED", GRPCName(8))
	assert.Empty(t, GRPCName(-1))
	assert.Empty(t, GRPCName(17))
}

func TestCanonicalGRPC(t *testing.T) {
	for in, want := range map[string]string{
		"NOT_FOUND": "NOT_FOUND", "not_found": "NOT_FOUND", "NotFound": "NOT_FOUND", "5": "NOT_FOUND",
		"canceled": "CANCELLED", "Canceled": "CANCELLED", " OK ": "OK", "17": "", "teapot": "", "": "",
	} {
		assert.Equal(t, want, CanonicalGRPC(in), in)
	}
}
