package lookup

import (
	"regexp"
	"slices"
	"strings"

	"errata/internal/event"
)

// Names that stand before an ID. A certain one makes what follows an ID; after
// a vague one the value must look like an ID as well.
//
// The first group: names in one word or two, as headers, fields and sentences
// have them, with anything before ("x-amzn-requestid", "upstream_request_id").
// The second: names that are headers of somebody's gateway. The third: the
// request ID in other languages. The fourth: vague names.
var names = regexp.MustCompile(`^(?i:((?:request|correlation|correl|req|trace|span|ray|activity|invocation|debug)[ \t_.-]{0,3}(?:ids?|identifier|uuid|guid)|request with (?:the |an? )?id|apigw-requestid|fbtrace_id|logref)` +
	`|(x-amz-id-2|x-amz-cf-id|x-amzn-trace-id|host_?id|cf-ray|x-vercel-id|x-cloud-trace-context|uber-trace-id|sentry-trace|b3|x-azure-ref|x-arr-log-id|operation-location|x-guploader-uploadid|x-trace(?:-?id)?|x-transaction-id)` +
	`|(` + foreign + `)` +
	`|((?:error|event|incident|support|operation|transaction|exception|failure|log|tracking|diagnostic|crash|unique|fehler|vorgangs?)[ \t_-]{0,2}(?:ids?|identifier|uuid|ref(?:erence)?)|(?:error|incident|support|fehler|vorgangs|referenz)[ \t_-]{0,2}(?:number|nummer|no\b|nr\b)` +
	`|reference(?:[ \t_-]?(?:number|no|id|code|nr))?|referenz(?:nummer|nr)?|référence|referencia|riferimento|referência|ref\.?(?:[ \t_-]?(?:number|no|id|nr|[abc]\b))?|request[ \t_-]?(?:number|no\b|nr\b)|request|req|trace|span|rqid|rid|cid|(?-i:ID\b)|エラーID|エラー番号|错误ID|错误编号|オペレーションID|رقم الطلب|رمز الطلب))`)

// foreign are the request ID, correlation ID and trace ID elsewhere.
const foreign = `anfragen?-?[ ]?(?:id|kennung|nr|nummer)|anforderungs-?[ ]?id|kennung der anfrage|request-?[ ]?kennung|anfrage mit (?:der )?id|(?:petici[oó]n|solicitud) con (?:el )?id|requ[eê]te (?:avec|portant) l'id(?:entifiant)?|richiesta con (?:l')?id|korrelations-?[ ]?(?:id|kennung)|ablaufverfolgungs-?id` +
	`|id(?:entificador|entifiant|entificativo|entificatore|-ul)?[ ](?:única[ ])?(?:de|da|do|della|di|del|van)?[ ]?(?:la|l'|le|el|het)?[ ]?(?:solicitud|petici[oó]n|requ[eê]te|demande|solicita[cç][aã]o|requisi[cç][aã]o|richiesta|verzoek|aanvraag|corr[eé]laci[oó]n|corr[eé]lation|correla[cç][aã]o|correlazione|traza|rastreo|rastreamento|seguimiento|trace|suivi|traccia|permintaan|cererii?|cerere)` +
	`|n(?:úmero|umero|º|\.º|uméro|°)[ ](?:de|da|di)[ ](?:solicitud|petici[oó]n|requ[eê]te|solicita[cç][aã]o|requisi[cç][aã]o|richiesta)` +
	`|aanvraag-?[ ]?(?:id|nummer)|verzoek-?[ ]?id|correlatie-?[ ]?id|beg[aä]ran-?[ ]?id|f[oö]rfr[aå]gnings-?[ ]?id|anmodnings-?[ ]?id|foresp[oø]rg?sels-?[ ]?id|pyynn[oö]n (?:tunnus|tunniste|id)` +
	`|(?:id|identyfikator|numer) ż[aą]dania|(?:id|identifik[aá]tor) po[zž]adavku|istek (?:id|no|kimli[gğ]i|numaras[ıi])|kérés[- ]?azonosító|(?:id|mã) yêu cầu|αναγνωριστικό αιτήματος|id αιτήματος` +
	`|(?:id|идентификатор|номер|код) (?:запроса|трассировки|корреляции|операции)|(?:id|ідентифікатор) запиту|(?:ид|айди) запроса` +
	`|リクエスト ?(?:id|番号|識別子)|要求 ?id|トレース ?id|相関 ?id|请求 ?(?:的 ?)?(?:id|编号|标识符?|识别码|号)|請求 ?(?:id|編號|識別碼)|要求編號|(?:跟踪|追踪|追蹤|链路|關聯|关联|trace) ?id|요청 ?(?:id|아이디|번호|식별자)|추적 ?id|상관 ?id` +
	`|معر[ّ]?ف الطلب|מזהה ?ה?בקשה|מספר ?ה?בקשה|अनुरोध (?:आईडी|id)|รหัสคำขอ|id คำขอ|شناسه درخواست`

