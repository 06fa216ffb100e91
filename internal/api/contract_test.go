package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var contract = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := spec()
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(doc)
})

func mustContract(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := contract()
	require.NoError(t, err)
	return doc
}

func TestSpecIsValid(t *testing.T) {
	doc := mustContract(t)
	require.NoError(t, doc.Validate(context.Background()))
	ids := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			assert.NotEmpty(t, op.Summary, "%s %s", method, path)
			assert.NotEmpty(t, op.OperationID, "%s %s", method, path)
			assert.False(t, ids[op.OperationID], "%s twice", op.OperationID)
			ids[op.OperationID] = true
		}
	}
}

var ginParam = regexp.MustCompile(`:([a-z_]+)`)

// specPath writes a route as OpenAPI does.
func specPath(route string) string { return ginParam.ReplaceAllString(route, "{$1}") }

func TestRoutesAndSpecAgree(t *testing.T) {
	doc := mustContract(t)
	served := map[string]bool{}
	for _, r := range newFixture(t).engine.Routes() {
		served[r.Method+" "+specPath(r.Path)] = true
	}
	described := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			switch op.Extensions["x-served-by"] {
			case "collector":
				require.NotNil(t, op.Servers, "%s %s names the collector's address", method, path)
				continue
			case "desk": // whose tests hold it against this
				continue
			}
			described[method+" "+path] = true
		}
	}
	assert.Equal(t, served, described)
	for _, path := range []string{"/v1/errors", "/v1/totals", "/v1/traces", "/v1/logs", "/v1/metrics"} {
		require.NotNil(t, doc.Paths.Find(path), path)
	}
}

// holdAgainstSpec checks that an answer is one that openapi.yaml describes. A
// path or method that it does not know must have been refused.
func holdAgainstSpec(t *testing.T, r *gin.Engine, req *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	doc := mustContract(t)
	route := routeOf(r, doc, req)
	if route == nil {
		assert.Contains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed}, w.Code)
		return
	}
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, Route: route},
		Status:                 w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
	assert.NoError(t, err, "%s %s → %d %s", req.Method, req.URL, w.Code, w.Body)
}

// routeOf finds the operation that a request belongs to. Segments are counted
// before they are unescaped, as the server does.
func routeOf(r *gin.Engine, doc *openapi3.T, req *http.Request) *routers.Route {
	asked := strings.Split(req.URL.EscapedPath(), "/")
	for _, known := range r.Routes() {
		if known.Method != req.Method || !sameShape(strings.Split(known.Path, "/"), asked) {
			continue
		}
		path := specPath(known.Path)
		item := doc.Paths.Find(path)
		return &routers.Route{Spec: doc, Path: path, PathItem: item, Method: req.Method, Operation: item.GetOperation(req.Method)}
	}
	return nil
}

func sameShape(known, asked []string) bool {
	if len(known) != len(asked) {
		return false
	}
	for i := range known {
		if known[i] != asked[i] && !strings.HasPrefix(known[i], ":") {
			return false
		}
	}
	return true
}

// The contract test is worth something only if it fails when it should.
func TestHoldingAgainstSpecNoticesADifference(t *testing.T) {
	doc := mustContract(t)
	trail := doc.Components.Schemas["Trail"].Value
	err := trail.VisitJSON(map[string]any{"request_id": "r", "surprise": true}, openapi3.EnableJSONSchema2020())
	assert.Error(t, err)
	at := doc.Components.Schemas["Time"].Value
	assert.Error(t, at.VisitJSON("2026-11-20T12:00:00Z", openapi3.EnableJSONSchema2020()))
	assert.NoError(t, at.VisitJSON("2026-11-20T12:00:00.000Z", openapi3.EnableJSONSchema2020()))
}
