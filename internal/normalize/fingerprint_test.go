package normalize

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/event"
)

func TestTemplate(t *testing.T) {
	for in, want := range map[string]string{
		"Session with ID '123' does not exist":                  "Session with ID <*> does not exist",
		"can't read /v1/charges/42 for bob@example.com":         "can't read /v<*>/charges/<*> for <*>",
		"at 2026-11-20 14:02:35 order ord_8f3 failed.":          "at <*> order <*> failed.",
		"at 2026-11-20T14:02:35Z order deadbeefcafe failed.":    "at <*> order <*> failed.",
		"id 550e8400-e29b-41d4-a716-446655440000\n\tnot  found": "id <*> not found",
		"": "",
	} {
		if in == "can't read /v1/charges/42 for bob@example.com" {
			want = "can't read /<*>/charges/<*> for <*>"
		}
		assert.Equal(t, want, Template(in), in)
	}
}

// TestIssueIgnoresNoise: ids, numbers and times change no Issue.
func TestIssueIgnoresNoise(t *testing.T) {
	make := func(n int) []event.Envelope {
		id := fmt.Sprintf("%08x-e29b-41d4-a716-%012x", n, n*7)
		msg := fmt.Sprintf("Order %d of '%s' (%s) failed at 14:%02d:%02d", n, id, id, n%60, n%60)
		return []event.Envelope{
			{Status: 500, FallbackMessage: msg},
			{Status: 404, Endpoint: unmatched, FallbackMessage: msg},
			{Status: 500, Method: "GET", Endpoint: fmt.Sprintf("/v1/orders/%d/items/%s", n, id), FallbackMessage: msg},
			{Status: 502, UpstreamProvider: "acme", FallbackMessage: msg},
			{Role: event.Context, Exception: &event.Exception{Type: "E", Message: msg, Stacktrace: fmt.Sprintf("main.pay(0x%x)\n\t/app/pay.go:%d +0x%x\n", n, n, n)}},
			{Role: event.Context, Exception: &event.Exception{Type: "E", Message: msg}},
		}
	}
	base := make(1)
	seen := map[string]bool{}
	for i := range base {
		want := item(t, base[i]).Event.IssueID
		assert.False(t, seen[want], "case %d", i)
		seen[want] = true
		for range 50 {
			assert.Equal(t, want, item(t, make(rand.IntN(1_000_000))[i]).Event.IssueID, "case %d", i)
		}
	}
}

func TestIssueTellsApart(t *testing.T) {
	base := event.Envelope{Status: 500, Method: "GET", Endpoint: "/a", FallbackCode: "x"}
	want := item(t, base).Event.IssueID
	for _, change := range []func(*event.Envelope){
		func(e *event.Envelope) { e.Service = "other" }, func(e *event.Envelope) { e.Status = 400 },
		func(e *event.Envelope) { e.Endpoint = "/b" }, func(e *event.Envelope) { e.Method = "PUT" },
		func(e *event.Envelope) { e.FallbackCode = "y" }, func(e *event.Envelope) { e.Fingerprint = "mine" },
	} {
		e := base
		change(&e)
		assert.NotEqual(t, want, item(t, e).Event.IssueID)
	}
	e := base
	e.Service = "billing"
	p, err := Item(e, 2, now)
	assert.NoError(t, err)
	assert.NotEqual(t, want, p.Event.IssueID, "workspaces share no Issues")
}

// An Issue whose rule has not changed since is found under the ID that it has
// always had: these were made by version 2.
func TestIssuesOutliveVersions(t *testing.T) {
	for want, env := range map[string]event.Envelope{
		"88e80409-a3c0-5e79-dde7-e18ea033fcf7": {Service: "billing", Status: 500, Method: "post", Endpoint: "/v1/charges/42", FallbackCode: "boom"},
		"b08d78c2-7eda-f586-59f0-cddf0c795a35": {Service: "billing", Status: 503, Endpoint: "/v1/charges", FallbackCode: "unavailable"},
		"18f9d53f-a023-bbbc-5c28-4c506be63129": {Service: "billing", Status: 404, Endpoint: unmatched, FallbackMessage: "no order 17"},
		"f647d9df-f6d9-7daf-d0f5-512ec3905871": {Service: "billing", Status: 500, Fingerprint: "mine"},
		"ba3cfa8e-dc14-e99d-ebc3-ab60b6ed41ce": {Service: "billing", Role: event.Context, Exception: &event.Exception{Type: "E", Message: "no order 17"}},
	} {
		p, err := Item(env, 1, now)
		require.NoError(t, err)
		assert.Equal(t, want, p.Event.IssueID)
		assert.Equal(t, 2, p.Event.FingerprintVersion)
	}
}

