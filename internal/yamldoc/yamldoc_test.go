package yamldoc_test

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/yamldoc"
)

// read gives the text under the key t, and what is wrong.
func read(t *testing.T, doc string) (text string, found []yamldoc.Mistake) {
	t.Helper()
	rd := &yamldoc.Reader{File: "f.yaml", Max: 1 << 10, None: "t: x"}
	if body := rd.Body([]byte(doc)); body != nil {
		rd.Fields(body, "", func(key string, value ast.Node) bool {
			text = rd.Text(key, value)
			return key == "t"
		}, "t")
	}
	return text, rd.Found()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, text := range []string{"plain", "yes", "12", "a: b", `q"u\o`, "two\nlines", "a\n\nb: c\n- d", "ends\n", "\nbegins", " padded\nx", "tab\there", "x\ny ", "{a} [b|c]\n# no comment", "é\n日本", "a\r\nb"} {
		doc := strings.Join(yamldoc.Lines("t", text), "\n") + "\n"
		got, found := read(t, doc)
		require.Empty(t, found, doc)
		assert.Equal(t, text, got, doc)
	}
	assert.Equal(t, []string{"t: |-", "  Hello,", "", "  bye"}, yamldoc.Lines("t", "Hello,\n\nbye"), "people read it")
}

func TestMistakesHaveLines(t *testing.T) {
	for doc, want := range map[string]string{
		"":                             "f.yaml:1: the file is empty; 't: x' says that there are none",
		"t: x\nu: y":                   "f.yaml:2: u: is not known here; known are: t",
		"t: x\nt: y":                   "f.yaml:2: t: stands here twice",
		"t: [":                         "f.yaml:1: this is no YAML",
		"t: {a: b}":                    "f.yaml:1: t: must be text",
		"t: x\n---\nt: y":              "f.yaml:3: a file holds one document",
		"t: " + strings.Repeat("[", 9): "f.yaml:1: this goes deeper",
		strings.Repeat("#", 2000):      "f.yaml:1: the file is longer than 1 KiB",
		"t: \xff":                      "f.yaml:1: the file must be UTF-8",
	} {
		_, found := read(t, doc)
		if assert.NotEmpty(t, found, doc) {
			assert.True(t, strings.HasPrefix(found[0].String(), want), "%q", found[0].String())
		}
	}
}

func TestDiff(t *testing.T) {
	assert.Equal(t, []string{"  a", "- b", "+ c", "  d"}, yamldoc.Diff([]string{"a", "b", "d"}, []string{"a", "c", "d"}))
	assert.Empty(t, yamldoc.Diff(nil, nil))
}
