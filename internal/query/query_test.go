package query

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/fault"
)

func text(s string) Value   { return Value{Text: s} }
func prefix(s string) Value { return Value{Text: s, Prefix: true} }

func is(f Field, values ...Value) Term    { return Term{Field: f, Values: values} }
func isNot(f Field, values ...Value) Term { return Term{Field: f, Not: true, Values: values} }

var anything = prefix("")

func TestParse(t *testing.T) {
	for given, want := range map[string]struct {
		terms     []Term
		canonical string // where it is not what was given
	}{
		"":    {nil, ""},
		" \t": {nil, ""},
		`service:billing status:5xx code:timeout -customer:acme "connection reset"`: {[]Term{
			is(Service, text("billing")), is(Status, Value{Low: 500, High: 599}), is(Code, text("timeout")),
			isNot(Customer, text("acme")), is(Text, text("connection reset")),
		}, ""},

		// Text stays what it was.
		"two words":                   {[]Term{is(Text, text("two")), is(Text, text("words"))}, ""},
		"100%_\\":                     {[]Term{is(Text, text("100%_\\"))}, ""},
		"Error: refused":              {[]Term{is(Text, text("Error:")), is(Text, text("refused"))}, `"Error:" refused`},
		"https://acme.com/a?b=c":      {[]Term{is(Text, text("https://acme.com/a?b=c"))}, `"https://acme.com/a?b=c"`},
		"std::length_error":           {[]Term{is(Text, text("std::length_error"))}, `"std::length_error"`},
		"at 12:30 db.internal:5432":   {[]Term{is(Text, text("at")), is(Text, text("12:30")), is(Text, text("db.internal:5432"))}, `at "12:30" "db.internal:5432"`},
		`{"code":"x"} don"t a,b c*`:   {[]Term{is(Text, text(`{"code":"x"}`)), is(Text, text(`don"t`)), is(Text, text("a,b")), is(Text, text("c*"))}, `"{\"code\":\"x\"}" don"t a,b c*`},
		"- -1 --force":                {[]Term{is(Text, text("-")), is(Text, text("-1")), is(Text, text("--force"))}, `"-" "-1" "--force"`},
		`"service:billing" "-a" " b"`: {[]Term{is(Text, text("service:billing")), is(Text, text("-a")), is(Text, text(" b"))}, ""},
		`"say \"no\" \\ \n"`:          {[]Term{is(Text, text(`say "no" \ \n`))}, `"say \"no\" \\ \\n"`},
		`-timeout -"gave up" -"5"`:    {[]Term{isNot(Text, text("timeout")), isNot(Text, text("gave up")), isNot(Text, text("5"))}, ""},

		// Values.
		"service:billing,auth":                               {[]Term{is(Service, text("billing"), text("auth"))}, ""},
		`message:"a b"`:                                      {[]Term{is(Message, text("a b"))}, ""},
		`customer:"a,b",c:d,"*"`:                             {[]Term{is(Customer, text("a,b"), text("c:d"), text("*"))}, ""},
		"release:2026.11*":                                   {[]Term{is(Release, prefix("2026.11"))}, ""},
		`release:"build 7"*`:                                 {[]Term{is(Release, prefix("build 7"))}, ""},
		"-customer:*":                                        {[]Term{isNot(Customer, anything)}, ""},
		`service:a"b"`:                                       {[]Term{is(Service, text(`a"b"`))}, `service:"a\"b\""`},
		"endpoint:/v1/charges/{id}":                          {[]Term{is(Endpoint, text("/v1/charges/{id}"))}, ""},
		"SERVICE:Billing":                                    {[]Term{is(Service, text("Billing"))}, "service:Billing"},
		"request_id:req_1 trace_id:4BF9*":                    {[]Term{is(Request, text("req_1")), is(Trace, prefix("4bf9"))}, "request:req_1 trace:4bf9*"},
		"trace:4BF92F35-77B3-4DA6-A3CE-929D0E0E4736":         {[]Term{is(Trace, text("4bf92f3577b34da6a3ce929d0e0e4736"))}, "trace:4bf92f3577b34da6a3ce929d0e0e4736"},
		"method:post provider:openai environment:production": {[]Term{is(Method, text("POST")), is(Provider, text("openai")), is(Environment, text("production"))}, "method:POST provider:openai environment:production"},
		"family:US,limits role:primary":                      {[]Term{is(Family, text("us"), text("limits")), is(Role, text("primary"))}, "family:us,limits role:primary"},
		"code:PROVIDER_ERROR,com.acme.CardDeclined":          {[]Term{is(Code, text("provider_error"), text("card_declined"))}, "code:provider_error,card_declined"},
		"code:rate-* code:Rate*":                             {[]Term{is(Code, prefix("rate_")), is(Code, prefix("rate"))}, "code:rate_* code:rate*"},

		"status:429,4XX":                       {[]Term{is(Status, Value{Low: 429, High: 429}, Value{Low: 400, High: 499})}, "status:429,4xx"},
		"status:500..503,>=590":                {[]Term{is(Status, Value{Low: 500, High: 503}, Value{Low: 590, High: 599})}, "status:500..503,590..599"},
		"status:>500 status:<200 status:<=404": {[]Term{is(Status, Value{Low: 501, High: 599}), is(Status, Value{Low: 100, High: 199}), is(Status, Value{Low: 100, High: 404})}, "status:501..599 status:1xx status:100..404"},
		"-status:*":                            {[]Term{isNot(Status, anything)}, ""},
	} {
		q, err := Parse(given)
		require.NoError(t, err, given)
		assert.Equal(t, want.terms, q.Terms, given)
		if want.canonical == "" {
			want.canonical = strings.TrimSpace(given)
		}
		assert.Equal(t, want.canonical, q.String(), given)
	}
}

