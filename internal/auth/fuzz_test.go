package auth

import (
	"net/http"
	"strings"
	"testing"
)

// Whatever stands in the headers, the secret has no space around it, and one
// in x-api-key comes first.
func FuzzFromHeaders(f *testing.F) {
	f.Add("", "Bearer erk_x")
	f.Add(" erk_y ", "Basic Zm9v")
	f.Add("", "bearer ")
	f.Fuzz(func(t *testing.T, key, authorization string) {
		h := http.Header{"X-Api-Key": {key}, "Authorization": {authorization}}
		got := FromHeaders(h.Get)
		if got != strings.TrimSpace(got) {
			t.Errorf("%q", got)
		}
		if own := strings.TrimSpace(key); own != "" && got != own {
			t.Errorf("%q instead of %q", got, own)
		}
		Hash(got)
	})
}
