package lookup

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/event"
)

func values(text string) []string {
	var out []string
	for _, c := range Extract(text) {
		out = append(out, c.Value)
	}
	return out
}

func TestExtract(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"bare", "req_abc123xyz", "req_abc123xyz"},
		{"trailing punctuation", " req_abc123xyz. ", "req_abc123xyz"},
		{"short bare", "weird", "weird"},
		{"nested body", `{"error":{"code":"x","details":{"request_id":"req_in"}}}`, "req_in"},
		{"body in an e-mail", "Hi,\nwe get {\"requestId\": \"abc-1\"} since lunch", "abc-1"},
		{"header", "HTTP/1.1 429\r\n< X-Request-Id: 7f3c\r\n", "7f3c"},
		{"ray", "CF-Ray: 7d1f2a3b4c5d6e7f-FRA", "7d1f2a3b4c5d6e7f"},
		{"traceparent", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"},
		{"permalink", "see https://errata.example.com/r/req%2Fslash", "req/slash"},
		{"trace", "4BF92F3577B34DA6A3CE929D0E0E4736", "4BF92F3577B34DA6A3CE929D0E0E4736"},
		{"number", `{"request_id": 12345678901234567890}`, "12345678901234567890"},
		{"number beside a known field", `{"request_id": 12345678901234567890, "trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`, "12345678901234567890"},
		{"prefix that is a name", "in trace_a1b2c3d4e5 today", "trace_a1b2c3d4e5"},
		{"prose", "It says req_99x21zz when I pay", "req_99x21zz"},
		{"link in a string", `{"text":"see https://errata.example.com/r/req_99x21zz\nthanks"}`, "req_99x21zz"},
		{"link in Markdown", `(https://errata.example.com/r/req\_99x21zz).`, "req_99x21zz"},
		{"link with what cannot be seen", "https://errata.example.com/r/req_99\u200bx21zz\u00a0thanks", "req_99x21zz"},
		{"header without a blank", "x-b3-traceid:64fe8b2a57d3eff7 and more", "64fe8b2a57d3eff7"},
		{"misread name", "Request lD:req_99x21zz", "req_99x21zz"},
		{"log of Spring", "ERROR [billing] [exec-3] [7b9d1f3a5c7e4b9d8f1a3c5e7b9d1f3a-3a5c7e4b9d8f1a3c] boom", "7b9d1f3a5c7e4b9d8f1a3c5e7b9d1f3a"},
		{"cell of Excel", "request_id,customer\n=\"00918273645\",acme\n", "00918273645"},
		{"attribute of a queue", `{"x-correlation-id": {"StringValue": "sqs-5f7b9d0e2f", "DataType": "String"}}`, "sqs-5f7b9d0e2f"},
		{"row of DynamoDB", `{"request_id":{"S":"dyn-5f7b9d0e2f"},"n":{"N":"7"}}`, "dyn-5f7b9d0e2f"},
		{"wrapped in HTML", "the request was 0a1b2c3d-4e5f-4a6b-<br/>\n8c7d-9e0f1a2b3c4d today", "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"},
		{"console exporter", `{"context":{"trace_id":"0x5b8aa5a2d2c872e8321cf37308d69df2","span_id":"0x051581bf3cb55c13"}}`, "5b8aa5a2d2c872e8321cf37308d69df2"},
		{"data of log4j", `<log4j:data name="requestId" value="xl-77ab19cd"/><log4j:data name="userId" value="u-889900"/>`, "xl-77ab19cd"},
		{"HTML in JSON", `{"html":"\u003cp\u003eTrace\u0026nbsp;ID: 9c-77ab-19cd\u003c/p\u003e"}`, "9c-77ab-19cd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := values(c.text)
			if assert.NotEmpty(t, got) {
				assert.Equal(t, c.want, got[0])
			}
		})
	}
}

// A secret in the place of an ID leaves no candidate behind, not even the name
// of the field.
func TestExtractSecrets(t *testing.T) {
	for _, text := range []string{"request_id=sk_live_abcdefgh12345678", "sk_live_abcdefgh12345678", "order=sk_live_abcdefgh12345678 failed"} {
		assert.Empty(t, values(text), text)
	}
	assert.Equal(t, []string{"AbC9876543=="}, values("AbC9876543=="))
	assert.Equal(t, []string{"weird1"}, values("order=weird1"))
}

