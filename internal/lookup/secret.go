package lookup

import (
	"regexp"
	"slices"
	"strings"

	"errata/internal/auth"
)

// secrets are the shapes of credentials that end up in tickets.
var secrets = regexp.MustCompile(`(?i)\b(?:erk_[A-Za-z0-9]{20,}|er[lsvz]_[\w-]{40,}|(?:sk|pk|rk|ep|ak)[_-](?:live|test|proj|ant|prod|svcacct)[_-][\w-]{8,}|sk[_-][A-Za-z0-9]{16,}|whsec_[\w+/=-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|AIza[\w-]{30,}|(?:AKIA|ASIA)[0-9A-Z]{12,}|SG\.[\w-]{16,}\.[\w-]{16,}|(?:bearer|basic)\s+[\w.~+/-]{12,}=*|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)`)

// named are credentials that only their name gives away.
var named = regexp.MustCompile(`(?i)\b((?:x-)?api[-_ ]?key|(?:[\w-]*[_-])?auth(?:orization)?(?:[-_ ]?token)?|(?:access|refresh|session|id|bearer|security|csrf|xsrf)[-_ ]?token|(?:[\w-]*[_-])?secret(?:[-_ ]?key)?|passw(?:or)?d|passwort|contraseña|pwd|private[-_ ]?key)(["']?\s{0,3}(?:=>|[:=])\s{0,3}["']?)((?:bearer|basic|token)\s+)?([^\s"',;&<>]{8,})`)

// cookies hold sessions and nothing that is looked up.
var cookies = regexp.MustCompile(`(?i)\b(?:set-)?cookie["']?\s{0,3}[:=][^"'\n]*`)

// HasSecret reports whether the text holds something like a live credential,
// whose owner should replace it.
func HasSecret(text string) bool {
	small := strings.ToLower(text)
	if hinted(small, shapeHints) && slices.ContainsFunc(secrets.FindAllString(text, 64), live) {
		return true
	}
	if !hinted(small, nameHints) {
		return false
	}
	for _, m := range named.FindAllStringSubmatch(text, 64) {
		if hasDigit(m[4]) {
			return true
		}
	}
	return false
}

// live tells credentials from words that stand where one would: "basic
// authentication". What we give out ourselves is known without a digit.
func live(s string) bool {
	return hasDigit(s) || slices.ContainsFunc(auth.Prefixes, func(p string) bool { return hasFold(s, p) })
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// maxShown bounds the credentials that are named to the reader.
const maxShown = 5

// Masked gives the credentials in the text as they may be shown: enough to
// tell which to replace, not enough to use it.
func Masked(text string) []string {
	if len(text) > MaxText {
		text = text[:MaxText]
	}
	var out []string
	seen := map[string]bool{}
	show := func(s string) {
		if m := mask(s); !seen[m] && len(out) < maxShown {
			seen[m] = true
			out = append(out, m)
		}
	}
	small, rest := strings.ToLower(text), text
	if hinted(small, shapeHints) {
		rest = secrets.ReplaceAllStringFunc(text, func(s string) string {
			if live(s) {
				show(s)
			}
			return " "
		})
	}
	if !hinted(small, nameHints) {
		return out
	}
	for _, m := range named.FindAllStringSubmatch(rest, 64) {
		if hasDigit(m[4]) {
			show(m[4])
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

// withoutSecrets blanks credentials, also those that only their name gives
// away, and sessions in cookies.
func withoutSecrets(s string) string {
	small := strings.ToLower(s)
	if hinted(small, shapeHints) {
		s = secrets.ReplaceAllString(s, " ")
	}
	if strings.Contains(small, "cookie") {
		s = cookies.ReplaceAllString(s, " ")
	}
	if !hinted(small, nameHints) {
		return s
	}
	return named.ReplaceAllStringFunc(s, func(s string) string {
		m := named.FindStringSubmatch(s)
		if !hasDigit(m[4]) || prefixes.MatchString(m[4]) {
			return s
		}
		return " "
	})
}

// Hints are in every credential of a shape, and in every name of one; to look
// for them first is much faster than the expressions.
var (
	shapeHints = []string{
		"erk_", "erl_", "ers_", "erv_", "erz_", "sk_", "sk-", "pk_", "pk-", "rk_", "rk-", "ep_", "ep-", "ak_", "ak-", "whsec_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-",
		"xox", "aiza", "akia", "asia", "sg.", "bearer", "basic", "eyj",
	}
	nameHints = []string{"key", "auth", "token", "secret", "pass", "contrase", "pwd"}
)

func hinted(small string, hints []string) bool {
	return slices.ContainsFunc(hints, func(hint string) bool { return strings.Contains(small, hint) })
}
