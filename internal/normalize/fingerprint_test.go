package normalize

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

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

func TestFrames(t *testing.T) {
	python := "Traceback (most recent call last):\n  File \"/usr/lib/python3/a.py\", line 1, in x\n  File \"/app/b.py\", line 2, in y\n  File \"/app/c.py\", line 3, in z\nE: no"
	assert.Equal(t, []string{`File "/app/c.py", line , in z`, `File "/app/b.py", line , in y`}, frames(python))
	java := "java.lang.X: no\n\tat java.util.A.b(A.java:1)\n\tat com.example.C.d(C.java:2)\n"
	assert.Equal(t, []string{"at com.example.C.d(C.java:)"}, frames(java))
}
