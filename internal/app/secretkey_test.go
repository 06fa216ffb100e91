package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/config"
	"errata/internal/postgres"
	"errata/internal/seal"
)

func TestTheKeyOfOneMachine(t *testing.T) {
	db := &database{dir: t.TempDir(), private: &postgres.Server{}}
	file := filepath.Join(db.dir, secretKeyName)
	made, err := secretKeys(config.Config{}, db)
	require.NoError(t, err)
	require.NotEmpty(t, made.Current())
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, err := secretKeys(config.Config{}, db)
	require.NoError(t, err)
	assert.Equal(t, made.Current(), again.Current(), "the same on the next start")
	left, err := os.ReadDir(db.dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "nothing lies about")

	// A key in the settings comes first; the file's still opens.
	given := config.Config{SecretKey: seal.NewKey()}
	both, err := secretKeys(given, db)
	require.NoError(t, err)
	assert.NotEqual(t, made.Current(), both.Current())
	assert.True(t, both.Has(made.Current()))

	require.NoError(t, os.Chmod(file, 0o640))
	_, err = secretKeys(config.Config{}, db)
	assert.ErrorContains(t, err, "others can read")
	require.NoError(t, os.Chmod(file, 0o600))
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	_, err = secretKeys(config.Config{}, db)
	assert.ErrorContains(t, err, "holds no key")

	// Elsewhere nobody makes one: other processes could not open what it seals.
	elsewhere := &database{dir: t.TempDir()}
	none, err := secretKeys(config.Config{}, elsewhere)
	require.NoError(t, err)
	assert.Empty(t, none.Current())
	old := seal.NewKey()
	rotated, err := secretKeys(config.Config{SecretKey: seal.NewKey(), SecretKeyPrevious: old + ", " + seal.NewKey()}, elsewhere)
	require.NoError(t, err)
	was, err := seal.NewKeys(old)
	require.NoError(t, err)
	assert.True(t, rotated.Has(was.Current()))
	for name, cfg := range map[string]config.Config{"ERRATA_SECRET_KEY must": {SecretKey: "hush"}, "each of ERRATA_SECRET_KEY_PREVIOUS must": {SecretKeyPrevious: "hush"}} {
		_, err = secretKeys(cfg, elsewhere)
		require.ErrorContains(t, err, name)
		assert.NotContains(t, err.Error(), "hush")
	}
}
