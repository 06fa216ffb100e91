package catalog_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
)

// The example of the documentation is a file that can be imported, and all fields
// and profiles are told of.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/catalog.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(doc), "```yaml\n")
	require.True(t, ok)
	example, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	entries, mistakes := catalog.Read("docs/catalog.md", []byte(example))
	assert.Empty(t, mistakes)
	assert.Equal(t, example, string(catalog.Write(entries)))
	for _, f := range catalog.Fields {
		assert.Contains(t, string(doc), "`{"+f.Name+"}`")
	}
	for _, p := range catalog.Profiles() {
		assert.Contains(t, string(doc), "| `"+p.Name+"` |")
	}
}
