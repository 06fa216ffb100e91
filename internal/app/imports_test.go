package app

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type listed struct {
	ImportPath string
	Imports    []string
}

// Imports point downwards only: pure ← adapters ← shells ← app ← cmd.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "errata/...").Output()
	require.NoError(t, err)
	pure := []string{"event", "fault", "dialect", "catalog", "normalize", "otlp", "auth", "identity", "lookup", "query", "rollup", "stats", "chart", "route", "month", "slo", "thin",
		"alert", "blast", "retries", "story", "linkout", "detect", "simulate", "backtest", "nab", "incident", "ruleset", "yamldoc", "silence", "selfwatch", "seal", "brief", "front", "customer", "slack", "zendesk", "ticket", "note"}
	adapters := []string{"store", "postgres", "notify", "pgtest", "errata/migrations"}
	shells := []string{"ingest", "api", "web", "watch", "desk"}
	may := map[string][]string{ // who may import what is not for everybody
		"github.com/jackc/pgx/v5":              {"store", "postgres", "pgtest", "errata/migrations", "app"},
		"github.com/riverqueue/river":          {"store"},
		"github.com/gin-gonic/gin":             {"edge", "ingest", "api", "web", "desk", "app"},
		"go.opentelemetry.io/collector/pdata/": {"otlp", "ingest", "bench"},
	}
	seen := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); seen++ {
		var p listed
		require.NoError(t, d.Decode(&p))
		name := strings.TrimPrefix(p.ImportPath, "errata/internal/")
		for _, imported := range p.Imports {
			short := strings.TrimPrefix(imported, "errata/internal/")
			if slices.Contains(pure, name) {
				assert.False(t, slices.Contains(slices.Concat(adapters, shells, []string{"app", "edge", "config"}), short), "%s is pure and imports %s", name, imported)
			}
			if slices.Contains(shells, name) {
				assert.False(t, slices.Contains(shells, short) || short == "app", "%s is a shell and imports %s", name, imported)
			}
			assert.False(t, short == "notify" && slices.Contains(adapters, name) || name == "notify" && slices.Contains(adapters, short), "%s and %s are siblings", name, short)
			for prefix, who := range may {
				if strings.HasPrefix(imported, prefix) {
					assert.Contains(t, who, name, "%s imports %s", name, imported)
				}
			}
		}
	}
	assert.Greater(t, seen, 20)
}
