package lookup

import (
	"regexp"
	"strings"

	"errata/internal/event"
)

var traceparents = regexp.MustCompile(`(?i)\b[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})(?:-[0-9a-f]{2})?\b`)

// correlated is what Spring puts into the lines of a log: [service,trace,span], or [trace-span].
var correlated = regexp.MustCompile(`\[(?:[\w .-]{0,80}[,-] ?)?([0-9a-f]{32}|[0-9a-f]{16})[,-] ?([0-9a-f]{16})(?:,(?:true|false))?\]`)

func (x *extraction) traceparents() {
	x.each(correlated, func(at []int) bool {
		x.add(Trace, event.CleanHex(x.rest[at[2]:at[3]], at[3]-at[2]))
		x.guess(Span, event.CleanHex(x.rest[at[4]:at[5]], 16))
		return true
	})
	x.each(traceparents, func(at []int) bool {
		x.add(Trace, event.CleanHex(x.rest[at[2]:at[3]], 32))
		x.guess(Span, event.CleanHex(x.rest[at[4]:at[5]], 16))
		return true
	})
}

var (
	prefixes = regexp.MustCompile(`(?i)^(?:req|request|rid|reqid|corr|trace|trc|chatcmpl)[_-][0-9a-z]`)
	prefixed = regexp.MustCompile(`(?i)\b_{0,3}(?:req|request|rid|reqid|corr|trace|trc|chatcmpl|err)[_-][0-9a-z][\w-]{2,}`)
	others   = regexp.MustCompile(`(?i)^(?:cus|ch|acct|pi|pm|in|ii|il|sub|si|price|prod|plan|evt|cs|seti|tok|card|src|usr|user|org|proj|team|ord|order|inv|tkt|ticket|sess|sid|cart|pay|py|po|re|tr|txn|dp|file|we|key|ws|app|prj|acc|asst|thread|run|msg|step|vs|batch|ft|call|resp|item|build|job|task|dpl|rel|v\d*|ip|pod|node|host|i|vol|vpc|subnet|sg|ami|arn|ga|gid|uid|zd|jira|abc|sku|so|rma|case|kb|cve|rfc|iso|utf|sha\d*|md5|tls\w*|http|h\d|web|img|css|js|ecs|eks|eu|us|ap)[_-]`)
)

// prefixed finds IDs that begin as request IDs do.
func (x *extraction) prefixed() {
	x.each(prefixed, func(at []int) bool {
		s := strings.Trim(x.rest[at[0]:at[1]], "-_") // Markdown's _emphasis_ as well
		if !minted(s) {
			if hasDigit(s) || strings.HasPrefix(s, "req_") && len(s) > 7 && !isField(s) {
				x.maybe(s)
			}
			return false
		}
		if follows := x.rest[at[1]:]; strings.HasPrefix(follows, "=") || strings.HasPrefix(follows, "(") {
			return false // a name, not a value
		}
		if whole := leftOf(x.rest, at[0]) + s; whole != s && !strings.Contains(s, "_") {
			x.maybe(s)
			return x.add(Request, whole) // eu-req-9f3a21
		}
		return x.add(Request, s)
	})
}

// leftOf is the beginning of a word that goes on at the place after a hyphen.
func leftOf(s string, at int) string {
	from := at
	for from > 0 && at-from < 40 && (alnum(s[from-1]) || s[from-1] == '-') {
		from--
	}
	if from == at || s[at-1] != '-' || !alnum(s[from]) {
		return ""
	}
	return s[from:at]
}

// minted tells req_9f3a21 from req_timeout_30s: behind the prefix is one piece
// with a digit, or a long one among others.
func minted(s string) bool {
	_, rest, _ := strings.Cut(strings.ReplaceAll(s, "-", "_"), "_")
	parts := strings.Split(rest, "_")
	if len(parts) == 1 {
		return hasDigit(rest) && len(rest) >= 4 && !unit.MatchString(rest)
	}
	for _, p := range parts {
		if hasDigit(p) && len(p) >= 6 || hasDigit(p) && hasLetter(p) && len(p) >= 4 && !unit.MatchString(p) {
			return true
		}
	}
	return false
}

func isField(s string) bool {
	switch strings.ToLower(strings.ReplaceAll(s, "-", "_")) {
	case "request_id", "trace_id", "req_id", "request_body", "req_body", "req_headers":
		return true
	}
	return false
}

