package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newKeys(t *testing.T, current string, previous ...string) *Keys {
	t.Helper()
	k, err := NewKeys(current, previous...)
	require.NoError(t, err)
	return k
}

func TestSealAndOpen(t *testing.T) {
	one, two := NewKey(), NewKey()
	k := newKeys(t, one)
	for _, secret := range []string{"", "xoxb-hush", strings.Repeat("ü", 1000)} {
		a, err := k.Seal(secret, "channel 1")
		require.NoError(t, err)
		b, err := k.Seal(secret, "channel 1")
		require.NoError(t, err)
		assert.NotEqual(t, a.Data, b.Data, "each time another one")
		assert.NotContains(t, a.Data, "hush")
		got, err := k.Open(a, "channel 1")
		require.NoError(t, err)
		assert.Equal(t, secret, got)
		_, err = k.Open(a, "channel 2")
		assert.ErrorIs(t, err, ErrTampered, "it opens nowhere else")

		// The next key opens what the last one sealed, and not the other way round.
		got, err = newKeys(t, two, one).Open(a, "channel 1")
		require.NoError(t, err)
		assert.Equal(t, secret, got)
		var missing *MissingKeyError
		for _, other := range []*Keys{newKeys(t, two), newKeys(t, ""), nil, {}} {
			_, err = other.Open(a, "channel 1")
			require.ErrorAs(t, err, &missing)
			assert.Equal(t, k.Current(), missing.ID)
		}
		raw, err := base64.StdEncoding.DecodeString(a.Data)
		require.NoError(t, err)
		for i := range raw { // every single bit counts
			bad := append([]byte{}, raw...)
			bad[i] ^= 1
			_, err = k.Open(Box{a.Key, base64.StdEncoding.EncodeToString(bad)}, "channel 1")
			require.ErrorIs(t, err, ErrTampered)
		}
		for _, data := range []string{"", "AAAA", "!", a.Data[:len(a.Data)-4]} {
			_, err = k.Open(Box{a.Key, data}, "channel 1")
			assert.ErrorIs(t, err, ErrTampered)
		}
	}
	_, err := newKeys(t, "", one).Seal("x", "")
	assert.Error(t, err, "an old key seals nothing")
}

func TestKeys(t *testing.T) {
	raw := bytes.Repeat([]byte{0xfb, 0xff, 0xbe, 0x01}, 8) // + and / in base64
	var ids []string
	for _, text := range []string{base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw), base64.URLEncoding.EncodeToString(raw), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), " " + hex.EncodeToString(raw) + "\n"} {
		ids = append(ids, newKeys(t, text).Current())
	}
	for _, id := range ids {
		assert.Equal(t, ids[0], id, "one key, however it is written")
		assert.Len(t, id, 8)
	}
	for _, bad := range []string{"short", strings.Repeat("a", 63), strings.Repeat("00", 32), base64.StdEncoding.EncodeToString(raw[:31]), strings.Repeat("hush", 20)} {
		_, err := NewKeys(bad)
		require.Error(t, err, bad)
		assert.NotContains(t, err.Error(), bad)
		_, err = NewKeys(NewKey(), bad)
		assert.Error(t, err)
	}
	assert.Empty(t, newKeys(t, "", NewKey()).Current())
	assert.NotEqual(t, newKeys(t, NewKey()).Current(), newKeys(t, NewKey()).Current())
}
