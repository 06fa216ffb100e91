package route

// Classes of bytes, as far as they matter for telling values from words.
const (
	lower = 1 << iota
	upper
	digit
	other
)

// isValue tells a value from a word of a route. It errs towards words: a value
// that is missed can still be learned, a word that is replaced is gone.
func isValue(s string) bool {
	if len(s) > maxWord {
		return true
	}
	if s == "" || placeholder(s) {
		return false
	}
	seen := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x80 || c == '@' || c == '=' || c == '%' && i+2 < len(s) {
			return true // text, an address, base64, or escaped
		}
		seen |= classOf(c)
	}
	switch {
	case seen&digit == 0 && len(s) < longToken:
		return false
	case seen&(lower|upper) == 0:
		return seen&digit != 0 // numbers, dates, versions, coordinates
	case uuid(s):
		return true
	}
	return anyToken(s)
}

// anyToken looks at what stands between the separators: an ID may have a
// prefix (req_3Nk…), a file's name an extension.
func anyToken(s string) bool {
	from := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && classOf(s[i]) != other {
			continue
		}
		if i > from && tokenVaries(s[from:i], from > 0 && s[from-1] == '_') {
			return true
		}
		from = i + 1
	}
	return false
}

const (
	// longToken: words that are longer are several, written together, whose
	// capitals are rarer than those of random letters.
	longToken = 16
	// shortToken: what is that short is a word, as 2fa, s3, i18n.
	shortToken = 4
)

// tokenVaries tells an ID from words with digits in them, as oauth2, sha256 or
// v2beta1. tagged says that something and an underscore come before.
func tokenVaries(s string, tagged bool) bool {
	var digits, turns, changes int
	hex := true
	last := 0
	for i := 0; i < len(s); i++ {
		class := classOf(s[i])
		if class == digit {
			digits++
		} else if c := s[i] | 0x20; c > 'f' {
			hex = false
		}
		if i > 0 && class != last {
			changes++
			if class == digit || last == digit {
				turns++
			}
		}
		last = class
	}
	switch {
	case len(s) >= longToken && changes*5 >= len(s)*2: // no words have so many capitals and digits
		return true
	case digits == 0:
		return false
	case digits == len(s):
		return digits >= 4
	case len(s) <= shortToken || technical(s) || version(s):
		return false
	case hex && len(s) >= 8, len(s) >= 8 && (turns >= 3 || digits*2 >= len(s)), len(s) >= longToken && digits >= 4:
		return true
	default:
		return digits >= 3 || tagged && len(s) >= 6
	}
}

// version recognises v2024 and v2beta1. Shorter ones need no recognising.
func version(s string) bool {
	if s[0] != 'v' || s[1] < '0' || s[1] > '9' || len(s) > 9 {
		return false
	}
	turns := 0
	for i := 2; i < len(s); i++ {
		class := classOf(s[i])
		if class == upper || class == other {
			return false
		}
		if class != classOf(s[i-1]) {
			turns++
		}
	}
	return turns <= 2 // v2024, v2beta, v2beta1
}

// technical are words that are written with digits and could be taken for IDs.
func technical(s string) bool {
	switch s {
	case "sha224", "sha256", "sha384", "sha512", "base32", "base58", "base64", "aes128", "aes192", "aes256", "ed25519", "x25519", "secp256k1",
		"iso8601", "iso3166", "iso4217", "utf16", "utf16le", "utf16be", "utf8mb4", "base64url", "rfc3339", "x86_64", "arm64", "amd64",
		"oauth1", "oauth2", "oauth10", "oauth20", "saml20", "auth0", "log4j2", "http2", "http3", "argon2id", "h2database", "rs256", "hs256", "es256":
		return true
	}
	return false
}

// uuid recognises 8-4-4-4-12 hex digits.
func uuid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i] | 0x20; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if s[i] != '-' {
				return false
			}
		case classOf(s[i]) != digit && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

func classOf(c byte) int {
	switch {
	case c >= 'a' && c <= 'z':
		return lower
	case c >= '0' && c <= '9':
		return digit
	case c >= 'A' && c <= 'Z':
		return upper
	default:
		return other
	}
}