func TestMistakes(t *testing.T) {
	for given, want := range map[string]struct {
		position, length int
		suggestion       any
		message          string
	}{
		"sevice:billing":                      {1, 6, "service", "Column 1: unknown field 'sevice'; did you mean 'service'?"},
		"ü status:429 -cusotmer:x":            {15, 8, "customer", "Column 15: unknown field 'cusotmer'; did you mean 'customer'?"},
		"env:production":                      {1, 3, "environment", "did you mean 'environment'?"},
		"customer_id:7":                       {1, 11, "customer", "did you mean 'customer'?"},
		"endpont:/v1":                         {1, 7, "endpoint", "did you mean"},
		"arn:aws:s3":                          {1, 3, nil, "The fields are service, status, code"},
		"status: 503":                         {8, 1, nil, "'status' needs a value right behind the colon"},
		"service:a, b":                        {11, 1, nil, "'service' needs a value"},
		`service:""`:                          {9, 2, nil, "-service:* finds what has none"},
		"status:9xx":                          {8, 3, nil, "a class such as 5xx"},
		"status:5*":                           {8, 2, "5xx", "did you mean '5xx'?"},
		"status:503..500":                     {8, 8, nil, "a range such as 500..503"},
		"status:>599":                         {8, 4, nil, "a range"},
		"status:99":                           {8, 2, nil, "a status such as 429"},
		"status:404,x":                        {12, 1, nil, "status 'x' must be"},
		"family:caler":                        {8, 5, "caller", "must be one of: caller, limits, us, upstream; did you mean 'caller'?"},
		"family:u*":                           {8, 2, "us", "must be one of"},
		"role:boss":                           {6, 4, nil, "primary, upstream, context"},
		"code:???":                            {6, 3, nil, "is no code"},
		"trace:4bf9":                          {7, 4, "4bf9*", "end it with *"},
		"trace:xyz":                           {7, 3, nil, "32 hexadecimal digits"},
		"service:b*g":                         {10, 1, nil, "put the value in quotes"},
		`a "b c`:                              {3, 4, nil, "this quote is never closed"},
		`service:"b`:                          {9, 2, nil, "this quote is never closed"},
		`"a"b`:                                {4, 1, nil, "put a space behind the closing quote"},
		`service:"a"b`:                        {12, 1, nil, "a space or a comma"},
		`" "`:                                 {1, 3, nil, "nothing between the quotes"},
		strings.Repeat("a ", MaxWords) + "bc": {21, 2, nil, "at most 10 words"},
		strings.Repeat("code:a ", MaxTerms) + "b":          {141, 1, nil, "at most 20 terms"},
		"service:" + strings.Repeat("a,", MaxValues) + "b": {89, 1, nil, "at most 40 values"},
	} {
		_, err := Parse(given)
		require.True(t, fault.Is(err, fault.Unprocessable), given)
		f := fault.Of(err)
		assert.Equal(t, "validation_failed", f.Code)
		assert.Equal(t, "q", f.Details["field"])
		assert.Equal(t, want.position, f.Details["position"], given)
		assert.Equal(t, want.length, f.Details["length"], given)
		assert.Equal(t, want.suggestion, f.Details["suggestion"], given)
		assert.Contains(t, f.Message, want.message, given)
	}
	for _, bad := range []string{strings.Repeat("a", MaxLen+1), "a\x00", "\xff"} {
		_, err := Parse(bad)
		assert.Equal(t, "q", fault.Of(err).Details["field"])
	}
}

