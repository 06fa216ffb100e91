// Package slack speaks Slack's side of a conversation: it verifies that a request
// is from Slack, reads slash commands and events, and lays answers out in blocks.
//
// It is pure: who asks the store, and who sends, is elsewhere. What customers and
// services wrote stays text in all that it makes: it can mention nobody, and has
// no markup.
package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
)

const (
	// Window is how far a request's time may be from ours. Within it a request can
	// be sent again by whoever saw it; it asks the same again, and changes nothing.
	Window = 5 * time.Minute
	// MaxBody is more than Slack sends.
	MaxBody = 64 << 10
)

// Why a request is not taken for Slack's.
var (
	ErrUnsigned  = errors.New("it is not signed as Slack signs requests")
	ErrStale     = errors.New("it was signed more than five minutes ago or ahead; if it is Slack's, the clock of this machine is wrong")
	ErrSignature = errors.New("its signature is not from this signing secret")
)

// Verify says whether a request's body was signed with a signing secret, now.
// https://docs.slack.dev/authentication/verifying-requests-from-slack
func Verify(secret, timestamp, signature string, body []byte, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	given, ok := strings.CutPrefix(signature, "v0=")
	sum, hexErr := hex.DecodeString(given)
	if err != nil || !ok || hexErr != nil || secret == "" { // an empty secret is one that everybody knows
		return ErrUnsigned
	}
	if at := time.Unix(seconds, 0); at.Before(now.Add(-Window)) || at.After(now.Add(Window)) {
		return ErrStale
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + timestamp + ":"))
	mac.Write(body)
	if !hmac.Equal(mac.Sum(nil), sum) {
		return ErrSignature
	}
	return nil
}
