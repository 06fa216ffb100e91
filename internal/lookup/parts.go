package lookup

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	encodedLine   = 60 // no line of an encoded part is shorter, but the last
	maxPartHeader = 12 // lines between the name of the encoding and the part
)

// encodedParts reads the parts of a mail that are in base64, when somebody pasted
// its source: texts are decoded, pictures and other files go.
func encodedParts(s string) string {
	small := strings.Contains(s, "base64") || strings.Contains(s, "Base64") || strings.Contains(s, "BASE64")
	if !small && !longRun.MatchString(s) {
		return s
	}
	lines := strings.Split(s, "\n")
	out := make([]string, 0, len(lines))
	named := -maxPartHeader - 1 // where the encoding was last named
	for i := 0; i < len(lines); {
		line := strings.TrimSpace(lines[i])
		if strings.Contains(lowered(line), "base64") {
			named = i
		}
		announced := i-named <= maxPartHeader && i > named
		if len(line) < encodedLine && !(announced && len(line) >= 8 && lastOfPart(lines, i)) || !isBase64(line) {
			out = append(out, lines[i])
			i++
			continue
		}
		j := i + 1
		for width := len(line); j < len(lines) && len(strings.TrimSpace(lines[j-1])) == width; j++ {
			if next := strings.TrimSpace(lines[j]); next == "" || len(next) > width || !isBase64(next) {
				break
			}
		}
		switch text, ok := decodedText(lines[i:j]); {
		case ok && (announced || j > i+1):
			out = append(out, text)
		case announced:
			out = append(out, "")
		default:
			out = append(out, lines[i:j]...)
		}
		i = j
	}
	return strings.Join(out, "\n")
}

var longRun = regexp.MustCompile(`(?m)^[A-Za-z0-9+/]{60,}`)

// lastOfPart: a short line stands alone, as the whole of a part that is short.
func lastOfPart(lines []string, i int) bool {
	return i > 0 && strings.TrimSpace(lines[i-1]) == "" && (i+1 == len(lines) || strings.TrimSpace(lines[i+1]) == "" || strings.HasPrefix(lines[i+1], "--"))
}

func isBase64(s string) bool {
	bare := strings.TrimRight(s, "=")
	for i := range len(bare) {
		if c := bare[i]; !alnum(c) && c != '+' && c != '/' {
			return false
		}
	}
	return len(bare) > 0 && len(s)-len(bare) <= 2
}

func decodedText(lines []string) (string, bool) {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(strings.Join(lines, " ")), ""))
	if err != nil || !utf8.Valid(b) {
		return "", false
	}
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' {
			return "", false
		}
	}
	return strings.ReplaceAll(string(b), "\r", ""), true
}

// composed takes away the names of programs that docker compose puts before the
// lines of their logs, where nothing else in the text is parted like that.
func composed(s string) string {
	if !strings.Contains(s, " | ") || !composePrefix.MatchString(s) || len(bars.FindAllStringIndex(s, -1)) != len(composePrefix.FindAllStringIndex(s, -1)) {
		return s
	}
	return composePrefix.ReplaceAllString(s, "")
}

var (
	composePrefix = regexp.MustCompile(`(?m)^[a-z][\w.-]{0,60}-\d{1,3}[ \t]+\|[ \t]?`)
	bars          = regexp.MustCompile(`(?m)^[^|\n]*\|`)
)
