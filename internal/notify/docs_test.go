package notify

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// docs/alerts-channels.md has a section for each kind, with all its fields and
// their defaults, and marks the secrets.
func TestTheDocumentationNamesEverySetting(t *testing.T) {
	raw, err := os.ReadFile("../../docs/alerts-channels.md")
	require.NoError(t, err)
	for _, k := range Kinds() {
		_, after, ok := strings.Cut(string(raw), "\n### "+k.Title()+"\n")
		require.True(t, ok, "no section %q", k.Title())
		section, _, _ := strings.Cut(after, "\n### ")
		assert.Contains(t, section, "| `"+string(k)+"` | |")
		for _, f := range k.Fields() {
			want := "`" + f.Name + "`"
			assert.Contains(t, section, want, k)
			assert.Equal(t, f.Secret, strings.Contains(section, want+" 🔑"), "%s: %s", k, f.Name)
			assert.Contains(t, section, f.Default, k)
		}
	}
}
