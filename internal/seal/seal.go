// Package seal encrypts the few secrets of others that Errata has to keep, and
// has to read again: tokens and webhook URLs of channels. Keys of our own are
// hashed and need none of this.
//
// A box is AES-256-GCM under a key that is not in the database, and names that
// key, so that another one can take its place while the last one still opens
// what it sealed. It also says what it is about: a box that somebody copies to
// another channel does not open there.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// Box is a secret that was encrypted.
type Box struct {
	Key  string `json:"key"`  // the ID of the key
	Data string `json:"data"` // nonce and ciphertext, in base64
}

// Keys seal with one key and open with several. The zero value and nil have
// none.
type Keys struct {
	current string
	aeads   map[string]cipher.AEAD
}

// NewKeys takes the key to seal with, and those that were used before it, each
// as base64 or hexadecimal digits. An empty current key seals nothing. Errors
// never repeat a key.
func NewKeys(current string, previous ...string) (*Keys, error) {
	k := &Keys{aeads: map[string]cipher.AEAD{}}
	for i, text := range append([]string{current}, previous...) {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		id, aead, err := readKey(text)
		if err != nil {
			return nil, err
		}
		if k.aeads[id] = aead; i == 0 {
			k.current = id
		}
	}
	return k, nil
}

// errKey says what a key has to be.
var errKey = errors.New("must be 32 random bytes, as base64 or as 64 hexadecimal digits: openssl rand -base64 32")

func readKey(text string) (id string, aead cipher.AEAD, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != KeySize {
		plain := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
		if raw, err = base64.RawStdEncoding.DecodeString(plain); err != nil || len(raw) != KeySize {
			return "", nil, errKey
		}
	}
	if slices.Max(raw) == slices.Min(raw) { // somebody's placeholder
		return "", nil, errKey
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return "", nil, err
	}
	aead, err = cipher.NewGCM(block)
	sum := sha256.Sum256(append([]byte("errata key id\x00"), raw...))
	return hex.EncodeToString(sum[:4]), aead, err
}

// NewKey makes a key, as NewKeys takes it.
func NewKey() string {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// Current is the ID of the key that seals; "" where there is none.
func (k *Keys) Current() string {
	if k == nil {
		return ""
	}
	return k.current
}

// Has reports whether what this key sealed can be opened.
func (k *Keys) Has(id string) bool { return k != nil && k.aeads[id] != nil }

// Seal encrypts a secret; about is what it is, and has to be said again to open
// it. It needs a current key.
func (k *Keys) Seal(secret, about string) (Box, error) {
	if k.Current() == "" {
		return Box{}, errors.New("there is no key to encrypt with")
	}
	aead := k.aeads[k.current]
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(secret)+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return Box{k.current, base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(secret), []byte(about)))}, nil
}

// MissingKeyError says that a box was sealed with a key that is not here.
type MissingKeyError struct{ ID string }

func (e *MissingKeyError) Error() string {
	return fmt.Sprintf("it was encrypted with the key %s, which is not here", e.ID)
}

// ErrTampered says that a box is not what was sealed, or not for this.
var ErrTampered = errors.New("it is not what was encrypted here")

// Open decrypts a box. Errors: *MissingKeyError, ErrTampered.
func (k *Keys) Open(b Box, about string) (string, error) {
	if !k.Has(b.Key) {
		return "", &MissingKeyError{b.Key}
	}
	aead := k.aeads[b.Key]
	data, err := base64.StdEncoding.DecodeString(b.Data)
	if err != nil || len(data) < aead.NonceSize() {
		return "", ErrTampered
	}
	plain, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], []byte(about))
	if err != nil {
		return "", ErrTampered
	}
	return string(plain), nil
}
