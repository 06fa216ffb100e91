package event

import (
	"strconv"
	"strings"
	"unicode"
)

// limitCodes are the codes that put any status into the limits family.
var limitCodes = []string{"rate_limit", "ratelimit", "quota", "too_many_requests", "throttl", "resource_exhausted", "limit_exceeded", "slow_down"}

// FamilyOf sorts a failure by its status and canonical code, as DESIGN.md
// "Words" has it. status 0 means unknown.
func FamilyOf(status int, code string) Family {
	switch {
	case status == 502 || status == 504:
		return FamilyUpstream
	case code == "provider_error" || code == "upstream_error" || code == "bad_gateway" || code == "gateway_timeout":
		return FamilyUpstream
	case status == 429 || isLimitCode(code):
		return FamilyLimits
	case status >= 400 && status < 500:
		return FamilyCaller
	default:
		return FamilyUs
	}
}

func isLimitCode(code string) bool {
	for _, c := range limitCodes {
		if strings.Contains(code, c) {
			return true
		}
	}
	return false
}

// CanonicalCode turns a code as it was sent into lower snake case: camelCase
// is split, anything before '#' dropped, a URI reduced to its last segment, a
// dotted prefix dropped only when the last segment is CamelCase; otherwise '.'
// and '-' become '_'. An empty code gives http_<status>.
func CanonicalCode(raw string, status int) string {
	s := strings.TrimSpace(raw)
	if i := strings.LastIndexByte(s, '#'); i >= 0 && i < len(s)-1 {
		s = s[i+1:]
	}
	if strings.Contains(s, "://") || strings.HasPrefix(s, "urn:") || strings.HasPrefix(s, "/") {
		s = lastSegment(s)
	}
	if i := strings.LastIndexByte(s, '.'); i >= 0 && i < len(s)-1 && isCamel(s[i+1:]) {
		s = s[i+1:]
	}
	s = snake(s)
	if s == "" {
		if status <= 0 {
			return "unknown"
		}
		return "http_" + strconv.Itoa(status)
	}
	return s
}

func lastSegment(s string) string {
	if i := strings.IndexAny(s, "?"); i >= 0 {
		s = s[:i]
	}
	s = strings.TrimRight(s, "/:")
	if i := strings.LastIndexAny(s, "/:"); i >= 0 {
		s = s[i+1:]
	}
	return s
}

// isCamel reports CamelCase: starts upper, has a lower-case letter.
func isCamel(s string) bool {
	first := true
	lower := false
	for _, r := range s {
		if first {
			if !isUpper(r) {
				return false
			}
			first = false
		}
		if unicode.IsLower(r) {
			lower = true
		}
	}
	return lower
}

// isUpper leaves out capitals that have no small letter, such as ϔ: they would
// stay capitals, and be split off again.
func isUpper(r rune) bool { return unicode.IsUpper(r) && unicode.ToLower(r) != r }

func snake(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		switch {
		case isUpper(r):
			boundary := i > 0 && (unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) ||
				(isUpper(runes[i-1]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])))
			if boundary {
				underscore(&b)
			}
			b.WriteRune(unicode.ToLower(r))
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		default:
			underscore(&b)
		}
	}
	return strings.Trim(b.String(), "_")
}

func underscore(b *strings.Builder) {
	if s := b.String(); s != "" && !strings.HasSuffix(s, "_") {
		b.WriteByte('_')
	}
}
