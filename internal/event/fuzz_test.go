package event

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever is sent in the place of an ID or a code: what is made of it is
// bounded, clean, and stays what it is when it is cleaned again.
func FuzzIDs(f *testing.F) {
	for _, seed := range []string{"req_abc", " ['req_1', 'req_2'] ", "(\"a\",)", "null", "00000000-0000-0000-0000-000000000000", "a\x00b", "\xff", "4BF92F3577B34DA6A3CE929D0E0E4736",
		"RateLimitExceeded", "com.acme.errors.CardDeclined", "https://api.acme.com/errors/card-declined", "ValidationException#Field", "E_NOT.FOUND", "Öl", "Aϔ", strings.Repeat("x", 300)} {
		f.Add(seed, 503)
	}
	f.Fuzz(func(t *testing.T, s string, status int) {
		id := CleanID(s)
		if len(id) > MaxIDLen || !utf8.ValidString(id) || strings.ContainsAny(id, "\x00\n\r\t\x7f") {
			t.Errorf("CleanID(%q) = %q", s, id)
		}
		if again := CleanID(id); id != "" && again != id && !strings.ContainsAny(id, `[]()"', `) {
			t.Errorf("CleanID(%q) = %q, and again %q", s, id, again)
		}
		if fold := Fold(s); Fold(fold) != fold || len(fold) != len(s) {
			t.Errorf("Fold(%q) = %q, and again %q", s, fold, Fold(fold))
		}
		for _, n := range []int{16, 32} {
			if hex := CleanHex(s, n); hex != "" && (len(hex) != n || CleanHex(hex, n) != hex) {
				t.Errorf("CleanHex(%q, %d) = %q", s, n, hex)
			}
		}
		code := CanonicalCode(s, status)
		if again := CanonicalCode(code, status); again != code {
			t.Errorf("CanonicalCode(%q) = %q, and again %q", s, code, again)
		}
		FamilyOf(status, code)
		if got := HTTPFromGRPC(s); got < 0 || got > 599 {
			t.Errorf("HTTPFromGRPC(%q) = %d", s, got)
		}
	})
}
