package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
)

func TestKeys(t *testing.T) {
	_, server := newServer(t)
	ctx := context.Background()
	var out strings.Builder
	opt := Options{Server: server.URL, Key: secret, Out: &out}

	require.NoError(t, CreateKey(ctx, opt, "ci", []string{"ingest"}))
	made, note, _ := strings.Cut(out.String(), "\n")
	assert.True(t, auth.WellFormed(made), made)
	assert.Contains(t, note, "cannot be shown again")

	require.NoError(t, RevokeKey(ctx, opt, "k-ci"))
	out.Reset()
	require.NoError(t, ListKeys(ctx, opt))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 4)
	assert.Contains(t, lines[1], "active")
	assert.Contains(t, lines[3], "revoked 2026-11-20 12:00")
	assert.NotContains(t, out.String(), made)

	out.Reset()
	opt.JSON = true
	require.NoError(t, ListKeys(ctx, opt))
	require.NoError(t, CreateKey(ctx, opt, "x", []string{"read"}))
	require.NoError(t, RevokeKey(ctx, opt, "k-x"))
	dec := json.NewDecoder(strings.NewReader(out.String()))
	for _, field := range []string{"keys", "secret", "revoked"} {
		var v map[string]any
		require.NoError(t, dec.Decode(&v))
		assert.Contains(t, v, field)
	}

	assert.ErrorContains(t, RevokeKey(ctx, opt, "no/such"), "404 key_not_found")
	assert.ErrorContains(t, CreateKey(ctx, opt, "", nil), "422 validation_failed")
}
