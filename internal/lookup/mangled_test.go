package lookup

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// forms are IDs of every kind that is minted out there.
var forms = []string{
	"req_8fKq21LmZp04", "req_011CUh7yTqk3mN2bV8xW4zR5", "5b0c1f6e-93d2-4e07-8a41-7e0d2c9b6f13", "4bf92f3577b34da6a3ce929d0e0e4736", "01JD3M9XKQ7T4R8V2N6B5C0WYZ",
	"2mVqF9s0PzXkT4yLbR7cNwJ8hGd", "8e5a3c7d1f90b246", "7f3c9a1b2d4e", "V1StGXR8_Z5jdHi6B-myT", "173211135522817", "1-673dea2b-4f1c7a90be2d8365c0a17f4e",
	"D3F4:1234:5678AB:9ABCDE:6123ABCD", "0HMVD33IIJRFR:00000002", "F8kLm2QpXz9sTvAAAB1h", "chatcmpl-9xT2LmQk47ZpWc8RvB1nYdHsE", "5f3c1a7b-9d2e-4480-b6f1-c0e8d7a92b34-1732111355",
}

// settings are places in which an ID stands; %s is where.
var settings = []string{
	"X-Request-Id: %s", "x-request-id: %s\ncontent-length: 48", `{"error":{"code":"x","request_id":"%s"}}`, "request_id=%s status=500", "The request ID is %s.", "Request ID: %s",
	"(request id: %s)", "requestId \"%s\"", "Request ID\n%s\nTime\n14:02", "my correlation id is %s, please help", "Correlation-ID = %s", "| request id | %s |", "rid: '%s'", "Anfrage-ID: %s", "ID de la solicitud: %s",
	"リクエストID：%s です", "RequestId:%s Time:2026-11-20T14:02:35Z", "msg=\"failed\" reqId=\"%s\"", "<RequestId>%s</RequestId>", "**Request ID:** `%s`", "request-id → %s", "[request_id: %s]", "support said to quote request id #%s",
	"https://app.example/error?request_id=%s", "Request %s failed",
	"map[Content-Type:[application/json] X-Request-Id:[%s] Date:[x]]", "{content-type=[application/json], x-request-id=[%s], date=[x]}", "[ 'x-request-id', '%s', 'date', 'x' ]",
	"CaseInsensitiveDict({'X-Request-Id': '%s', 'Server': 'nginx'})", `{"x-request-id"=>["%s"], "server"=>["nginx"]}`, "Array\n(\n    [request_id] => %s\n    [status] => 500\n)", `[{"x-request-id", "%s"}, {"server", "nginx"}]`,
	`("X-Request-Id","%s")`, "[X-Request-Id, %s]", `"x-request-id"="%s"`, "Header: x-request-id: %s", "x-request-id\t%s\nserver\tnginx", `app="x" request_id="%s" level=error`, "level:error\treqid:%s\tst:500",
	"@request_id:%s env:prod", `SELECT * FROM log WHERE request_id = '%s' LIMIT 1`, `traces | where request_id == "%s" | take 5`, "index=main request_id=%s | head 5", `{"x-request-id":["%s"]}`, `{ requestId: '%s', status: 500 }`,
	"requestId=%s, status=500)", "Request-ID : %s", "Request ID - %s", "ReqID %s", "request_id: \"%s\"\nstatus: 500", "  request-id: |\n    %s", `"4711","Export","request_id: %s","open"`, `""request_id"":""%s""`, `request\_id: %s`, "{{request_id: %s}}",
	"Request ID……… %s", "Request Id\n\n    %s", "request id (from the header): %s", "The ID of the request was %s", "ID: %s", "Error ID %s", "the request with the id %s", "request_id %s, took 31 ms", "[req:%s] POST /v1/x 500", "[request-id=%s] POST", "req=%s", "{\"meta\":{\"requestId\":\"%s\",\"v\":1}}",
	"Response headers: x-request-id=%s; server=nginx", "<dt>Request ID</dt><dd>%s</dd>", `<meta name="request-id" content="%s">`, `<span data-request-id="%s">Oops</span>`, "<tr><td>Request ID</td><td>%s</td></tr>", "<!-- request id: %s -->", "// requestId: %s", "\t\"requestId\" : \"%s\" ,",
	`{"x-request-id": {"StringValue": "%s", "DataType": "String"}}`, `{"request_id":{"S":"%s"}}`, `<data name="requestId" value="%s"/>`, "||Key||Request ID||\n|SUP-1|%s|", "[\"request_id\"]=>\n  string(18) \"%s\"", "<https://errata.example/r/%s|the request>",
}

