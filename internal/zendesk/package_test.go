package zendesk_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"image/png"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/zendesk"
)

const address = "https://errata.example.com/embed/zendesk/01990000-0000-7000-8000-000000000001"

func TestWrite(t *testing.T) {
	var one, two bytes.Buffer
	require.NoError(t, zendesk.Write(&one, zendesk.Options{URL: address}))
	require.NoError(t, zendesk.Write(&two, zendesk.Options{URL: address}))
	assert.Equal(t, one.Bytes(), two.Bytes())
	z, err := zip.NewReader(bytes.NewReader(one.Bytes()), int64(one.Len()))
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		files[f.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
	require.Len(t, files, 4)
	for name, size := range map[string]int{"assets/logo.png": 320, "assets/logo-small.png": 128} {
		img, err := png.DecodeConfig(bytes.NewReader(files[name]))
		require.NoError(t, err, name)
		assert.Equal(t, []int{size, size}, []int{img.Width, img.Height})
	}
	var m struct {
		Author     struct{ Email string }
		Location   map[string]map[string]map[string]any
		Parameters []struct {
			Name   string
			Secure bool
		}
	}
	require.NoError(t, json.Unmarshal(files["manifest.json"], &m))
	assert.Equal(t, "errata@errata.example.com", m.Author.Email)
	assert.Equal(t, address, m.Location["support"]["ticket_sidebar"]["url"])
	assert.False(t, m.Parameters[0].Secure, "the page gets it")
	assert.True(t, json.Valid(files["translations/en.json"]))
}

// The manifest in the documentation is what is made.
func TestManifestInDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/zendesk/manifest.json")
	require.NoError(t, err)
	made, err := zendesk.Manifest(zendesk.Options{URL: address})
	require.NoError(t, err)
	assert.Equal(t, string(made), string(doc))
}

func TestAddressesAreChecked(t *testing.T) {
	for _, bad := range []string{"", "errata.example.com", "http://errata.example.com/embed/zendesk/01990000-0000-7000-8000-000000000001", "https://errata.example.com/", address + "?token=x", address + "#x", "https://u@errata.example.com/embed/zendesk/01990000-0000-7000-8000-000000000001"} {
		_, err := zendesk.Manifest(zendesk.Options{URL: bad})
		assert.Error(t, err, bad)
	}
	_, err := zendesk.Manifest(zendesk.Options{URL: "http://localhost:8080/embed/zendesk/01990000-0000-7000-8000-000000000001"})
	assert.NoError(t, err, "to try it out")
}