func TestComplete(t *testing.T) {
	for given, want := range map[string]Completion{ // the caret is |, or at the end
		"":               {Kind: FieldNames, Candidates: beginning("", Fields(), ":")},
		"a b ":           {Kind: FieldNames, Candidates: beginning("", Fields(), ":")},
		"se":             {Kind: FieldNames, Typed: "se", Prefix: "se", Candidates: []string{"service:"}},
		"x -Me":          {Kind: FieldNames, Typed: "Me", Prefix: "Me", Candidates: []string{"method:", "message:"}},
		"-":              {Kind: FieldNames, Candidates: beginning("", Fields(), ":")},
		"re|lease:1":     {Kind: FieldNames, Typed: "re", Prefix: "re", Candidates: []string{"release:", "request:"}},
		"zz":             {Kind: FieldNames, Typed: "zz", Prefix: "zz"},
		"req_7":          {},
		`"conn`:          {},
		"nofield:a":      {},
		"https:":         {},
		"family:":        {Kind: Values, Field: Family, Candidates: []string{"caller", "limits", "us", "upstream"}},
		"family:us,C":    {Kind: Values, Field: Family, Typed: "C", Prefix: "C", Candidates: []string{"caller"}},
		"role:u":         {Kind: Values, Field: Role, Typed: "u", Prefix: "u", Candidates: []string{"upstream"}},
		"status:5":       {Kind: Values, Field: Status, Typed: "5", Prefix: "5", Candidates: []string{"5xx", "500", "502", "503", "504"}},
		"request_id:r":   {Kind: Values, Field: Request, Typed: "r", Prefix: "r"},
		`customer:"a b`:  {Kind: Values, Field: Customer, Typed: `"a b`, Prefix: "a b"},
		`service:"a,b",`: {Kind: Values, Field: Service},
		`service:"a" co`: {Kind: FieldNames, Typed: "co", Prefix: "co", Candidates: []string{"code:"}},
		"service:ü":      {Kind: Values, Field: Service, Typed: "ü", Prefix: "ü"},
	} {
		caret := strings.IndexByte(given, '|')
		if caret < 0 {
			caret = len(given)
		}
		assert.Equal(t, want, Complete(strings.ReplaceAll(given, "|", ""), caret), given)
	}
	assert.Equal(t, Completion{Kind: Values, Field: Service}, Complete("service:ü", len("service:")+1), "inside of a character")
	assert.Equal(t, FieldNames, Complete("service", 99).Kind)
}

// The canonical form means the same and is stable, whatever is typed; a
// mistake is always inside of the text; completion bears everything.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`service:billing status:5xx code:timeout -customer:acme "connection reset"`, "status:>=500,404,100..199", `release:"a \"b\" \\"*,c*`,
		"-a -\"b\" --c -1", "Error: x https://y std::z", "trace:4bf9* request_id:req_1", "method:ßa code:Ünder.Score-* family:US", "sevice:x", "is:new -state:open assignee:* exception:x", `"open`, "a\u00a0b:c", "code:a# -code:*",
	} {
		f.Add(seed, len(seed)/2)
	}
	f.Fuzz(func(t *testing.T, s string, caret int) {
		for _, l := range lists {
			holds(t, l, s, caret)
		}
	})
}

// holds checks what is true of every text in every list.
func holds(t *testing.T, l *List, s string, caret int) {
	if c := l.Complete(s, caret); !strings.HasSuffix(c.Typed, c.Prefix) && !strings.HasPrefix(c.Typed, `"`) {
		t.Errorf("Complete(%q, %d) = %+v", s, caret, c)
	}
	q, err := l.Parse(s)
	if err != nil {
		position, ok := fault.Of(err).Details["position"].(int)
		if ok && (position < 1 || position > utf8.RuneCountInString(s)+1) {
			t.Errorf("Parse(%q): column %d", s, position)
		}
		return
	}
	canonical := q.String()
	if len(canonical) > MaxLen { // quotes and ranges may be longer than what they stand for
		return
	}
	again, err := l.Parse(canonical)
	if err != nil {
		t.Fatalf("Parse(%q).String() = %q: %v", s, canonical, err)
	}
	if !assert.ObjectsAreEqual(q, again) || again.String() != canonical {
		t.Errorf("Parse(%q) = %+v, and %q gives %+v", s, q, canonical, again)
	}
}
