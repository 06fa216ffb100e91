// Package lookup finds identifiers in whatever a customer sent: an error body,
// header lines, a traceparent, a link of ours, a list, or a whole e-mail around
// them, mangled by mail programs, editors and people.
//
// It is pure and keeps nothing. First the text is mended (mend.go); then strong
// evidence is looked for: known JSON fields, names that stand before a value,
// columns of tables, the shapes of trace IDs. What could be an ID but cannot be
// told from the text alone is a weak candidate: it counts only when the store
// knows it. Every step is linear in the text.
package lookup

import (
	"net/url"
	"regexp"
	"strings"

	"errata/internal/event"
)

// Kind is what an identifier appears to be. The store finds an ID under any
// kind; the kind is for the reader.
type Kind string

// The kinds.
const (
	Request Kind = "request"
	Trace   Kind = "trace"
	Span    Kind = "span"
	Ray     Kind = "ray"
	AWS     Kind = "aws"
	Event   Kind = "event" // an Event's own ID, from a link of ours
	Unknown Kind = "unknown"
)

// Candidate is one identifier that the text may be about. A weak one is a
// guess: nobody should be told that it was not found.
type Candidate struct {
	Kind  Kind   `json:"kind"`
	Value string `json:"value"`
	Weak  bool   `json:"weak,omitempty"`
}

const (
	// MaxText is how many bytes of a text are looked at.
	MaxText = 256 << 10
	// maxStrong and maxWeak bound the answer to a text that is nothing but IDs.
	maxStrong = 2000
	maxWeak   = 400
)

// Extract gives the identifiers in text, each once: strong ones first, best
// evidence first. Things that look like live credentials are never among them.
func Extract(text string) []Candidate {
	text = strings.TrimSpace(strings.ToValidUTF8(text[:min(len(text), MaxText)], " "))
	if word, ok := oneWord(text); ok {
		return word
	}
	x := &extraction{seen: map[string]int{}}
	x.rest = withoutSecrets(text)
	x.links()
	x.rest = decode(x.rest)
	x.json()
	x.rest = withoutSecrets(mend(x.rest, x.maybe))
	for _, step := range []func(){x.links, x.paths, x.columns, x.traceparents, x.labels, x.prefixed, x.list, x.shapes, x.ofSpans, x.words} {
		step()
	}
	return append(x.strong, x.weak...)
}

