// Package lookup finds identifiers in whatever a customer sent: an error body,
// header lines, a traceparent, a link of ours, or a whole e-mail around them.
//
// It is pure and keeps nothing. Strong evidence (a known JSON field, a named
// header, the shape of a trace ID) wins; only a text without any is searched
// for words that could be an ID.
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

// Candidate is one identifier that the text may be about.
type Candidate struct {
	Kind  Kind   `json:"kind"`
	Value string `json:"value"`
}

// maxCandidates bounds the answer to a text that is nothing but IDs.
const maxCandidates = 2000

// Extract gives the identifiers in text, best evidence first, each once.
// Things that look like live credentials are never among them.
func Extract(text string) []Candidate {
	x := &extraction{rest: secrets.ReplaceAllString(strings.ToValidUTF8(text, " "), " "), seen: map[string]bool{}}
	for _, step := range []func(){x.links, x.json, x.traceparents, x.headers, x.prefixed, x.shapes} {
		step()
	}
	if len(x.found) == 0 {
		x.words()
	}
	return x.found
}

// secrets are the shapes of credentials that end up in tickets.
var secrets = regexp.MustCompile(`(?i)\b(?:erk_[A-Za-z0-9]{20,}|(?:sk|pk|rk|ep|ak)[_-](?:live|test|proj|ant|prod)[_-][\w-]{8,}|sk[_-][A-Za-z0-9]{16,}|gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{12,}|(?:bearer|basic)\s+[\w.~+/-]{12,}=*|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)`)

// HasSecret reports whether the text holds something like a live credential,
// whose owner should replace it.
func HasSecret(text string) bool { return secrets.MatchString(text) }

// extraction is one text on its way; what a step has understood is blanked, so
// that a later one does not take parts of it for something else.
type extraction struct {
	rest  string
	found []Candidate
	seen  map[string]bool
}

func (x *extraction) add(kind Kind, value string) {
	value = event.CleanID(value)
	if value == "" || x.seen[value] || len(x.found) >= maxCandidates {
		return
	}
	x.seen[value] = true
	x.found = append(x.found, Candidate{kind, value})
}

// each hands the submatches of every match to fn, and blanks the match when fn
// says that it was understood.
func (x *extraction) each(re *regexp.Regexp, fn func(match []string) bool) {
	x.rest = re.ReplaceAllStringFunc(x.rest, func(s string) string {
		if fn(re.FindStringSubmatch(s)) {
			return " "
		}
		return s
	})
}

var links = regexp.MustCompile(`https?://[^\s"'<>]+?/(r|events|v1/requests|v1/events)/([^\s"'<>?#]+)`)

func (x *extraction) links() {
	x.each(links, func(m []string) bool {
		id, err := url.PathUnescape(strings.TrimRight(m[2], ".,;:!)]}"))
		if err != nil {
			return false
		}
		if strings.HasSuffix(m[1], "events") {
			if !uuid.MatchString(id) {
				return false
			}
			x.add(Event, id)
			return true
		}
		x.add(Request, id)
		return true
	})
}

var traceparents = regexp.MustCompile(`(?i)\b[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})(?:-[0-9a-f]{2})?\b`)

func (x *extraction) traceparents() {
	x.each(traceparents, func(m []string) bool {
		x.add(Trace, event.CleanHex(m[1], 32))
		return true
	})
}

// headers are named values as they stand in a response, a log line, or a
// sentence: "X-Request-Id: …", "trace_id=…", "request ID is …".
var headers = regexp.MustCompile(`(?i)\b((?:x-)?(?:amzn?-)?request[ _-]?id|(?:x-)?correlation[ _-]?id|x-amzn-trace-id|x-amz-id-2|cf-ray|ray[ _-]?id|(?:x-b3-)?trace[ _-]?id|(?:x-b3-)?span[ _-]?id|x-trace-id|operation-location|apim-request-id|x-ms-request-id|x-goog-request-id|x-vercel-id|fly-request-id)["']?(?:\s*[:=#]\s*|\s+(?:is|was)\s*:?\s*|\s+)["']?([^\s"',;<>]+)`)

