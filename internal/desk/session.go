package desk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"errata/internal/auth"
	"errata/internal/fault"
	"errata/internal/store"
)

// sessionLength is how long a page may ask before it shows its token again.
const sessionLength = 15 * time.Minute

// MakeToken makes the token that the app in Zendesk is given, in place of the one
// before it. This is the only time that it is seen: its hash is kept.
func (d *Desk) MakeToken(ctx context.Context, actor store.Actor, ws int32, id string) (string, error) {
	token := auth.NewToken(auth.TokenPrefix)
	if _, err := d.Store.SetIntegrationToken(ctx, actor, ws, id, auth.Hash(token)); err != nil {
		return "", err
	}
	return token, nil
}

func refused() error {
	return fault.New(fault.Unauthorized, "embed_unauthorized", "The token is not this integration's, or it was replaced. An admin finds a new one under Settings, Integrations, and enters it in the app's settings in Zendesk.")
}

// mayOpen reports whether a token is the integration's, in constant time.
func mayOpen(door *store.Door, token string) bool {
	return len(door.TokenHash) > 0 && subtle.ConstantTimeCompare(auth.Hash(token), door.TokenHash) == 1
}

// sealSession makes what the page shows instead of its token until then. It is
// signed with the token's hash, so that it ends with the token, and nothing has to
// be kept.
func sealSession(door *store.Door, until time.Time) string {
	end := strconv.FormatInt(until.Unix(), 10)
	return auth.SessionPrefix + end + "_" + hex.EncodeToString(sessionSum(door, end))
}

func sessionSum(door *store.Door, end string) []byte {
	mac := hmac.New(sha256.New, door.TokenHash)
	mac.Write([]byte("errata embedded session\x00" + door.ID + "\x00" + end))
	return mac.Sum(nil)
}

// openSession says whether a session is the integration's, and lasts.
func openSession(door *store.Door, session string, now time.Time) bool {
	rest, ok := strings.CutPrefix(session, auth.SessionPrefix)
	end, sum, cut := strings.Cut(rest, "_")
	until, err := strconv.ParseInt(end, 10, 64)
	given, hexErr := hex.DecodeString(sum)
	if !ok || !cut || err != nil || hexErr != nil || len(door.TokenHash) == 0 || !hmac.Equal(given, sessionSum(door, end)) {
		return false
	}
	return now.Before(time.Unix(until, 0))
}
