package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/fault"
)

// engine serves one handler at /x and keeps the log.
func engine(h Handler) (*gin.Engine, *bytes.Buffer) {
	var log bytes.Buffer
	r := New(Options{Service: "test", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r.Any("/x", Handle(h))
	r.GET("/only-get", Handle(h))
	return r, &log
}

func ask(r http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, req)
	return rec
}

func fine(c *gin.Context) error {
	c.String(http.StatusOK, "fine")
	return nil
}

func TestRequestIDs(t *testing.T) {
	r, _ := engine(fine)
	assert.Equal(t, "abc.DEF_1:2-3", ask(r, "GET", "/x", "", HeaderRequestID, "abc.DEF_1:2-3").Header().Get(HeaderRequestID))
	for _, bad := range []string{"", "a b", "<script>", strings.Repeat("x", 129), "ä"} {
		assert.Regexp(t, `^req_[a-z2-7]{26}$`, ask(r, "GET", "/x", "", HeaderRequestID, bad).Header().Get(HeaderRequestID), bad)
	}
}

func TestErrorsHaveOneShape(t *testing.T) {
	for kind, status := range statuses {
		r, _ := engine(func(*gin.Context) error { return fault.New(kind, "a_code", "a message").With("field", "f") })
		res := ask(r, "GET", "/x", "", HeaderRequestID, "id1")
		assert.Equal(t, status, res.Code)
		var e envelope
		require.NoError(t, json.Unmarshal(res.Body.Bytes(), &e))
		assert.Equal(t, "a_code", e.Error.Code)
		assert.Equal(t, "id1", e.Error.RequestID)
		assert.Equal(t, "f", e.Error.Details["field"])
		assert.Equal(t, status == 429 || status == 503, res.Header().Get("Retry-After") != "", "%d", status)
	}
}

func TestProblemJSON(t *testing.T) {
	r, _ := engine(func(*gin.Context) error {
		return fault.New(fault.RateLimited, "rate_limit_exceeded", "slow down").With("limit", 60).Retry(1500 * time.Millisecond)
	})
	res := ask(r, "GET", "/x", "", "Accept", "application/problem+json")
	assert.Equal(t, "application/problem+json", res.Header().Get("Content-Type"))
	var p problem
	require.NoError(t, json.Unmarshal(res.Body.Bytes(), &p))
	assert.Equal(t, problem{Type: "about:blank", Title: "Too Many Requests", Status: 429, Detail: "slow down", Code: "rate_limit_exceeded",
		RequestID: res.Header().Get(HeaderRequestID), RetryAfter: 2, Details: map[string]any{"limit": 60.0, "retry_after": 2.0}}, p)
	assert.Equal(t, "2", res.Header().Get("Retry-After"))
	assert.Equal(t, "60", res.Header().Get("X-RateLimit-Limit"))
	assert.Equal(t, "0", res.Header().Get("X-RateLimit-Remaining"))
	assert.NotEmpty(t, res.Header().Get("X-RateLimit-Reset"))
}

func TestPanicIsA500(t *testing.T) {
	r, log := engine(func(*gin.Context) error { panic("secret detail") })
	res := ask(r, "GET", "/x", "")
	assert.Equal(t, http.StatusInternalServerError, res.Code)
	assert.NotContains(t, res.Body.String(), "secret detail")
	assert.Contains(t, log.String(), "secret detail")
	assert.Contains(t, log.String(), "edge_test.go")
}

func TestCausesStayInTheLog(t *testing.T) {
	r, log := engine(func(*gin.Context) error {
		return fault.New(fault.Unavailable, "service_unavailable", "later").Because(errors.New("password=hunter2"))
	})
	assert.NotContains(t, ask(r, "GET", "/x", "").Body.String(), "hunter2")
	assert.Contains(t, log.String(), "request failed")
}

func TestUnknownRoutesAndMethods(t *testing.T) {
	r, _ := engine(fine)
	res := ask(r, "GET", "/nowhere", "")
	assert.Equal(t, http.StatusNotFound, res.Code)
	assert.Contains(t, res.Body.String(), `"code":"route_not_found"`)
	res = ask(r, "DELETE", "/only-get", "")
	assert.Equal(t, http.StatusMethodNotAllowed, res.Code)
	assert.Equal(t, "GET", res.Header().Get("Allow"))
	assert.Contains(t, res.Body.String(), `"code":"method_not_allowed"`)
}

func TestAccessLogKeepsSecretsOut(t *testing.T) {
	r, log := engine(fine)
	ask(r, "POST", "/x?token=in-the-query", "in-the-body", "Authorization", "Bearer in-a-header")
	assert.Contains(t, log.String(), "route=/x")
	assert.NotRegexp(t, "in-the-query|in-the-body|in-a-header", log.String())
}

func TestRequire(t *testing.T) {
	keys := auth.NewKeyring(func(_ context.Context, hash []byte) (auth.Key, error) {
		if bytes.Equal(hash, auth.Hash("a-read-key-of-24-letters")) {
			return auth.Key{Hash: hash, Workspace: 7, Scopes: []auth.Scope{auth.Read}}, nil
		}
		return auth.Key{}, fault.New(fault.NotFound, "key_not_found", "no")
	}, 0)
	r := New(Options{Service: "test"})
	r.GET("/read", Require(keys, auth.Read), func(c *gin.Context) { c.JSON(http.StatusOK, Key(c).Workspace) })
	r.GET("/admin", Require(keys, auth.Admin), func(*gin.Context) { t.Error("must not be reached") })
	assert.Equal(t, "7", ask(r, "GET", "/read", "", "Authorization", "bearer a-read-key-of-24-letters").Body.String())
	assert.Equal(t, http.StatusForbidden, ask(r, "GET", "/admin", "", "x-api-key", "a-read-key-of-24-letters").Code)
	res := ask(r, "GET", "/read", "")
	assert.Equal(t, http.StatusUnauthorized, res.Code)
	assert.NotEmpty(t, res.Header().Get("WWW-Authenticate"))
}

func TestReadBody(t *testing.T) {
	r, _ := engine(func(c *gin.Context) error {
		body, err := ReadBody(c, 1<<20)
		if err == nil {
			_, err = c.Writer.Write(body)
		}
		return err
	})
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(make([]byte, 1<<20+1))
	require.NoError(t, errors.Join(err, z.Close()))
	assert.Equal(t, "plain", ask(r, "POST", "/x", "plain").Body.String())
	assert.Equal(t, http.StatusRequestEntityTooLarge, ask(r, "POST", "/x", packed.String(), "Content-Encoding", "gzip").Code)
	assert.Equal(t, http.StatusRequestEntityTooLarge, ask(r, "POST", "/x", strings.Repeat("x", 1<<20+1)).Code)
	assert.Equal(t, http.StatusBadRequest, ask(r, "POST", "/x", "not gzip", "Content-Encoding", "gzip").Code)
	assert.Equal(t, http.StatusUnsupportedMediaType, ask(r, "POST", "/x", "x", "Content-Encoding", "br").Code)
}
