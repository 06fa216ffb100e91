package lookup

import (
	"regexp"
	"strings"
)

const (
	maxPiece   = 200
	wrapWidth  = 50 // a shorter line was not wrapped by a program
	maxGuesses = 40
)

// unwrap puts IDs together that a line break cut in two. Where it is only
// likely that one did, maybe is told.
func unwrap(s string, maybe func(string)) string {
	lines := strings.Split(s, "\n")
	var out strings.Builder
	last, guesses := "", 0 // the line so far, at most maxPiece bytes of its end
	width := 0
	for i, line := range lines {
		if i > 0 {
			line := strings.TrimLeft(line, " \t")
			before, after := lastPiece(last), firstPiece(line)
			verdict := apart
			if before != "" && after != "" {
				verdict = together(pieces{before, after, last, line, width})
			}
			switch {
			case verdict == joined:
				if bare := strings.TrimRight(before, "-"); bare != before && prefixes.MatchString(before) {
					maybe(bare + after) // the hyphen came with the break
				}
				out.WriteString(line)
				last, width = tail(last+line), width+len(line)
				continue
			case verdict == perhaps && guesses < maxGuesses:
				guesses++
				maybe(before + after)
			}
			out.WriteByte('\n')
		}
		trimmed := strings.TrimRight(line, " \t")
		out.WriteString(trimmed)
		last, width = tail(trimmed), len(trimmed)
	}
	return out.String()
}

func tail(s string) string { return s[max(0, len(s)-maxPiece):] }

func lastPiece(s string) string {
	i := len(s)
	for i > 0 && idByte(s[i-1]) {
		i--
	}
	return s[i:]
}

func firstPiece(s string) string {
	i := 0
	for i < len(s) && i < maxPiece && idByte(s[i]) {
		i++
	}
	return s[:i]
}

func idByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-'
}

type pieces struct {
	before, after string
	line, next    string // the lines in which they stand
	width         int    // of the first
}

type verdict int

const (
	apart verdict = iota
	perhaps
	joined
)

var (
	wholeShape = regexp.MustCompile(`^(?:(?i:req|rid|corr|trace)[_-])?(?:(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|1-[0-9a-f]{8}-[0-9a-f]{24})|[0-7][0-9A-HJKMNP-TV-Z]{25})$`)
	partShape  = regexp.MustCompile(`(?i)^(?:[0-9a-f]{16}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})$`)
	openPrefix = regexp.MustCompile(`(?i)^(?:req|request|rid|reqid|corr|trace|chatcmpl|err)[_-]$`)
	begun      = regexp.MustCompile(`(?i)^(?:req|rid|reqid|corr|trace|chatcmpl|err)[_-][0-9a-z]`)
	unit       = regexp.MustCompile(`^(?i:\d+(?:ms|s|m|h|d|st|nd|rd|th|am|pm|kb|mb|gb|x|k)|v\d+|h\d|p\d+)$`)
)

// together decides whether the last piece of a line goes on in the next.
func together(p pieces) verdict {
	whole := p.before + p.after
	switch {
	case partShape.MatchString(p.before), prefixes.MatchString(p.after), len(whole) > maxPiece, nameAhead.MatchString(p.next):
		return apart
	case wholeShape.MatchString(whole), p.quoted():
		return joined
	case openPrefix.MatchString(p.before) && hasDigit(p.after):
		return joined
	}
	// The two alone on their lines are rather a list.
	alone := strings.TrimSpace(p.line) == p.before && strings.TrimSpace(p.next) == p.after
	mixed := hasDigit(p.after) && hasLetter(p.after) && len(p.after) > 1 && !unit.MatchString(p.after)
	known := begun.MatchString(p.before) || named4.MatchString(p.line[:len(p.line)-len(p.before)])
	switch ends := strings.HasSuffix(p.before, "-") || strings.HasSuffix(p.before, "_"); {
	case ends && len(p.before) >= 6 && hasDigit(p.before) && hasDigit(p.after) && !isDate(p.before+"00"):
		return joined
	case !known || !hasDigit(p.before):
		return apart
	case mixed && !alone && (p.width >= wrapWidth || ended(p.next[len(p.after):])):
		return joined
	case mixed && !(alone && len(p.before) == len(p.after)), p.width >= wrapWidth:
		return perhaps
	}
	return apart
}

// quoted: a quotation mark opens right before the piece, and closes right behind
// the next one. No value goes over two lines by itself.
func (p pieces) quoted() bool {
	open, rest := p.line[:len(p.line)-len(p.before)], p.next[len(p.after):]
	return rest != "" && (rest[0] == '"' || rest[0] == '\'') && opens.MatchString(open) && open[len(open)-1] == rest[0]
}

var opens = regexp.MustCompile(`(?:^|[\s:=,({\[])["']$`)

// nameAhead: the next line begins with a name, as of a header or a field, or of
// the program whose log it is.
var nameAhead = regexp.MustCompile(`^[\w.-]*["']?[ \t]*(?:[:=][^/]|=>|[:=]$|\|[ \t])`)

// ended: behind the piece is nothing that would go on with a sentence that
// begins with it.
func ended(rest string) bool {
	return rest == "" || strings.ContainsRune(".,;:!?)]}\"'`", rune(rest[0]))
}

// named4 says at the end of what it matches that an ID follows.
var named4 = regexp.MustCompile(`(?i)(?:request|correlation|trace|req|anfrage|solicitud|requ[eê]te)[ _-]{0,2}id["'*` + "`" + `]{0,2}(?:\s*[:=#]\s*|\s+(?:is|was|ist)\s+|\s+)["'*` + "`" + `(]{0,2}$`)
