package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/linkout"
	"errata/internal/store"
)

func TestLinks(t *testing.T) {
	f := open(t, store.Options{})
	other := f.otherWorkspace(t)
	links := func(ws int32) []linkout.Template {
		list, err := f.Links(t.Context(), ws)
		require.NoError(t, err)
		return list
	}
	set := func(list ...linkout.Template) {
		got, err := f.SetLinks(t.Context(), store.Actor{Kind: "key", ID: "k", Label: "ada"}, ws, list)
		require.NoError(t, err)
		assert.Equal(t, got, append([]linkout.Template{}, links(ws)...))
	}
	audited := func() int {
		return f.count(t, `SELECT count(*) FROM audit WHERE action = 'links.set' AND actor_label = 'ada'`)
	}
	assert.Empty(t, links(ws))
	set(linkout.Presets...)
	assert.Equal(t, linkout.Presets, links(ws), "in their order")
	set(linkout.Presets...)
	assert.Equal(t, 1, audited(), "the same again is no change")
	set(linkout.Presets[2], linkout.Presets[0])
	assert.Equal(t, 2, audited())
	_, err := f.SetLinks(t.Context(), store.System, ws, []linkout.Template{{Name: "x", URL: "http://evil.test"}})
	assert.Equal(t, "validation_failed", code(err))
	assert.Len(t, links(ws), 2)
	assert.Empty(t, links(other))
	set()
	assert.Empty(t, links(ws))
	assert.Equal(t, 3, audited())
}