func TestExtractNothing(t *testing.T) {
	for _, text := range []string{"", "   ", "null", "hello my good people", `{"request_id":"undefined"}`} {
		assert.Empty(t, values(text), text)
	}
}

// Not everything without a blank is one ID, nor is every line of a list.
func TestCandidatesOfOneWord(t *testing.T) {
	assert.Equal(t, []Candidate{{Kind: Unknown, Value: "weird"}}, Candidates("weird"))
	for _, text := range []string{
		`{"text":"date;order\n2026-11-20;A-2026-0001"}`, "<p>9912</p>",
		"> " + strings.Repeat("SGVsbG8gdGVhbSwKCm91ciBuaWdodGx5IGV4cG9ydCBmYWlsZWQgYWdhaW4", 2)[:76] + "\n> IHJlcV9iNjRUcTlYdzJMbTc3YQpPcmRlciBQTy0yMDI2LTc3ODEyLgoKQmVzdCwKRGFuYQo=",
	} {
		for _, c := range Candidates(text) {
			assert.True(t, c.Weak, "%q in %q", c.Value, text)
		}
	}
}

func TestExtractIsBounded(t *testing.T) {
	assert.Equal(t, 2, len(Extract(strings.Repeat("req_a1b2c3d4 x9y8z7w6 ", 10_000))))
	var ids strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&ids, "id-%dxyz\n", 100_000+i)
	}
	assert.Equal(t, maxStrong, len(Extract(ids.String())), "a list")
	prose := strings.ReplaceAll(ids.String(), "\n", " is one and the other one is ")
	assert.Equal(t, maxWeak, len(Extract(prose)), "prose")
}

