package cli

import (
	"archive/zip"
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/zendesk"
)

func TestZendeskPackage(t *testing.T) {
	o := zendesk.Options{URL: "https://errata.example.com/embed/zendesk/01990000-0000-7000-8000-000000000001"}
	file := filepath.Join(t.TempDir(), "app.zip")
	var said, direct bytes.Buffer
	require.NoError(t, ZendeskPackage(&said, file, o))
	assert.Contains(t, said.String(), file)
	z, err := zip.OpenReader(file)
	require.NoError(t, err)
	assert.Len(t, z.File, 4)
	require.NoError(t, z.Close())
	assert.Error(t, ZendeskPackage(&said, file, o), "nothing is overwritten")
	require.NoError(t, ZendeskPackage(&direct, "-", o))
	assert.True(t, bytes.HasPrefix(direct.Bytes(), []byte("PK")))
	assert.ErrorContains(t, ZendeskPackage(&said, "-", zendesk.Options{URL: "https://errata.example.com"}), "/embed/zendesk/")
}
