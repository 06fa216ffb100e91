package identity

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// NewID makes the ID that an Event has when it is founded by this item: a
// UUIDv7 (RFC 9562) whose random bits come from the item's own hash. The same
// item gets the same ID in every collector and on every retry, IDs sort by
// time, and an ID names its day. at is occurred_at, or received_at where the
// sender gave no time. An item that is not idempotent gets true random bits.
func NewID(at time.Time, own [16]byte, idempotent bool) string {
	if !idempotent {
		rand.Read(own[:]) //nolint:errcheck // never fails since Go 1.24
	}
	var id [16]byte
	ms := max(at.UnixMilli(), 0)
	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16)
	copy(id[6:], own[:10])
	id[6] = 0x70 | id[6]&0x0f
	id[8] = 0x80 | id[8]&0x3f
	return FormatUUID(id)
}

// SameItem reports whether two Event IDs were made from the same item,
// whatever their times.
func SameItem(a, b string) bool {
	return len(a) == 36 && len(b) == 36 && a[14:] == b[14:]
}

// Time gives the time in a NewID, to the millisecond; false when id is no
// UUIDv7.
func Time(id string) (time.Time, bool) {
	if len(id) != 36 || id[8] != '-' || id[14] != '7' {
		return time.Time{}, false
	}
	var text [12]byte
	copy(text[copy(text[:], id[:8]):], id[9:13])
	var full [8]byte
	if _, err := hex.Decode(full[2:], text[:]); err != nil {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(full[:]))).UTC(), true //nolint:gosec // 48 bits
}

// FormatUUID writes 16 bytes in the canonical form.
func FormatUUID(id [16]byte) string {
	var out [36]byte
	hex.Encode(out[:8], id[:4])
	out[8] = '-'
	hex.Encode(out[9:13], id[4:6])
	out[13] = '-'
	hex.Encode(out[14:18], id[6:8])
	out[18] = '-'
	hex.Encode(out[19:23], id[8:10])
	out[23] = '-'
	hex.Encode(out[24:], id[10:])
	return string(out[:])
}
