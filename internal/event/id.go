package event

import (
	"strings"
	"unicode/utf8"
)

// MaxIDLen bounds every opaque identifier, in bytes.
const MaxIDLen = 200

// junkIDs are values that careless code sends where an ID should be. They
// count as absent, or every such failure would be found under one "ID".
var junkIDs = map[string]bool{
	"-": true, "--": true, "null": true, "nil": true, "<nil>": true, "undefined": true, "none": true,
	"nan": true, "n/a": true, "na": true, "unknown": true, "(null)": true, "[object object]": true,
	"false": true, "true": true, "empty": true, "{}": true, "[]": true, "\"\"": true, "''": true,
	"request_id": true, "requestid": true, "request-id": true, "x-request-id": true,
	"idempotency-key": true, "idempotency_key": true, "test": true, "todo": true, "xxx": true, "string": true, "0": true, "-1": true, "1": true,
}

// CleanID makes an identifier out of what was sent: the first element of a
// list or of a stringified array, trimmed; "" when it is absent, junk, too
// long, not UTF-8, or has control characters.
func CleanID(s string) string {
	s = unlisted(s)
	if i := strings.IndexByte(s, ','); i >= 0 {
		s = s[:i]
	}
	return cleanID(s)
}

// CleanKey is CleanID for an idempotency key. Clients make keys of whatever
// tells their requests apart, so that a comma in one begins no second one: what
// is behind it may be all that differs.
func CleanKey(s string) string { return cleanID(unlisted(s)) }

// unlisted takes the brackets off a stringified array.
func unlisted(s string) string {
	s = strings.TrimSpace(s)
	for _, pair := range []string{"[]", "()"} {
		if len(s) >= 2 && s[0] == pair[0] && s[len(s)-1] == pair[1] {
			s = strings.TrimSpace(s[1 : len(s)-1])
		}
	}
	return s
}

func cleanID(s string) string {
	s = strings.Trim(strings.TrimSpace(s), `"'`)
	s = strings.TrimSpace(s)
	if s == "" || len(s) > MaxIDLen || !utf8.ValidString(s) || IsJunkID(s) {
		return ""
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r <= 0x9f) || r == utf8.RuneError {
			return ""
		}
	}
	return s
}

// IsJunkID reports placeholder values and IDs made of zeros only.
func IsJunkID(s string) bool {
	if junkIDs[strings.ToLower(s)] {
		return true
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '0' && s[i] != '-' {
			return false
		}
	}
	return true
}

// CleanHex returns s as n lower-case hex digits, or "" when it is not that or
// is all zeros.
func CleanHex(s string, n int) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) != n {
		return ""
	}
	zero := true
	for i := 0; i < n; i++ {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
		if c != '0' {
			zero = false
		}
	}
	if zero {
		return ""
	}
	return s
}

// foldPairs are characters that people misread or mistype for one another.
var foldPairs = strings.NewReplacer("o", "0", "i", "1", "l", "1")

// Fold maps look-alike IDs to one form: ASCII case, l/i/1 and o/0. It equals
// the SQL expression translate(lower(x), 'oil', '011') under COLLATE "C".
func Fold(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 32
		}
	}
	return foldPairs.Replace(string(b))
}
