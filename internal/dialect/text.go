package dialect

import (
	"html"
	"strings"
)

// readText reads a body that is not JSON: a proxy's HTML page, an XML error
// of the S3 family, or words.
func readText(in *input, r *Reading) {
	text := string(in.raw[:min(len(in.raw), maxText)])
	lower := asciiLower(text)
	start := lower[:min(len(lower), 1024)]
	switch {
	case strings.Contains(start, "<html") || strings.Contains(start, "<!doctype html") || strings.Contains(start, "<title"):
		r.Dialect = "html"
		r.Message = element(text, lower, "title")
		if r.Message == "" {
			r.Message = element(text, lower, "h1")
		}
	case strings.HasPrefix(lower, "<?xml") || strings.Contains(start, "<error"):
		r.Dialect = "xml"
		r.RawCode = element(text, lower, "code")
		r.Message = element(text, lower, "message")
		r.RequestID = element(text, lower, "requestid")
	default:
		r.Dialect = "text"
		r.Message = text
	}
}

// asciiLower lowers A-Z only, so that offsets stay those of the original.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 32
		}
	}
	return string(b)
}

// element gives the text of the first element of that name.
func element(text, lower, name string) string {
	i := strings.Index(lower, "<"+name)
	if i < 0 {
		return ""
	}
	open := strings.IndexByte(lower[i:], '>')
	if open < 0 {
		return ""
	}
	from := i + open + 1
	to := strings.Index(lower[from:], "</"+name)
	if to < 0 {
		return ""
	}
	return strings.TrimSpace(html.UnescapeString(text[from : from+to]))
}
