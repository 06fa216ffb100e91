package normalize

import "strings"

const (
	hole        = "<*>"
	maxTemplate = 2 << 10
)

// Template takes out of a message what differs between two tellings of one
// failure: numbers, IDs, times, addresses and quoted values.
func Template(message string) string {
	s := cutRunes(message, maxTemplate)
	var out strings.Builder
	out.Grow(len(s))
	for i := 0; i < len(s); {
		c := s[i]
		if end := quoted(s, i); end > 0 {
			fill(&out)
			i = end
			continue
		}
		if !wordByte(c) {
			if c == '\n' || c == '\t' || c == '\r' {
				c = ' '
			}
			if c != ' ' || !strings.HasSuffix(out.String(), " ") {
				out.WriteByte(c)
			}
			i++
			continue
		}
		end := i
		for end < len(s) && wordByte(s[end]) {
			end++
		}
		for end > i+1 && strings.IndexByte(".:-", s[end-1]) >= 0 { // punctuation after the word
			end--
		}
		if varies(s[i:end]) {
			fill(&out)
		} else {
			out.WriteString(s[i:end])
		}
		i = end
	}
	return strings.TrimSpace(out.String())
}

// fill writes a hole; several in a row are one, so that a date with and
// without its time look the same.
func fill(out *strings.Builder) {
	if !strings.HasSuffix(strings.TrimRight(out.String(), " "), hole) {
		out.WriteString(hole)
	}
}

// quoted gives the end of a quoted value that starts at i, 0 when there is none.
func quoted(s string, i int) int {
	q := s[i]
	if (q != '\'' && q != '"' && q != '`') || (i > 0 && alnum(s[i-1])) {
		return 0
	}
	for j := i + 1; j < len(s) && s[j] != '\n'; j++ {
		if s[j] == q && (j+1 == len(s) || !alnum(s[j+1])) {
			return j + 1
		}
	}
	return 0
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func wordByte(c byte) bool {
	return alnum(c) || c >= 0x80 || strings.IndexByte("_@.+:-%", c) >= 0
}

// varies tells a value from a word: it has a digit, is an address, or is a
// long run of hex letters.
func varies(w string) bool {
	hex := len(w) >= 8
	for i := 0; i < len(w); i++ {
		c := w[i]
		if c >= '0' && c <= '9' || c == '@' {
			return true
		}
		if !(c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			hex = false
		}
	}
	return hex
}
