package normalize

import (
	"encoding/base64"
	"strings"

	"errata/internal/auth"
)

const mask = "[redacted]"

// Redact masks the secrets in a text, and says how many it found. It looks
// at every byte once and copies nothing when there is nothing to hide.
func Redact(s string) (string, int) { return maskSecrets(s, true) }

// maskSecrets is Redact; cards says whether numbers may be card numbers, which they
// are not in fields that hold IDs.
func maskSecrets(s string, cards bool) (string, int) {
	var out strings.Builder
	kept, found := 0, 0
	noJWT := 0 // a word that ends here was searched for one already
	for i := 0; i < len(s); {
		c := s[i]
		if !starts[c] || (c > '9' && c != ':' && (i+1 >= len(s) || len(begins[c&31][s[i+1]&31]) == 0)) {
			// Not here, and not in the rest of the word either.
			for i++; alnum(c) && i < len(s) && alnum(s[i]); i++ {
			}
			continue
		}
		if c != ':' && i > 0 && alnum(s[i-1]) {
			i++
			continue
		}
		var from, to int
		switch {
		case !strings.HasPrefix(s[i:], "eyJ"):
			from, to = secretAt(s, i, cards)
		case i >= noJWT:
			end, ok := jwtEnd(s, i)
			if from, to = i, end; !ok {
				noJWT, to = end, 0
			}
		}
		if to <= from {
			i++
			continue
		}
		if s[from:to] != mask {
			out.WriteString(s[kept:from])
			out.WriteString(mask)
			kept = to
			found++
		}
		i = to
	}
	if found == 0 {
		return s, 0
	}
	out.WriteString(s[kept:])
	return out.String(), found
}

// starts has the bytes that any secret, or the name of one, can start with.
var starts = func() (t [256]bool) {
	for _, c := range "abcegpstrxwABCEGPSTRXWiI0123456789:" {
		t[c] = true
	}
	return t
}()

// begins has every secret or name of one under its first two letters, by
// their lower five bits, which are the same in either case. It sorts most
// words out before anything is compared.
var begins = func() (t [32][32][]beginning) {
	add := func(word string, b beginning) {
		at := &t[word[0]&31][word[1]&31]
		*at = append(*at, b)
	}
	add("eyJ", beginning{word: "eyJ"})
	for _, k := range keyPrefixes {
		add(k.prefix, beginning{word: k.prefix, rest: k.rest})
	}
	for _, w := range []string{"bearer", "basic"} {
		add(w, beginning{word: w, scheme: true})
	}
	for _, w := range secretNames {
		add(w, beginning{word: w, name: true})
	}
	return t
}()

// beginning is one way in which a secret, or the name of one, can start.
type beginning struct {
	word         string
	rest         int // of a kind of key: how much must follow
	scheme, name bool
}

// secretAt gives the part of s to mask for a secret, or for the name of one,
// that starts at i.
func secretAt(s string, i int, cards bool) (from, to int) {
	c := s[i]
	switch {
	case c == ':':
		return userinfo(s, i)
	case c >= '0' && c <= '9':
		if cards {
			return card(s, i)
		}
		return 0, 0
	}
	for _, b := range begins[c&31][s[i+1]&31] {
		switch {
		case b.rest > 0:
			from, to = i, token(s, i, b)
		case b.scheme:
			from, to = scheme(s, i, b.word)
		case b.name:
			from, to = named(s, i, b.word)
		}
		if to > from {
			return from, to
		}
	}
	return 0, 0
}

