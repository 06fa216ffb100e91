package lookup

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

// conversation is a text as a customer sends it, with what is in it.
type conversation struct {
	name, text      string
	find, also, not []string
}

var spelled = regexp.MustCompile(`⟦([0-9A-F]+)⟧`)

func conversations(t testing.TB, file string) []conversation {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	var out []conversation
	for _, f := range archive.Files {
		head, text, ok := strings.Cut(string(f.Data), "\n\n")
		require.True(t, ok, f.Name)
		c := conversation{name: f.Name}
		for _, line := range strings.Split(head, "\n") {
			name, list, _ := strings.Cut(line, ":")
			ids := strings.FieldsFunc(list, func(r rune) bool { return r == '|' })
			for i := range ids {
				ids[i] = strings.TrimSpace(ids[i])
			}
			ids = slices.DeleteFunc(ids, func(s string) bool { return s == "" })
			switch name {
			case "find":
				c.find = ids
			case "also":
				c.also = ids
			case "not":
				c.not = ids
			default:
				t.Fatalf("%s: %q", f.Name, line)
			}
		}
		c.text = spelled.ReplaceAllStringFunc(text, func(s string) string {
			n, err := strconv.ParseUint(spelled.FindStringSubmatch(s)[1], 16, 32)
			require.NoError(t, err)
			return string(rune(n))
		})
		out = append(out, c)
	}
	return out
}

// score counts over conversations. Precision is that of the strong candidates:
// the weak ones count only where the store knows them. Recall is over both.
type score struct{ wanted, found, strong, right int }

func (s score) recall() float64    { return float64(s.found) / float64(max(s.wanted, 1)) }
func (s score) precision() float64 { return float64(s.right) / float64(max(s.strong, 1)) }

func (s *score) add(t *testing.T, c conversation) {
	t.Helper()
	any := map[string]bool{}
	for _, got := range Extract(c.text) {
		any[got.Value] = true
		if got.Weak || slices.Contains(c.also, got.Value) {
			continue
		}
		s.strong++
		if slices.Contains(c.find, got.Value) {
			s.right++
		} else {
			t.Logf("%s: %s %q is no ID", c.name, got.Kind, got.Value)
		}
		assert.NotContains(t, c.not, got.Value, c.name)
	}
	for _, want := range c.find {
		s.wanted++
		if any[want] {
			s.found++
		} else {
			t.Logf("%s: %q was not found", c.name, want)
		}
	}
}

// TestConversations measures how well IDs are found in what people write.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var s score
			list := conversations(t, file)
			for _, c := range list {
				s.add(t, c)
			}
			t.Logf("%d conversations: precision %.3f (%d of %d strong candidates), recall %.3f (%d of %d IDs)",
				len(list), s.precision(), s.right, s.strong, s.recall(), s.found, s.wanted)
			assert.GreaterOrEqual(t, s.precision(), .97)
			assert.GreaterOrEqual(t, s.recall(), .97)
		})
	}
}