// otherObject reports IDs whose prefix says that they are of something else.
func otherObject(s string) bool { return others.MatchString(s) }

var (
	uuid      = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	raySuffix = regexp.MustCompile(`-[A-Z]{3}$`)
	xray      = regexp.MustCompile(`^1-([0-9a-f]{8})-([0-9a-f]{24})$`)
	wholeHex  = regexp.MustCompile(`(?i)^[0-9a-f]{8,64}$`)
	wholeUUID = regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	wholeULID = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)
	rayed     = regexp.MustCompile(`^[0-9a-f]{16}-[A-Z]{3}$`)
	edgeRef   = regexp.MustCompile(`^\d{1,3}\.[0-9a-f]{6,8}\.\d{10}\.[0-9a-f]{6,8}$`) // Akamai's reference
	vercel    = regexp.MustCompile(`^[a-z]{3}\d::(?:[a-z]{3}\d::)*[a-z0-9]{4,6}-\d{13}-[0-9a-f]{12}$`)
	shaped    = regexp.MustCompile(`(?i)[a-z]{3}\d::(?:[a-z]{3}\d::)*[a-z0-9]{4,6}-\d{13}-[0-9a-f]{12}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16}-[A-Z]{3}|1-[0-9a-f]{8}-[0-9a-f]{24}|\d{1,3}\.[0-9a-f]{6,8}\.\d{10}\.[0-9a-f]{6,8}|[0-9a-f]{32}|(?-i:[0-7][0-9A-HJKMNP-TV-Z]{25})|[0-9a-f]{16}`)
)

// kindOfShape is the kind of a value that stands for itself.
func kindOfShape(s string) Kind {
	switch {
	case prefixes.MatchString(s), wholeUUID.MatchString(s), wholeULID.MatchString(s):
		return Request
	case xray.MatchString(s), len(s) == 32 && wholeHex.MatchString(s):
		return Trace
	case rayed.MatchString(s):
		return Ray
	case len(s) == 16 && wholeHex.MatchString(s):
		return Span
	}
	return Unknown
}

// shapes finds IDs by their form. They are strong where the text has nothing
// better and says nothing else of them; and a few forms always.
func (x *extraction) shapes() {
	alone := len(x.strong)+len(x.spans) == 0
	x.each(shaped, func(at []int) bool {
		s := x.rest[at[0]:at[1]]
		if inWord(x.rest, at[0], at[1]) || !hasDigit(s) || isCard(s) {
			return false
		}
		kind := kindOfShape(s)
		switch sure := rayed.MatchString(s) || xray.MatchString(s) || edgeRef.MatchString(s) || vercel.MatchString(s); {
		case kind == Ray:
			x.add(Ray, raySuffix.ReplaceAllString(s, ""))
		case kind == Unknown && !sure: // by case, no ULID or Ray
			return false
		case sure, alone && !otherThing(x.rest[:at[0]]) && !file.MatchString(x.rest[at[1]:min(len(x.rest), at[1]+8)]):
			x.add(kind, s)
		default:
			x.guess(kind, s)
		}
		return true
	})
}

// inWord: the place is only a part of something longer.
func inWord(s string, from, to int) bool {
	return from > 0 && (idByte(s[from-1]) && s[from-1] != '-' && s[from-1] != '_' || s[from-1] == '-' && from > 1 && alnum(s[from-2])) ||
		to < len(s) && (alnum(s[to]) || s[to] == '-' && to+1 < len(s) && alnum(s[to+1]))
}