// keyPrefixes are the beginnings of well-known kinds of keys, with the length
// that must follow.
var keyPrefixes = []struct {
	prefix string
	rest   int
}{
	{"sk_live_", 6}, {"sk_test_", 6}, {"rk_live_", 6}, {"rk_test_", 6}, {"ep_live_", 6}, {"ep_test_", 6}, {auth.KeyPrefix, 6},
	{auth.LoginPrefix, auth.TokenLength}, {auth.SessionPrefix, auth.TokenLength}, {auth.SharePrefix, auth.TokenLength}, {auth.TokenPrefix, auth.TokenLength},
	{"sk-", 12}, {"ghp_", 6}, {"gho_", 6}, {"ghu_", 6}, {"ghs_", 6}, {"ghr_", 6}, {"github_pat_", 6}, {"glpat-", 6},
	{"xoxb-", 6}, {"xoxp-", 6}, {"xoxa-", 6}, {"xoxr-", 6}, {"xoxs-", 6}, {"AKIA", 12}, {"ASIA", 12}, {"AIza", 20}, {"whsec_", 6},
}

// jwtEnd gives the end of the word that starts at i, and whether it is a JWT.
func jwtEnd(s string, i int) (end int, ok bool) {
	dots := 0
	for end = i; end < len(s) && (keyByte(s[end]) || s[end] == '.'); end++ {
		if s[end] == '.' {
			dots++
		}
	}
	return end, dots >= 2 && end-i >= 20
}

// token gives the end of a key of this kind that starts at i, 0 when there is
// none.
func token(s string, i int, b beginning) int {
	if !strings.HasPrefix(s[i:], b.word) {
		return 0
	}
	end := i + len(b.word)
	for end < len(s) && keyByte(s[end]) {
		end++
	}
	if end-i-len(b.word) < b.rest {
		return 0
	}
	return end
}

func keyByte(c byte) bool { return alnum(c) || c == '_' || c == '-' }

// bearerWords follow "Bearer" in sentences and challenges.
var bearerWords = []string{"token", "auth", "prefix", "scheme", "realm", "error", "scope", "key", "header", "or", "and", "is", "was", "must", "format"}

// scheme gives the credentials after "Bearer" or "Basic".
func scheme(s string, i int, name string) (from, to int) {
	if !hasFold(s[i:], name) {
		return 0, 0
	}
	from = skipSpace(s, i+len(name))
	if from == i+len(name) {
		return 0, 0
	}
	to = from
	for to < len(s) && (keyByte(s[to]) || strings.IndexByte(".~+/=", s[to]) >= 0) {
		to++
	}
	value := s[from:to]
	if name == "basic" {
		plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
		if err != nil || strings.IndexByte(string(plain), ':') < 0 {
			return 0, 0
		}
		return from, to
	}
	if len(value) < 3 {
		return 0, 0
	}
	for _, w := range bearerWords {
		if hasFold(value, w) && len(value) < 20 && !strings.ContainsAny(value, "0123456789") {
			return 0, 0
		}
	}
	return from, to
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func skipSpace(s string, i int) int {
	for i < len(s) && s[i] == ' ' {
		i++
	}
	return i
}

// userinfo gives "user:password" of a URL whose "://" is at i.
func userinfo(s string, i int) (from, to int) {
	if !strings.HasPrefix(s[i:], "://") {
		return 0, 0
	}
	from = i + 3
	for j := from; j < len(s) && strings.IndexByte(" \t\n/?#\"'<>`\\", s[j]) < 0; j++ {
		if s[j] == '@' {
			to = j
		}
	}
	return from, to
}

// card gives a card number that starts at i: 13 to 19 digits, in groups or
// not, with a valid check digit, and no part of something longer.
func card(s string, i int) (from, to int) {
	if s[i] < '2' || s[i] > '6' || (i > 0 && strings.IndexByte("-_.", s[i-1]) >= 0) {
		return 0, 0
	}
	var digits [20]byte
	n, end := 0, i
	for end < len(s) && n < len(digits) {
		c := s[end]
		if c >= '0' && c <= '9' {
			digits[n] = c - '0'
			n++
		} else if (c != ' ' && c != '-') || end+1 >= len(s) || s[end+1] < '0' || s[end+1] > '9' {
			break
		}
		end++
	}
	if n < 13 || n > 19 || (end < len(s) && (alnum(s[end]) || s[end] == '_')) || !luhn(digits[:n]) {
		return 0, 0
	}
	return i, end
}

func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i])
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