// before is what may stand between a name and its value.
var before = regexp.MustCompile(`^(?:[ \t]*\([^()\n]{1,40}\))?["'*_)\]>` + "`" + `]{0,4}\s{0,12}((?:(?:is|was|are|were|reads|says|ist|war|lautet|lautete|sind|est|était|es|era|fue|son|è|é|foi|der|är|er|jest|je|to|на|は|が|是|为|為|은|는|:=|=>|->|→|[:=#|~-]|\.{2,}|…+)["'*_` + "`" + `]{0,2}\s{0,12}){0,3}(?:(?:Array|array\(1\))\s{0,12}[({]\s{0,20}\[0\] ?=>\s{0,20})?)((?:["'*<(\[{` + "`" + `]|[A-Za-z]{2,12}\((?:\d{1,4}\) )?|Root=){0,4})`)

// tuple parts a name from its value in lists of headers: ("X-Request-Id", "7f3c").
var tuple = regexp.MustCompile(`^["'],\s{0,12}["']`)

var (
	value     = regexp.MustCompile(`^[A-Za-z0-9|/][^\s"'` + "`" + `,;<>(){}\[\]\\&*\x{590}-\x{10ffff}]*`) // particles of other scripts follow without a blank
	anded     = regexp.MustCompile(`^["'` + "`" + `)\]*]{0,3}\s{0,3}(?:,|;|/|&|\+|and|und|y|et|e|i|en|和|と|,\s{0,3}(?:and|und|y|et))\s{0,4}["'` + "`" + `(*]{0,3}`)
	addresses = regexp.MustCompile(`^(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?$|^[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}$|^0x[0-9A-Fa-f]+$`)
	times     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(?:[T_ ]|$)|^\d{1,2}:\d{2}|^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}$|^\d+(?:[.,]\d+)+(?:E\+?\d+)?$|^v?\d+(?:\.\d+)+(?:[-+].{1,20})?$`)
)

// labels finds values by the names that stand before them.
func (x *extraction) labels() {
	var out strings.Builder
	from := 0
	for i := 0; i+1 < len(x.rest); i++ {
		if !nameBegins(x.rest[i], x.rest[i+1]) {
			continue
		}
		at := names.FindStringSubmatchIndex(x.rest[i:min(len(x.rest), i+maxName)])
		if at == nil {
			continue
		}
		for n := range at {
			if at[n] >= 0 {
				at[n] += i
			}
		}
		i = at[1] - 1
		if end := x.labelled(at); end > 0 {
			out.WriteString(x.rest[from:at[0]])
			out.WriteString("\n")
			from, i = end, end-1
		}
	}
	if from > 0 {
		out.WriteString(x.rest[from:])
		x.rest = out.String()
	}
}

// maxName is more than any name has.
const maxName = 64

// pairs are the two letters that a name begins with. To look for names only
// where one can begin is ten times as fast.
const pairs = "re co tr sp ra ac in de ap fb lo x- ho cf ub se b3 op an ko ab id n. aa ve be fo py is er ev su un ex fa di cr fe vo ri rq ci nu ke n\xc3 f\xc3 n\xc2 k\xc3 m\xc3 r\xc3 pe so "

var begins = func() (set [1 << 16]bool) {
	for i := 0; i+1 < len(pairs); i += 3 {
		set[int(pairs[i])<<8|int(pairs[i+1])] = true
	}
	return set
}()

func nameBegins(a, b byte) bool {
	return a >= 0xc4 || begins[int(lower(a))<<8|int(lower(b))]
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 32
	}
	return c
}

// labelled takes the value behind a name, and those that follow in a row; it
// gives where the last one ends, or 0.
func (x *extraction) labelled(at []int) int {
	l, ok := x.label(at)
	if !ok {
		return 0
	}
	v, end := readValue(x.rest, at[1])
	if l.kind == Trace || l.kind == Span {
		v.text = withoutBase(v.text)
	}
	if v.text == "" || !l.takes(v) {
		return 0
	}
	x.take(l.kind, v.text)
	first := v.text
	for range maxStrong {
		gap := anded.FindStringIndex(x.rest[end:min(len(x.rest), end+16)])
		if gap == nil {
			break
		}
		next := trimValue(value.FindString(x.rest[end+gap[1] : min(len(x.rest), end+gap[1]+200)]))
		if !alike(first, next) {
			break
		}
		x.take(l.kind, next)
		end += gap[1] + len(next)
	}
	return end
}

// alike: what stands beside an ID is one, too, when it begins in the same way
// or is as long.
func alike(a, b string) bool {
	if b == "" || !hasDigit(b) || isDate(b) {
		return false
	}
	i, j := strings.IndexAny(a, "_-"), strings.IndexAny(b, "_-")
	return len(b) >= 4 && (i > 0 && i == j && a[:i] == b[:j] || len(a) == len(b) && len(b) >= 6)
}

// withoutBase takes the 0x off that OpenTelemetry's console exporters write.
func withoutBase(v string) string {
	if bare, ok := strings.CutPrefix(v, "0x"); ok && (len(bare) == 32 || len(bare) == 16) && wholeHex.MatchString(bare) {
		return bare
	}
	return v
}

// take adds a value under a name, as it is stored.
func (x *extraction) take(kind Kind, v string) {
	if m := traceparents.FindStringSubmatch(v); m != nil { // ASP.NET's traceId
		x.add(Trace, strings.ToLower(m[1]))
		x.guess(Span, strings.ToLower(m[2]))
		return
	}
	if kind == Ray {
		v = raySuffix.ReplaceAllString(v, "")
	}
	if kind == Trace {
		if m := compound.FindStringSubmatch(v); m != nil { // trace:span:parent:flags, trace/span, trace-span-1
			x.add(Trace, m[1])
			x.guess(Span, m[2])
			return
		}
	}
	if kind == Span {
		x.spans = append(x.spans, v)
		return
	}
	x.add(kind, v)
}

// ofSpans takes the span IDs, when all else has been read. Beside a trace they
// are guesses: it leads to the same story, and who has it misses none of its
// spans that did not fail.
func (x *extraction) ofSpans() {
	traced := slices.ContainsFunc(x.strong, func(c Candidate) bool { return c.Kind == Trace })
	for _, v := range x.spans {
		if traced {
			x.guess(Span, v)
		} else {
			x.add(Span, v)
		}
	}
}

var compound = regexp.MustCompile(`^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{16})[:/-]([0-9A-Fa-f]{1,20})(?:[:;-].*)?$`)

// label is a name that stands before a value.
type label struct {
	kind  Kind
	vague bool
	bare  bool // only "request": of whatever somebody asked for
	ref   bool // so vague that it may as well be of a ticket or a contract
	host  bool // S3's second ID, in other spelling, or a machine's
	paid  bool // a transaction: of money, unless it looks as requests do
}

// label judges a name by what stands around it.
func (x *extraction) label(at []int) (label, bool) {
	name, group := strings.ToLower(x.rest[at[0]:at[1]]), 1
	for g := 1; g <= 4; g++ {
		if at[2*g] >= 0 {
			group = g
		}
	}
	if end := at[1]; group != 3 && end < len(x.rest) && letter(x.rest[end]) {
		return label{}, false // "identity", "requested"
	}
	if end := at[1]; group%2 == 0 && end+1 < len(x.rest) && (x.rest[end] == '_' || x.rest[end] == '-') && alnum(x.rest[end+1]) {
		return label{}, false // the prefix of an ID, or of another name
	}
	start := at[0]
	for start > 0 && at[0]-start < 40 && (letter(x.rest[start-1]) || x.rest[start-1] == '-' || x.rest[start-1] == '_' || x.rest[start-1] == '.') {
		start--
	}
	left := strings.ToLower(x.rest[start:at[0]])
	glued := left != "" && letter(left[len(left)-1])
	camel := glued && x.rest[at[0]] >= 'A' && x.rest[at[0]] <= 'Z'
	switch {
	case group == 4 && (glued && !camel || otherThing(x.rest[:at[0]])):
		return label{}, false
	case group == 2 && glued, group%2 == 0 && at[0] > 0 && digit(x.rest[at[0]-1]): // inside of a UUID
		return label{}, false
	case camel && strings.HasPrefix(name, "ref") && !failing.MatchString(left): // "paymentReference"
		return label{}, false
	case name == "id" && !bareID.MatchString(x.rest[max(0, at[0]-24):at[0]]):
		return label{}, false
	case group == 1 && glued && !camel && (strings.HasPrefix(name, "ray") || strings.HasPrefix(name, "span") || strings.HasPrefix(name, "req ") || strings.HasPrefix(name, "reqi") || strings.HasPrefix(name, "debug")):
		return label{}, false
	}
	return label{
		kind:  kindOf(left + name),
		vague: group == 4,
		ref:   group == 4 && (strings.HasPrefix(name, "r\u00e9f") || strings.HasPrefix(name, "ref") || strings.HasPrefix(name, "rif")),
		bare:  name == "request" || name == "req",
		host:  strings.HasPrefix(name, "host") && x.rest[at[0]:at[1]] != "HostId",
		paid:  group == 4 && strings.HasPrefix(name, "trans"),
	}, true
}

// failing stands before a reference to what failed.
var failing = regexp.MustCompile(`(?:request|req|error|err|support|incident|failure|fault|trace|log|debug|correlation|api|server)$`)

// bareID: "ID" says of itself only as much as the words before it.
var bareID = regexp.MustCompile(`(?i)(?:^|\n|\b(?:this|the|that|your|following|quote|with|error|unique|diese|dieser|este|esta|cet)[ \t]+)["'*(\[]{0,3}$`)

func kindOf(name string) Kind {
	switch {
	case strings.Contains(name, "amz") && !strings.Contains(name, "trace"), strings.HasPrefix(name, "host"):
		return AWS
	case strings.Contains(name, "trace"), name == "b3", strings.Contains(name, "トレース"), strings.Contains(name, "трасс"):
		return Trace
	case strings.Contains(name, "span"):
		return Span
	case strings.Contains(name, "ray"):
		return Ray
	}
	return Request
}

// held is a value and how it stands there.
type held struct {
	text   string
	paired bool // name and value are joined by a sign, or the value is quoted
	quoted bool
	broken bool // a new line is between them
}

// readValue reads the value behind a name.
func readValue(s string, at int) (held, int) {
	window := s[at:min(len(s), at+120)]
	if pair := tuple.FindString(window); pair != "" {
		v := held{text: trimValue(value.FindString(window[len(pair):])), quoted: true}
		return v, at + len(pair) + len(v.text)
	}
	gap := before.FindStringSubmatchIndex(window)
	if gap == nil || gap[1] == 0 {
		return held{}, 0
	}
	sep, opener := window[gap[2]:gap[3]], window[gap[4]:gap[5]]
	start := at + gap[1]
	v := held{paired: strings.ContainsAny(sep, ":=#|>→"), broken: strings.Contains(window[:gap[1]], "\n")}
	if q := strings.LastIndexAny(opener, "\"'`"); q >= 0 {
		v.quoted = true
		if end := strings.IndexByte(s[start:min(len(s), start+event.MaxIDLen+40)], opener[q]); end > 0 {
			inner := s[start : start+end]
			if strings.Contains(inner, "\n") { // wrapped inside of its quotes
				inner = strings.Join(strings.Fields(inner), "")
			}
			if !strings.ContainsAny(inner, "{}<>\"") && (v.paired || !strings.Contains(inner, " ")) {
				if strings.Contains(opener, "{") && fieldEnd.MatchString(s[start+end:min(len(s), start+end+8)]) {
					return held{}, 0 // the name of a field within
				}
				v.text = inner
				return v, start + end
			}
		}
	}
	raw := value.FindString(s[start:min(len(s), start+event.MaxIDLen+1)])
	v.text = trimValue(raw)
	end := start + len(v.text)
	if i := strings.IndexByte(v.text, ':'); i > 0 && prefixes.MatchString(v.text[i+1:]) {
		v.text = v.text[i+1:] // the rest of a name that is written unlike ours
	}
	return v, end
}

var fieldEnd = regexp.MustCompile(`^["'` + "`" + `]\s{0,4}:`)

func trimValue(s string) string {
	s = strings.TrimPrefix(s, "|")
	if i := strings.IndexByte(s, '|'); i > 0 {
		s = s[:i]
	}
	if bare := strings.TrimRight(s, "="); len(s)-len(bare) > 2 {
		s = bare
	}
	return strings.TrimRight(s, ".!?:)]}~_-/+")
}

// minHostID is shorter than S3's, and longer than the names of machines.
const minHostID = 40

// numbered is how things are that somebody requests: PR-88120.
var numbered = regexp.MustCompile(`^[A-Z]{1,10}-\d[\d/-]*$`)

// ticket is how tickets, contracts and invoices are numbered.
var ticket = regexp.MustCompile(`^[A-Z]{1,10}[-/]?\d[\d/-]*$|^[\d/-]+(?:[-/][A-Z]{1,4})?$|^[A-Z]{1,8}(?:-[A-Z]{1,8})*-\d[\d-]*(?:-[A-Z]{1,4})?$|^\d+(?:[-/](?:\d+|[A-Z]{1,4}))+$`)

// takes decides whether a value is one of this name.
func (l label) takes(v held) bool {
	s := v.text
	switch {
	case isDate(s) || addresses.MatchString(s) || strings.ContainsAny(s, "@") || strings.Contains(s, "://"):
		return false
	case l.host:
		return len(s) >= minHostID && !wholeUUID.MatchString(s)
	case l.vague:
		return looksLikeID(s) && !otherObject(s) && !(l.ref && ticket.MatchString(s)) && !(l.bare && numbered.MatchString(s) && !prefixes.MatchString(s)) && !(l.paid && kindOfShape(s) == Unknown)
	case prefixes.MatchString(s):
		return hasDigit(s) || v.paired || len(s) > 12
	case otherObject(s) && !v.paired:
		return false
	case v.quoted && v.paired && !v.broken:
		return len(s) >= 2
	case hasDigit(s) && v.paired && !v.broken:
		return len(s) >= 3
	case hasDigit(s) && hasLetter(s):
		return len(s) >= 5
	case hasDigit(s):
		return len(s) >= 6
	case v.paired && !v.broken:
		return len(s) >= 8 && (wholeHex.MatchString(s) || s[1:] != strings.ToLower(s[1:]) && s != strings.ToUpper(s))
	}
	return wholeHex.MatchString(s)
}
