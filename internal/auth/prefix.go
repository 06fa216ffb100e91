package auth

import (
	"crypto/rand"
	"encoding/base64"
)

// What Errata gives out is known by its first letters, so that it is masked in what
// people paste and services send, and found by programs that look for secrets in
// code.
const (
	KeyPrefix     = "erk_" // API keys
	LoginPrefix   = "erl_" // sign-in links
	SessionPrefix = "ers_" // sessions of pages within other products
	SharePrefix   = "erv_" // public links
	TokenPrefix   = "erz_" // integrations
)

// Prefixes are all of them.
var Prefixes = []string{KeyPrefix, LoginPrefix, SessionPrefix, SharePrefix, TokenPrefix}

// TokenLength is how many characters at least follow a prefix other than that of a key:
// so many that no ID of somebody else looks like it.
const TokenLength = 40

// NewToken makes a secret that is no key, of 256 random bits.
func NewToken(prefix string) string {
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}
