package cli

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/fault"
	"errata/internal/store"
)

// Catalog is one in which nothing is written.
func (s *shelf) Catalog(context.Context, int32) (*catalog.Book, error) { return nil, nil }

// bookShelf keeps entries.
type bookShelf struct {
	*shelf
	entries []catalog.Entry
}

func (s *bookShelf) Catalog(context.Context, int32) (*catalog.Book, error) {
	return catalog.NewBook(s.entries), nil
}

func (s *bookShelf) ImportCatalog(_ context.Context, _ store.Actor, _ int32, want []catalog.Entry, prune bool, digest string) (catalog.Plan, error) {
	plan := catalog.Compare(s.entries, want, prune)
	if digest != plan.Digest() {
		return plan, fault.New(fault.Conflict, "plan_changed", "Look again.")
	}
	for i := range want {
		want[i].Version = 1
	}
	s.entries = want
	return plan, nil
}

func TestCatalog(t *testing.T) {
	keys, _ := newServer(t)
	s := &bookShelf{shelf: keys, entries: []catalog.Entry{{Service: "billing", Code: "boom", Title: "Boom", Plain: "p", Version: 1}}}
	var out strings.Builder
	opt, ctx := Options{Server: serve(t, s, keys).URL, Key: secret, Out: &out}, t.Context()
	require.NoError(t, ExportCatalog(ctx, opt))
	assert.Equal(t, "entries:\n  - service: billing\n    code: boom\n    title: Boom\n    plain: p\n", out.String())
	file := fileOf(t, out.String())
	out.Reset()
	require.NoError(t, ImportCatalog(ctx, opt, file, true, false, AskRefuse), "what was exported changes nothing")
	assert.Equal(t, "Nothing to change.\n", out.String())

	file = fileOf(t, "entries:\n  - service: billing\n    code: boom\n    title: Bang\n    plain: p\n  - code: new_one\n    title: t\n    plain: p\n")
	for ask, in := range map[Ask]string{AskRefuse: "yes\n", AskPerson: "no\n"} {
		opt.In = strings.NewReader(in)
		require.ErrorContains(t, ImportCatalog(ctx, opt, file, false, false, ask), "Nothing was changed")
	}
	out.Reset()
	require.NoError(t, ImportCatalog(ctx, opt, file, false, true, AskNobody), "a dry run shows it")
	assert.Contains(t, out.String(), "change billing/boom\n")
	assert.Contains(t, out.String(), "    - title: Boom\n    + title: Bang\n")
	assert.Contains(t, out.String(), "create any/new_one\n")
	require.Len(t, s.entries, 1)
	opt.In = strings.NewReader("YES\n")
	require.NoError(t, ImportCatalog(ctx, opt, file, false, false, AskPerson))
	require.Len(t, s.entries, 2)
	out.Reset()
	require.NoError(t, ImportCatalog(ctx, opt, fileOf(t, "entries: []\n"), false, true, AskNobody))
	assert.Contains(t, out.String(), "billing/boom is not in the file, and stays; --prune removes it")

	out.Reset()
	require.NoError(t, Explain(ctx, opt, "BOOM", "billing", 409))
	assert.Contains(t, out.String(), "boom: Bang\np\n")
	assert.Contains(t, out.String(), "Found by its code, for billing.")
	out.Reset()
	require.NoError(t, Explain(ctx, opt, "http_404", "", 0))
	assert.Contains(t, out.String(), "http_404: Not found")
	require.Error(t, Explain(ctx, opt, "?", "", 0))
}

func TestLintCatalog(t *testing.T) {
	var out strings.Builder
	opt := Options{Out: &out, In: strings.NewReader("entries: []\n")}
	bad := fileOf(t, "entries:\n  - code: boom\n    titel: x\n  - code: bang\n    title: x\n    plain: y\n    docs_url: ftp://x\n")
	require.EqualError(t, LintCatalog(opt, []string{"-", bad}), "2 mistakes to mend.")
	assert.Contains(t, out.String(), "-: 0 entries, nothing wrong\n"+bad+":3: entries[0].titel: is not known here")
	assert.Contains(t, out.String(), bad+":7: entries[1].docs_url: must be a link that begins with https://")
	require.ErrorContains(t, LintCatalog(opt, []string{filepath.Join(t.TempDir(), "none")}), "Cannot read")
	require.ErrorContains(t, ImportCatalog(t.Context(), opt, bad, true, false, AskNobody), "nothing was changed")
}
