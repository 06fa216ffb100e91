package lookup

import (
	"html"
	"mime"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decode takes away what transports and terminals did to a text, and leaves
// JSON as it is.
func decode(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	if strings.ContainsAny(s, "\x1b\\^␛") {
		s = colours.ReplaceAllString(s, "")
	}
	if strings.Contains(s, "[0m") { // a form took the escape away
		s = bareColours.ReplaceAllString(s, "")
	}
	if strings.Contains(s, `{\rtf1`) {
		s = withoutRTF(s)
	}
	if strings.Contains(s, "=?") {
		s = encodedWords.ReplaceAllStringFunc(betweenWords.ReplaceAllString(s, "$1$2"), encodedWord)
	}
	s = composed(quotedPrintable(encodedParts(s)))
	for range 2 { // what was escaped twice
		if !strings.Contains(s, "&") {
			break
		}
		s = entities.ReplaceAllStringFunc(s, html.UnescapeString)
	}
	return strings.Map(plainRune, s)
}

var (
	colours     = regexp.MustCompile(`(?:\x1b|\\x1b|\\u001b|\\033|\\e|\^\[|␛)\[[0-9;?]{0,20}[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)`)
	bareColours = regexp.MustCompile(`\[[0-9]{1,3}(?:;[0-9]{1,3}){0,8}m`)
	entities    = regexp.MustCompile(`&(?:#[0-9]{1,6}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});`)
)

var (
	encodedWords = regexp.MustCompile(`=\?[\w-]{2,20}\?[QqBb]\?[^?\s]{1,100}\?=`)
	betweenWords = regexp.MustCompile(`(\?=)[ \t]{0,4}\n?[ \t]{1,4}(=\?)`)
)

// encodedWord reads a part of a mail's subject.
func encodedWord(word string) string {
	s, err := new(mime.WordDecoder).Decode(word)
	if err != nil {
		return word
	}
	return s
}

// plainRune writes with a keyboard's characters what programs made pretty, and
// drops what cannot be seen.
func plainRune(r rune) rune {
	switch {
	case r < 0x80:
		return r
	case r == 0xad, r == 0x61c, r == 0x180e, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r >= 0xfe00 && r <= 0xfe0f:
		return -1
	case r >= 0x2010 && r <= 0x2013, r == 0x2212, r == 0x2043, r == 0xfe58, r == 0xfe63:
		return '-'
	case r >= 0x2018 && r <= 0x201b, r == 0x2032, r == 0x2bc, r == 0xb4:
		return '\''
	case r >= 0x201c && r <= 0x201f, r == 0x2033, r == 0xab, r == 0xbb, r == 0x2039, r == 0x203a, r >= 0x300a && r <= 0x3011:
		return '"'
	case r == 0xa0, r >= 0x2000 && r <= 0x200a, r == 0x202f, r == 0x205f, r == 0x3000, r == 0x2022, r == 0xb7:
		return ' '
	case r == 0x2028, r == 0x2029, r == 0x85, r == 0x3002:
		return '\n'
	case r >= 0xff01 && r <= 0xff5e:
		return r - 0xfee0
	case r == 0x3001:
		return ','
	}
	return r
}

var (
	rtfGroup = regexp.MustCompile(`\{\\\*[^{}]*\}|\{\\[^{}\s]*(?:tbl|info)[^{}]*(?:\{[^{}]*\}[^{}]*)*\}`)
	rtfWord  = regexp.MustCompile(`\\(?:'([0-9a-fA-F]{2})|([a-z]{1,32})(?:-?\d{1,10})? ?)`)
)

// withoutRTF leaves of a rich text what is read.
func withoutRTF(s string) string {
	s = rtfGroup.ReplaceAllString(s, "")
	return rtfWord.ReplaceAllStringFunc(s, func(word string) string {
		switch m := rtfWord.FindStringSubmatch(word); {
		case m[1] != "":
			return string(rune(hexByte(m[1])))
		case m[2] == "par" || m[2] == "line" || m[2] == "row":
			return "\n"
		case m[2] == "tab" || m[2] == "cell":
			return "\t"
		case m[2] == "u" || m[2] == "n" || m[2] == "r" || m[2] == "t":
			return word
		}
		return ""
	})
}

var (
	softBreak = regexp.MustCompile(`=[ \t]*\n(?:(?:[ \t]*>)+[ \t])?`)
	octets    = regexp.MustCompile(`(?:=[0-9A-F]{2})+`)
	qpSigns   = regexp.MustCompile(`(?i)quoted-printable|=3D|=20\n|=C2=A0|=E2=80|=C3=[89AB][0-9A-F]|["'][\w.:-]{2,100}=[ \t]*\n[> \t]*[\w.:-]{1,100}["']`)
	longBreak = regexp.MustCompile(`(?m)^.{69,75}[^=\n]=$|^.{50,78}\s[A-Za-z]{1,12}=\n[A-Za-z]`)
)

// quotedPrintable undoes that encoding where there are signs of it.
func quotedPrintable(s string) string {
	if !strings.Contains(s, "=") || !qpSigns.MatchString(s) && !longBreak.MatchString(s) {
		return s
	}
	s = softBreak.ReplaceAllString(s, "")
	return octets.ReplaceAllStringFunc(s, func(run string) string {
		b := make([]byte, 0, len(run)/3)
		for i := 0; i < len(run); i += 3 {
			n, err := strconv.ParseUint(run[i+1:i+3], 16, 8)
			if err != nil {
				return run
			}
			b = append(b, byte(n))
		}
		if !utf8.Valid(b) {
			return run
		}
		return string(b)
	})
}

var (
	escaped   = regexp.MustCompile(`\\+(?:u00([2-7][0-9A-Fa-f])|(["'/_.*-])|([nr])|(t))`)
	percents  = regexp.MustCompile(`(?:%(?:25)?[0-9A-Fa-f]{2})+`)
	queries   = regexp.MustCompile(`[?&][\w.-]{1,64}=[^\s"'<>]*%[^\s"'<>]*`) // in which a blank is a plus
	elements  = regexp.MustCompile(`<([A-Za-z][\w.:-]{0,60})(?:\s[^<>]*)?>\s{0,80}([^<>\n]+?)\s{0,80}</([A-Za-z][\w.:-]{0,60})>`)
	inline    = regexp.MustCompile(`(?i)</?(?:b|i|em|strong|span|wbr|font|a|code|u|mark|small|tt|kbd|samp|bdi|bdo|o:p)(?:\s[^<>]*)?/?>`)
	inlined   = regexp.MustCompile(`\[?\bcid:[\w.@-]{1,200}\]?`)                                                      // a picture inside of a mail
	decor     = regexp.MustCompile(`(?is)</?(?:img|link|source|svg|path)(?:\s[^<>]*)?/?>|<style[^<>]*>[^<]*</style>`) // nothing that is read
	attribute = regexp.MustCompile(`(?i)[\s-]((?:[\w-]{0,40}-)?(?:request|req|trace|correlation|error|incident|span)[_-]?id\s{0,2}=\s{0,2}(?:"[^"]{1,200}"|'[^']{1,200}'))`)
	metaNames = regexp.MustCompile(`(?i)<(input type=\S{1,20} |[a-z][\w:.-]{0,40} )(?:name|key|property|http-equiv)=["']([^"'<>]{1,80})["']\s{1,4}(?:id=\S{1,60}\s{1,4})?(?:content|value)=`)
	cells     = regexp.MustCompile(`(?i)</?(?:td|th)(?:\s[^<>]*)?>`)
	blocks    = regexp.MustCompile(`(?i)</?(?:p|div|br|tr|table|tbody|thead|li|ul|ol|pre|h[1-6]|blockquote|html|body|head|title|hr|section|article|dl|dt|dd)(?:\s[^<>]*)?/?>[ \t]{0,8}\n?`)
	quoted    = regexp.MustCompile(`(?m)^[ \t]*(?:(?:>|│|¦|[|*<+-][ \t])[ \t]*)+|^[ \t]*\d{1,4}[.)][ \t]+`)
	longDash  = regexp.MustCompile(`([0-9A-Za-z])[—―]([0-9A-Za-z])`)
	mailLines = regexp.MustCompile(`(?mi)^(?:message-id|in-reply-to|references[ \t]*:[ \t]*<|dkim-signature|arc-[\w-]+|received(?:-spf)?|authentication-results|content-[\w-]+|mime-version|x-(?:google|gm|ms-exchange|ms-office365|microsoft|forefront|sg|mailgun|ses|mailer|spam|received|originating|proofpoint|mimecast|yahoo|notifications|hubspot|zendesk)[\w-]*|return-path|delivered-to|list-[\w-]+|thread-(?:index|topic)|feedback-id|user-agent|accept[\w-]*|etag|if-none-match|last-modified|server|via|alt-svc|nel|report-to|content-security-policy|strict-transport-security|boundary)[ \t]*[:=<][^\n]*(?:\n[ \t]+[^\n]*)*`)
	nameValue = regexp.MustCompile(`"(?:name|key|header)"\s{0,4}:\s{0,4}"([^"\n]{1,80})"\s{0,40},\s{0,40}"value"\s{0,4}:\s{0,4}(?:\{\s{0,40}"(?:string|int)Value"\s{0,4}:\s{0,4})?`) // HAR, OpenTelemetry, Postman
	typed     = regexp.MustCompile(`"\s{0,4}:\s{0,4}\{\s{0,40}"(?:[Ss]tringValue|[Vv]alue|S)"\s{0,4}:\s{0,4}"`)                                                                      // attributes of queues, rows of DynamoDB
	boundary  = regexp.MustCompile(`(?m)^-{2,}[=\w.'+-]{8,}-{0,2}$`)
	spacedHex = regexp.MustCompile(`(?i)\b[0-9a-f]{8}[ ]?[- ][ ]?[0-9a-f]{4}[ ]?[- ][ ]?[0-9a-f]{4}[ ]?[- ][ ]?[0-9a-f]{4}[ ]?[- ][ ]?[0-9a-f]{12}\b`)
	hexGroups = regexp.MustCompile(`(?i)\b(?:[0-9a-f]{4} ){7}[0-9a-f]{4}\b|\b(?:[0-9a-f]{8} ){3}[0-9a-f]{8}\b`)
	grouped   = regexp.MustCompile(`(?i)\breq_[0-9a-z]{3,6}(?: [0-9a-z]{2,6}){1,8}\b`)
	dictated  = regexp.MustCompile(`(?i)\b(req|trace|corr)(?: ?_ ?| under ?score | unterstrich | tiret bas | gui[oó]n bajo )((?:[0-9a-z] ){3,60}[0-9a-z])\b`) // read out on the phone
	spacedReq = regexp.MustCompile(`(?i)\b(req)(?: ?_ | _ ?)([0-9a-z]{4,})\b`)
)

// mend makes of a decoded text one in which IDs stand in one piece, and things
// that are none are gone. Where a piece may or may not belong to an ID, maybe
// is told of the longer one.
func mend(s string, maybe func(string)) string {
	if strings.Contains(s, `\`) {
		s = escaped.ReplaceAllStringFunc(s, unescape)
		s = strings.Map(plainRune, entities.ReplaceAllStringFunc(s, html.UnescapeString)) // HTML within JSON
	}
	if strings.Contains(s, "%") {
		s = queries.ReplaceAllStringFunc(s, func(q string) string { return strings.ReplaceAll(q, "+", " ") })
		s = percents.ReplaceAllStringFunc(s, percentDecoded)
	}
	if strings.Contains(s, "cid:") {
		s = inlined.ReplaceAllString(s, " ")
	}
	if strings.Contains(s, "<") {
		s = decor.ReplaceAllString(s, "")
		s = metaNames.ReplaceAllString(s, "<$1$2=")
		s = inline.ReplaceAllStringFunc(s, attributes)
		s = cells.ReplaceAllString(s, " | ")
		s = blocks.ReplaceAllStringFunc(s, func(tag string) string { return "\n" + attributes(tag) })
		s = elements.ReplaceAllString(s, "\n$1: $2\n")
	}
	if strings.Contains(s, `alue"`) {
		s = nameValue.ReplaceAllString(s, `"$1": `)
	}
	if strings.Contains(s, "{") {
		s = typed.ReplaceAllString(s, `": "`)
	}
	s = quoted.ReplaceAllString(s, "")
	s = mailLines.ReplaceAllString(s, "")
	s = boundary.ReplaceAllString(s, "")
	if strings.ContainsAny(s, "—―") {
		s = longDash.ReplaceAllString(longDash.ReplaceAllString(s, "$1-$2"), "$1-$2")
	}
	s = spacedHex.ReplaceAllStringFunc(s, func(m string) string {
		return strings.Join(strings.FieldsFunc(m, func(r rune) bool { return r == ' ' || r == '-' }), "-")
	})
	s = hexGroups.ReplaceAllStringFunc(s, func(m string) string {
		if !hasDigit(m) {
			return m
		}
		return strings.ReplaceAll(m, " ", "")
	})
	if strings.Contains(s, "_ ") || strings.Contains(s, " _") {
		s = spacedReq.ReplaceAllString(s, "${1}_$2")
	}
	s = grouped.ReplaceAllStringFunc(s, ungrouped)
	for _, m := range dictated.FindAllStringSubmatch(s, maxGuesses) {
		maybe(strings.ToLower(m[1]) + "_" + strings.ReplaceAll(m[2], " ", ""))
	}
	return unwrap(s, maybe)
}

// ungrouped joins an ID that was typed in groups as they are read from a screen,
// req_9fK2 mmQ8 1zTx: all as long, the last one maybe shorter, and no words.
func ungrouped(m string) string {
	groups := strings.Split(m, " ")
	size := len(groups[0]) - len("req_")
	n := 1
	for n < len(groups) && len(groups[n]) == size && noWord(groups[n]) {
		n++
	}
	if n > 1 && n < len(groups) && len(groups[n]) < size && noWord(groups[n]) {
		n++
	}
	if !noWord(groups[0][len("req_"):]) {
		return m
	}
	return strings.Join(append([]string{strings.Join(groups[:n], "")}, groups[n:]...), " ")
}

// noWord: a group of letters and digits that is neither a word nor a number.
func noWord(s string) bool {
	inner := s[1:] != strings.ToLower(s[1:]) && s != strings.ToUpper(s)
	return (hasDigit(s) && hasLetter(s) || inner) && !unit.MatchString(s)
}

// percentDecoded undoes a run of %XX, also one that was done twice. What is no
// text stays.
func percentDecoded(run string) string {
	b := make([]byte, 0, len(run)/3)
	for i := 0; i+3 <= len(run); i += 3 {
		if run[i:i+3] == "%25" && i+5 <= len(run) && run[i+3] != '%' {
			i += 2 // the sign itself was encoded
			b = append(b, hexByte(run[i+1:i+3]))
			continue
		}
		b = append(b, hexByte(run[i+1:i+3]))
	}
	if !utf8.Valid(b) {
		return run
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return -1
		case r != '\n' && (r < 0x20 || r == 0x7f):
			return ' '
		}
		return plainRune(r)
	}, string(b))
}

func hexByte(hex string) byte {
	n, _ := strconv.ParseUint(hex, 16, 8)
	return byte(n)
}

// attributes are those of an element that say which request it is of.
func attributes(tag string) string {
	if m := attribute.FindStringSubmatch(tag); m != nil {
		return " " + m[1] + " "
	}
	return ""
}

func unescape(m string) string {
	body := strings.TrimLeft(m, `\`)
	switch body[0] {
	case 'u':
		return ascii(body[3:])
	case 'n', 'r':
		return "\n"
	case 't':
		return " "
	}
	return body
}

func ascii(hex string) string {
	n, err := strconv.ParseUint(hex, 16, 8)
	if err != nil || n < 0x20 || n == 0x7f {
		return " "
	}
	return string(rune(n))
}
