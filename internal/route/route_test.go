package route

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTemplate(t *testing.T) {
	for in, want := range map[string]string{
		"/v1/charges/42":         "/v1/charges/{id}",
		"/v1/charges/42/refunds": "/v1/charges/{id}/refunds",
		"/v1/charges":            "/v1/charges",
		"/":                      "/",
		"":                       "",
		"/v1/charges/":           "/v1/charges/",
		"/42":                    "/{id}",
		"/1/2/3":                 "/{id}/{id}/{id}",
	} {
		assert.Equal(t, want, Template(in), in)
	}
}

func TestValues(t *testing.T) {
	for _, value := range []string{
		"0", "42", "-7", "12.50", "2026-11-20", "2026-11", "20261120T140235Z", "10.0.0.1", "1,2,3", "+4930123456", "52.52,13.40",
		"550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-446655440000", "550e8400e29b41d4a716446655440000",
		"01ARZ3NDEKTSV4RRFFQ69G5FAV", "0ujtsYcgvSTl8PAuAdqWYSMnLOv", "V1StGXR8_Z5jdHi6B-myT", "cjld2cjxh0000qzrmn831i7rn", "507f1f77bcf86cd799439011",
		"9f8a7b6c", "deadbee1", "ch_3NkPxY2eZvKYlo2C", "req_abc123", "cus_NffrFeUfNV2Hib", "order-10234", "INV-2024-001", "user123456", "acct_1032D82eZvKYlo2C",
		"dQw4w9WgXcQ", "bob@example.com", "bob%40example.com", "caf%C3%A9", "größe", "@alice", "c2VjcmV0IG1lc3NhZ2U=", "report-2024.pdf", "app.9f8a7b6c.js",
		"AbCdEfGhIjKlMnOpQr", strings.Repeat("a", 49), "{" + strings.Repeat("a", 49) + "}", "room101", "1-5759e988-bd862e3fe1be46a994272793",
	} {
		assert.Equal(t, "/x/{id}/y", Template("/x/"+value+"/y"), value)
	}
}

func TestWords(t *testing.T) {
	for _, word := range []string{
		"v1", "v2", "v10", "v2beta1", "v1alpha", "v2024", "charges", "payment_intents", "payment-methods", "getPaymentMethodConfigurations", "getOAuth2Callback",
		"oauth2", "s3", "2fa", "3ds", "i18n", "k8s", "mp4", "md5", "h264", "x509", "sha256", "sha-256", "use_sha256", "is_base64", "login_oauth2", "oauth2callback", "x86_64",
		"utf8", "ipv4", "web3", "step2", "area51", "favicon.ico", "index.html", "jquery-3.6.0.min.js", "deadbeef", "facade", "decade", "INTERNAL", "wp-login.php",
		"{id}", "{charge}", ":id", "<int:id>", "[slug]", "*", "a", "A1", "404-page", "", "-", "..", ".well-known", "~bob", "users:search",
	} {
		assert.Equal(t, "/x/"+word+"/y", Template("/x/"+word+"/y"), word)
	}
}

func TestDeepPaths(t *testing.T) {
	deep := strings.Repeat("/a", 12)
	assert.Equal(t, deep, Template(deep))
	assert.Equal(t, deep+"/*", Template(deep+"/a"))
	assert.Equal(t, deep+"/*", Template(deep+"/42/b/c"))
	assert.Equal(t, deep+"/*", Template(deep+"/*"))
}

func TestDerive(t *testing.T) {
	for _, status := range []int{0, 200, 400, 401, 500} {
		got, ok := Derive("/v1/charges/42", status)
		assert.True(t, ok)
		assert.Equal(t, "/v1/charges/{id}", got)
	}
	for path, status := range map[string]int{"/wp-login.php": 404, "/v1/charges": 405, "": 500, "*": 200, "example.com:443": 200} {
		_, ok := Derive(path, status)
		assert.False(t, ok, path)
	}
}

