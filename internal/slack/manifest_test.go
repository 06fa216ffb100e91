package slack_test

import (
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/slack"
)

func TestManifest(t *testing.T) {
	const id = "01990000-0000-7000-8000-000000000001"
	doc, err := os.ReadFile("../../docs/slack.md")
	require.NoError(t, err)
	for _, text := range []string{slack.Manifest("", ""), slack.Manifest("https://errata.example.com/", id)} {
		var m map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(text), &m), text)
		assert.Contains(t, m, "features")
		assert.Contains(t, string(doc), text, "docs/slack.md has it")
	}
	assert.NotContains(t, slack.Manifest("", ""), "url")
	assert.Equal(t, 2, strings.Count(slack.Manifest("https://errata.example.com/", id), "https://errata.example.com/integrations/slack/"+id))
}
