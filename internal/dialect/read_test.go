package dialect

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

var update = flag.Bool("update", false, "rewrite the want sections of testdata/*.txtar")

// section gives one "-- name --" section of a txtar file.
func section(file, name string) string {
	_, rest, _ := strings.Cut("\n"+file, "\n-- "+name+" --\n")
	if i := strings.Index("\n"+rest, "\n-- "); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimRight(rest, "\n")
}

func golden(t testing.TB, path string) (file string, headers map[string]string, status int, body []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	file = string(b)
	headers = map[string]string{}
	for _, line := range strings.Split(section(file, "headers"), "\n") {
		if k, v, ok := strings.Cut(line, ": "); ok {
			headers[strings.ToLower(k)] = v
		}
	}
	status, err = strconv.Atoi(section(file, "status"))
	require.NoError(t, err)
	return file, headers, status, []byte(section(file, "body"))
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			file, headers, status, body := golden(t, path)
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			require.NoError(t, enc.Encode(Read(body, headers, status)))
			if *update {
				before, _, _ := strings.Cut(file, "-- want --\n")
				require.NoError(t, os.WriteFile(path, []byte(before+"-- want --\n"+got.String()), 0o600))
				return
			}
			assert.JSONEq(t, section(file, "want"), got.String())
		})
	}
}

// TestEveryDialectHasACase holds the table and the corpus together.
func TestEveryDialectHasACase(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, path := range files {
		_, headers, status, body := golden(t, path)
		seen[Read(body, headers, status).Dialect] = true
	}
	for _, d := range dialects {
		assert.True(t, seen[d.name], d.name)
	}
	for _, name := range []string{"text", "html", "xml"} {
		assert.True(t, seen[name], name)
	}
}

func TestBadInput(t *testing.T) {
	deep := strings.Repeat(`{"error":`, 5000) + "1" + strings.Repeat("}", 5000)
	for name, body := range map[string]string{
		"empty": "", "space": " \n", "nul": "\x00", "invalid utf-8": "{\"error\":\"\xff\xfe\"}", "deep": deep,
		"deep list": strings.Repeat("[", 100_000), "half": `{"error":{"code":`, "trailing": `{"error":"x"} {"y":1}`,
		"huge number": `{"retry_after":1e999999,"code":1e400,"status":99999999999999999999}`, "null": "null", "number": "42",
		"empty object": "{}", "empty list": "[]", "list of null": "[null]", "wrong types": `{"error":{"code":[],"message":{},"details":7},"errors":[1,null,[[]]]}`,
		"duplicate keys": `{"error":"a","error":"b","message":"m"}`, "errors null": `{"errors":[null]}`,
		"long": `{"error":"x","message":"` + strings.Repeat("m", 10<<20) + `"}`, "long text": strings.Repeat("wait 1", 2<<20),
		"tags": strings.Repeat("<html", 100_000), "prose": `{"message":"wait 9999999999999999999999999s"}`,
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			r := Read([]byte(body), map[string]string{"retry-after": "soon", "x-ratelimit-reset": "99999999999999999999"}, 500)
			assert.Less(t, time.Since(start), 5*time.Second)
			assert.True(t, r.Details == nil || json.Valid(r.Details))
		})
	}
	assert.Equal(t, "unknown", Read([]byte(deep), nil, 500).Dialect)
}

func TestRequestIDOrder(t *testing.T) {
	h := map[string]string{"x-request-id": "req_header"}
	for body, want := range map[string]string{
		`{"error":{"request_id":"req_a","details":{"request_id":"req_c"}},"request_id":"req_b"}`: "req_a",
		`{"error":{"details":{"request_id":"req_c"}},"request_id":"req_b"}`:                      "req_b",
		`{"error":{"requestId":"req_d","code":"x"},"meta":{"request_id":"req_e"}}`:               "req_d",
		`{"error":"x","meta":{"request_id":"req_e"}}`:                                            "req_e",
		`{"error":{"code":"x","details":{"request_id":"req_c"}}}`:                                "req_c",
		`{"error":{"code":"x","request_id":"null"}}`:                                             "req_header",
	} {
		assert.Equal(t, want, Read([]byte(body), h, 500).RequestID, body)
	}
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(f, err)
	for _, path := range files {
		_, headers, status, body := golden(f, path)
		for k, v := range headers {
			f.Add(body, k, v, status)
		}
		f.Add(body, "", "", status)
	}
	f.Fuzz(func(t *testing.T, body []byte, key, value string, status int) {
		r := Read(body, map[string]string{key: value}, status)
		if r.Details != nil && !json.Valid(r.Details) {
			t.Fatalf("details are no JSON: %q", r.Details)
		}
		if r.RetryAfter != nil && r.RetryAfter.Seconds < 0 {
			t.Fatalf("negative wait %v", r.RetryAfter.Seconds)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	body := []byte(`{"error":{"code":"rate_limit_exceeded","message":"Please wait 60 seconds.","details":{"limit":100,"window":"1 minute","retry_after":60}}}`)
	b.ReportAllocs()
	for b.Loop() {
		Read(body, nil, 429)
	}
}

// Headers come from anybody: what is read from them is finite and bounded.
func FuzzHeaders(f *testing.F) {
	f.Add("retry-after", "45", "Fri, 20 Nov 2026 14:02:35 GMT")
	f.Add("retry-after", "Fri, 20 Nov 2026 14:03:20 GMT", "Fri, 20 Nov 2026 14:02:35 GMT")
	f.Add("ratelimit", `"default";r=50;t=30`, "")
	f.Add("ratelimit-policy", `"default";q=100;w=60`, "")
	f.Add("x-ratelimit-reset", "1763646155", "")
	f.Add("x-ratelimit-limit", "99999999999999999999", "")
	f.Add("x-amzn-errortype", "ThrottlingException:http://internal", "")
	f.Add("grpc-status", "8", "")
	f.Add("retry-after-ms", "1e309", "")
	f.Fuzz(func(t *testing.T, name, value, date string) {
		r := Read(nil, map[string]string{strings.ToLower(name): value, "date": date}, 429)
		if r.RetryAfter != nil && (r.RetryAfter.Seconds < 0 || math.IsNaN(r.RetryAfter.Seconds) || math.IsInf(r.RetryAfter.Seconds, 0)) {
			t.Errorf("%s: %q: %v seconds", name, value, r.RetryAfter.Seconds)
		}
		if s, ok := RetrySeconds(value, date); ok && (s < 0 || math.IsNaN(s) || math.IsInf(s, 0)) {
			t.Errorf("%q: %v seconds", value, s)
		}
		for _, a := range r.Aliases {
			if a.Value != event.CleanID(a.Value) && len(a.Value) > event.MaxIDLen {
				t.Errorf("%s: %q: alias %q", name, value, a.Value)
			}
		}
	})
}