func (x *extraction) headers() {
	x.each(headers, func(m []string) bool {
		value := strings.TrimRight(m[2], ".!?)]}")
		if !strings.ContainsAny(value, "0123456789") {
			return false
		}
		if strings.EqualFold(m[1], "x-amzn-trace-id") {
			value = strings.TrimPrefix(value, "Root=")
		}
		kind := kindOf(m[1])
		if kind == Ray {
			value = raySuffix.ReplaceAllString(value, "")
		}
		x.add(kind, value)
		return true
	})
}

func kindOf(name string) Kind {
	switch n := strings.ToLower(name); {
	case strings.Contains(n, "amz"):
		return AWS
	case strings.Contains(n, "trace"):
		return Trace
	case strings.Contains(n, "span"):
		return Span
	case strings.Contains(n, "ray"):
		return Ray
	default:
		return Request
	}
}

var prefixed = regexp.MustCompile(`\b(?:req|request|rid|reqid|corr|trace|err|evt|txn|chatcmpl|run|msg)[_-][A-Za-z0-9][A-Za-z0-9_-]{3,}`)

func (x *extraction) prefixed() {
	x.each(prefixed, func(m []string) bool {
		if !strings.ContainsAny(m[0], "0123456789") && !strings.HasPrefix(m[0], "req_") {
			return false
		}
		if field(m[0]) {
			return false
		}
		x.add(Request, m[0])
		return true
	})
}

// field reports names of fields that have the shape of a prefixed ID.
func field(s string) bool {
	switch s {
	case "request_id", "request-id", "trace_id", "trace-id", "req_id":
		return true
	}
	return false
}

var (
	uuid      = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	rays      = regexp.MustCompile(`\b([0-9a-f]{16})-[A-Z]{3}\b`)
	raySuffix = regexp.MustCompile(`-[A-Z]{3}$`)
	hexes     = regexp.MustCompile(`(?i)\b(?:[0-9a-f]{32}|[0-9a-f]{16})\b`)
	ulids     = regexp.MustCompile(`\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b`)
	digits    = regexp.MustCompile(`[0-9]`)
)

func (x *extraction) shapes() {
	x.each(uuid, func(m []string) bool { x.add(Request, m[0]); return true })
	x.each(rays, func(m []string) bool { x.add(Ray, m[1]); return true })
	x.each(ulids, func(m []string) bool { x.add(Request, m[0]); return true })
	x.each(hexes, func(m []string) bool {
		if !digits.MatchString(m[0]) {
			return false
		}
		kind := Span
		if len(m[0]) == 32 {
			kind = Trace
		}
		x.add(kind, m[0])
		return true
	})
}

// fieldName is what stands before "=" in "name=value"; an ID in base64 may end
// in "=" itself.
var fieldName = regexp.MustCompile(`^[A-Za-z][A-Za-z._-]*$`)

var dates = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}|^\d{1,2}:\d{2}|^\d+([.,]\d+)*$`)

// words are the last resort: words with a digit that are long enough to be
// unique. A text that is one word is taken as it is.
func (x *extraction) words() {
	fields := strings.Fields(x.rest)
	for _, f := range fields {
		w := strings.Trim(f, ".,;:!?()[]{}<>\"'`*")
		if name, v, ok := strings.Cut(w, "="); ok && fieldName.MatchString(name) {
			w = strings.Trim(v, "\"'") // request_id=…, of which a secret may have been taken out
		}
		switch {
		case w == "":
		case len(fields) == 1 && len(w) >= 3 && !strings.ContainsAny(w, `"{}<>`):
			x.add(Unknown, w)
		case len(w) < 8, !digits.MatchString(w), dates.MatchString(w), strings.ContainsAny(w, "@/{}<>"), strings.Contains(w, "://"):
		default:
			x.add(Unknown, w)
		}
	}
}