// other are things with IDs that nobody looks up here, at the end of what
// stands before such an ID; also a path of an address, and pod_namespace(uid).
var other = regexp.MustCompile(`(?i)(?:(?:^|[^a-z])(?:user|usr|cust|customer|client|account|acct|tenant|org|organi[sz]ation|workspace|project|team|company|merchant|order|invoice|cart|basket|payment|charge|refund|subscription|product|sku|item|device|session|sess|sid|cookie|csrf|xsrf|token|message|msg|file|document|doc|upload|attachment|job|task|batch|build|commit|rev|revision|sha\d*|md5|hash|checksum|digest|etag|(?:if-none-)?match|version|release|image|container|pod|node|instance|license|serial|ticket|case|conversation|thread|webhook|event|booking|reservation|shipment|parcel|tracking|contract|policy|patient|member|profile|contact|lead|campaign|template|object|record|row|key|nonce|boundary|idempotency|kunde|kunden|bestell\w*|rechnung\w*|auftrag\w*|konto|benutzer|pedido|cliente|usuario|factura|commande|client|utilisateur|facture|ordine|заказ\w*|пользовател\w*|注文|订单|用户|顧客|색)[a-z]?(?:[ \t_.-]{0,2}(?:ids?|number|no|nr|num|key|uuid|guid|hash|ref|reference|nummer|tag|sum|番号|号|番))?\.?["'` + "`" + `)\]*]{0,3}[ \t]{0,3}(?::=|=>|->|[:=#/]|is|was|ist)?[ \t]{0,3}(?:W/)?["'` + "`" + `(\[{<]{0,3}|/|[a-z0-9]_[a-z0-9.-]{1,63}\()$`)

// otherName is any name that ends as names of IDs and hashes do: those of ours
// have been taken out by now.
var otherName = regexp.MustCompile(`(?i)(?:["'{, ]id["']|[a-z][\w-]*[ \t]?(?:id|key|token|hash|guid|digest|nonce|signature)["']?)[ \t]{0,3}(?::|=>|=)[ \t]{0,3}["'{(\[]{0,3}$`)

// example stands before an ID that shows what one looks like.
var example = regexp.MustCompile(`(?i)(?:looks? (?:something )?like|such as|for example|for instance|e\.g\.|example|z\.\s?b\.|zum beispiel|par exemple|por ejemplo)[:,]?\s{0,2}["'` + "`" + `(]{0,2}(?:this[:,]?\s{0,2}["'` + "`" + `(]{0,2})?$`)

// file goes on after what is only the name of a file, or of somebody's mailbox.
var file = regexp.MustCompile(`^(?:\.[a-z][a-z0-9]{1,4}\b|@)`)

// otherThing reports that what follows the text is named as something else.
func otherThing(s string) bool {
	s = s[max(0, len(s)-64):]
	if m := ownName.FindStringSubmatch(s); m != nil && !pointing[strings.ToLower(m[1])] {
		return true
	}
	return other.MatchString(s) || otherName.MatchString(s) || example.MatchString(s)
}

// ownName is "advertising id" and the like in a sentence: the word before "id"
// says of what, if it does not only point at it.
var ownName = regexp.MustCompile(`(?i)(?:^|[^a-z])([a-z]+)[ \t_-](?:id|uuid|guid)["'` + "`" + `)]{0,3}[ \t]{1,3}["'` + "`" + `(]{0,3}$`)

var pointing = map[string]bool{
	"the": true, "this": true, "that": true, "an": true, "a": true, "my": true, "your": true, "our": true, "their": true, "its": true, "his": true, "her": true,
	"with": true, "and": true, "or": true, "is": true, "for": true, "of": true, "to": true, "as": true, "by": true, "under": true, "following": true, "same": true, "unique": true,
	"error": true, "code": true, "only": true, "got": true, "have": true, "see": true, "die": true, "der": true, "das": true, "el": true, "la": true, "le": true, "un": true,
	"con": true, "mit": true, "avec": true, "com": true, "random": true, "long": true, "weird": true, "new": true, "another": true, "one": true, "shows": true, "gives": true,
	"has": true, "had": true, "was": true, "says": true, "contains": true,
}

// looksLikeID: nobody writes this in a sentence.
func looksLikeID(s string) bool {
	switch {
	case isDate(s) || strings.ContainsAny(s, "@"):
		return false
	case kindOfShape(s) != Unknown:
		return hasDigit(s)
	case edgeRef.MatchString(s), vercel.MatchString(s):
		return true
	case !hasLetter(s):
		return digitsOnly(s) && len(s) >= 15
	}
	return hasDigit(s) && len(s) >= 8 && !strings.Contains(s, "/")
}

func digitsOnly(s string) bool { return strings.Trim(s, "0123456789-") == "" }

func isDate(s string) bool { return times.MatchString(s) }

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

func hasLetter(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x80 && letter(byte(r)) })
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

func alnum(c byte) bool { return letter(c) || digit(c) }
