package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/api"
	"errata/internal/auth"
	"errata/internal/ingest"
)

func compose(t *testing.T) *types.Project {
	t.Helper()
	opt, err := cli.NewProjectOptions([]string{"../../docker-compose.yml"}, cli.WithEnv([]string{"POSTGRES_PASSWORD=p", "ERRATA_APP_PASSWORD=p",
		"ERRATA_BOOTSTRAP_INGEST_KEY=an-ingest-key-of-24-letters", "ERRATA_BOOTSTRAP_ADMIN_KEY=an-admin-key-of-24-letters-"}))
	require.NoError(t, err)
	project, err := opt.LoadProject(context.Background())
	require.NoError(t, err)
	return project
}

// variables are the environment variables that the command line knows.
func variables(t *testing.T) []string {
	t.Helper()
	var c commands
	parser, err := kong.New(&c)
	require.NoError(t, err)
	var names []string
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		for _, f := range n.Flags {
			names = append(names, f.Envs...)
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(parser.Model.Node)
	return names
}

func TestComposeSetsOnlyKnownVariables(t *testing.T) {
	known := variables(t)
	require.Contains(t, known, "ERRATA_DATABASE_URL")
	set := 0
	for name, s := range compose(t).Services {
		for v := range s.Environment {
			if strings.HasPrefix(v, "ERRATA_") {
				set++
				assert.True(t, slices.Contains(known, v), "%s sets %s, which nothing reads", name, v)
			}
		}
	}
	assert.Positive(t, set)
}

var pinned = regexp.MustCompile(`^[a-z0-9./-]+:[a-z0-9.-]*[0-9a-z]$`)

func TestComposeImagesArePinned(t *testing.T) {
	for name, s := range compose(t).Services {
		assert.Regexp(t, pinned, s.Image, name)
		assert.NotContains(t, s.Image, "latest", name)
		if s.Build == nil {
			assert.Regexp(t, `:\d+\.\d+`, s.Image, "%s: a version, not a moving tag", name)
		}
	}
}

// Every path that a health check asks is served by the role that it is for.
func TestComposeHealthChecksAreServed(t *testing.T) {
	keys := auth.NewKeyring(func(context.Context, []byte) (auth.Key, error) { return auth.Key{}, nil }, 0)
	collector, err := ingest.New(ingest.Deps{Keys: keys})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, collector.Close(context.Background())) })
	handlers := map[string]http.Handler{"4318": collector.HTTP(), "8080": api.New(api.Deps{Keys: keys})}
	asked := 0
	for name, s := range compose(t).Services {
		if s.HealthCheck == nil || !slices.Contains(s.HealthCheck.Test, "healthcheck") {
			continue
		}
		u, err := url.Parse(s.HealthCheck.Test[len(s.HealthCheck.Test)-1])
		require.NoError(t, err)
		h := handlers[u.Port()]
		require.NotNil(t, h, name)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, u.Path, nil))
		assert.Equal(t, http.StatusOK, rec.Code, "%s asks %s", name, u)
		asked++
	}
	assert.Equal(t, 2, asked)
}
