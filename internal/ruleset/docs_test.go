package ruleset

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/detect"
)

var update = flag.Bool("update", false, "write the table of docs/alerts-rules.md anew")

// The documentation has the numbers as they are.
func TestDocs(t *testing.T) {
	const name, from, to = "../../docs/alerts-rules.md", "<!-- numbers -->\n", "<!-- /numbers -->"
	doc, err := os.ReadFile(name)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(doc), from)
	require.True(t, ok)
	table, tail, ok := strings.Cut(rest, to)
	require.True(t, ok)
	want := numbersTable(t)
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(head+from+want+to+tail), 0o644)) //nolint:gosec // a document
		return
	}
	assert.Equal(t, want, table, "run: go test ./internal/ruleset -run Docs -update")
}

func numbersTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| name | what it is | low | normal | high | from … to | unit |\n|---|---|---|---|---|---|---|\n")
	group := ""
	for i := range Numbers {
		n := &Numbers[i]
		if n.Group != group {
			group = n.Group
			fmt.Fprintf(&b, "| **%s** | | | | | | |\n", group)
		}
		var of []string
		for _, s := range Sensitivities {
			set, err := detect.Sensitivity(s).Settings()
			require.NoError(t, err)
			of = append(of, n.Text(n.Of(set)))
		}
		bounds := n.Text(n.Min) + " … " + n.Text(n.Max)
		if n.Switch() {
			bounds = ""
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", n.Name, n.About, strings.Join(of, " | "), bounds, n.Unit)
	}
	return b.String()
}
