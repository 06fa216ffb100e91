package catalog_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/fault"
)

const file = `entries:
  - code: "*"
    docs_url: "https://docs.example/errors/{code}"
    profile: bearer-key
  - service: prompts-api
    code: ledger_drift
    title: The books differ
    plain: Two postings of an invoice disagree.
    causes:
      - "A retry: twice."
    fixes:
      - Wait for the nightly run.
    retry_class: wait
    side: us
    replies:
      fix: |-
        Hello[ {customer_name}],

        it [will be mended at {retry_at}|is looked into].
      incident: We know of it.
    owner: team-ledger
    repo_url: "https://git.example/blob/main/{path}#L{line}"
    source_refs:
      - "internal/ledger/drift.go:88"
    also_seen_as:
      - LEDGER_DRIFT_2
`

func TestWriteAndRead(t *testing.T) {
	entries, mistakes := catalog.Read("c.yaml", []byte(file))
	require.Empty(t, mistakes)
	require.Len(t, entries, 2)
	assert.Equal(t, catalog.Key{Service: "prompts-api", Code: "ledger_drift"}, entries[1].Key())
	assert.Equal(t, "Hello[ {customer_name}],\n\nit [will be mended at {retry_at}|is looked into].", entries[1].Replies.Fix)
	assert.Equal(t, file, string(catalog.Write([]catalog.Entry{entries[1], entries[0]})))
	none, mistakes := catalog.Read("c.yaml", catalog.Write(nil))
	assert.Empty(t, none)
	assert.Empty(t, mistakes)
	// What is built in can be written as well, to begin with.
	all, mistakes := catalog.Read("c.yaml", catalog.Write(catalog.BuiltIn()))
	assert.Empty(t, mistakes)
	assert.Len(t, all, len(catalog.BuiltIn()))
}

func TestLintFindsEverything(t *testing.T) {
	_, mistakes := catalog.Read("c.yaml", []byte(`# ours
entries:
  - code: RateLimited
    titel: x
    replies: {fixed: x}
  - code: a_b
    title: ""
    plain: p
    retry_class: maybe
    side: theirs
    docs_url: http://plain.example
    repo_url: https://git.example/
    replies:
      fix: At {tea_time}.
  - service: any
    code: ok_1
    title: t
    plain: p
    causes: [""]
  - code: OK-1
    title: t
    plain: p
  - code: "*"
    title: t
    profile: telepathy
  - service: s
    code: "??"
    title: t
    plain: p
  - code: c_d
    title: t
    plain: p
    topic: auth
`))
	got := make([]string, len(mistakes))
	for i, m := range mistakes {
		got[i] = m.String()
	}
	want := []string{
		"c.yaml:4: entries[0].titel: is not known here; known are: service, code, title",
		"c.yaml:5: entries[0].replies.fixed: is not known here; known are: fix, incident, investigating",
		"c.yaml:7: entries[1].title: must be one line of 1 to 120 characters",
		"c.yaml:9: entries[1].retry_class: must be one of: fix, access, quota, wait, once, backoff",
		"c.yaml:10: entries[1].side: must be one of: caller, limits, us, upstream",
		"c.yaml:11: entries[1].docs_url: must be a link that begins with https://",
		"c.yaml:12: entries[1].repo_url: must be a link that begins with https:// and holds {path}",
		"c.yaml:14: entries[1].replies.fix: has {tea_time}, which is no field",
		"c.yaml:20: entries[3]: is about any/ok_1, as the entry on line 15 is",
		"c.yaml:24: entries[4].title: has no place in an entry for all codes (*)",
		"c.yaml:25: entries[4].profile: must be one of: access-token, bearer-key",
		"c.yaml:27: entries[5].code: must be a code as the service sends it",
		"c.yaml:33: entries[6].topic: is not known here",
	}
	require.Len(t, got, len(want), strings.Join(got, "\n"))
	for i := range want {
		assert.True(t, strings.HasPrefix(got[i], want[i]), "%s\nis not\n%s", got[i], want[i])
	}
}

func TestCheckNamesTheField(t *testing.T) {
	for field, change := range map[string]func(*catalog.Entry){
		"service": func(e *catalog.Entry) { e.Service = "a\nb" },
		"code":    func(e *catalog.Entry) { e.Code = strings.Repeat("x", 201) },
		"title":   func(e *catalog.Entry) { e.Title = strings.Repeat("x", 121) },
		"plain":   func(e *catalog.Entry) { e.Plain = strings.Repeat("x", 1001) },
		"causes": func(e *catalog.Entry) {
			e.Causes = strings.Split(strings.Repeat("a b c ", 7)+"x1 x2 x3 x4 x5 x6 x7 x8 x9 y1 y2 y3 y4 y5 y6 y7 y8 y9 z1 z2", " ")
		},
		"fixes":        func(e *catalog.Entry) { e.Fixes = []string{strings.Repeat("x", 501)} },
		"owner":        func(e *catalog.Entry) { e.Owner = "a\u202eb" },
		"docs_url":     func(e *catalog.Entry) { e.DocsURL = "https://user:pass@x.example/" },
		"repo_url":     func(e *catalog.Entry) { e.RepoURL = "javascript:{path}" },
		"profile":      func(e *catalog.Entry) { e.Profile = "bearer-key" },
		"also_seen_as": func(e *catalog.Entry) { e.AlsoSeenAs = []string{"a\x00"} },
		"entry":        func(e *catalog.Entry) { e.Causes = long("c"); e.Fixes = long("f") },
	} {
		e := written("s", "a_b", "t")
		change(&e)
		_, err := e.Check()
		f := fault.Of(err)
		assert.Equal(t, fault.Unprocessable, f.Kind, field)
		assert.Equal(t, field, f.Details["field"], f.Message)
	}
}

func long(s string) (out []string) {
	for i := range 20 {
		out = append(out, strings.Repeat(s, 480)+string(rune('a'+i)))
	}
	return out
}

func TestCompare(t *testing.T) {
	have, _ := catalog.Read("", []byte(file))
	want := append([]catalog.Entry{}, have[1], written("", "new_one", "n"))
	want[0].Title, want[0].AlsoSeenAs = "Other", nil
	plan := catalog.Compare(have, want, false)
	require.Len(t, plan.Ops, 2)
	assert.Len(t, plan.Left, 1)
	assert.Equal(t, []catalog.Act{catalog.Create, catalog.Change}, []catalog.Act{plan.Ops[0].Act, plan.Ops[1].Act})
	assert.Contains(t, plan.Ops[1].Listing(), "- title: The books differ")
	assert.Contains(t, plan.Ops[1].Listing(), "+ title: Other")
	assert.Equal(t, []string{"title", "also_seen_as"}, catalog.Edits(have[1], want[0]))
	pruned := catalog.Compare(have, want, true)
	assert.Equal(t, catalog.Remove, pruned.Ops[0].Act)
	assert.NotEqual(t, plan.Digest(), pruned.Digest())
	assert.Equal(t, 2, catalog.Compare(have, have, true).Same)
}