// No text takes long, however it was made up: what is not linear would take
// hours for these.
func TestExtractIsLinear(t *testing.T) {
	for _, unit := range []string{
		"0", "{", "<", "&#4", "\\", "request id ", "request id: a1b2c3d4, ", "req_", "a1\n", "https://a/r/", "x-", "a|b\n", "request_id,b\n", "> ", "(",
		"00000000 ", "req_ab12cd\nef34\n", "ID de la ", "a=b1c2d3e4 ", "message-id: a\n b", "key:", "key=a1b2c3d4 ", "-eyJ", "eyJa.", "a://", "-----begin private key", "private key", " -u a:", "cookie=", " -b a=", "sk-", ":AA", "-us1", "bearer ", "password is ",
		"<span data-request-id=\"", "%E2%80", "?a=%+", "a-1 | b\n", "base64\n\n", strings.Repeat("A", 76) + "\n", "(\"x-request-id\",\"", "/trace/", "request id\n\n  ", "=\n", `"name":"`, `{"request_id":"`, "<b ", "api_key=", "req_a1b2 ", "req underscore a b c d ", `{\rtf1\`, "[0m[1", "=?utf-8?Q?a=5F", "?= =?", "[a,", "-req-a1b2", "x-request-id] => Array ( [0] => ",
	} {
		began := time.Now()
		Extract(strings.Repeat(unit, MaxText/8/len(unit)))
		assert.Less(t, time.Since(began), 10*time.Second, unit)
	}
}

// Every name is found where it begins, which a table of pairs decides.
func TestNames(t *testing.T) {
	for _, name := range []string{
		"Request ID", "requestId", "x-amzn-RequestId", "REQUEST_ID", "upstream_request_id", "Correlation-Id", "Trace ID", "X-B3-TraceId", "span.id", "Ray ID",
		"Activity ID", "invocation id", "paypal-debug-id", "Apigw-Requestid", "fbtrace_id", "logref", "x-amz-id-2", "x-amz-cf-id", "HostId", "CF-RAY", "x-vercel-id",
		"uber-trace-id", "sentry-trace", "b3", "x-azure-ref", "operation-location", "Anfrage-ID", "Anforderungs-ID", "Kennung der Anfrage", "Request-Kennung", "Anfrage mit der ID", "petición con ID", "solicitud con el ID", "requête avec l'identifiant", "richiesta con ID", "Korrelations-ID",
		"Ablaufverfolgungs-ID", "ID de la solicitud", "identificador de petición", "ID de requête", "identifiant de la demande", "ID da solicitação", "ID richiesta",
		"número de solicitud", "nº de solicitud", "n° de requête", "aanvraag-id", "verzoek-ID", "correlatie-ID", "begäran-ID", "förfrågnings-id", "anmodnings-id",
		"forespørsels-id", "pyynnön tunnus", "ID żądania", "identyfikator żądania", "ID požadavku", "istek kimliği", "kérésazonosító", "ID yêu cầu", "mã yêu cầu",
		"αναγνωριστικό αιτήματος", "ID запроса", "идентификатор запроса", "номер запроса", "ідентифікатор запиту", "リクエストID", "トレースID", "相関ID", "请求ID",
		"請求編號", "追踪ID", "요청 ID", "추적 ID", "معرف الطلب", "מזהה בקשה", "अनुरोध आईडी", "รหัสคำขอ", "ID permintaan", "error id", "event id", "Support ID",
		"Fehler-ID", "Vorgangsnummer", "tracking id", "diagnostic id", "crash id", "log id", "reference", "Ref", "référence", "referencia", "riferimento",
		"request", "trace", "rqid", "cid", "ID", "エラーID", "错误ID",
	} {
		assert.Equal(t, []string{"k7m2-9xq4-b1"}, strong("oh\n"+name+": k7m2-9xq4-b1\nand so on"), name)
	}
}

func TestWeakCandidates(t *testing.T) {
	for text, want := range map[string]string{
		"the box says X9Q-77213 when I pay":                                 "X9Q-77213",
		"req_a1b2c3d4 for user 0e8b7a3c-2f51-4c2d-9a8e-6b1f0d3c5a27":        "0e8b7a3c-2f51-4c2d-9a8e-6b1f0d3c5a27",
		"order 7734120098 failed":                                           "7734120098",
		"it said req_nobody_saw today":                                      "req_nobody_saw",
		"CLSID: {3F2504E0-4F89-11D3-9A0C-0305E82C3301}":                     "3F2504E0-4F89-11D3-9A0C-0305E82C3301",
		"installationId=3f2504e0-4f89-11d3-9a0c-0305e82c3301":               "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
		"see 3f2504e0-4f89-11d3-9a0c-0305e82c3301.pdf attached":             "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
		`{"id":"3f2504e0-4f89-11d3-9a0c-0305e82c3301","object":"customer"}`: "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
		"PayPal transaction ID: 4WX28311HL123456A":                          "4WX28311HL123456A",
		"the tracking number is 1Z999AA10123456784":                         "1Z999AA10123456784",
		"our ref: NW-2026-11872":                                            "NW-2026-11872",
		"the code is req_a1b2-\nc3d4e5 today":                               "req_a1b2c3d4e5",
	} {
		assert.NotContains(t, strong(text), want)
		assert.Contains(t, values(text), want)
	}
	for _, text := range []string{"card 4111-1111-1111-1111 failed", "call 10.2.33.144 at 2026-11-20", "mail jane1234@example.com"} {
		assert.Empty(t, values(text), text)
	}
}

// Every shape of a credential has its hint.
func TestSecretHints(t *testing.T) {
	const tail = "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6"
	for _, head := range []string{
		"erk_", "erl_" + tail, "ers_1795305600_" + tail, "erv_" + tail, "erz_" + tail, "sk_live_", "pk-test-", "rk_live_", "ep_live_", "ak-prod-", "sk-proj-", "sk-ant-", "sk-", "whsec_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_",
		"glpat-", "xoxb-", "AIza", "Bearer ", "Basic ", "eyJ" + tail + ".", "SG." + tail + ".", "AKIA" + strings.ToUpper(tail), "ASIA" + strings.ToUpper(tail),
	} {
		assert.True(t, HasSecret("x "+head+tail), head)
		assert.NotContains(t, values("x "+head+tail+" y"), head+tail)
		assert.Len(t, Masked("x "+head+tail), 1, head)
	}
	for _, name := range []string{"x-api-key: ", "api_key=", `"access_token":"`, "client_secret=", "password: ", "passwd=", "Passwort: ", "pwd=", "private-key: ", "X-Auth-Token: "} {
		assert.True(t, HasSecret("x "+name+tail), name)
		assert.NotContains(t, values("x "+name+tail), tail, name)
	}
}

// Whatever we give out is known to be a secret, with or without a digit; what
// others call by the same letters is not.
func TestOwnSecrets(t *testing.T) {
	for _, prefix := range auth.Prefixes {
		s := prefix + strings.Repeat("abcdeFGHIJ", 5)
		text := "I opened https://errata.example/s/" + s + " and saw req_9f3a21"
		assert.True(t, HasSecret(text), prefix)
		assert.Equal(t, []string{prefix + "…GHIJ"}, Masked(text))
		assert.Equal(t, []string{"req_9f3a21"}, values(text))
	}
	for _, prefix := range auth.Prefixes[1:] {
		id := prefix + "9f3a21c4d5e6f708192a3b4c"
		assert.False(t, HasSecret(id), id)
		assert.Equal(t, []string{id}, values("error for "+id))
	}
}

