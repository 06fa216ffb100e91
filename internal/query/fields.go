package query

import (
	"strconv"
	"strings"
	"unicode"

	"errata/internal/event"
)

// Field is what a term asks about.
type Field string

// The fields. Text is what the terms without one ask about: message, code and
// request ID.
const (
	Text        Field = ""
	Service     Field = "service"
	Endpoint    Field = "endpoint"
	Method      Field = "method"
	Code        Field = "code"
	Status      Field = "status"
	Family      Field = "family"
	Role        Field = "role"
	Customer    Field = "customer"
	Environment Field = "environment"
	Release     Field = "release"
	Provider    Field = "provider"
	Request     Field = "request"
	Trace       Field = "trace"
	Message     Field = "message"

	// Of issues only.
	Exception Field = "exception"
	State     Field = "state"
	Assignee  Field = "assignee"
	Is        Field = "is"
)

// field is a field and how its values are read. read gets a value without its
// quotes and its star, and says what is wrong with it, or a zero problem.
type field struct {
	name   Field
	read   func(text string, prefix bool) (Value, problem)
	static []string // what can stand there, where that is known beforehand
}

// problem is why a value is refused: what is wrong, what to do, and what was
// probably meant.
type problem struct{ why, suggestion string }

var (
	families = []string{string(event.FamilyCaller), string(event.FamilyLimits), string(event.FamilyUs), string(event.FamilyUpstream)}
	roles    = []string{string(event.Primary), string(event.Upstream), string(event.Context)}
	classes  = []string{"4xx", "5xx", "429", "500", "502", "503", "504"}
	states   = []string{"open", "acknowledged", "resolved", "regressed", "ignored"}
	kinds    = []string{"unresolved", "new", "regressed"}
)

// List is what is searched: the language is the same for all lists, but each
// has fields of its own.
type List struct {
	things string // what is in the list
	fields []field
}

// The lists, their fields in the order in which they are offered.
var (
	Events = &List{"failures", []field{
		{Service, plain, nil}, {Status, status, classes}, {Code, code, nil}, {Customer, plain, nil}, {Endpoint, plain, nil},
		{Environment, plain, nil}, {Family, oneOf(families), families}, {Release, plain, nil}, {Method, method, nil}, {Message, plain, nil},
		{Provider, plain, nil}, {Request, plain, nil}, {Role, oneOf(roles), roles}, {Trace, trace, nil},
	}}
	Issues = &List{"issues", []field{
		{Service, plain, nil}, {Status, status, classes}, {Code, code, nil}, {Is, oneOf(kinds), kinds}, {State, oneOf(states), states},
		{Assignee, plain, nil}, {Endpoint, plain, nil}, {Family, oneOf(families), families}, {Method, method, nil}, {Message, plain, nil},
		{Exception, plain, nil}, {Provider, plain, nil}, {Role, oneOf(roles), roles},
	}}
	// Rules are conditions: of failures, those fields that are counted by the
	// minute.
	Rules = &List{"alert rules", []field{
		{Service, plain, nil}, {Environment, plain, nil}, {Endpoint, plain, nil}, {Method, method, nil}, {Status, status, classes}, {Code, code, nil},
		{Provider, plain, nil}, {Family, oneOf(families), families},
	}}
	lists = []*List{Events, Issues, Rules}
)

// aliases are names that other parts of the API give these fields.
var aliases = map[string]Field{"request_id": Request, "trace_id": Trace}

// Fields are the names of all fields of failures.
func Fields() []string { return Events.Fields() }

// Fields are the names of all fields, in the order in which they are offered.
func (l *List) Fields() []string {
	names := make([]string, len(l.fields))
	for i, f := range l.fields {
		names[i] = string(f.name)
	}
	return names
}

func (l *List) named(name string) *field {
	name = strings.ToLower(name)
	if f, ok := aliases[name]; ok {
		name = string(f)
	}
	for i := range l.fields {
		if string(l.fields[i].name) == name {
			return &l.fields[i]
		}
	}
	return nil
}