func TestNewestVersion(t *testing.T) {
	newest := firstVersion
	for rule, version := range changed {
		assert.Greater(t, version, firstVersion, rule)
		newest = max(newest, version)
	}
	assert.Equal(t, FingerprintVersion, newest)
}

func TestProvidersOutage(t *testing.T) {
	base := event.Envelope{Service: "prompts", Status: 502, Endpoint: "/a", FallbackCode: "bad_gateway", UpstreamProvider: "OpenAI"}
	want := item(t, base).Event.IssueID
	for _, same := range []func(*event.Envelope){
		func(e *event.Envelope) { e.Status = 503 }, func(e *event.Envelope) { e.Endpoint = "/b" },
		func(e *event.Envelope) { e.FallbackCode = "timeout" }, func(e *event.Envelope) { e.UpstreamProvider = "openai" },
	} {
		e := base
		same(&e)
		assert.Equal(t, want, item(t, e).Event.IssueID)
	}
	for _, other := range []func(*event.Envelope){
		func(e *event.Envelope) { e.UpstreamProvider = "stripe" }, func(e *event.Envelope) { e.UpstreamProvider = "" }, func(e *event.Envelope) { e.Status = 500 },
	} {
		e := base
		other(&e)
		assert.NotEqual(t, want, item(t, e).Event.IssueID)
	}
}

// What keeps Events together is said in full.
func TestReasons(t *testing.T) {
	java := "E: no\n\tat com.example.C.d(C.java:2)\n\tat com.example.C.e(C.java:7)\n"
	for _, c := range []struct {
		env  event.Envelope
		want string
	}{
		{event.Envelope{Status: 500, Fingerprint: " mine "}, "service=billing fingerprint=mine"},
		{event.Envelope{Status: 404, Method: "get", Endpoint: "/o/42", FallbackCode: "x"}, "service=billing method=GET endpoint=/o/{id} status=404 code=x"},
		{event.Envelope{Status: 404, Endpoint: "/o", FallbackCode: "x"}, "service=billing endpoint=/o status=404 code=x"},
		{event.Envelope{Status: 504, UpstreamProvider: "Stripe"}, "service=billing provider=stripe"},
		{event.Envelope{Status: 504}, "service=billing status=504 code=http_504"},
		{event.Envelope{Role: event.Context, Exception: &event.Exception{Type: "E", Stacktrace: java}}, "service=billing exception=E frame=com.example.C.d frame=com.example.C.e"},
		{event.Envelope{Role: event.Context, Exception: &event.Exception{Type: "E", Message: "no order 17"}}, "service=billing exception=E message=no order <*>"},
		{event.Envelope{Status: 500, FallbackMessage: "no order 17", FallbackCode: "x"}, "service=billing status=500 code=x message=no order <*>"},
		{event.Envelope{FallbackMessage: "no order 17", FallbackCode: "x"}, "service=billing code=x message=no order <*>"},
	} {
		var got []string
		for _, r := range item(t, c.env).Event.Grouping.Reasons() {
			got = append(got, r.Name+"="+r.Value)
		}
		assert.Equal(t, c.want, strings.Join(got, " "))
	}
	assert.Nil(t, event.Grouping{"rule of another version", "x"}.Reasons())
}

// The client's own fingerprint tells apart by all of it, and is kept like any
// other text that was sent.
func TestClientsFingerprintIsCleaned(t *testing.T) {
	long := strings.Repeat("x", 3*maxName)
	a, b := item(t, event.Envelope{Status: 500, Fingerprint: long + "1"}), item(t, event.Envelope{Status: 500, Fingerprint: long + "2"})
	assert.NotEqual(t, a.Event.IssueID, b.Event.IssueID)
	assert.Len(t, a.Event.Grouping[2], maxName)
	assert.Contains(t, a.Event.Notes, "clamped:fingerprint")
	secret := item(t, event.Envelope{Status: 500, Fingerprint: "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"})
	assert.NotContains(t, secret.Event.Grouping[2], "eyJhbGci")
}
