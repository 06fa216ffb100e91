// Package auth makes, parses and checks API keys. It is pure; the store keeps
// the hashes.
//
// A key looks like erk_<40 base62 characters><6 base62 characters of CRC-32>.
// It is random, shown once, and stored as SHA-256: with 238 bits of entropy a
// slow hash would add nothing but load.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"time"

	"errata/internal/fault"
)

// Scope is what a key may do. Admin includes read and ingest, and read includes
// support.
type Scope string

// The scopes. Support is for who answers customers: it sees what happened to a
// request and what to write back, and nothing of how services look from within.
// Read is for engineers.
const (
	Ingest  Scope = "ingest"
	Support Scope = "support"
	Read    Scope = "read"
	Admin   Scope = "admin"
)

// Scopes are all that a key can have.
var Scopes = []Scope{Ingest, Support, Read, Admin}

// Valid reports whether s is a known scope.
func (s Scope) Valid() bool { return slices.Contains(Scopes, s) }

// Includes reports whether who has s may do what other names.
func (s Scope) Includes(other Scope) bool {
	switch s {
	case other:
		return s.Valid()
	case Admin:
		return other.Valid()
	case Read:
		return other == Support
	}
	return false
}

// Key is an API key as the store knows it; the secret itself is nowhere.
type Key struct {
	ID         string     `json:"id"`
	Workspace  int32      `json:"-"`
	Name       string     `json:"name"`
	Prefix     string     `json:"prefix"` // the first characters, to recognise it by
	Scopes     []Scope    `json:"scopes"`
	Hash       []byte     `json:"-"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
}

// Allows reports whether the key may do what scope names.
func (k Key) Allows(scope Scope) bool {
	return slices.ContainsFunc(k.Scopes, func(s Scope) bool { return s.Includes(scope) })
}

const (
	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randLen  = 40
	sumLen   = 6
	// MinSecretLen is the shortest accepted bootstrap key, in characters.
	MinSecretLen = 24
)

// NewSecret makes a key. It is the only time that it is seen.
func NewSecret() string {
	body := make([]byte, randLen)
	buf := make([]byte, 64)
	for i := 0; i < randLen; {
		rand.Read(buf) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
		for _, b := range buf {
			if b < 248 && i < randLen { // 248 = 4*62: no modulo bias
				body[i] = alphabet[b%62]
				i++
			}
		}
	}
	return KeyPrefix + string(body) + checksum(string(body))
}

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	out := make([]byte, sumLen)
	for i := sumLen - 1; i >= 0; i-- {
		out[i] = alphabet[sum%62]
		sum /= 62
	}
	return string(out)
}

// WellFormed reports whether a secret that claims to be an Errata key has the
// right length and checksum, so that a typo is told from a revoked key without
// asking the database. Keys without the prefix (bootstrap keys) pass.
func WellFormed(secret string) bool {
	body, ok := strings.CutPrefix(secret, KeyPrefix)
	if !ok {
		return len(secret) >= MinSecretLen && len(secret) <= 512
	}
	if len(body) != randLen+sumLen {
		return len(secret) >= MinSecretLen && len(secret) <= 512 && len(body) != randLen+sumLen
	}
	return subtle.ConstantTimeCompare([]byte(checksum(body[:randLen])), []byte(body[randLen:])) == 1
}

// Hash is what the store keeps of a secret.
func Hash(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// Prefix is what may be shown of a secret later.
func Prefix(secret string) string {
	if len(secret) < MinSecretLen {
		return "…"
	}
	return secret[:8] + "…"
}

// FromHeaders takes the secret out of "Authorization: Bearer …" or "x-api-key".
// get must look header names up without regard to case.
func FromHeaders(get func(name string) string) string {
	if v := strings.TrimSpace(get("x-api-key")); v != "" {
		return v
	}
	v := strings.TrimSpace(get("authorization"))
	if len(v) > 7 && strings.EqualFold(v[:7], "bearer ") {
		return strings.TrimSpace(v[7:])
	}
	return ""
}

// Lookup finds a key by the hash of its secret; a fault of kind NotFound when
// there is none.
type Lookup func(ctx context.Context, hash []byte) (Key, error)

// Keyring answers for secrets, remembering answers for TTL so that a revoked
// key stops working within seconds everywhere and a busy one costs no query.
type Keyring struct {
	lookup Lookup
	ttl    time.Duration
	known  *known // nil: nothing is remembered

	mu   sync.Mutex
	seen map[[32]byte]entry
}

type entry struct {
	key  Key
	err  error
	till time.Time
}

// maxSeen bounds the memory that guessed keys can take.
const maxSeen = 10_000

// NewKeyring makes a Keyring. ttl of 0 means 3 seconds.
func NewKeyring(lookup Lookup, ttl time.Duration) *Keyring {
	if ttl == 0 {
		ttl = 3 * time.Second
	}
	return &Keyring{lookup: lookup, ttl: ttl, seen: map[[32]byte]entry{}}
}

// Check returns the key that secret is, if it may do what scope names.
// Faults: Unauthorized (missing, malformed, unknown, revoked), Forbidden (the
// scope is missing), Unavailable (the store cannot be asked).
func (r *Keyring) Check(ctx context.Context, secret string, scope Scope) (Key, error) {
	if secret == "" {
		return Key{}, fault.New(fault.Unauthorized, "unauthorized", "No API key. Send it as 'Authorization: Bearer …' or 'x-api-key: …'.")
	}
	if !WellFormed(secret) {
		return Key{}, fault.New(fault.Unauthorized, "unauthorized", "This is not an Errata API key: length or checksum is wrong. Check that it was copied whole.")
	}
	key, err := r.find(ctx, secret)
	if err != nil {
		return Key{}, err
	}
	if !key.Allows(scope) {
		return Key{}, fault.New(fault.Forbidden, "forbidden", "This key lacks the %q scope.", scope).With("required_scope", string(scope))
	}
	return key, nil
}

func (r *Keyring) find(ctx context.Context, secret string) (Key, error) {
	hash := [32]byte(Hash(secret))
	now := time.Now()
	r.mu.Lock()
	e, ok := r.seen[hash]
	r.mu.Unlock()
	if ok && now.Before(e.till) {
		return e.key, e.err
	}
	key, err := r.lookupKey(ctx, hash)
	switch {
	case fault.Is(err, fault.NotFound):
		err = fault.New(fault.Unauthorized, "unauthorized", "Unknown API key.")
	case err != nil:
		return Key{}, fault.New(fault.Unavailable, "service_unavailable", "Keys cannot be checked right now. Retry shortly.").Retry(2 * time.Second).Because(err)
	case subtle.ConstantTimeCompare(key.Hash, hash[:]) != 1:
		err = fault.New(fault.Unauthorized, "unauthorized", "Unknown API key.")
	case key.RevokedAt != nil:
		err = fault.New(fault.Unauthorized, "unauthorized", "This API key has been revoked.")
	}
	if err != nil {
		key = Key{}
	}
	r.remember(hash, entry{key: key, err: err, till: now.Add(r.ttl)})
	return key, err
}

func (r *Keyring) remember(hash [32]byte, e entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) >= maxSeen {
		clear(r.seen)
	}
	r.seen[hash] = e
}