func TestOfRaw(t *testing.T) {
	for sent, want := range map[string]string{"/v1/charges/42": "/v1/charges/{id}"} {
		got, ok := OfRaw(sent)
		assert.True(t, ok)
		assert.Equal(t, want, got)
	}
	for _, sent := range []string{"", "/v1/charges", "/v1/:version/charges/1000", "charges.create/42", "(unmatched)"} {
		got, ok := OfRaw(sent)
		assert.False(t, ok)
		assert.Equal(t, sent, got)
	}
}

func TestIsTemplate(t *testing.T) {
	for _, s := range []string{"/a/{id}", "/a/:id", "/a/<id>", "/a/*", "/a/[id]", "/files/*path", "/a/{id}.json"} {
		assert.True(t, IsTemplate(s), s)
	}
	for _, s := range []string{"", "/", "/a/42", "/a/b:cancel", "/a/:", "pkg.Service/Method", "/a/12:30"} {
		assert.False(t, IsTemplate(s), s)
	}
}

func TestTakes(t *testing.T) {
	for endpoint, path := range map[string]string{
		"/v1/charges": "/v1/charges", "/v1/charges/{id}": "/v1/charges/ch_1", "/v1/:a/run": "/v1/x/run", "/files/*": "/files/a/b/c", "*": "/x", "/": "/",
		"/v1/{id}": "/v1/{id}", "/files/*path": "/files/a/b", "/<a>/[b]": "/1/2",
	} {
		assert.True(t, Takes(endpoint, path), "%s %s", endpoint, path)
	}
	for endpoint, path := range map[string]string{
		"/v1/charges": "/v1/charges/1", "/v1/charges/{id}": "/v1/charges/", "/v1/charges/{a}": "/v1/charges", "/v1/*/x": "/v1/a/y", "/": "/x", "": "/",
		"/V1": "/v1", "/v1/:": "/v1/x",
	} {
		assert.False(t, Takes(endpoint, path), "%s %s", endpoint, path)
	}
}

func TestTreeLearns(t *testing.T) {
	var tree Tree
	user := func(i int) string { return "/users/" + strings.Repeat("x", i+1) }
	for i := range Siblings {
		e := tree.Place(user(i))
		assert.Equal(t, user(i), e, "named while there are few")
		tree.Add(e)
		tree.Add(user(i) + "/orders") // not one more way to go on from /users
	}
	tree.Add("/health")
	assert.Equal(t, "/users/{name}", tree.Place("/users/bob"))
	assert.Equal(t, "/users/{name}/orders/{id}", tree.Place("/users/bob/orders/{id}"))
	assert.Equal(t, "/users/{id}", tree.Place("/users/{id}"), "a shape says more")
	assert.Equal(t, user(3), tree.Place(user(3)), "what was named stays")
	assert.Equal(t, user(3)+"/carts", tree.Place(user(3)+"/carts"))
	assert.Equal(t, "/teams/bob", tree.Place("/teams/bob"))
	assert.Equal(t, "/status", tree.Place("/status"))

	placed := tree.Place("/users/bob/orders")
	tree.Add(placed)
	assert.Equal(t, placed, tree.Place("/users/eve/orders"))
	assert.Equal(t, placed, tree.Place(placed), "a place is its own")
}

// TestTreeIgnoresOrder: who loads the same endpoints, places alike.
func TestTreeIgnoresOrder(t *testing.T) {
	var a, b Tree
	for i := range 200 {
		a.Add(fmt.Sprintf("/r%d/x%d", i%7, i))
		b.Add(fmt.Sprintf("/r%d/x%d", (199-i)%7, 199-i))
	}
	for i := range 300 {
		e := fmt.Sprintf("/r%d/x%d/y", i%9, i)
		assert.Equal(t, a.Place(e), b.Place(e))
	}
}

func TestTreeTakesAnything(t *testing.T) {
	var tree Tree
	for _, e := range []string{"", "(unmatched)", "(other)", "pkg.Service/Method", "/", "//", "/a//b", "///"} {
		tree.Add(e)
		assert.Equal(t, e, tree.Place(e))
	}
	var none Tree
	assert.Equal(t, "/a/b", none.Place("/a/b"))
}
