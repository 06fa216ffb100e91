package route

import (
	"strings"
	"testing"
)

var paths = []string{
	"/v1/charges/ch_3NkPxY2eZvKYlo2C/refunds",
	"/v1/users/550e8400-e29b-41d4-a716-446655440000/orders/42",
	"/api/internal/payment_methods/search",
	"/healthz",
}

// FuzzTemplate: no path panics, makes more segments than it has, or is
// something else when it is looked at again.
func FuzzTemplate(f *testing.F) {
	for _, s := range append([]string{"", "/", "//", "*", "/{", "/{id}", "/:x/<y>/[z]", "/%", "/%4", "/a@b", "/\xff", "/v2beta1/2fa", strings.Repeat("/1", 40)}, paths...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := Template(path)
		if again := Template(got); again != got {
			t.Fatalf("%q → %q → %q", path, got, again)
		}
		if n := strings.Count(got, "/"); n > strings.Count(path, "/") || n > maxSegments+1 {
			t.Fatalf("%q → %q: %d segments", path, got, n)
		}
		for segment := range strings.SplitSeq(got, "/") {
			if len(segment) > maxWord {
				t.Fatalf("%q → %q: a segment of %d bytes", path, got, len(segment))
			}
		}
		var tree Tree
		tree.Add(got)
		if tree.Place(got) != got {
			t.Fatalf("%q has another place", got)
		}
	})
}

func BenchmarkTemplate(b *testing.B) {
	for _, path := range paths {
		b.Run(strings.ReplaceAll(path[1:], "/", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Template(path)
			}
		})
	}
}

func BenchmarkPlace(b *testing.B) {
	var tree Tree
	for i := range 400 {
		tree.Add("/v1/users/" + strings.Repeat("x", i+1))
	}
	b.ReportAllocs()
	for b.Loop() {
		tree.Place("/v1/users/bob/orders")
	}
}
