package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nasty are names that addresses could garble.
var nasty = []string{
	"", "/", "//", ".", "..", "~", "~~", "~-", "~.", "a/b", "/a//b/", "../../etc/passwd", "/..", "/./x", "/v1/charges/{id}", "/v1/prompts/:id/run", "v1/no/slash",
	"billing.Charges/Create", "100%", "%2F", "%252e%252e", "/a%2fb", "a?b=c&d#e", "ü/ö", "mia@example.com", "a b", "+", " x ", `"'><script>`, "\\..\\x", "*", "/~/~-", "(other)", "\n", ";x=1",
}

// A name that goes into an address comes out of it as it was, and no proxy or
// browser that tidies paths up takes it for another one.
func TestNamesInAddresses(t *testing.T) {
	var got []string
	r := gin.New()
	r.UseEscapedPath, r.UnescapePathValues = true, false
	r.GET("/services/:service", func(c *gin.Context) { got = []string{c.Param("service")} })
	r.GET("/codes/:first/:code", func(c *gin.Context) { got = []string{c.Param("first"), c.Param("code")} })
	r.GET("/e/:service/:method/*endpoint", func(c *gin.Context) { got = []string{c.Param("service"), c.Param("method"), c.Param("endpoint")} })
	visit := func(address string) []string {
		t.Helper()
		u, err := url.Parse(address)
		require.NoError(t, err)
		assert.Equal(t, address, path.Clean(address), "tidied up")
		for s := range strings.SplitSeq(u.EscapedPath(), "/") { // what the URL standard takes for a dot
			assert.NotContains(t, []string{".", ".."}, strings.ReplaceAll(strings.ToLower(s), "%2e", "."))
		}
		got = nil
		r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
		require.NotNil(t, got, address)
		return got
	}
	for _, name := range nasty {
		back, err := nameOf(visit(pathOfService(name))[0])
		require.NoError(t, err)
		assert.Equal(t, name, back)
		for _, other := range nasty {
			parts := visit(pathOfCode("s"+other, name))
			first, err := nameOf(parts[0])
			require.NoError(t, err)
			code, err := nameOf(parts[1])
			require.NoError(t, err)
			assert.Equal(t, []string{"s" + other, name}, []string{first, code})

			parts = visit(pathOfEndpoint("billing", other, name))
			method, err := nameOf(parts[1])
			require.NoError(t, err)
			endpoint, err := endpointOf(parts[2])
			require.NoError(t, err, name)
			assert.Equal(t, []string{other, name}, []string{method, endpoint})
		}
	}
	assert.Equal(t, "/e/prompts-api/POST/v1/prompts/:id/run", pathOfEndpoint("prompts-api", "POST", "/v1/prompts/:id/run"), "what is usual is readable")
	for _, bad := range []string{"%", "%zz", "%ff", "%00"} {
		_, err := nameOf(bad)
		assert.Error(t, err, bad)
		_, err = endpointOf("/a/" + bad)
		assert.Error(t, err, bad)
	}
}

func FuzzEndpointInAddress(f *testing.F) {
	for _, name := range nasty {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		at := strings.TrimPrefix(pathOfEndpoint("s", "GET", name), "/e/s/GET")
		if back, err := endpointOf(at); err == nil {
			assert.Equal(t, name, back)
		}
	})
}
