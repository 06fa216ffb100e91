package lookup

import (
	"regexp"
	"slices"
	"strings"
)

// secretWords are in every name of a credential, and what a value behind such a
// name must have at the least.
var secretWords = []struct {
	word  string
	least int
}{
	{"key", 8}, {"auth", 8}, {"token", 16}, {"secret", 8}, {"passw", 8}, {"passphrase", 8}, {"passwd", 8}, {"pwd", 8}, {"contrase", 8}, {"mot de passe", 8}, {"senha", 8},
	{"wachtwoord", 8}, {"пароль", 8}, {"密码", 8}, {"パスワード", 8}, {"sig=", 16}, {"signature=", 16},
}

var (
	// secretName decides by the whole name, without capitals and with "_" for
	// what parts its words.
	secretName = regexp.MustCompile(`^(?:.*_)?(?:api_?key|apikey|auth|auth_?key|authorization|auth_?token|access_?key|account_?key|shared_?access_?key|subscription_?key|functions?_?key|master_?key|signing_?key|encryption_?key|storage_?key|license_?key|private_?key|secret_?key|secret_?access_?key|secret|[a-z_]*secret(?:_?key|_?id|_?value)?|passw(?:or)?d|passwort|passphrase|pwd|contraseña|contrasena|mot_de_passe|senha|wachtwoord|пароль|密码|パスワード|sig|signature)$|^[a-z_]*(?:passwo?r?d|passwort|secret_?access_?key|secret_?key|api_?key|auth_?token|accountkey|sharedaccesskey)$`)
	// knownToken are tokens that are one whatever their length.
	knownToken = regexp.MustCompile(`(?:^|_)(?:access|refresh|session|id|bearer|security|csrf|xsrf|auth)_?token$`)
	tokenName  = regexp.MustCompile(`(?:^|_|[a-z])token$`)
	// Places in a list, and values that are used once.
	noToken  = regexp.MustCompile(`(?:^|_)(?:page|next|prev|previous|cursor|continuation|continue|sync|postman|cancel|cancellation|client|idempotency|unexpected|invalid|max|request|resume|position|illegal)_?token$|pagetoken$|nexttoken$`)
	ofPerson = regexp.MustCompile(`pass|pwd|contrase|senha|wachtwoord|пароль|密码|パスワード`)
	// joins is what stands between such a name and its value.
	joins = regexp.MustCompile(`^(?:["'\\]{0,4},\s{0,4}\\?["']value\\?)?["'\\]{0,4}\s{0,3}(?:=>|:=|[:=]|(?i:\s(?:is|ist|lautet|est|es|è|é)\s))\s{0,3}["'\\]{0,4}(?i:(?:bearer|basic|token|digest|apikey)\s+)?`)
)

// named finds credentials that only their name gives away.
func named(text, small string) []credential {
	var out []credential
	for _, w := range secretWords {
		places(small, w.word, func(at int) int {
			end := at + len(w.word)
			if strings.HasSuffix(w.word, "=") {
				end--
			}
			for limit := min(len(text), end+24); end < limit && idByte(text[end]); {
				end++
			}
			if c, ok := namedAt(text, small, at, end, w.least); ok {
				out = append(out, c)
				return c.to
			}
			return 0
		})
	}
	return out
}

// namedAt reads the value behind a name that has a secret word at one place and
// ends at another.
func namedAt(text, small string, at, end, least int) (credential, bool) {
	if end == len(text) || strings.IndexByte(`"'\:= ,`, text[end]) < 0 && text[end] != '\n' {
		return credential{}, false
	}
	gap := joins.FindString(text[end:min(len(text), end+64)])
	if gap == "" {
		return credential{}, false
	}
	name := nameBefore(small, at, end)
	switch {
	case knownToken.MatchString(name):
		least = 8
	case noToken.MatchString(name):
		return credential{}, false
	case !secretName.MatchString(name) && !tokenName.MatchString(name):
		return credential{}, false
	}
	from := end + len(gap)
	to := from
	read := func(limit int) {
		for to < limit && text[to] > ' ' && strings.IndexByte(`"',;&<>\`, text[to]) < 0 {
			to++
		}
	}
	read(min(len(text), from+maxChecked))
	head := text[from:to]
	if len(head) < least || !hasDigit(head) || prefixes.MatchString(head) || isField(firstName(head)) {
		return credential{}, false
	}
	read(len(text))
	switch {
	case placeholder(head):
		return credential{from: from, to: to}, true
	case ofPerson.MatchString(name): // people use theirs again, with small changes
		return credential{from, to, "password …"}, true
	}
	return credential{from, to, mask(text[from:to])}, true
}

// firstName is what stands before "=" or ":" in a value that is itself a pair.
func firstName(value string) string {
	if i := strings.IndexAny(value[:min(len(value), 64)], "=:"); i > 0 {
		return value[:i]
	}
	return ""
}

// nameBefore is the whole of a name, with the word before it where one blank
// parts them ("api key", "access token").
func nameBefore(small string, at, end int) string {
	back := func(to int) int {
		from := to
		for from > 0 && to-from < 40 && (idByte(small[from-1]) || small[from-1] == '.') {
			from--
		}
		return from
	}
	from := back(at)
	if from == at && from > 1 && small[from-1] == ' ' {
		from = back(from - 1)
	}
	return strings.Trim(strings.NewReplacer("-", "_", " ", "_", ".", "_").Replace(small[from:end]), "_")
}

var (
	cookies   = regexp.MustCompile(`(?i)\b(?:set-)?cookie["'\\]{0,4}\s{0,3}(?:[:=]|,\s{0,4}\\?["']value\\?["']\s{0,3}:)\s{0,3}["'\\]{0,4}([^"'\n]*)`)
	jar       = regexp.MustCompile(`(?:^|\s)(?:-b|--cookie)[ =]["']?([^"'\n]*=[^"'\n]*)`)
	crumb     = regexp.MustCompile(`(?i)([\w.-]{0,60}(?:sess|sid|auth|token|jwt|login|remember)[\w.-]{0,60})=([^\s;,"']{16,})`)
	curlUser  = regexp.MustCompile(`(?:^|\s)(?:-u|--user|--proxy-user)[ =]?["']?([^\s:"']{1,100}:([^\s"']{4,200}))`)
	allDigits = regexp.MustCompile(`^[0-9]+$`)
)

// sessions finds cookies, and names with passwords on a command line.
func sessions(text, small string) []credential {
	var out []credential
	baked := func(at []int) {
		c := credential{from: at[0], to: at[1]}
		for _, m := range crumb.FindAllStringSubmatch(text[at[2]:at[3]], 8) {
			if hasDigit(m[2]) && !placeholder(m[2]) {
				c.shown = "cookie " + m[1] + "=" + mask(m[2])
				break
			}
		}
		out = append(out, c)
	}
	if strings.Contains(small, "cookie") {
		for _, at := range cookies.FindAllStringSubmatchIndex(text, -1) {
			baked(at)
		}
	}
	if strings.Contains(small, "-b ") || strings.Contains(small, "--cookie") {
		for _, at := range jar.FindAllStringSubmatchIndex(text, -1) {
			baked(at)
		}
	}
	if slices.ContainsFunc([]string{"-u", "-user"}, func(hint string) bool { return strings.Contains(small, hint) }) {
		for _, at := range curlUser.FindAllStringSubmatchIndex(text, -1) {
			if password := text[at[4]:at[5]]; !allDigits.MatchString(password) && !placeholder(password) {
				out = append(out, credential{at[2], at[3], "password on a command line …"})
			}
		}
	}
	return out
}
