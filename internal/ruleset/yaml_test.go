package ruleset

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const file = `rules:
  - name: default
    query: -service:batch
    sensitivity: normal
    level: page
  - name: "Payments: loud"
    query: "service:billing endpoint:/v1/charges*"
    sensitivity: high
    level: page
    channels:
      - 01970000-0000-7000-8000-000000000001
    runbook: "https://wiki.example/payments?x=1#top"
    enabled: false
    advanced:
      min_rate: 0.005
      count_pages: true
  - name: "on"
    sensitivity: low
    level: notify
`

func TestWriteAndRead(t *testing.T) {
	rules, mistakes := Read("rules.yaml", []byte(file))
	require.Empty(t, mistakes)
	require.Len(t, rules, 3)
	assert.Equal(t, DefaultID, rules[0].ID)
	assert.Equal(t, "-service:batch", rules[0].Query)
	assert.Equal(t, Overrides{"min_rate": 0.005, "count_pages": 1}, rules[1].Advanced)
	assert.False(t, rules[1].Enabled)
	assert.Equal(t, "on", rules[2].Name)
	text := string(Write([]Rule{rules[2], rules[1], rules[0]}))
	assert.Equal(t, strings.Replace(file, "query: -service:batch", `query: "-service:batch"`, 1), text)
	again, mistakes := Read("rules.yaml", []byte(text))
	require.Empty(t, mistakes)
	assert.Equal(t, rules, again)

	none, mistakes := Read("rules.yaml", Write(nil))
	assert.Empty(t, none)
	assert.Empty(t, mistakes)
}

func TestLintFindsEverything(t *testing.T) {
	_, mistakes := Read("r.yaml", []byte(`# ours
rules:
  - name: a
    sensitivty: high
    level: page
    enabled: maybe
  - name: b
    level: loud
    query: customer:acme
    advanced:
      min_rate: 5
      persist: 2
      unheard_of: 1
  - name: c
    advanced: {min_rate: 5, persist: 1.5}
    channels: [""]
    level: loud
  - name: d
  - name: d
    level: notify
    level: page
  - just text
  - name: d
`))
	var got []string
	for _, m := range mistakes {
		got = append(got, m.String())
	}
	want := []string{
		"r.yaml:4: rules[0].sensitivty: is not known here; known are: name, query, sensitivity, level, channels, runbook, enabled, advanced",
		"r.yaml:6: rules[0].enabled: must be true or false",
		"r.yaml:13: rules[1].advanced.unheard_of: is not known here",
		"r.yaml:15: rules[2].advanced.min_rate: must be a number from 0.0001 to 1 (share of 1)",
		"r.yaml:15: rules[2].advanced.persist: must be a whole number from 1 to 30 (minutes)",
		"r.yaml:16: rules[2].channels: must hold at most 20 names or IDs of channels",
		"r.yaml:17: rules[2].level: must be one of: page, ticket, notify",
		"r.yaml:21: rules[4].level: stands here twice",
		"r.yaml:22: rules[5]: must be a mapping of name, query",
		"r.yaml:23: rules[6].name: is the name of the rule on line 18, too",
	}
	require.Len(t, got, len(want), strings.Join(got, "\n"))
	for i := range want {
		assert.Contains(t, got[i], want[i])
	}
}

func TestReadRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"":                                   "the file is empty",
		"rules: [":                           "this is no YAML",
		"- a\n":                              "must be a mapping of rules",
		"rule:\n- name: x\n":                 "rule: is not known here; known are: rules",
		"rules: {}":                          "rules: must be a list",
		"rules: []\n---\nrules: []\n":        "one document",
		"\xff":                               "UTF-8",
		strings.Repeat("x", MaxFile+1):       "longer than 256 KiB",
		"rules: " + strings.Repeat("[", 1e5): "deeper",
		"rules:\n- &a {name: x}\n- *a\n":     "must be a mapping",
		"rules:\n- name: x\n  <<: {}\n":      "a key must be plain text",
		"rules:\n- name:\n":                  "rules[0].name: has no value",
		"rules:\n" + strings.Repeat("- name: x\n", MaxRules+1): "at most 200 rules, and here are 201",
		"rules:\n- name: x\n  query: \"service:y\n":            "this is no YAML",
	} {
		rules, mistakes := Read("r.yaml", []byte(text))
		if assert.NotEmpty(t, mistakes, "%.80q", text) {
			assert.Contains(t, mistakes[0].String(), why, "%.80q", text)
			assert.Positive(t, mistakes[0].Line)
		}
		assert.Empty(t, rules)
	}
}

