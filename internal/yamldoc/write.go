package yamldoc

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// Scalar writes text so that YAML reads it as just that, on one line.
func Scalar(s string) string {
	plain := s != "" && strings.TrimSpace(s) == s && !strings.ContainsAny(s, "\"'\\#&*!|>%@`{}[],:?~\u0085\u2028\u2029\ufeff") && Line(s) && !strings.HasPrefix(s, "-")
	switch strings.ToLower(s) {
	case "yes", "no", "on", "off", "y", "n": // words of YAML 1.1, which other programs read
		plain = false
	}
	if plain {
		// What looks like a number, a date or a word of YAML is none only in quotes.
		var v any
		if err := yaml.Unmarshal([]byte(s), &v); err == nil && v == any(s) {
			return s
		}
	}
	return quote(s)
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s) + `"`
}

// Line reports text of one line that can be stored, and shown as it is.
func Line(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) })
}

// Lines writes a key with its text: on one line where it is one, else as a block
// that people can read.
func Lines(key, text string) []string {
	parts := strings.Split(text, "\n")
	if len(parts) == 1 || !blocky(parts) {
		return []string{key + ": " + Scalar(text)}
	}
	out := []string{key + ": |-"}
	for _, p := range parts {
		if p != "" {
			p = "  " + p
		}
		out = append(out, p)
	}
	return out
}

// blocky reports lines that a block gives back as they are.
func blocky(parts []string) bool {
	for i, p := range parts {
		edge := i == 0 || i == len(parts)-1
		if edge && p == "" || !Line(p) || p != strings.TrimSpace(p) || strings.ContainsAny(p, "\u0085\ufeff") {
			return false
		}
	}
	return true
}