// Of a trace that is there nobody misses a span; alone it is what was asked for.
func TestSpans(t *testing.T) {
	const trace, span = "5b8aa5a2d2c872e8321cf37308d69df2", "051581bf3cb55c13"
	assert.Equal(t, []Candidate{{Trace, trace, false}, {Span, span, true}}, Extract(`{"span_id":"`+span+`","trace_id":"`+trace+`"}`))
	assert.Equal(t, []Candidate{{Span, span, false}}, Extract("span id: "+span+", please"))
}

func TestMissing(t *testing.T) {
	known := map[string]bool{"req_a1b2c3d4": true, "x9y8z7w6v5": true}
	got := Missing(Extract("REQ_A1B2C3D4 failed, so did req_none1234 and x9y8z7w6v5, not k1k2k3k4k5"), func(id string) bool { return known[id] })
	assert.Equal(t, []Candidate{{Kind: Request, Value: "req_none1234"}}, got, "capitals are forgiven, guesses are not missed")
	got = Missing(Extract("req_a1b2c3d4 and req_A1B2C3D4"), func(id string) bool { return known[id] })
	assert.Len(t, got, 1, "two IDs are two IDs")
}

func strong(text string) []string {
	var out []string
	for _, c := range Extract(text) {
		if !c.Weak {
			out = append(out, c.Value)
		}
	}
	return out
}

func TestMasked(t *testing.T) {
	for text, want := range map[string][]string{
		"x sk_live_51Habc9Zz0QkX7Lm3 y":                              {"sk_live_…7Lm3"},
		"Authorization: Bearer abcdefgh12345678":                     {"Bearer …5678"},
		"x-api-key: 9f86d081884c7d659a2feaa0c55ad015":                {"…d015"},
		"password=hunter2hunter":                                     {"password …"},
		"we use basic authentication":                                nil,
		"api_key=required, the password: forgotten":                  nil,
		"sk_live_51Habc9Zz0QkX7Lm3, again sk_live_51Habc9Zz0QkX7Lm3": {"sk_live_…7Lm3"},
	} {
		assert.Equal(t, want, Masked(text), text)
		assert.Equal(t, want != nil, HasSecret(text), text)
	}
}

func FuzzExtract(f *testing.F) {
	for _, s := range []string{"req_1", `{"a":[{"request_id":"x"}]}`, "cf-ray: 1-FRA", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "\x00\xff"} {
		f.Add(s)
	}
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(f, err)
	for _, file := range files {
		for _, c := range conversations(f, file) {
			f.Add(c.text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Extract(text)
		require.LessOrEqual(t, len(got), maxStrong+maxWeak)
		seen, weak := map[string]bool{}, false
		for _, c := range got {
			require.NotEmpty(t, c.Value)
			require.LessOrEqual(t, len(c.Value), event.MaxIDLen)
			require.Equal(t, c.Value, event.CleanID(c.Value))
			require.False(t, seen[c.Value], "each once")
			require.False(t, holdsKey(c.Value))
			require.True(t, c.Weak || !weak, "strong ones first")
			seen[c.Value], weak = true, c.Weak
		}
		if len(text) < MaxText-16 {
			require.Equal(t, got, Extract("\n \t"+text+" \r\n\n"))
		}
	})
}

// An idempotency key may lead somewhere, and is no request ID: whoever sends one
// along is not told that it was not found.
func TestIdempotencyKeysAreGuesses(t *testing.T) {
	const key = "8e03978e-40d5-43dd-bc93-6894a57f9324"
	for text, want := range map[string][]Candidate{
		"X-Request-Id: req_9f3a21\nIdempotency-Key: " + key:                           {{Request, "req_9f3a21", false}, {Request, key, true}},
		"our idempotency key was " + key + ", please check":                           {{Request, key, true}},
		"Idempotency-Key: order-7734-create":                                          {{Unknown, "order-7734-create", true}},
		`{"error":{"request_id":"req_9f3a21","idempotency_key":"order_7734_create"}}`: {{Request, "req_9f3a21", false}, {Unknown, "order_7734_create", true}},
	} {
		assert.Equal(t, want, Extract(text), text)
		assert.False(t, HasSecret(text), text)
	}
}