// oneWord: a text that is one word is taken as it is, when it is no more than
// a word: not a document, a link, or name=value.
func oneWord(word string) ([]Candidate, bool) {
	if len(word) < 3 || len(word) > event.MaxIDLen || !plainWord.MatchString(word) || strings.Contains(word, "://") || HasSecret(word) || isDate(word) {
		return nil, false
	}
	x := &extraction{seen: map[string]int{}}
	trimmed := strings.TrimRight(word, ".,;:!?)")
	x.add(kindOfShape(trimmed), trimmed)
	for _, m := range uuid.FindAllString(trimmed, 1) {
		x.maybe(m)
	}
	return append(x.strong, x.weak...), len(x.strong) > 0
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9][\w.:+/~-]*[\w]={0,2}[.,;:!?)]*$`)

// extraction is one text on its way; what a step has understood is blanked, so
// that a later one does not take parts of it for something else.
type extraction struct {
	rest   string
	strong []Candidate
	weak   []Candidate
	spans  []string
	seen   map[string]int // 1 when weak, 2 when strong
}

// add takes a strong candidate and reports whether it is one.
func (x *extraction) add(kind Kind, value string) bool {
	value = event.CleanID(value)
	if value == "" || holdsKey(value) {
		return false
	}
	switch {
	case shownOnly(value):
		x.guess(kind, value)
		return true
	case x.seen[value] == 2 || len(x.strong) >= maxStrong:
		return true
	case x.seen[value] == 1:
		x.weak = without(x.weak, value)
	}
	x.seen[value] = 2
	x.strong = append(x.strong, Candidate{Kind: kind, Value: value})
	x.variants(value)
	return true
}

// shownOnly: documents write req_xxxxxxxxxxxx where an ID would be.
func shownOnly(value string) bool {
	_, tail, ok := strings.Cut(value, "_")
	return ok && len(tail) >= 4 && strings.Trim(tail, "xX") == ""
}

func without(list []Candidate, value string) []Candidate {
	kept := list[:0]
	for _, c := range list {
		if c.Value != value {
			kept = append(kept, c)
		}
	}
	return kept
}

// maybe takes a weak candidate.
func (x *extraction) maybe(value string) { x.guess(Unknown, value) }

func (x *extraction) guess(kind Kind, value string) {
	value = event.CleanID(value)
	if value == "" || x.seen[value] != 0 || len(x.weak) >= maxWeak || holdsKey(value) {
		return
	}
	x.seen[value] = 1
	x.weak = append(x.weak, Candidate{Kind: kind, Value: value, Weak: true})
}

// Candidates are what Extract finds in what somebody asks about, who may also have
// pasted one word and nothing else: that is an ID, whatever its shape.
func Candidates(text string) []Candidate {
	found := Extract(text)
	word := event.CleanID(text)
	if word != "" && len(strings.Fields(text)) == 1 && !strings.Contains(word, "://") && !strings.ContainsAny(word, "{}<>\"\\") && !HasSecret(text) && (len(found) == 0 || found[0].Weak) {
		found = append([]Candidate{{Kind: Unknown, Value: word}}, found...)
	}
	return found
}

// Values are the IDs of candidates.
func Values(list []Candidate) []string {
	ids := make([]string, len(list))
	for i, c := range list {
		ids[i] = c.Value
	}
	return ids
}

// Missing are those of the candidates under which nothing was found and of
// which somebody should know that: not the weak ones, and none that was found
// as it is spelled without capitals.
func Missing(candidates []Candidate, found func(value string) bool) []Candidate {
	spelled := map[string]bool{}
	for _, c := range candidates {
		if c.Weak && found(c.Value) {
			spelled[strings.ToLower(c.Value)] = true
		}
	}
	var out []Candidate
	for _, c := range candidates {
		if !c.Weak && !found(c.Value) && !spelled[strings.ToLower(c.Value)] {
			out = append(out, c)
		}
	}
	return out
}

// MinPrefix is how many characters of an ID must be there for others to be
// offered that begin with them: more, where they do not say that it is one.
func MinPrefix(id string) int {
	if prefixes.MatchString(id) {
		return 6
	}
	return 8
}

// maxVariants is up to how many IDs other spellings are tried, too.
const maxVariants = 50

// variants are other spellings under which a strong candidate may be stored:
// as it was before somebody typed it in capitals, or a phone made the first
// letter one; and the trace ID inside of an X-Ray ID.
func (x *extraction) variants(value string) {
	if len(x.strong) > maxVariants {
		return
	}
	if m := xray.FindStringSubmatch(value); m != nil {
		x.guess(Trace, m[1]+m[2])
	}
	head, _, ok := strings.Cut(value, "_")
	if ok && head != strings.ToLower(head) {
		if value == strings.ToUpper(value) {
			x.maybe(strings.ToLower(value))
		}
		x.maybe(strings.ToLower(head) + value[len(head):])
	} else if lower := strings.ToLower(value); lower != value && wholeUUID.MatchString(value) {
		x.maybe(lower)
	}
}

// each hands the places of every match to fn, and blanks the match when fn says
// that it was understood.
func (x *extraction) each(re *regexp.Regexp, fn func(at []int) bool) {
	var out strings.Builder
	from := 0
	for _, at := range re.FindAllStringSubmatchIndex(x.rest, -1) {
		if fn(at) {
			out.WriteString(x.rest[from:at[0]])
			out.WriteByte(' ')
			from = at[1]
		}
	}
	if from > 0 {
		out.WriteString(x.rest[from:])
		x.rest = out.String()
	}
}

var links = regexp.MustCompile(`https?://[^\s"'<>]+?/(r|events|v1/requests|v1/events)/((?:[^\s"'<>?#/|\\\x{a0}\x{3000}-\x{ffef}]|\\[_-])+)`) // Slack's end in |text; Markdown escapes

func (x *extraction) links() {
	x.each(links, func(at []int) bool {
		end := at[1]
		if end < len(x.rest) && x.rest[end] == '/' { // a longer path is somebody else's
			return false
		}
		written := strings.ReplaceAll(strings.Map(plainRune, x.rest[at[4]:at[5]]), `\`, "")
		id, err := url.PathUnescape(strings.TrimRight(written, ".,;:!)]}"))
		if err != nil {
			return false
		}
		if strings.HasSuffix(x.rest[at[2]:at[3]], "events") {
			return uuid.MatchString(id) && x.add(Event, id)
		}
		return strings.ContainsAny(x.rest[at[4]:at[5]], "0123456789%_-") && x.add(Request, id)
	})
}

// paths are links to a trace in somebody's tool, and to a request.
var paths = regexp.MustCompile(`(?i)/(traces?|requests?)/([0-9a-z][\w:.-]{7,})`)

func (x *extraction) paths() {
	x.each(paths, func(at []int) bool {
		id := strings.TrimRight(x.rest[at[4]:at[5]], ".:-_")
		if !looksLikeID(id) || !prefixes.MatchString(id) && kindOfShape(id) == Unknown && !digitsOnly(id) {
			return false
		}
		if at[3]-at[2] < len("request") {
			return x.add(Trace, id)
		}
		x.guess(Request, id) // may be a leave request, too
		return false
	})
}
