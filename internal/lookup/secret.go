package lookup

import (
	"slices"
	"strings"
)

// credential is a place in a text that holds something live: a key, a password,
// a session.
type credential struct {
	from, to int
	// shown is how the reader is told of it. It is empty for what is only taken
	// out: a word in the place of a key, a cookie that nobody logs in with.
	shown string
}

// credentials finds what must not be looked up, stored or shown, in the order in
// which it stands in the text, and none over another.
func credentials(text string) []credential {
	small := lowered(text)
	var all []credential
	for _, find := range []func(text, small string) []credential{privateKeys, sessions, userinfo, issued, named} {
		all = append(all, find(text, small)...)
	}
	slices.SortStableFunc(all, func(a, b credential) int { return a.from - b.from })
	out := all[:0]
	for _, c := range all {
		last := len(out) - 1
		if last < 0 || c.from >= out[last].to {
			out = append(out, c)
			continue
		}
		out[last].to = max(out[last].to, c.to)
		if out[last].shown == "" {
			out[last].shown = c.shown
		}
	}
	return out
}

// lowered is the text without capitals, byte for byte as long.
func lowered(text string) string {
	b := []byte(text)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

// HasSecret reports whether the text holds something like a live credential,
// whose owner should replace it.
func HasSecret(text string) bool {
	return slices.ContainsFunc(credentials(text), func(c credential) bool { return c.shown != "" })
}

// maxShown bounds the credentials that are named to the reader.
const maxShown = 5

// Masked gives the credentials in the text as they may be shown: enough to
// tell which to replace, not enough to use it.
func Masked(text string) []string {
	var out []string
	for _, c := range credentials(text[:min(len(text), MaxText)]) {
		if c.shown != "" && len(out) < maxShown && !slices.Contains(out, c.shown) {
			out = append(out, c.shown)
		}
	}
	return out
}

// mask keeps the kind of a credential and its last four characters, where it is
// so long that they give nothing away.
func mask(s string) string {
	if kind, value, ok := strings.Cut(s, " "); ok {
		return kind + " " + mask(strings.TrimSpace(value))
	}
	head, tail := "", ""
	if i := strings.LastIndexAny(s[:min(len(s), 9)], "_-"); i > 0 {
		head = s[:i+1]
	}
	if len(s)-len(head) >= 16 {
		tail = s[len(s)-4:]
	}
	return head + "…" + tail
}

// withoutSecrets blanks credentials and cookies.
func withoutSecrets(s string) string {
	found := credentials(s)
	if len(found) == 0 {
		return s
	}
	var out strings.Builder
	from := 0
	for _, c := range found {
		out.WriteString(s[from:c.from])
		out.WriteByte(' ')
		from = c.to
	}
	out.WriteString(s[from:])
	return out.String()
}

// holdsKey reports a value that has the shape of a key, whatever stood before it.
func holdsKey(value string) bool { return len(issued(value, lowered(value))) > 0 }

// placeholder reports what documentation and logs write in the place of a
// secret.
func placeholder(s string) bool {
	small := lowered(s)
	return strings.ContainsAny(s, "$<{…•[") || strings.Contains(small, "%7b") ||
		slices.ContainsFunc([]string{"***", "xxxx", "....", "redacted", "filtered", "masked", "hidden", "your", "example", "minlength", "placeholder", "changeme"}, func(w string) bool { return strings.Contains(small, w) })
}

// places gives where a hint stands in the text.
func places(small, hint string, fn func(at int) (next int)) {
	for from := 0; ; {
		i := strings.Index(small[from:], hint)
		if i < 0 {
			return
		}
		from = max(from+i+len(hint), fn(from+i))
	}
}
