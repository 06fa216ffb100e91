package normalize

import (
	"encoding/json"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"errata/internal/dialect"
	"errata/internal/event"
)

// How long things may be, in bytes.
const (
	maxName    = 200
	maxPath    = 1 << 10
	maxMessage = 8 << 10
	maxStack   = 64 << 10
	maxDetails = 32 << 10
	maxBody    = 256 << 10
	maxHeader  = 1 << 10
	maxHeaders = 64
)

// Limits of what is stored, beside those in bytes.
const (
	maxAliases    = 16
	maxFields     = 50
	maxDimensions = 64 // nesting of JSON that goes into jsonb
)

// builder makes one Event and keeps the notes about what it had to change.
type builder struct {
	env      *event.Envelope
	said     dialect.Reading
	event    *event.Event
	changes  []string
	redacted int
	memo     *Memo
	sent     string // the endpoint that the sender named, cleaned
	// The hashes of the stack trace as it was sent and as it is stored.
	stackSent, stackStored [16]byte
	stack                  *prose // nil without one
}

func (b *builder) note(what string) {
	if !slices.Contains(b.changes, what) {
		b.changes = append(b.changes, what)
	}
}

func (b *builder) notes() []string {
	if b.redacted > 0 {
		b.note("redacted:" + strconv.Itoa(b.redacted))
	}
	return b.changes
}

// line makes a short single-line field: masked, without control characters,
// cut. Numbers in it are no card numbers: such fields hold names and IDs.
func (b *builder) line(field, s string, limit int) string {
	if s == "" {
		return ""
	}
	clean := cleanLine(s)
	if clean != s {
		b.noteCleaned(field, s)
	}
	clean, n := maskSecrets(strings.TrimSpace(clean), false)
	b.redacted += n
	return b.cut(field, clean, limit)
}

// text makes a field of prose.
func (b *builder) text(field, s string, limit int) string {
	if s == "" {
		return ""
	}
	clean := cleanText(s)
	if clean != s {
		b.noteCleaned(field, s)
	}
	clean, n := Redact(clean)
	b.redacted += n
	return b.cut(field, clean, limit)
}

func (b *builder) noteCleaned(field, s string) {
	if strings.IndexByte(s, 0) >= 0 {
		b.note("nul_removed:" + field)
	}
	if !utf8.ValidString(s) {
		b.note("utf8_repaired:" + field)
	}
}

func (b *builder) cut(field, s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	b.note("clamped:" + field)
	return cutRunes(s, limit)
}

// cutRunes cuts to at most limit bytes without splitting a character.
func cutRunes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// cleanText repairs UTF-8 and drops control characters but line feeds and tabs.
func cleanText(s string) string { return cleaned(s, true) }

// cleanLine also drops those.
func cleanLine(s string) string { return cleaned(s, false) }

func cleaned(s string, multiline bool) string {
	if clean(s, multiline) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			if multiline {
				return r
			}
			return ' '
		}
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// json makes a field that goes into jsonb.
func (b *builder) json(field string, raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return nil
	}
	if !json.Valid(raw) {
		raw = quote(string(raw))
	}
	out, n, ok := rewrite(raw)
	b.redacted += n
	if !ok || len(out) > maxDetails {
		b.note("clamped:" + field)
		return json.RawMessage(`{"truncated":true,"bytes":` + strconv.Itoa(len(raw)) + `}`)
	}
	return out
}

// body masks the answer's body for the raw view.
func (b *builder) body(body []byte) []byte {
	if len(body) == 0 {
		return nil
	}
	if json.Valid(body) {
		if out, n, ok := rewrite(body); ok && len(out) <= maxBody {
			b.redacted += n
			return out
		}
	}
	return []byte(b.text("body", string(body), maxBody))
}

// headers keeps the first headers by name, masked.
func (b *builder) headers(headers map[string]string) map[string]string {
	if len(headers) == 0 {
		return nil
	}
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(names) > maxHeaders {
		names = names[:maxHeaders]
		b.note("clamped:headers")
	}
	out := make(map[string]string, len(names))
	for _, name := range names {
		key := b.line("headers", strings.ToLower(name), maxName)
		if secretHeader(name) {
			out[key] = mask
			b.redacted++
			continue
		}
		out[key] = b.line("headers", headers[name], maxHeader)
	}
	return out
}

func withoutQuery(s string) string {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		return s[:i]
	}
	return s
}

// clean is the fast path: plain ASCII text, or valid UTF-8, without controls.
func clean(s string, lines bool) bool {
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case b >= 0x80:
			return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
				return (r < 0x20 && (!lines || (r != '\n' && r != '\t'))) || (r >= 0x7f && r <= 0x9f)
			})
		case b < 0x20 && (!lines || (b != '\n' && b != '\t')), b == 0x7f:
			return false
		}
	}
	return true
}