// manglings are what programs do to a text on its way.
var manglings = []struct {
	name string
	do   func(string) string
}{
	{"nothing", func(s string) string { return s }},
	{"quoted", func(s string) string { return "> > " + strings.ReplaceAll(s, "\n", "\n> > ") }},
	{"windows", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }},
	{"html", func(s string) string {
		return "<p>" + strings.ReplaceAll(html.EscapeString(s), "\n", "<br/>\n") + "</p>"
	}},
	{"html twice", func(s string) string { return html.EscapeString(html.EscapeString(s)) }},
	{"json", func(s string) string { b, _ := json.Marshal(map[string]string{"text": s}); return string(b) }},
	{"json twice", func(s string) string {
		b, _ := json.Marshal(map[string]string{"text": s})
		b, _ = json.Marshal(map[string]string{"body": string(b)})
		return string(b)
	}},
	{"percent", func(s string) string { return "https://x.example/?body=" + url.QueryEscape("Hi! "+s) }},
	{"path percent", func(s string) string { return "mailto:a@x.example?body=" + url.PathEscape(s) }},
	{"quoted-printable", func(s string) string {
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		_, _ = w.Write([]byte("Grüße aus Köln, hier ist alles was wir dazu im Protokoll noch finden: " + s))
		_ = w.Close()
		return b.String()
	}},
	{"terminal", func(s string) string { return "\x1b[31m" + s + "\x1b[0m" }},
	{"bold", func(s string) string { return "*" + s + "*" }},
	{"fullwidth colon", func(s string) string { return strings.ReplaceAll(s, ": ", "：") }},
	{"no-break", func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }},
	{"direction", func(s string) string { return "\u200f" + strings.ReplaceAll(s, ": ", ": \u202a") + "\u202c" }},
	{"typographic", func(s string) string { return strings.NewReplacer(`"`, "”", "'", "’", "-", "‑").Replace(s) }},
	{"log prefix", func(s string) string { return "Nov 20 14:02:35 web-3 app[2211]: " + s }},
	{"compose prefix", func(s string) string { return "api-1  | " + strings.ReplaceAll(s, "\n", "\napi-1  | ") }},
	{"chat prefix", func(s string) string { return "[20/11/26, 15:04:11] Carmen: " + s }},
	{"numbered", func(s string) string { return "  12\t" + strings.ReplaceAll(s, "\n", "\n  13\t") }},
	{"markdown escapes", func(s string) string { return strings.ReplaceAll(s, "_", `\_`) }},
	{"base64 mail", func(s string) string {
		return "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + lines76(base64.StdEncoding.EncodeToString([]byte("Hello, what we have is this:\n"+s+"\nRegards")))
	}},
	{"wrapped at 72", func(s string) string {
		return wrapped("Please excuse the delay, we have now looked at it again and this is it: "+s+" and nothing else was seen by us that day.", " ")
	}},
	{"bytes", func(s string) string { return "b'" + strings.ReplaceAll(s, "\n", "\\n") + "'" }},
	{"capitals", func(s string) string {
		return strings.NewReplacer("request", "REQUEST", "id", "ID", "correlation", "CORRELATION").Replace(s)
	}},
	{"comment", func(s string) string { return "# " + strings.ReplaceAll(s, "\n", "\n# ") }},
	{"mail", func(s string) string {
		return "Hi there,\n\nwe saw this yesterday at 14:02 on app 4.18.2:\n\n" + s + "\n\nBest,\nTom\n-- \nTom Baker | +44 7700 900123 | Order 4471-0392"
	}},
}

func lines76(s string) string {
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + "\n")
		s = s[76:]
	}
	return b.String() + s + "\n"
}

// wrapped breaks lines after one of the signs.
func wrapped(s, signs string) string {
	var b strings.Builder
	for len(s) > 72 {
		i := strings.LastIndexAny(s[:72], signs)
		if i < 0 {
			break
		}
		b.WriteString(strings.TrimRight(s[:i+1], " ") + "\n")
		s = s[i+1:]
	}
	return b.String() + s
}

// oneIn of all combinations is tried. Set it to 1 for all of them.
const oneIn = 5

// TestMangled puts every form of an ID into every setting, and mangles that in
// every way: the ID is found, and nothing else is taken for one.
func TestMangled(t *testing.T) {
	all, weak := 0, 0
	for i, m := range manglings {
		t.Run(m.name, func(t *testing.T) {
			for j, setting := range settings {
				for k, id := range forms {
					if (i+j+k)%oneIn != 0 {
						continue
					}
					text := m.do(strings.Replace(setting, "%s", id, 1))
					all++
					found := false
					for _, c := range Extract(text) {
						switch {
						case c.Value == id && c.Weak:
							weak++
							found = true
						case c.Value == id:
							found = true
						default:
							assert.True(t, c.Weak, "%q in %q", c.Value, text)
						}
					}
					assert.True(t, found, "%q in %q", id, text)
				}
			}
		})
	}
	assert.Less(t, float64(weak)/float64(all), .03, "of the IDs may be guesses only")
}