func TestCompare(t *testing.T) {
	rules, mistakes := Read("rules.yaml", []byte(file))
	require.Empty(t, mistakes)
	rules[1].ID, rules[2].ID = "id-1", "id-2"
	assert.Equal(t, Plan{Same: 3}, Compare(rules, rules, true), "nothing to do")

	changed := rules[1]
	changed.ID, changed.Level, changed.Enabled, changed.Query, changed.Advanced = "", "ticket", true, "", Overrides{"min_rate": 0.01, "persist": 3}
	p := Compare(rules, []Rule{New("new"), changed}, false)
	assert.Equal(t, []string{"default", "on"}, []string{p.Left[0].Name, p.Left[1].Name})
	require.Len(t, p.Ops, 2)
	assert.Equal(t, "id-1", p.Ops[0].Want.ID)
	assert.Equal(t, []string{
		"change Payments: loud", "  query: service:billing endpoint:/v1/charges* → everything", "  level: page → ticket", "  enabled: false → true",
		"  advanced.min_rate: 0.005 → 0.01", "  advanced.persist: as the sensitivity has it → 3", "  advanced.count_pages: true → as the sensitivity has it",
	}, p.Ops[0].Words())
	assert.Equal(t, []string{
		`  name: "Payments: loud"`, `- query: "service:billing endpoint:/v1/charges*"`, "  sensitivity: high", "- level: page", "+ level: ticket", "  channels:",
		"    - 01970000-0000-7000-8000-000000000001", `  runbook: "https://wiki.example/payments?x=1#top"`, "- enabled: false", "  advanced:",
		"-   min_rate: 0.005", "-   count_pages: true", "+   min_rate: 0.01", "+   persist: 3",
	}, p.Ops[0].Listing())
	assert.Equal(t, []string{"create new"}, p.Ops[1].Words())
	assert.Equal(t, []string{"+ name: new", "+ sensitivity: normal", "+ level: page"}, p.Ops[1].Listing())

	p = Compare(rules, nil, true)
	require.Len(t, p.Ops, 3)
	assert.Equal(t, []string{"reset default to what a workspace begins with"}, p.Ops[0].Words())
	assert.Equal(t, []string{"  name: default", `- query: "-service:batch"`, "  sensitivity: normal", "  level: page"}, p.Ops[0].Listing())
	assert.Equal(t, []string{"remove Payments: loud"}, p.Ops[1].Words())
	assert.Empty(t, Compare([]Rule{Default()}, nil, true).Ops, "there is nothing to reset")
}

// Whatever is read is a rule that can be stored, and comes back the same.
func FuzzRead(f *testing.F) {
	for _, s := range []string{file, "rules: []", "rules:\n- {name: x, advanced: {persist: 3}}", "rules:\n- name: |\n    x\n", "rules:\n- name: !!str 5\n", "rules:\n- name: 'a''b'\n", "? a\n: b\n",
		"rules:\n- name: \"\\u0041\\x0a\"\n", "a: &a [*a]", "rules:\n  - name: 1e3\n    query: 'service:\"a b\"*'\n", "%YAML 1.2\n---\nrules: []\n", "rules:\n- name: x # y\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rules, mistakes := Read("f", text)
		for _, m := range mistakes {
			if m.Line < 1 || m.Why == "" {
				t.Fatalf("%+v", m)
			}
		}
		if len(mistakes) > 0 {
			return
		}
		for _, r := range rules {
			if _, err := r.Check(); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Scope(); err != nil {
				t.Fatal(err)
			}
		}
		again, mistakes := Read("f", Write(rules))
		if len(mistakes) > 0 {
			t.Fatalf("%v of\n%s", mistakes, Write(rules))
		}
		if p := Compare(rules, again, true); len(p.Ops) > 0 || len(p.Left) > 0 {
			t.Fatalf("%v: %v", p, p.Ops[0].Words())
		}
	})
}