// elsewhere is another list that has the field; nil for none.
func (l *List) elsewhere(name string) *List {
	for _, other := range lists {
		if other != l && other.named(name) != nil {
			return other
		}
	}
	return nil
}

func plain(text string, prefix bool) (Value, problem) {
	return Value{Text: text, Prefix: prefix}, problem{}
}

func method(text string, prefix bool) (Value, problem) { return plain(strings.ToUpper(text), prefix) }

// code takes a code as it was sent: PROVIDER_ERROR means provider_error.
func code(text string, prefix bool) (Value, problem) {
	if text == "" {
		return plain(text, prefix)
	}
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	if !strings.ContainsFunc(text, word) {
		return Value{}, problem{why: "is no code: a code has letters or digits"}
	}
	canonical := event.CanonicalCode(text, 0)
	// What is cut off behind a separator goes on behind it: rate_* is not rates.
	if last := rune(text[len(text)-1]); prefix && last < 0x80 && !word(last) {
		canonical += "_"
	}
	return plain(canonical, prefix)
}

func oneOf(allowed []string) func(string, bool) (Value, problem) {
	return func(text string, prefix bool) (Value, problem) {
		v := strings.ToLower(text)
		for _, a := range allowed {
			if v == a && !prefix {
				return plain(v, false)
			}
		}
		return Value{}, problem{"must be one of: " + strings.Join(allowed, ", "), Nearest(v, allowed)}
	}
}

// trace takes the 32 hexadecimal digits, also as a UUID has them.
func trace(text string, prefix bool) (Value, problem) {
	v := strings.ToLower(strings.ReplaceAll(text, "-", ""))
	switch {
	case strings.Trim(v, "0123456789abcdef") != "", len(v) > 32:
		return Value{}, problem{why: "is no trace ID: that has 32 hexadecimal digits"}
	case len(v) < 32 && !prefix:
		return Value{}, problem{"is shorter than the 32 hexadecimal digits of a trace ID; end it with *", text + "*"}
	}
	return plain(v, prefix)
}

const (
	lowest, highest = 100, 599
	statusForms     = "must be a status such as 429, a class such as 5xx, or a range such as 500..503 or >=500"
)

func status(text string, prefix bool) (Value, problem) {
	if prefix {
		if text == "" {
			return plain(text, prefix)
		}
		p := problem{why: statusForms}
		if len(text) == 1 && text >= "1" && text <= "5" {
			p.suggestion = text + "xx"
		}
		return Value{}, p
	}
	low, high, ok := statusRange(text)
	if !ok || low > high {
		return Value{}, problem{why: statusForms}
	}
	return Value{Low: low, High: high}, problem{}
}

func statusRange(s string) (low, high int, ok bool) {
	if len(s) == 3 && strings.EqualFold(s[1:], "xx") && s[0] >= '1' && s[0] <= '5' {
		low = int(s[0]-'0') * 100
		return low, low + 99, true
	}
	for _, c := range []struct {
		sign  string
		bound func(n int) (int, int)
	}{
		{">=", func(n int) (int, int) { return n, highest }}, {"<=", func(n int) (int, int) { return lowest, n }},
		{">", func(n int) (int, int) { return n + 1, highest }}, {"<", func(n int) (int, int) { return lowest, n - 1 }},
	} {
		if rest, found := strings.CutPrefix(s, c.sign); found {
			n, ok := oneStatus(rest)
			low, high = c.bound(n)
			return low, high, ok
		}
	}
	from, to, isRange := strings.Cut(s, "..")
	if !isRange {
		to = from
	}
	low, okLow := oneStatus(from)
	high, okHigh := oneStatus(to)
	return low, high, okLow && okHigh
}

func oneStatus(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && len(s) == 3 && n >= lowest && n <= highest
}
