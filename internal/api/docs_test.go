package api

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var newFault = regexp.MustCompile(`fault\.New\(fault\.[A-Za-z]+,\s*"([a-z_]+)"`)

// Every code that a client can meet has its line in docs/codes.md.
func TestEveryCodeIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/codes.md")
	require.NoError(t, err)
	codes := map[string]string{}
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path) //nolint:gosec // our own sources
		for _, m := range newFault.FindAllSubmatch(source, -1) {
			codes[string(m[1])] = path
		}
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, codes)
	for code, path := range codes {
		assert.Contains(t, string(doc), "`"+code+"`", "used in %s", path)
	}
}

// Every operation of the specification is in the tour.
func TestEveryPathIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/api.md")
	require.NoError(t, err)
	for path := range mustContract(t).Paths.Map() {
		assert.Contains(t, string(doc), path)
	}
}
