package normalize

import "strings"

// secretNames are the names of values that must not be stored, longest first
// where one starts with another.
var secretNames = []string{
	"access_token", "access-token", "accesstoken", "api_key", "api-key", "apikey", "authorization", "client_secret",
	"client-secret", "clientsecret", "cookie", "id_token", "passwd", "password", "proxy-authorization", "refresh_token",
	"refresh-token", "refreshtoken", "secret", "set-cookie", "token", "x-api-key",
}

// named gives the value after a secret's name that starts at i: password=…,
// "token": "…", Authorization: ….
func named(s string, i int, name string) (from, to int) {
	if !hasFold(s[i:], name) {
		return 0, 0
	}
	return valueAfter(s, i+len(name), name)
}

// valueAfter gives the value that is assigned at i, where a name ended.
func valueAfter(s string, i int, name string) (from, to int) {
	for i < len(s) && (s[i] == '"' || s[i] == '\'' || s[i] == '\\') {
		i++
	}
	i = skipSpace(s, i)
	if i >= len(s) || (s[i] != '=' && s[i] != ':') {
		return 0, 0
	}
	sign := s[i]
	if i++; sign == '=' && i < len(s) && s[i] == '>' { // Ruby's "password"=>"…"
		i++
	}
	from = skipSpace(s, i)
	for from < len(s) && s[from] == '\\' {
		from++
	}
	if from < len(s) && (s[from] == '"' || s[from] == '\'') {
		return from + 1, closing(s, from+1, s[from])
	}
	if strings.HasPrefix(s[from:], mask) {
		return 0, 0
	}
	for to = from; to < len(s) && !endsValue(s[to], false); to++ {
	}
	if sign == ':' && sentence(s[from:to], s[to:]) {
		return 0, 0
	}
	if sign == ':' && (strings.HasSuffix(name, "cookie") || strings.HasSuffix(name, "authorization")) {
		for to < len(s) && !endsValue(s[to], true) {
			to++
		}
	}
	return from, to
}

func closing(s string, i int, quote byte) int {
	for ; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && s[i+1] != quote {
			i++
			continue
		}
		if s[i] == quote || s[i] == '\\' {
			return i
		}
	}
	return len(s)
}

func endsValue(c byte, wholeLine bool) bool {
	if wholeLine {
		return c == '\n' || c == '"' || c == '\''
	}
	return c <= ' ' || strings.IndexByte(`"'&,;)}]<>`, c) >= 0
}

// sentence tells "password: is too short" from "password: hunter2" by the
// first word after the name.
func sentence(word, rest string) bool {
	switch strings.ToLower(word) {
	case "bearer", "basic", "digest", "token":
		return false
	}
	for i := 0; i < len(word); i++ {
		if c := word[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return strings.HasPrefix(rest, " ")
}

// secretName reports keys of JSON objects and headers whose value is a secret.
func secretName(key string) bool {
	folded := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(key))
	switch folded {
	case "token", "accesstoken", "refreshtoken", "idtoken", "sessiontoken", "authtoken", "authorization", "proxyauthorization",
		"cookie", "setcookie", "privatekey":
		return true
	}
	return strings.HasSuffix(folded, "password") || strings.HasSuffix(folded, "passwd") || strings.HasSuffix(folded, "secret") ||
		strings.HasSuffix(folded, "apikey")
}

// secretHeader reports headers that carry credentials.
func secretHeader(name string) bool {
	lower := strings.ToLower(name)
	return secretName(lower) || strings.HasSuffix(lower, "-token") || strings.HasSuffix(lower, "auth-key") || lower == "x-auth"
}

// RedactHeaders gives a copy of the headers without credentials.
func RedactHeaders(headers map[string]string) map[string]string {
	if headers == nil {
		return nil
	}
	out := make(map[string]string, len(headers))
	for name, value := range headers {
		if secretHeader(name) {
			out[name] = mask
			continue
		}
		out[name], _ = maskSecrets(value, false)
	}
	return out
}
