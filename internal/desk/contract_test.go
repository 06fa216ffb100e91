package desk_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var contract = sync.OnceValues(func() (*openapi3.T, error) {
	text, err := os.ReadFile("../api/openapi.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(doc)
})

var idInPath = regexp.MustCompile(`^(/integrations/slack/|/embed/zendesk/)([^/]+)(/.*)?$`)

// operations are those that the desk serves, by path.
func operations(t testing.TB) map[string]*openapi3.PathItem {
	t.Helper()
	doc, err := contract()
	require.NoError(t, err)
	out := map[string]*openapi3.PathItem{}
	for path, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if op.Extensions["x-served-by"] == "desk" {
				out[path] = item
			}
		}
	}
	return out
}

// holdAgainstSpec checks that an answer is one that openapi.yaml describes.
func holdAgainstSpec(t testing.TB, req *http.Request, r reply) {
	t.Helper()
	doc, err := contract()
	require.NoError(t, err)
	path := idInPath.ReplaceAllString(req.URL.Path, "$1{id}$3")
	item := operations(t)[path]
	if item == nil {
		return // files
	}
	route := &routers.Route{Spec: doc, Path: path, PathItem: item, Method: req.Method, Operation: item.GetOperation(req.Method)}
	require.NotNil(t, route.Operation, "%s %s", req.Method, path)
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, Route: route},
		Status:                 r.status, Header: r.header, Body: io.NopCloser(bytes.NewReader([]byte(r.body))),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: strings.HasPrefix(r.header.Get("Content-Type"), "text/")},
	})
	assert.NoError(t, err, "%s %s → %d %s", req.Method, req.URL.Path, r.status, r.body)
}

// What is described is served, under its method.
func TestSpecIsServed(t *testing.T) {
	f := newFixture(t)
	all := operations(t)
	require.Len(t, all, 6)
	for path, item := range all {
		for method := range item.Operations() {
			req, err := http.NewRequestWithContext(t.Context(), method, f.server.URL+strings.ReplaceAll(path, "{id}", "00000000-0000-0000-0000-000000000000"), nil)
			require.NoError(t, err)
			r := f.send(req)
			assert.Equal(t, "integration_not_found", r.code(t), "%s %s", method, path)
		}
	}
}
