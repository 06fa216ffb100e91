package lookup

import (
	"regexp"
	"strings"
)

const (
	minWord = 6  // shorter words are not tried
	maxWord = 80 // nor longer ones
	// A text is a list when hardly anything in it is not an ID.
	listShare = .8
)

// list takes a text that is nothing but IDs, whatever they look like.
func (x *extraction) list() {
	var ids []string
	tokens := 0
	for _, f := range strings.FieldsFunc(x.rest, func(r rune) bool { return strings.ContainsRune(" \t\n,;|\"'", r) }) {
		w := strings.Trim(f, ".:!?()[]{}<>`*")
		if w == "" {
			continue
		}
		tokens++
		if listed(w) {
			ids = append(ids, w)
		}
		if tokens == 40 && len(ids) < 20 || len(ids) > maxStrong {
			break
		}
	}
	if len(ids) < 2 || float64(len(ids)) < listShare*float64(tokens) {
		return
	}
	for _, id := range ids {
		x.add(kindOfShape(id), id)
	}
	x.rest = ""
}

func listed(w string) bool {
	if len(w) < minWord || len(w) > maxWord || !hasDigit(w) || isDate(w) || otherObject(w) || addresses.MatchString(w) || strings.ContainsAny(w, "@=/\\") {
		return false
	}
	if len(w) >= encodedLine && isBase64(w) {
		return false
	}
	return hasLetter(w) || len(w) >= 8 && digitsOnly(w) && !strings.Contains(w, "-")
}

// fieldName is what stands before "=" in "name=value"; an ID in base64 may end
// in "=" itself.
var fieldName = regexp.MustCompile(`^[A-Za-z][\w.-]*$`)

// words are the last resort: words with a digit that are long enough to be
// unique.
func (x *extraction) words() {
	for _, f := range strings.Fields(x.rest) {
		if len(x.weak) >= maxWeak {
			return
		}
		for _, w := range strings.FieldsFunc(f, func(r rune) bool { return r >= 0x590 || strings.ContainsRune(",;\"'`()[]{}<>|", r) }) {
			x.word(w)
		}
	}
}

func (x *extraction) word(w string) {
	w = strings.Trim(w, ".,:!?*#_-…")
	if name, v, ok := strings.Cut(w, "="); ok && v != "" && fieldName.MatchString(name) {
		w = v
	} else if name, v, ok := strings.Cut(w, ":"); ok && len(v) >= minWord && fieldName.MatchString(name) {
		if hasDigit(name) && len(w) <= maxWord && hasDigit(v) && !addresses.MatchString(w) && !strings.ContainsAny(w, "@/\\{}<>&%?") { // HAProxy's unique-id
			x.maybe(w)
		}
		w = v
	}
	switch {
	case len(w) < minWord, len(w) > maxWord, !hasDigit(w), isDate(w), addresses.MatchString(w):
	case strings.ContainsAny(w, "@/\\{}<>&%?") || strings.Contains(w, "://"):
	case !hasLetter(w) && (len(w) < 8 || !digitsOnly(w) || isCard(w)):
	case unit.MatchString(w):
	default:
		x.maybe(w)
	}
}

// isCard reports numbers that may be of a payment card, which are not for
// looking up.
func isCard(s string) bool {
	s = strings.ReplaceAll(s, "-", "")
	if len(s) < 13 || len(s) > 19 || !digitsOnly(s) {
		return false
	}
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
