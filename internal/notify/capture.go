package notify

import (
	"encoding/json"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is kept of an exchange, in bytes.
const (
	maxShownRequest  = 16 << 10
	maxShownResponse = 4 << 10
	maxShownHeader   = 300
	maxReason        = 500
)

// scrubber takes a channel's secrets out of text, in each form in which a
// server may send them back.
type scrubber struct{ replace *strings.Replacer }

// shortest is what counts as a secret in a text: replacing "on" everywhere
// would hide the text and tell the secret.
const shortest = 6

// keyLike is how long a part of a secret URL's path is that may be its key.
const keyLike = 12

func newScrubber(c Channel) scrubber {
	var forms []string
	add := func(s string) {
		if len(s) < shortest {
			return
		}
		quoted, _ := json.Marshal(s)
		forms = append(forms, s, url.QueryEscape(s), url.PathEscape(s), string(quoted[1:len(quoted)-1]))
	}
	for _, secret := range c.Secrets {
		add(secret.Reveal())
		if u, err := url.Parse(secret.Reveal()); err == nil && u.Host != "" {
			add(u.RequestURI())
			add(u.EscapedPath())
			for _, part := range strings.Split(u.EscapedPath(), "/") {
				if len(part) >= keyLike {
					add(part)
				}
			}
			for _, values := range u.Query() {
				for _, value := range values {
					add(value)
				}
			}
		}
	}
	if user := c.Settings["username"]; user != "" {
		add(basic(user, c.Secrets["password"].Reveal()))
	}
	sort.Slice(forms, func(a, b int) bool { return len(forms[a]) > len(forms[b]) }) // the whole before its parts
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, redacted)
	}
	return scrubber{strings.NewReplacer(pairs...)}
}

// clean makes text fit to be stored and shown.
func (s scrubber) clean(text string, most int) string {
	text, _ = s.cleanBody([]byte(text), most)
	return text
}

// cleanBody also tells how many bytes are missing. Secrets go before the text
// is cut: half a secret is found by nobody.
func (s scrubber) cleanBody(body []byte, most int) (string, int) {
	text := s.replace.Replace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(body), "")))
	if len(text) <= most {
		return text, 0
	}
	at := most
	for !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at], len(text) - at
}

// shownHeaders are the request's, without what identifies us.
func shownHeaders(h http.Header, scrub scrubber) map[string]string {
	out := map[string]string{}
	for name := range h {
		value := h.Get(name)
		if name == "Authorization" {
			scheme, _, _ := strings.Cut(value, " ")
			value = scheme + " " + redacted
		}
		out[name] = scrub.clean(value, maxShownHeader)
	}
	return out
}

// usefulHeaders are those of an answer that help whoever looks for a mistake.
func usefulHeaders(h http.Header, scrub scrubber) map[string]string {
	out := map[string]string{}
	for _, name := range []string{"Content-Type", "Date", "Location", "Retry-After", "Server", "X-Request-Id", "X-Slack-Req-Id", "Www-Authenticate"} {
		if value, _, _ := strings.Cut(h.Get(name), "?"); value != "" { // a query may hold anything
			out[name] = scrub.clean(value, maxShownHeader)
		}
	}
	return out
}
